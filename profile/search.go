package profile

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/lichen-sandbox/lichen/spec"
)

// DefaultDirs returns where bare names are looked up, most specific first. The
// user's directory is left out when the environment names none by an absolute
// path: a profile never comes from the working directory unasked.
func DefaultDirs(env func(string) (string, bool)) []string {
	if env == nil {
		env = os.LookupEnv
	}
	dirs := []string{"/etc/lichen/profiles", "/usr/share/lichen/profiles"}
	config, _ := env("XDG_CONFIG_HOME")
	if config == "" {
		if home, _ := env("HOME"); home != "" {
			config = home + "/.config"
		}
	}
	if config, err := cleanPath(config); err == nil {
		dirs = append([]string{path.Join(config, "lichen/profiles")}, dirs...)
	}
	return dirs
}

// found is one file of a profile.
type found struct {
	file    string // as Origin.File
	name    string // the bare name, "" when it was given by path
	path    string // "" for a built-in
	text    string
	builtin bool
}

// find reads the profile that ref names: a bare name, or a path with a slash.
func (l *Loader) find(ref string) (found, error) {
	if strings.ContainsRune(ref, '/') {
		text, err := readFile(ref)
		return found{file: ref, path: ref, text: text}, err
	}
	if err := checkName(ref); err != nil {
		return found{}, err
	}
	for _, dir := range l.Dirs {
		p := path.Join(dir, ref+".toml")
		text, err := readFile(p)
		if isMissing(err) {
			continue
		}
		// One that cannot be read is not passed over: what comes after it may
		// allow more.
		if errors.Is(err, fs.ErrPermission) {
			err = bad("permission denied", "you may not read it, or not look into its directory: is HOME or XDG_CONFIG_HOME that of another user?")
		}
		return found{file: p, name: ref, path: p, text: text}, place(err, "load profile", p, spec.CommandLine)
	}
	return l.findBuiltin(ref)
}

func (l *Loader) findBuiltin(name string) (found, error) {
	f := found{file: "built-in " + name, name: name, builtin: true}
	if l.Builtin != nil {
		b, err := fs.ReadFile(l.Builtin, name+".toml")
		if err == nil {
			f.text = string(b)
			return f, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return f, err
		}
	}
	hint := didYouMean(name, l.names())
	if hint == "" {
		hint = "see lichen profile list"
	}
	return f, bad("there is no such profile", hint)
}

// checkName keeps a bare name from being a path or an option.
func checkName(name string) error {
	if base, ok := strings.CutSuffix(name, ".toml"); ok {
		return bad("a name has no suffix", "write "+base+", or ./"+name+" for a file in the working directory")
	}
	if name == "" || name[0] == '.' || name[0] == '-' || strings.ContainsFunc(name, func(r rune) bool {
		return !strings.ContainsRune("._-+@", r) && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	}) {
		return bad("that is not a name of a profile", `names have letters, digits, ".", "_", "-", "+", "@"; a path has a slash`)
	}
	return nil
}

// dropIns reads the drop-ins of a bare name in merge order: those in NAME.d of
// every search directory, the least specific directory first, in each by name.
//
// A profile given by path has none. It often lies in the work tree, where the
// payload may write: a NAME.d made there would change the next run.
func (l *Loader) dropIns(f *found) ([]found, error) {
	if f.name == "" {
		return nil, nil
	}
	var out []found
	for _, dir := range slices.Backward(l.Dirs) {
		dir = path.Join(dir, f.name+".d")
		names, err := readDir(dir)
		if err != nil {
			return nil, place(err, "read drop-ins", dir, spec.Origin{File: f.file, Line: 1})
		}
		slices.Sort(names)
		for _, name := range names {
			if !strings.HasSuffix(name, ".toml") || name[0] == '.' {
				continue
			}
			p := path.Join(dir, name)
			text, err := readFile(p)
			if err != nil {
				return nil, place(err, "read drop-in", p, spec.Origin{File: f.file, Line: 1})
			}
			out = append(out, found{file: p, path: p, text: text})
		}
	}
	return out, nil
}
