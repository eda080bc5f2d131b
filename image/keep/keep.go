// Package keep holds the layers that sandboxes write over an image and that
// stay: a directory that the user names, with an overlay's upper and work
// directories and a note of the image below. An upper directory means nothing
// over another image, and two sandboxes cannot share one.
package keep

import (
	"errors"
	"os"

	"github.com/lichen-sandbox/lichen/spec"
)

// Base is the image below a kept layer.
type Base struct {
	Reference string // canonical
	Manifest  string // digest
	ChainID   string
	IDs       string // as store.IDs
}

// Layer is a kept layer, held until Close.
type Layer struct {
	Dir         string
	Upper, Work string // absolute, no link on the way when the layer was opened
	Base        Base
	lock        *os.File
}

// Open opens the kept layer in dir for itself alone, and checks that it lies
// over base. Where dir is missing or empty, the layer is made, with mode for the
// root inside: an overlay shows the upper directory's.
//
// What is in dir may be the work of a payload that could write there before. So
// no link in it is followed: one in place of the upper directory would give the
// payload any directory of the caller's.
func Open(dir string, base Base, mode os.FileMode) (*Layer, error) {
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return nil, fail(dir, err)
	}
	root, err := openRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close() // only a descriptor
	if err := checkNames(dir, root); err != nil {
		return nil, err
	}
	var l *Layer
	if _, missing := root.Lstat("base"); errors.Is(missing, os.ErrNotExist) {
		l, err = create(dir, root, base, mode)
	} else {
		l, err = open(dir, root)
	}
	if err != nil {
		return nil, err
	}
	if !l.Base.same(&base) {
		l.Close()
		return nil, &spec.Error{Op: "use", Object: "kept layer " + dir, Reason: "it was written over another image (" + l.Base.Reference + ", " + short(l.Base.ChainID) + ", ids " + l.Base.IDs + ")",
			Hint: "use that image (" + l.Base.pinned() + "), name another directory, or make an image of it: lichen image commit " + dir + " NAME"}
	}
	return l, nil
}

// OpenExisting opens a kept layer that is there.
func OpenExisting(dir string) (*Layer, error) {
	root, err := openRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close() // only a descriptor
	if _, err := root.Lstat("base"); errors.Is(err, os.ErrNotExist) {
		return nil, &spec.Error{Op: "use", Object: "kept layer " + dir, Reason: "it is none: it has no note of an image", Hint: "lichen run --image REF --write DIR makes one"}
	}
	return open(dir, root)
}

// Close lets others use the layer.
func (l *Layer) Close() error { return l.lock.Close() }

func fail(dir string, err error) error {
	return &spec.Error{Op: "use", Object: "kept layer " + dir, Err: unwrapped(err)}
}

func unwrapped(err error) error {
	if e, ok := errors.AsType[*os.PathError](err); ok {
		return e.Err
	}
	if e, ok := errors.AsType[*os.LinkError](err); ok {
		return e.Err
	}
	return err
}

func short(digest string) string {
	const head = len("sha256:") + 12
	return digest[:min(len(digest), head)]
}
