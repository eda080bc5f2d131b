// Package fakehost is a host's file system for tests that must not depend on
// the machine they run on.
package fakehost

import (
	"io/fs"
	"path"
	"strings"
)

// Files is a host's file system: path → "dir", "file", "socket", "fifo",
// "closed" (a file one may not read), or "-> TEXT".
type Files map[string]string

// Lstat implements feature.Files.
func (f Files) Lstat(p string) (fs.FileMode, error) {
	real, err := f.resolve(path.Dir(p))
	if err != nil {
		return 0, err
	}
	return f.entry(path.Join(real, path.Base(p)))
}

func (f Files) entry(p string) (fs.FileMode, error) {
	switch e := f[p]; {
	case p == "/" || e == "dir":
		return fs.ModeDir | 0o755, nil
	case e == "":
		return 0, fs.ErrNotExist
	case e == "socket":
		return fs.ModeSocket | 0o666, nil
	case e == "fifo":
		return fs.ModeNamedPipe | 0o666, nil
	case strings.HasPrefix(e, "-> "):
		return fs.ModeSymlink | 0o777, nil
	default:
		return 0o644, nil
	}
}

// Stat implements feature.Files.
func (f Files) Stat(p string) (fs.FileMode, error) {
	real, err := f.resolve(p)
	if err != nil {
		return 0, err
	}
	return f.entry(real)
}

// resolve returns p without links.
func (f Files) resolve(p string) (string, error) {
	if p == "/" {
		return p, nil
	}
	dir, err := f.resolve(path.Dir(p))
	if err != nil {
		return "", err
	}
	p = path.Join(dir, path.Base(p))
	text, linked := strings.CutPrefix(f[p], "-> ")
	switch {
	case !linked:
		_, err := f.entry(p)
		return p, err
	case path.IsAbs(text):
		return f.resolve(text)
	}
	return f.resolve(path.Join(dir, text))
}

// StatIn implements feature.Files.
func (f Files) StatIn(root, rel string, follow bool) (fs.FileMode, error) {
	inside := Files{}
	for p, kind := range f {
		if below, ok := strings.CutPrefix(p, root+"/"); ok {
			inside["/"+below] = kind
		}
	}
	if !follow {
		return inside.Lstat("/" + rel)
	}
	return inside.Stat("/" + rel)
}

// Readlink implements feature.Files.
func (f Files) Readlink(p string) (string, error) {
	dir, err := f.resolve(path.Dir(p))
	text, ok := strings.CutPrefix(f[path.Join(dir, path.Base(p))], "-> ")
	if err != nil || !ok {
		return "", fs.ErrInvalid
	}
	return text, nil
}

// Usable implements feature.Files.
func (f Files) Usable(p string, _ fs.FileMode) error {
	if f[p] == "closed" {
		return fs.ErrPermission
	}
	return nil
}

// Parse reads one entry per line: PATH dir, PATH file, PATH -> TEXT. The
// directories above an entry need no line.
func Parse(text string) Files {
	f := Files{}
	for line := range strings.Lines(text) {
		p, kind, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok {
			continue
		}
		f[p] = kind
		for d := path.Dir(p); d != "/"; d = path.Dir(d) {
			if f[d] == "" {
				f[d] = "dir"
			}
		}
	}
	return f
}
