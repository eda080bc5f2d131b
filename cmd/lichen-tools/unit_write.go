package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/lichen-sandbox/lichen/spec"
)

// unitFile is a file to be written.
type unitFile struct{ name, text string }

// writeUnits writes files whole or not at all. Without force none that is there
// is replaced, and then none of the others is written either. The directory is made:
// who has no unit yet does not have ~/.config/systemd/user.
func writeUnits(dir string, files []unitFile, force bool) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return &spec.Error{Op: "make directory", Object: dir, Err: unwrapPath(err)}
	}
	if !force {
		for _, f := range files {
			path := filepath.Join(dir, f.name)
			if _, err := os.Lstat(path); err == nil {
				return taken(path)
			}
		}
	}
	for _, f := range files {
		if err := writeUnit(filepath.Join(dir, f.name), f.text, force); err != nil {
			return err
		}
	}
	return nil
}

func taken(path string) error {
	return &spec.Error{Op: "write", Object: path, Err: fs.ErrExist, Hint: "--force replaces it"}
}

// writeUnit makes the file beside its place. link(2), unlike rename(2), leaves
// a file alone that has come there meanwhile.
func writeUnit(path, text string, force bool) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".lichen-")
	if err != nil {
		return &spec.Error{Op: "write", Object: path, Err: unwrapPath(err)}
	}
	defer os.Remove(f.Name()) // gone already where it was renamed
	_, err = f.WriteString(text)
	if err == nil {
		err = f.Chmod(0o644)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return &spec.Error{Op: "write", Object: path, Err: unwrapPath(err)}
	}
	place := os.Link
	if force {
		place = os.Rename
	}
	err = place(f.Name(), path)
	switch {
	case errors.Is(err, fs.ErrExist):
		return taken(path)
	case err != nil:
		return &spec.Error{Op: "write", Object: path, Err: unwrapPath(err)}
	}
	return nil
}
