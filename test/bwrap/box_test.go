package bwrap

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// box is the place of one run: files to show in the sandbox.
type box struct {
	t   *testing.T
	dir string
	uid int
}

func newBox(t *testing.T, uid int) *box {
	t.Helper()
	defer umaskFor(usualUmask)()
	dir, err := os.MkdirTemp(suiteDir, "box-")
	if err != nil {
		t.Fatal(err)
	}
	b := &box{t: t, dir: dir, uid: uid}
	t.Cleanup(func() {
		filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				os.Chmod(p, 0o700) // before it is read
			}
			return nil
		})
		os.RemoveAll(dir)
	})
	b.check(os.Chmod(dir, 0o755))
	for _, d := range []string{"src", "src/sub", "rw", "lo1", "lo2", "up", "work", "closed", "lower:a,b", "evil"} {
		b.check(os.Mkdir(dir+"/"+d, 0o755))
	}
	for name, content := range map[string]string{"src/f": "hi\n", "src/sub/g": "deep\n", "lo1/a": "one\n", "lo1/c": "c\n",
		"lo2/a": "two\n", "lo2/b": "b\n", "up/u": "up\n", "closed/x": "x\n", "lower:a,b/z": "z\n"} {
		b.check(os.WriteFile(dir+"/"+name, []byte(content), 0o644))
	}
	for name, target := range map[string]string{"src/l": "f", "src/abs": "/etc", "dl": "src", "dang": "nowhere", "fl": "src/f",
		"evil/old": "/oldroot" + dir + "/rw", "evil/new": "/newroot/made"} {
		b.check(os.Symlink(target, dir+"/"+name))
	}
	b.check(unix.Mkfifo(dir+"/fifo", 0o644))
	b.check(filepath.WalkDir(dir, func(p string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(p, uid, gidOf(uid))
	}))
	b.check(os.Chmod(dir+"/closed", 0))
	return b
}

func (b *box) check(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

// plain takes out of a text what differs between two runs anyway.
func (b *box) plain(s string) string {
	s = strings.ReplaceAll(strings.ReplaceAll(s, b.dir, "@W"), reportBin, "@B")
	return told.ReplaceAllString(s, `$1": N`)
}

// words splits arguments at spaces. ” ends up empty, and @W is the box.
func (b *box) words(s string) []string {
	words := strings.Fields(s)
	for i, w := range words {
		if w == "''" {
			words[i] = ""
			continue
		}
		w = strings.ReplaceAll(strings.ReplaceAll(w, "@W", b.dir), "@B", reportBin)
		words[i] = strings.ReplaceAll(w, "@_", " ")
	}
	return words
}

// files are what is in the box afterwards: what a run leaves on the host.
func (b *box) files(o observation) {
	b.check(filepath.WalkDir(b.dir, func(p string, d os.DirEntry, err error) error {
		if err != nil && !errors.Is(err, fs.ErrPermission) {
			return err
		}
		rel := strings.TrimPrefix(p, b.dir)
		info, err := d.Info()
		if err != nil {
			return err
		}
		if strings.HasPrefix(rel, "/work/") || strings.HasPrefix(rel, "/closed/") {
			return nil // the kernel's own, and what a plain user does not see
		}
		o["host "+rel] = info.Mode().String()
		return nil
	}))
}
