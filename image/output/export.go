package output

import (
	"cmp"
	"context"
	"io"
	"os"
	"slices"
	"strings"

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

// ExportOptions say what of the store is written out.
type ExportOptions struct {
	Store    *store.Store
	Ref      ref.Ref
	Platform string // "" is the host's
	IDs      subid.Mapping
	Limits   Limits
}

// Export writes the tree of an image as a tar stream, uncompressed: owners,
// modes, devices and capabilities as in the image, whatever the tree on disk
// could hold of them. Where the store has no tree, it is unpacked first; nothing
// is fetched.
func Export(ctx context.Context, o ExportOptions, w io.Writer) (warnings []string, err error) {
	done, err := pull.Pull(ctx, pull.Options{Store: o.Store, Ref: o.Ref, Platform: o.Platform, Policy: pull.Never, IDs: o.IDs})
	if err != nil {
		return nil, err
	}
	lease, err := o.Store.Lease(done.Tree)
	if err != nil {
		return nil, err
	}
	defer lease.Close() // only a lock
	j := job{order: order{Kind: kindExport, Limits: o.Limits}, ids: &o.IDs, tree: lease.Rootfs, owners: lease.Owners}
	if os.Geteuid() == 0 && o.IDs.IsSingle() {
		j.ids = nil
	}
	sum, err := j.run(ctx, w)
	return sum.Warnings, err
}

// ExportArchive writes an image as an archive of an OCI layout, uncompressed:
// manifest, config and layers as they are. tag may be "".
func ExportArchive(ctx context.Context, s *store.Store, rec *record.Record, tag string, w io.Writer) error {
	img, err := pull.Load(s, rec)
	if err != nil {
		return err
	}
	index, err := layoutIndex(img, tag)
	if err != nil {
		return err
	}
	t := &tarWriter{w: w}
	for _, dir := range [...]string{"blobs", "blobs/sha256"} {
		if err := t.header(&entry{path: dir, kind: typeDir, mode: 0o755}); err != nil {
			return failedWrite(err)
		}
	}
	digests := img.Digests()
	slices.Sort(digests)
	for _, d := range slices.Compact(digests) {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := archiveBlob(t, s, d); err != nil {
			return err
		}
	}
	for _, f := range [...]struct {
		name string
		text []byte
	}{{"index.json", index}, {"oci-layout", []byte(oci.LayoutFile)}} {
		err := t.header(&entry{path: f.name, kind: typeFile, mode: 0o644, size: int64(len(f.text))})
		if err == nil {
			err = t.content(strings.NewReader(string(f.text)), int64(len(f.text)))
		}
		if err != nil {
			return failedWrite(err)
		}
	}
	return failedWrite(t.close())
}

func failedWrite(err error) error {
	if err == nil {
		return nil
	}
	return &spec.Error{Op: "write", Object: "the archive", Err: bare(err)}
}

func archiveBlob(t *tarWriter, s *store.Store, digest string) error {
	if err := blob.Verify(s, digest); err != nil {
		return err
	}
	f, size, err := blob.Open(s, digest)
	if err != nil {
		return err
	}
	defer f.Close() // it was only read
	err = t.header(&entry{path: "blobs/sha256/" + oci.Hex(digest), kind: typeFile, mode: 0o644, size: size})
	if err == nil {
		err = t.content(f, size)
	}
	return failedWrite(err)
}

// layoutIndex is the index.json of a layout with one image.
func layoutIndex(img *pull.Image, tag string) ([]byte, error) {
	d := img.Manifest
	if d.MediaType == "" {
		d.MediaType = oci.TypeManifest
	}
	if tag != "" {
		d.Annotations = map[string]string{oci.RefName: tag}
	}
	return encode(struct {
		SchemaVersion int              `json:"schemaVersion"`
		MediaType     string           `json:"mediaType"`
		Manifests     []oci.Descriptor `json:"manifests"`
	}{2, oci.TypeIndex, []oci.Descriptor{d}})
}

// ExportTo copies an image of the store to another place: manifest, config and
// layers as they are.
func ExportTo(ctx context.Context, s *store.Store, rec *record.Record, to ref.Ref, c *source.Config) (err error) {
	img, err := pull.Load(s, rec)
	if err != nil {
		return err
	}
	dst, err := source.Create(ctx, to, c)
	if err != nil {
		return err
	}
	defer func() { err = cmp.Or(err, dst.Close()) }()
	for _, d := range append(slices.Clone(img.Layers), img.Config) {
		if err := blob.Verify(s, d.Digest); err != nil {
			return err
		}
		err := dst.PutBlob(ctx, d, func() (io.ReadCloser, error) {
			f, _, err := blob.Open(s, d.Digest)
			return f, err
		})
		if err != nil {
			return err
		}
	}
	return dst.Publish(ctx, img.RawManifest, img.Manifest.MediaType, to.Tag)
}
