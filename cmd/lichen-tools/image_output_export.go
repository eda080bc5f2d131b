package main

import (
	"cmp"
	"context"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/lichen-sandbox/lichen/image/output"
	"github.com/lichen-sandbox/lichen/image/ref"
	"github.com/lichen-sandbox/lichen/image/store"
	"github.com/lichen-sandbox/lichen/spec"
)

type exportOptions struct {
	Output   string `long:"output" short:"o" value-name:"FILE" unquote:"false" complete:"file" description:"where to write; - is standard output. With --format oci also oci:DIR[:TAG]"`
	Format   string `long:"format" value-name:"FORMAT" unquote:"false" complete:"tar oci" default:"tar" description:"tar (the tree, flat) or oci (the image with its layers)"`
	Platform string `long:"platform" value-name:"OS/ARCH[/VARIANT]" unquote:"false" description:"the image for another platform than this host's"`
	IDs      string `long:"ids" value-name:"MODE" unquote:"false" complete:"single subuid" default:"single" description:"the tree to read: single or subuid"`
	helpOption
}

// exportImage is "lichen image export REF -o FILE".
func exportImage(ctx context.Context, u *ui, o *exportOptions, operands []string) int {
	if o.Output == "" {
		return u.fail(usageError("export", "--output is missing"))
	}
	s, err := openStore()
	if err != nil {
		return u.fail(err)
	}
	found, err := stored(s, operands[0], cmp.Or(o.Platform, store.HostPlatform()))
	if err != nil {
		return u.fail(err)
	}
	rec := found[0].Record
	r, err := ref.Parse(rec.Reference)
	if err != nil {
		return u.fail(err)
	}
	switch o.Format {
	case "tar":
		ids, err := readIDs(o.IDs)
		if err != nil {
			return u.fail(err)
		}
		return u.writeTo(o.Output, func(w io.Writer) error {
			warnings, err := output.Export(ctx, output.ExportOptions{Store: s, Ref: r, Platform: o.Platform, IDs: ids}, w)
			u.warnings(warnings, false)
			return err
		})
	case "oci":
		if kind, _, ok := strings.Cut(o.Output, ":"); ok && (kind == "oci" || kind == "oci-archive" || kind == "docker-archive") {
			to, err := readRef(o.Output)
			if err == nil {
				err = output.ExportTo(ctx, s, rec, to, nil)
			}
			if err != nil {
				return u.fail(err)
			}
			return exitOK
		}
		return u.writeTo(o.Output, func(w io.Writer) error { return output.ExportArchive(ctx, s, rec, r.Tag, w) })
	}
	return u.fail(usageError("export", "there is no format "+quote(o.Format)+": tar or oci"))
}

// writeTo writes a file, or standard output for "-". A file appears whole or not
// at all; a device or a pipe is written to, never replaced.
func (u *ui) writeTo(path string, write func(w io.Writer) error) int {
	if path == "-" {
		if f, ok := u.out.(*os.File); ok && isTerminal(f.Fd()) {
			return u.fail(usageError("export", "standard output is a terminal"))
		}
		if err := write(u.out); err != nil {
			return u.fail(err)
		}
		return exitOK
	}
	fail := func(err error) int {
		return u.fail(&spec.Error{Op: "write", Object: quote(path), Err: unwrapPath(err)})
	}
	info, err := os.Stat(path)
	replace := err != nil || info.Mode().IsRegular()
	target, flags := path, os.O_WRONLY
	if replace {
		if real, err := filepath.EvalSymlinks(path); err == nil {
			path = real // the link stays
		}
		target, flags = filepath.Join(filepath.Dir(path), ".lichen-export-"+strconv.Itoa(os.Getpid())), flags|os.O_CREATE|os.O_EXCL
	}
	f, err := os.OpenFile(target, flags, 0o666)
	if err != nil {
		return fail(err)
	}
	if replace {
		defer os.Remove(target) // gone when all went well
	}
	if err := write(f); err != nil {
		f.Close() // the error above is the one to tell
		return u.fail(err)
	}
	if err = f.Close(); err == nil && replace {
		err = os.Rename(target, path)
	}
	if err != nil {
		return fail(err)
	}
	return exitOK
}
