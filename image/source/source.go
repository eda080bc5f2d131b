// Package source reads images from where they are and writes them to where
// they shall go: registries, OCI layouts and archives.
//
// Nothing that it reads is trusted. Manifests and configs are checked against
// the digest that named them; blobs are cut to the size that their descriptor
// says, and whoever stores them checks the digest, or reads through
// oci.Verify.
package source

import (
	"context"
	"io"

	"github.com/lichen-sandbox/lichen/image/ref"
	"github.com/lichen-sandbox/lichen/image/source/archive"
	"github.com/lichen-sandbox/lichen/image/source/config"
	"github.com/lichen-sandbox/lichen/image/source/layout"
	"github.com/lichen-sandbox/lichen/image/source/oci"
	"github.com/lichen-sandbox/lichen/image/source/registry"
)

// Descriptor names content; see oci.Descriptor.
type Descriptor = oci.Descriptor

// Config is what registries.toml and the login files say; see config.Load.
type Config = config.Config

// Source is where an image comes from. It may be used by several goroutines.
type Source interface {
	// Manifest returns the manifest or index that a digest or a tag names; ""
	// is the only one that a layout or an archive has. Its digest was checked.
	// What is not there is fs.ErrNotExist.
	Manifest(ctx context.Context, digestOrTag string) ([]byte, Descriptor, error)
	// Blob returns the bytes of a blob from offset on, at most as many as the
	// descriptor says. Their digest is not checked. A broken connection is
	// taken up again inside.
	Blob(ctx context.Context, d Descriptor, offset int64) (io.ReadCloser, error)
	Close() error
}

// Destination is where an image goes. It may be used by several goroutines.
type Destination interface {
	// PutBlob stores a blob unless it is there already. open is called once
	// for each attempt and gives checked bytes (oci.Verify).
	PutBlob(ctx context.Context, d Descriptor, open func() (io.ReadCloser, error)) error
	// PutManifest stores a manifest that an index lists, by its digest.
	PutManifest(ctx context.Context, raw []byte, mediaType string) error
	// Publish stores the outermost manifest or index, after all that it names,
	// under the tag ("" for none): now the image is visible, all at once.
	Publish(ctx context.Context, raw []byte, mediaType, tag string) error
	// Close lets go of everything. What was not published is not visible.
	Close() error
}

// Open opens the place that a reference names, for reading. A nil Config is an
// empty one.
func Open(ctx context.Context, r ref.Ref, c *Config) (Source, error) {
	if c == nil {
		c = &Config{}
	}
	switch r.Kind {
	case ref.Registry:
		return registry.Open(c, r.Registry, r.Repository)
	case ref.Layout:
		return layout.Open(r.Path)
	case ref.LayoutArchive, ref.DockerArchive:
		return archive.Open(ctx, r.Path, r.Kind == ref.DockerArchive, c.TempDir)
	}
	return nil, oci.Fail("open image", oci.Quote(r.Path), oci.Reason("a directory is a tree, not an image", nil))
}

// Create opens the place that a reference names, for writing. An archive that
// exists is replaced when the image is published.
func Create(ctx context.Context, r ref.Ref, c *Config) (Destination, error) {
	if c == nil {
		c = &Config{}
	}
	switch r.Kind {
	case ref.Registry:
		return registry.Create(c, r.Registry, r.Repository)
	case ref.Layout:
		return layout.Create(r.Path)
	case ref.LayoutArchive, ref.DockerArchive:
		return archive.Create(r.Path, r.Kind == ref.DockerArchive)
	}
	return nil, oci.Fail("write image", oci.Quote(r.Path), oci.Reason("a directory is a tree, not an image", nil))
}

// wanted is what of a source a reference asks for.
func wanted(r ref.Ref) string {
	if r.Digest != "" {
		return r.Digest
	}
	return r.Tag
}
