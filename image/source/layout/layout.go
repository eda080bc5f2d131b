// Package layout reads and writes OCI image layouts: directories with an
// index.json and blobs by digest.
package layout

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"strconv"
	"syscall"

	"github.com/lichen-sandbox/lichen/image/source/oci"
)

const blobDir = "blobs/sha256"

// Layout is an open layout. Its files are opened below a descriptor of the
// directory, out of which no link in it leads.
type Layout struct {
	path string // in errors
	root *os.Root
}

// Open opens a layout for reading.
func Open(dir string) (*Layout, error) {
	l, err := openRoot(dir)
	if err != nil {
		return nil, err
	}
	raw, err := l.small("oci-layout")
	if errors.Is(err, fs.ErrNotExist) {
		err = oci.Fail("open image", oci.Quote(dir), oci.Reason("not an OCI layout: it has no file oci-layout", err))
	}
	if err == nil {
		if err = oci.CheckLayoutFile(raw); err != nil {
			err = oci.Fail("open image", oci.Quote(dir), err)
		}
	}
	if err != nil {
		l.Close() // the error above is the one to tell
		return nil, err
	}
	return l, nil
}

func openRoot(dir string) (*Layout, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, oci.Fail("open image", oci.Quote(dir), oci.PathReason(err))
	}
	return &Layout{path: dir, root: root}, nil
}

// Close lets go of the directory.
func (l *Layout) Close() error { return l.root.Close() }

// open opens a regular file. O_NONBLOCK: a pipe of that name would be waited
// for.
func (l *Layout) open(name string) (*os.File, int64, error) {
	f, err := l.root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, 0, l.fail("read", name, oci.PathReason(err))
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = oci.Reason("not a regular file", nil)
	}
	if err != nil {
		f.Close() // only read from
		return nil, 0, l.fail("read", name, oci.PathReason(err))
	}
	return f, info.Size(), nil
}

func (l *Layout) fail(op, name string, err error) error {
	return oci.Fail(op, oci.Quote(l.path+"/"+name), err)
}

// small reads a file that fits into memory.
func (l *Layout) small(name string) ([]byte, error) {
	f, size, err := l.open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close() // only read from
	if size > oci.MaxManifest {
		return nil, l.fail("read", name, oci.Reason(strconv.FormatInt(size, 10)+" bytes, more than "+strconv.Itoa(oci.MaxManifest), nil))
	}
	raw, err := io.ReadAll(io.LimitReader(f, oci.MaxManifest))
	if err != nil {
		return nil, l.fail("read", name, oci.PathReason(err))
	}
	return raw, nil
}

// Manifest finds a manifest or index by tag, by digest, or, with "", as the
// only one.
func (l *Layout) Manifest(_ context.Context, digestOrTag string) ([]byte, oci.Descriptor, error) {
	raw, err := l.small("index.json")
	if err != nil {
		return nil, oci.Descriptor{}, err
	}
	x, err := oci.ParseIndexJSON(raw)
	if err != nil {
		return nil, oci.Descriptor{}, oci.Fail("read", oci.Quote(l.path), err)
	}
	d, err := oci.Select(x.Manifests, digestOrTag)
	if err != nil {
		return nil, oci.Descriptor{}, oci.Fail("read", oci.Quote(l.path), err)
	}
	name := blobDir + "/" + oci.Hex(d.Digest)
	if raw, err = l.small(name); err != nil {
		return nil, oci.Descriptor{}, err
	}
	if err := oci.CheckManifest(raw, &d); err != nil {
		return nil, oci.Descriptor{}, l.fail("read", name, err)
	}
	return raw, d, nil
}

// Blob reads a blob from offset on.
func (l *Layout) Blob(_ context.Context, d oci.Descriptor, offset int64) (io.ReadCloser, error) {
	if err := oci.CheckDigest(d.Digest); err != nil {
		return nil, oci.Fail("read", oci.Quote(l.path), err)
	}
	name := blobDir + "/" + oci.Hex(d.Digest)
	f, size, err := l.open(name)
	if err != nil {
		return nil, err
	}
	if size != d.Size || offset < 0 || offset > size {
		f.Close() // only read from
		return nil, l.fail("read", name, oci.Reason(strconv.FormatInt(size, 10)+" bytes where the manifest says "+strconv.FormatInt(d.Size, 10), nil))
	}
	return &part{f, io.NewSectionReader(f, offset, size-offset)}, nil
}

// part reads a part of a file that it owns.
type part struct {
	f *os.File
	*io.SectionReader
}

func (p *part) Close() error { return p.f.Close() }
