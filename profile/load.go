package profile

import (
	"path"
	"strings"

	"github.com/lichen-sandbox/lichen/spec"
)

// Bounds on a chain of extends.
const (
	maxExtends = 16
	maxSources = 256
)

// loading is one walk over a profile and all it extends: depth first, left to
// right, each file once, at its first place. The drop-ins of a file come right
// after it.
type loading struct {
	loader *Loader
	m      merged
	stack  []string // files being read
	done   map[string]bool
}

// load reads the profile that ref names and merges it. from is where it was
// asked for.
func (ld *loading) load(ref string, from spec.Origin) error {
	f, err := ld.loader.find(ref)
	if err != nil {
		return place(err, "load profile", plain(ref), from)
	}
	for i, file := range ld.stack {
		if file == f.file {
			chain := strings.Join(append(ld.stack[i:], f.file), " → ")
			return place(bad("a profile extends itself: "+chain, "to add to a profile of the same name, put a file into its NAME.d"), "load profile", plain(ref), from)
		}
	}
	switch {
	case ld.done[f.file]:
		return nil
	case len(ld.stack) == maxExtends:
		return place(bad("the chain of extends is too long", ""), "load profile", plain(ref), from)
	}
	l, err := decode(f.file, f.text)
	if err != nil {
		return err
	}
	if err := ld.extends(&f, l); err != nil {
		return err
	}
	ld.done[f.file] = true
	if err := ld.add(l, &f, from); err != nil {
		return err
	}
	return ld.dropIns(&f, from)
}

// extends loads what a file extends.
func (ld *loading) extends(f *found, l *layer) error {
	ld.stack = append(ld.stack, f.file)
	defer func() { ld.stack = ld.stack[:len(ld.stack)-1] }()
	for i := range l.extends {
		e := &l.extends[i]
		ref, err := ld.reference(e.text, f)
		if err != nil {
			return place(err, "read", "extends", l.at(e))
		}
		if err := ld.load(ref, l.at(e)); err != nil {
			return err
		}
	}
	return nil
}

// reference makes an entry of extends into a bare name or an absolute path. A
// path that begins with "./" is meant from the directory of the file.
func (ld *loading) reference(text string, f *found) (string, error) {
	if err := checkTemplate(text); err != nil {
		return "", err
	}
	if !strings.ContainsRune(text, '/') {
		return ld.loader.Vars.expand(text)
	}
	if f.builtin {
		return "", badValue(text, "is a path, and a built-in profile extends built-in ones", "")
	}
	if rel, ok := strings.CutPrefix(text, "./"); ok {
		dir, err := ld.loader.absolute(path.Dir(f.path))
		if err != nil {
			return "", err
		}
		text = escapeTemplate(dir) + "/" + rel
	}
	if err := checkPathTemplate(text); err != nil {
		return "", err
	}
	return ld.loader.Vars.expandPath(text)
}

func (ld *loading) dropIns(f *found, from spec.Origin) error {
	files, err := ld.loader.dropIns(f)
	if err != nil {
		return err
	}
	for i := range files {
		l, err := decode(files[i].file, files[i].text)
		if err != nil {
			return err
		}
		if len(l.extends) > 0 {
			return place(bad("a drop-in extends nothing", "extend in the profile itself"), "read", "extends", l.at(&l.extends[0]))
		}
		if err := ld.add(l, &files[i], from); err != nil {
			return err
		}
	}
	return nil
}

func (ld *loading) add(l *layer, f *found, from spec.Origin) error {
	if len(ld.m.sources) == maxSources {
		return place(bad("the profile has too many files", ""), "load profile", f.file, from)
	}
	return ld.m.add(l, Source{File: f.file, Path: f.path})
}
