package output

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/lichen-sandbox/lichen/image/blob"
	"github.com/lichen-sandbox/lichen/image/pull"
	"github.com/lichen-sandbox/lichen/image/record"
	"github.com/lichen-sandbox/lichen/image/ref"
	"github.com/lichen-sandbox/lichen/image/source"
	"github.com/lichen-sandbox/lichen/image/source/oci"
	"github.com/lichen-sandbox/lichen/image/store"
	"github.com/lichen-sandbox/lichen/internal/subid"
	"github.com/lichen-sandbox/lichen/spec"
)

// Image is an image that was made.
type Image struct {
	Reference string
	Manifest  oci.Descriptor
	Layer     oci.Descriptor // the new one
	DiffID    string         // digest of the new layer, uncompressed
	Entries   int64          // in the new layer, hard links and whiteouts included
	Warnings  []string       // what was left out
}

// target takes the parts of a new image, the layer first.
type target interface {
	// layer stores what write writes.
	layer(ctx context.Context, mediaType string, write func(w io.Writer) error) (oci.Descriptor, error)
	document(ctx context.Context, mediaType string, raw []byte) (oci.Descriptor, error)
	// publish makes the image visible; raw is its manifest.
	publish(ctx context.Context, raw []byte, manifest, config oci.Descriptor) ([]string, error)
}

// storeTarget is the store: the image gets a tree and a record.
type storeTarget struct {
	s        *store.Store
	ref      ref.Ref
	platform oci.Platform
	ids      subid.Mapping
	chainID  string
}

func (t *storeTarget) layer(_ context.Context, mediaType string, write func(w io.Writer) error) (oci.Descriptor, error) {
	w, err := blob.NewWriter(t.s)
	if err != nil {
		return oci.Descriptor{}, err
	}
	var d blob.Descriptor
	if err = write(w); err == nil {
		d, err = w.Commit()
	}
	err = cmp.Or(err, w.Close())
	return oci.Descriptor{MediaType: mediaType, Digest: d.Digest, Size: d.Size}, err
}

func (t *storeTarget) document(_ context.Context, mediaType string, raw []byte) (oci.Descriptor, error) {
	digest, err := blob.Put(t.s, raw)
	return oci.Descriptor{MediaType: mediaType, Digest: digest, Size: int64(len(raw))}, err
}

// publish has the image unpacked from the store, and its record written with
// what the tree says of its user. When that fails, the name stays what it was.
func (t *storeTarget) publish(ctx context.Context, raw []byte, manifest, config oci.Descriptor) ([]string, error) {
	if _, err := t.document(ctx, manifest.MediaType, raw); err != nil {
		return nil, err
	}
	platform := t.platform.String()
	if oci.Host().Runs(t.platform) {
		platform = store.HostPlatform()
	}
	before, err := t.s.Record(t.ref, platform)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		before = nil // damaged: it is written again
	}
	rec := &record.Record{Reference: t.ref.String(), Platform: platform, Manifest: manifest.Digest, Config: config.Digest, ChainID: t.chainID}
	if err := t.s.PutRecord(t.ref, platform, rec); err != nil {
		return nil, err
	}
	done, err := pull.Pull(ctx, pull.Options{Store: t.s, Ref: t.ref, Platform: platform, Policy: pull.Never, Whole: true, IDs: t.ids})
	if err != nil {
		return nil, errors.Join(err, t.restore(platform, before))
	}
	return done.Warnings, nil
}

func (t *storeTarget) restore(platform string, before *record.Record) error {
	if before != nil {
		return t.s.PutRecord(t.ref, platform, before)
	}
	file, err := store.RecordFile(t.ref, platform)
	if err != nil {
		return err
	}
	return t.s.DeleteRecord(file)
}

// placeTarget is a place outside the store, such as a layout.
type placeTarget struct {
	dst source.Destination
	ref ref.Ref
}

// layer keeps the bytes in a file without a name until their digest is known.
func (t *placeTarget) layer(ctx context.Context, mediaType string, write func(w io.Writer) error) (oci.Descriptor, error) {
	dir := filepath.Dir(t.ref.Path) // where there has to be room for it anyway
	f, err := os.CreateTemp(dir, ".lichen-layer-")
	if err != nil {
		return oci.Descriptor{}, &spec.Error{Op: "make a temporary file in", Object: dir, Err: bare(err)}
	}
	defer f.Close() // what matters of it was read back
	if err := os.Remove(f.Name()); err != nil {
		return oci.Descriptor{}, &spec.Error{Op: "remove", Object: f.Name(), Err: bare(err)}
	}
	sum := sha256.New()
	if err := write(io.MultiWriter(f, sum)); err != nil {
		return oci.Descriptor{}, err
	}
	size, err := f.Seek(0, io.SeekCurrent)
	if err != nil {
		return oci.Descriptor{}, &spec.Error{Op: "read", Object: "a temporary file", Err: bare(err)}
	}
	d := oci.Descriptor{MediaType: mediaType, Digest: "sha256:" + hex.EncodeToString(sum.Sum(nil)), Size: size}
	return d, t.dst.PutBlob(ctx, d, func() (io.ReadCloser, error) {
		return io.NopCloser(io.NewSectionReader(f, 0, size)), nil
	})
}

func (t *placeTarget) document(ctx context.Context, mediaType string, raw []byte) (oci.Descriptor, error) {
	d := oci.Descriptor{MediaType: mediaType, Digest: oci.Digest(raw), Size: int64(len(raw))}
	return d, t.dst.PutBlob(ctx, d, func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(raw)), nil })
}

func (t *placeTarget) publish(ctx context.Context, raw []byte, manifest, _ oci.Descriptor) ([]string, error) {
	return nil, t.dst.Publish(ctx, raw, manifest.MediaType, t.ref.Tag)
}
