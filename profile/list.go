package profile

import (
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/lichen-sandbox/lichen/spec"
)

// Entry is one profile that a bare name finds.
type Entry struct {
	Name        string
	Where       string // a path, or "built-in NAME"
	Description string
	Err         error // why it cannot be read
}

// List returns all profiles by name. Of two with the same name it lists the
// one that Load would read. A broken profile is listed with its error.
func (l *Loader) List() ([]Entry, error) {
	names := l.names()
	entries := make([]Entry, 0, len(names))
	for _, name := range names {
		f, err := l.find(name)
		e := Entry{Name: name, Where: f.file}
		if err != nil {
			e.Err = place(err, "load profile", name, spec.Origin{File: f.file, Line: 1})
		} else if d, err := decode(f.file, f.text); err != nil {
			e.Err = err
		} else {
			e.Description = d.description
		}
		entries = append(entries, e)
	}
	for _, dir := range l.Dirs {
		if _, err := readDir(dir); err != nil {
			return entries, place(err, "list profiles in", dir, spec.CommandLine)
		}
	}
	return entries, nil
}

// names returns the names of all profiles, sorted. A directory that cannot be
// read has none.
func (l *Loader) names() []string {
	var names []string
	for _, dir := range l.Dirs {
		files, err := readDir(dir)
		if err != nil {
			continue
		}
		names = append(names, files...)
	}
	if l.Builtin != nil {
		files, err := fs.Glob(l.Builtin, "*.toml")
		if err == nil {
			names = append(names, files...)
		}
	}
	out := names[:0]
	for _, n := range names {
		if base, ok := strings.CutSuffix(path.Base(n), ".toml"); ok && checkName(base) == nil {
			out = append(out, base)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
