package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/lichen-sandbox/lichen/image/pull"
	"github.com/lichen-sandbox/lichen/image/unpacker"
	"github.com/lichen-sandbox/lichen/spec"
)

type unpackOptions struct {
	fetchOptions
	Policy string `long:"pull" value-name:"POLICY" unquote:"false" complete:"missing always never" default:"missing" description:"when to ask the source: missing (the store does not have the image), always or never (default: missing)"`
	Owners string `long:"owners" value-name:"FILE" unquote:"false" complete:"file" description:"write the owners, modes and devices that the directory cannot have to a file, which pack takes"`
	jsonOption
	helpOption
}

// unpackImage is "lichen image unpack REF DIR".
func unpackImage(ctx context.Context, u *ui, o *unpackOptions, operands []string) int {
	base, err := o.read(o.Policy)
	if err != nil {
		return u.fail(err)
	}
	if base.Ref, err = readRef(operands[0]); err != nil {
		return u.fail(err)
	}
	dir, err := filepath.Abs(operands[1])
	if err != nil {
		return u.fail(&spec.Error{Op: "unpack into", Object: operands[1], Err: err})
	}
	shown := u.newProgress(o.Quiet)
	base.Watcher, base.NoSetID = shown, true // the directory is for others too
	warnings, err := unpackTo(ctx, base, dir, o.Owners)
	shown.stop()
	if err != nil {
		return u.fail(err)
	}
	u.warnings(warnings, o.Quiet)
	if o.JSON {
		return u.printJSON(map[string]any{"reference": base.Ref.String(), "directory": dir, "warnings": append([]string{}, warnings...)})
	}
	return u.print(printable(dir) + "\n")
}

// unpackTo makes the tree beside dir and then gives it the name, which may be
// that of an empty directory (rename(2)).
func unpackTo(ctx context.Context, o pull.Options, dir, owners string) (warnings []string, err error) {
	fail := func(err error) error {
		return &spec.Error{Op: "unpack into", Object: dir, Err: unwrapPath(err)}
	}
	if info, err := os.Lstat(dir); err == nil && info.Mode()&fs.ModeSymlink != 0 {
		return nil, &spec.Error{Op: "unpack into", Object: dir, Reason: "it is a symbolic link", Hint: "name the directory that it leads to"}
	}
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		return nil, &spec.Error{Op: "unpack into", Object: dir, Reason: "it is not empty"}
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fail(err)
	}
	work, err := os.MkdirTemp(filepath.Dir(dir), ".lichen-unpack-")
	if err != nil {
		return nil, fail(err)
	}
	defer func() {
		if rest := unpacker.Remove(work, o.IDs); err == nil {
			err = rest
		}
	}()
	_, warnings, err = pull.Unpack(ctx, o, work)
	if err != nil {
		return nil, err
	}
	if owners != "" {
		data, err := os.ReadFile(filepath.Join(work, "owners"))
		if err != nil {
			return nil, fail(err)
		}
		if err := os.WriteFile(owners, data, 0o666); err != nil {
			return nil, &spec.Error{Op: "write", Object: owners, Err: unwrapPath(err)}
		}
	}
	if err := moveDir(filepath.Join(work, "rootfs"), dir); err != nil {
		return nil, fail(err)
	}
	return warnings, nil
}

// moveDir renames a directory into another one. That changes its entry "..", so
// it has to be writable meanwhile; the root of some images is not.
func moveDir(from, to string) error {
	info, err := os.Lstat(from)
	if err != nil {
		return err
	}
	mode := info.Mode()
	if mode&0o200 == 0 {
		if err := os.Chmod(from, mode|0o200); err != nil {
			return err
		}
	}
	if err := os.Rename(from, to); err != nil {
		return err
	}
	if mode&0o200 == 0 {
		return os.Chmod(to, mode)
	}
	return nil
}
