package output

import (
	"context"
	"io"
	"slices"

	"github.com/lichen-sandbox/lichen/image/ref"
	"github.com/lichen-sandbox/lichen/image/source/oci"
	"github.com/lichen-sandbox/lichen/spec"
)

// recipe is an image to be made of a tree, on top of a base or alone.
type recipe struct {
	job         job
	ref         ref.Ref
	compression Compression
	changes     *Changes
	by          string // in the history
	platform    oci.Platform
	epoch       *int64
	base        *base // nil: none
}

// base is the image below a new layer.
type base struct {
	manifest string // digest
	config   []byte
	layers   []oci.Descriptor
	diffIDs  []string
}

// build makes the image in t.
func (r *recipe) build(ctx context.Context, t target) (*Image, error) {
	img := &Image{Reference: r.ref.String()}
	created, err := r.layer(ctx, t, img)
	if err != nil {
		return nil, err
	}
	below := r.base
	if below == nil {
		below = &base{}
	}
	raw, err := newConfig(below.config, r.platform, img.DiffID, created, r.by, r.changes)
	if err != nil {
		return nil, err
	}
	config, err := t.document(ctx, oci.TypeConfig, raw)
	if err != nil {
		return nil, err
	}
	layers := append(slices.Clone(below.layers), img.Layer)
	if raw, err = newManifest(config, layers, below.manifest); err != nil {
		return nil, err
	}
	img.Manifest = oci.Descriptor{MediaType: oci.TypeManifest, Digest: oci.Digest(raw), Size: int64(len(raw))}
	if s, ok := t.(*storeTarget); ok {
		s.chainID = chainID(append(slices.Clone(below.diffIDs), img.DiffID))
	}
	warnings, err := t.publish(ctx, raw, img.Manifest, config)
	if err != nil {
		return nil, err
	}
	img.Warnings = append(img.Warnings, warnings...)
	return img, nil
}

// layer makes the new layer and returns the time of the image: that of the
// newest change, since a clock would make each build another image.
func (r *recipe) layer(ctx context.Context, t target, img *Image) (created int64, err error) {
	var sum summary
	img.Layer, err = t.layer(ctx, r.compression.mediaType(), func(w io.Writer) error {
		l, err := r.compression.layer(w)
		if err != nil {
			return &spec.Error{Op: "compress", Object: "the layer", Err: err}
		}
		if sum, err = r.job.run(ctx, l); err != nil {
			return err
		}
		img.DiffID, err = l.close()
		return err
	})
	img.Entries, img.Warnings = sum.Entries, sum.Warnings
	if r.epoch != nil {
		return *r.epoch, err
	}
	return sum.Newest, err
}

// chainID is that of the last layer (OCI image configuration, "Layer ChainID").
func chainID(diffIDs []string) string {
	chain := diffIDs[0]
	for _, id := range diffIDs[1:] {
		chain = oci.Digest([]byte(chain + " " + id))
	}
	return chain
}

// nameable refuses names that a new image cannot have.
func nameable(r ref.Ref) error {
	switch {
	case r.Digest != "":
		return &spec.Error{Op: "name", Object: r.String(), Reason: "a digest follows from what the image is, and cannot be chosen"}
	case r.Kind == ref.Dir:
		return &spec.Error{Op: "name", Object: r.String(), Reason: "a directory is a tree, not an image"}
	}
	return nil
}
