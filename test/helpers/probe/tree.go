package main

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

var treeProbes = map[string]probe{"hunt": hunt, "tree": tree}

// hunt looks for a text in the names and contents of all files that can be
// reached from "/", and lists where it was seen: hunt TEXT. System directories
// and the parts of /proc that belong to the probe itself are left out.
func hunt(a []string) (string, error) {
	var seen []string
	needle := []byte(strings.ReplaceAll(a[0], "~", "")) // written with ~ so that the command line is no find
	skip := map[string]bool{"/usr": true, "/etc": true, "/sys": true, "/proc": true, "/dev": true, "/nix": true}
	visit := func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return nil
		case d.IsDir() && skip[path]:
			return fs.SkipDir
		case strings.Contains(path, string(needle)):
			seen = append(seen, path)
		case d.Type().IsRegular():
			if data, err := os.ReadFile(path); err == nil && bytes.Contains(data, needle) {
				seen = append(seen, path)
			}
		}
		return nil
	}
	filepath.WalkDir("/", visit)
	skip = map[string]bool{}
	for _, dir := range []string{"/proc/1", "/proc/self/fd", "/proc/self/cwd", "/proc/self/root"} {
		names, _ := os.ReadDir(dir)
		for _, n := range names {
			p := dir + "/" + n.Name()
			if text, _ := os.Readlink(p); strings.Contains(text, string(needle)) {
				seen = append(seen, p)
			}
			if st, err := os.Stat(p); err != nil || st.IsDir() || n.Name() == "kmsg" {
				continue
			}
			if dir != "/proc/1" {
				continue // a pipe or a terminal would wait
			}
			if data, err := os.ReadFile(p); err == nil && bytes.Contains(data, needle) {
				seen = append(seen, p)
			}
		}
	}
	return strings.Join(seen, " "), nil
}

// tree lists everything below a directory with type, mode and size.
func tree(a []string) (string, error) {
	var b strings.Builder
	err := filepath.WalkDir(a[0], func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			b.WriteString(path + " " + errName(err) + "\n")
			return nil
		}
		info, err := d.Info()
		if err == nil {
			b.WriteString(path + " " + info.Mode().String() + "\n")
		}
		return nil
	})
	return b.String(), err
}
