// Package profile reads lichen's profiles: TOML text in, a [spec.Spec] out.
//
// There are three steps. Decoding takes the text of one file and knows all its
// keys (decode.go), with the line of each value from a scanner of its own
// (scan.go). Merging puts the files of a profile on top of each other
// (load.go, merge.go). Resolving gives the variables their values and makes
// the Spec (resolve.go). Whatever a step does not know is an error with its
// file, its line and, where one is known, the remedy.
//
// Nothing is read from the working directory unless its path was given.
package profile

import (
	"io/fs"

	"github.com/lichen-sandbox/lichen/spec"
)

// Loader finds and reads profiles.
type Loader struct {
	Dirs    []string // where bare names are looked up, in this order; see DefaultDirs
	Builtin fs.FS    // the shipped profiles, NAME.toml each; nil for none
	// Guarded are directories that no payload may write, besides Dirs: what the
	// next run takes from there would be its choice.
	Guarded []string
	// Running are the directories of the lists of running sandboxes, which no
	// payload may write either.
	Running []string
	// Apart are files that lichen writes, and no payload may.
	Apart []string
	Vars  Vars
}

// Profile is a profile with all that it extends, ready to run.
type Profile struct {
	Name        string
	Description string
	Spec        *spec.Spec
	Sources     []Source  // in the order they were merged
	Skipped     []Skipped // optional entries that were left out

	merged merged
	vars   *Vars
}

// Source is one file of a profile, or the command line.
type Source struct {
	File  string // as Origin.File
	Path  string // "" for a built-in profile and the command line
	Layer int    // as Mount.Layer
}

// Load reads the profile called name, or the file at a path with a slash.
func (l *Loader) Load(name string) (*Profile, error) { return l.LoadWith(name, nil) }

// LoadWith reads a profile and puts the options of the command line on top.
func (l *Loader) LoadWith(name string, o *Overrides) (*Profile, error) {
	ld := loading{loader: l, done: make(map[string]bool)}
	if err := ld.load(name, spec.CommandLine); err != nil {
		return nil, err
	}
	if o != nil {
		top, err := o.layer(l)
		if err != nil {
			return nil, err
		}
		if err := ld.m.add(top, Source{File: spec.CommandLine.File}); err != nil {
			return nil, err
		}
	}
	r := resolver{loader: l, m: &ld.m, spec: &spec.Spec{Name: name}}
	if err := r.resolve(); err != nil {
		return nil, err
	}
	return &Profile{
		Name: name, Description: ld.m.description, Spec: r.spec,
		Sources: ld.m.sources, Skipped: r.skipped, merged: ld.m, vars: &l.Vars,
	}, nil
}

// Show returns the text of a profile as it was written, and its path ("" for a
// built-in one).
func (l *Loader) Show(name string) (text []byte, path string, err error) {
	f, err := l.find(name)
	if err != nil {
		return nil, "", place(err, "load profile", plain(name), spec.CommandLine)
	}
	return []byte(f.text), f.path, nil
}
