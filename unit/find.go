package unit

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/lichen-sandbox/lichen/spec"
)

// Dir is a directory of units.
type Dir struct {
	Path string
	User bool // of the user's manager
}

// DefaultDirs are the directories that systemd reads, what counts most first:
// those of the user's manager, then those of the system's.
func DefaultDirs(getenv func(string) string) []Dir {
	var dirs []Dir
	add := func(user bool, list ...string) {
		for _, d := range list {
			dirs = append(dirs, Dir{d, user})
		}
	}
	config, runtime, data := getenv("XDG_CONFIG_HOME"), getenv("XDG_RUNTIME_DIR"), getenv("XDG_DATA_HOME")
	if home := getenv("HOME"); filepath.IsAbs(home) {
		if config == "" {
			config = home + "/.config"
		}
		if data == "" {
			data = home + "/.local/share"
		}
	}
	if filepath.IsAbs(config) {
		add(true, config+"/systemd/user.control")
	}
	if filepath.IsAbs(runtime) {
		add(true, runtime+"/systemd/user.control")
	}
	if filepath.IsAbs(config) {
		add(true, config+"/systemd/user")
	}
	add(true, "/etc/systemd/user")
	if filepath.IsAbs(runtime) {
		add(true, runtime+"/systemd/user")
	}
	add(true, "/run/systemd/user")
	if filepath.IsAbs(data) {
		add(true, data+"/systemd/user")
	}
	add(true, "/usr/local/lib/systemd/user", "/usr/lib/systemd/user")
	// The first two are what systemctl set-property writes.
	add(false, "/etc/systemd/system.control", "/run/systemd/system.control", "/etc/systemd/system", "/run/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system")
	return dirs
}

// Find reads a unit and its drop-ins. name is one, or a path with a slash. What
// lies in none of dirs has its drop-ins beside it.
func Find(name string, dirs []Dir) ([]File, Options, error) {
	o := Options{Name: name, Resolve: filepath.EvalSymlinks}
	where := dirs
	if strings.Contains(name, "/") {
		name = filepath.Clean(name)
		o.Name = filepath.Base(name)
		where = []Dir{{filepath.Dir(name), filepath.Base(filepath.Dir(name)) == "user"}}
		full, err := filepath.Abs(where[0].Path)
		if n := slices.IndexFunc(dirs, func(d Dir) bool { return err == nil && d.Path == full }); n >= 0 {
			where[0] = dirs[n]
		} else {
			dirs = where
		}
	}
	if !strings.Contains(o.Name, ".") {
		o.Name += ".service"
	}
	if strings.HasPrefix(o.Name, ".") || !strings.HasSuffix(o.Name, ".service") {
		return nil, o, &spec.Error{Op: "import unit", Object: o.Name, Reason: "it is no service", Hint: "name a service, like redis-server.service"}
	}
	names := []string{o.Name}
	if prefix, instance, ok := strings.Cut(strings.TrimSuffix(o.Name, ".service"), "@"); ok && instance != "" {
		names = append(names, prefix+"@.service")
	}
	for _, d := range where {
		for _, n := range names {
			data, err := readUnit(filepath.Join(d.Path, n))
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return nil, o, err
			}
			if len(data) == 0 {
				return nil, o, &spec.Error{Op: "import unit", Object: filepath.Join(d.Path, n), Reason: "it is masked: the file is empty"}
			}
			o.User = d.User
			files := []File{{filepath.Join(d.Path, n), data}}
			same := slices.DeleteFunc(slices.Clone(dirs), func(other Dir) bool { return other.User != d.User })
			names = withAliases(same, names, filepath.Join(d.Path, n))
			o.Socket = hasSocket(same, names)
			more, err := dropIns(same, names)
			return append(files, more...), o, err
		}
	}
	return nil, o, &spec.Error{Op: "find unit", Object: o.Name, Err: fs.ErrNotExist, Hint: "name it like systemctl does, or give the path of its file, with a slash"}
}

