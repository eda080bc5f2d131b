// Package archive reads and writes images in tar archives: layouts as
// oci-archive holds them, and what docker save writes.
package archive

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"strconv"
	"sync"
	"syscall"

	"github.com/lichen-sandbox/lichen/image/source/oci"
)

const blobDir = "blobs/sha256/"

var errMissing = fs.ErrNotExist

// Archive is an archive that is open for reading.
type Archive struct {
	path  string // in errors
	file  *os.File
	files map[string]entry

	docker []dockerImage // of manifest.json, if that is what is read
	mu     sync.Mutex
	made   map[string][]byte // manifests made for docker's images, by digest
	where  map[string]string // digest to file, of images without blobs/
}

// Open reads the table of contents of an archive. docker says which of its two
// forms counts when it has both. A compressed archive is unpacked to a file
// without a name in tmp ("" for the default): layers are read in any order.
func Open(ctx context.Context, path string, docker bool, tmp string) (*Archive, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, fail(path, oci.PathReason(err))
	}
	a := &Archive{path: path, file: f, made: map[string][]byte{}, where: map[string]string{}}
	if err := a.load(ctx, docker, tmp); err != nil {
		a.file.Close() // the error above is the one to tell
		return nil, fail(path, err)
	}
	return a, nil
}

func fail(path string, err error) error {
	return oci.Fail("read archive", oci.Quote(path), oci.PathReason(err))
}

func (a *Archive) load(ctx context.Context, docker bool, tmp string) error {
	info, err := a.file.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return oci.Reason("not a regular file", nil)
	}
	size := info.Size()
	plain, n, err := expand(ctx, a.file, size, tmp)
	if err != nil {
		return err
	}
	if plain != a.file {
		a.file.Close() // only read from
		a.file, size = plain, n
	}
	if a.files, err = index(a.file, size); err != nil {
		return err
	}
	_, isDocker := a.files["manifest.json"]
	_, isLayout := a.files["index.json"]
	switch {
	case !isDocker && !isLayout:
		return oci.Reason("neither docker's manifest.json nor an index.json in it: this is no image", nil)
	case isDocker && (docker || !isLayout):
		raw, err := a.small("manifest.json")
		if err == nil {
			a.docker, err = parseDocker(raw)
		}
		return err
	}
	raw, err := a.small("oci-layout")
	if err != nil {
		return err
	}
	return oci.CheckLayoutFile(raw)
}

// Close lets go of the file.
func (a *Archive) Close() error { return a.file.Close() }

func (a *Archive) small(name string) ([]byte, error) {
	e, err := find(a.files, name)
	if err != nil {
		return nil, err
	}
	if e.size > oci.MaxManifest {
		return nil, oci.Reason(oci.Quote(name)+" has "+strconv.FormatInt(e.size, 10)+" bytes, more than "+strconv.Itoa(oci.MaxManifest), nil)
	}
	raw := make([]byte, e.size)
	if _, err := io.ReadFull(io.NewSectionReader(a.file, e.offset, e.size), raw); err != nil {
		return nil, err
	}
	return raw, nil
}

// Manifest finds a manifest by tag, by digest, or, with "", as the only one.
// For an image of docker's form without a manifest one is made; making it
// reads the layers that are compressed.
func (a *Archive) Manifest(ctx context.Context, digestOrTag string) ([]byte, oci.Descriptor, error) {
	raw, d, err := a.manifest(ctx, digestOrTag)
	if err != nil {
		return nil, oci.Descriptor{}, fail(a.path, err)
	}
	return raw, d, nil
}

func (a *Archive) manifest(ctx context.Context, want string) ([]byte, oci.Descriptor, error) {
	if a.docker != nil {
		return a.dockerManifest(ctx, want)
	}
	raw, err := a.small("index.json")
	if err != nil {
		return nil, oci.Descriptor{}, err
	}
	x, err := oci.ParseIndexJSON(raw)
	if err != nil {
		return nil, oci.Descriptor{}, err
	}
	d, err := oci.Select(x.Manifests, want)
	if err != nil {
		return nil, d, err
	}
	return a.checked(d)
}

// checked reads a manifest from the blobs.
func (a *Archive) checked(d oci.Descriptor) ([]byte, oci.Descriptor, error) {
	raw, err := a.small(blobDir + oci.Hex(d.Digest))
	if err == nil {
		err = oci.CheckManifest(raw, &d)
	}
	return raw, d, err
}

// Blob reads a blob from offset on.
func (a *Archive) Blob(_ context.Context, d oci.Descriptor, offset int64) (io.ReadCloser, error) {
	if err := oci.CheckDigest(d.Digest); err != nil {
		return nil, fail(a.path, err)
	}
	a.mu.Lock()
	name, ok := a.where[d.Digest]
	made, isMade := a.made[d.Digest]
	a.mu.Unlock()
	if isMade && d.Size == int64(len(made)) && offset >= 0 && offset <= d.Size {
		return io.NopCloser(bytes.NewReader(made[offset:])), nil
	}
	if !ok {
		name = blobDir + oci.Hex(d.Digest)
	}
	e, err := find(a.files, name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fail(a.path, oci.Reason("the blob "+d.Digest+" is not in it", err))
	case err != nil:
		return nil, fail(a.path, err)
	case e.size != d.Size || offset < 0 || offset > e.size:
		return nil, fail(a.path, oci.Reason("the blob "+d.Digest+" has "+strconv.FormatInt(e.size, 10)+" bytes where the manifest says "+strconv.FormatInt(d.Size, 10), nil))
	}
	return io.NopCloser(io.NewSectionReader(a.file, e.offset+offset, e.size-offset)), nil
}