func hasSocket(dirs []Dir, names []string) bool {
	for _, d := range dirs {
		for _, n := range names {
			if _, err := os.Stat(filepath.Join(d.Path, strings.TrimSuffix(n, ".service")+".socket")); err == nil {
				return true
			}
		}
	}
	return false
}

// dropIns reads NAME.d/*.conf of all directories, by file name; of two of a
// name the first directory's counts, and an empty file there hides the others
// (systemd.unit(5)). Those for all services and for name prefixes count as well.
func dropIns(dirs []Dir, names []string) ([]File, error) {
	found := map[string]string{}
	// A directory of units counts more than a name (unit_file_find_dropin_paths of
	// src/shared/dropin.c); those for all services come last.
	search := func(d Dir, n string) {
		// The pattern is one: Glob has no other error.
		list, _ := filepath.Glob(escapeGlob(filepath.Join(d.Path, n+".d")) + "/*.conf")
		for _, path := range list {
			if base := filepath.Base(path); found[base] == "" {
				found[base] = path
			}
		}
	}
	for _, d := range dirs {
		for _, n := range dropInNames(names) {
			search(d, n)
		}
	}
	for _, d := range dirs {
		search(d, "service")
	}
	if len(found) > maxDropIns {
		return nil, &spec.Error{Op: "read unit", Object: names[0], Reason: "it has more than 64 drop-ins"}
	}
	var order []string
	for base := range found {
		order = append(order, base)
	}
	slices.Sort(order)
	var files []File
	for _, base := range order {
		data, err := readUnit(found[base])
		if err != nil {
			return nil, err
		}
		files = append(files, File{found[base], data})
	}
	return files, nil
}

// withAliases adds the other names of the unit at path, whose drop-ins count as
// well: that of the file which a link stands for, and those of links to it.
func withAliases(dirs []Dir, names []string, path string) []string {
	add := func(name string) {
		if strings.HasSuffix(name, ".service") && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		add(filepath.Base(real))
	}
	for _, d := range dirs {
		list, _ := os.ReadDir(d.Path) // one that is missing has none
		for _, e := range list {
			if e.Type() != fs.ModeSymlink {
				continue
			}
			if to, err := os.Readlink(filepath.Join(d.Path, e.Name())); err == nil && slices.Contains(names, filepath.Base(to)) {
				add(e.Name())
			}
		}
	}
	return names
}

// dropInNames are the directories' names, what counts most first: of the unit,
// of its template, of each prefix that ends with a dash.
func dropInNames(names []string) []string {
	out := slices.Clone(names)
	for _, name := range names {
		prefix, _, _ := strings.Cut(strings.TrimSuffix(name, ".service"), "@")
		for {
			i := strings.LastIndexByte(strings.TrimSuffix(prefix, "-"), '-')
			if i < 0 {
				break
			}
			prefix = prefix[:i+1]
			out = append(out, prefix+".service")
		}
	}
	return out
}

func escapeGlob(s string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(s)
}

// readUnit reads a regular file; a link to /dev/null is an empty one.
func readUnit(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, &spec.Error{Op: "read unit", Object: path, Err: errors.Unwrap(err)}
	}
	defer f.Close() // it was only read
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, &spec.Error{Op: "read unit", Object: path, Err: errors.Unwrap(err)}
	case info.Mode()&fs.ModeCharDevice != 0 && sameAsNull(info):
		return nil, nil
	case !info.Mode().IsRegular():
		return nil, &spec.Error{Op: "read unit", Object: path, Reason: "it is no regular file"}
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, &spec.Error{Op: "read unit", Object: path, Err: errors.Unwrap(err)}
	}
	if len(data) > maxFile {
		return nil, &spec.Error{Op: "read unit", Object: path, Reason: "it has more than 1 MiB"}
	}
	return data, nil
}

func sameAsNull(info fs.FileInfo) bool {
	null, err := os.Stat("/dev/null")
	return err == nil && os.SameFile(null, info)
}
