package output

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"

	"github.com/lichen-sandbox/lichen/image/blob"
	"github.com/lichen-sandbox/lichen/image/keep"
	"github.com/lichen-sandbox/lichen/image/pull"
	"github.com/lichen-sandbox/lichen/image/record"
	"github.com/lichen-sandbox/lichen/image/ref"
	"github.com/lichen-sandbox/lichen/image/source/oci"
	"github.com/lichen-sandbox/lichen/image/store"
	"github.com/lichen-sandbox/lichen/internal/subid"
	"github.com/lichen-sandbox/lichen/spec"
)

// CommitOptions say what to make of a kept layer.
type CommitOptions struct {
	Store       *store.Store
	Keep        string  // the kept layer's directory, absolute
	Ref         ref.Ref // of the new image, a name as in a registry
	Compression Compression
	Changes     Changes
	Epoch       *int64 // SOURCE_DATE_EPOCH: no time in the image is later; nil is none
	Limits      Limits
}

// Commit makes an image of the store from a kept layer and the image below it.
// The layer is held for itself meanwhile, and is left as it is. The error is
// one of keep's while a sandbox runs on it.
func Commit(ctx context.Context, o CommitOptions) (*Image, error) {
	if err := nameable(o.Ref); err != nil {
		return nil, err
	}
	if o.Ref.Kind != ref.Registry {
		return nil, &spec.Error{Op: "commit to", Object: o.Ref.String(), Reason: "the new image is one of the store, and needs a name like example/app:1",
			Hint: "lichen image export --format oci writes it elsewhere"}
	}
	layer, err := keep.OpenExisting(o.Keep)
	if err != nil {
		return nil, err
	}
	defer layer.Close() // only a lock
	writing, err := o.Store.Writing()
	if err != nil {
		return nil, err
	}
	defer writing.Close() // only a lock
	img, err := baseImage(o.Store, &layer.Base)
	if err != nil {
		return nil, err
	}
	ids, err := idsOf(layer.Base.IDs)
	if err != nil {
		return nil, err
	}
	lease, err := leaseBase(o.Store, &layer.Base)
	if err != nil {
		return nil, err
	}
	defer lease.Close() // only a lock
	platform := img.Info.Platform()
	r := &recipe{
		job: job{order: order{Kind: kindCommit, Single: ids.IsSingle(), Clamp: o.Epoch, Limits: o.Limits}, ids: &ids,
			tree: layer.Upper, base: lease.Rootfs, owners: lease.Owners},
		ref: o.Ref, compression: o.Compression, changes: &o.Changes, by: "lichen image commit", platform: platform, epoch: o.Epoch,
		base: &base{manifest: layer.Base.Manifest, config: img.RawConfig, layers: img.Layers, diffIDs: img.DiffIDs},
	}
	return r.build(ctx, &storeTarget{s: o.Store, ref: o.Ref, platform: platform, ids: ids})
}

// baseImage reads the image that a layer was written over. All of it has to be
// there: the new image consists of it.
func baseImage(s *store.Store, b *keep.Base) (*pull.Image, error) {
	if err := ref.CheckDigest(b.Manifest); err != nil {
		return nil, &spec.Error{Op: "read", Object: "the kept layer's note of its image", Err: err}
	}
	hint := "lichen image pull " + b.Reference + ", if that is still the same image"
	img, err := pull.Load(s, &record.Record{Manifest: b.Manifest})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &spec.Error{Op: "commit", Reason: "the store does not have the image below, " + b.Reference + " (" + b.Manifest + ")", Hint: hint}
	}
	if err != nil {
		return nil, err
	}
	if img.ChainID() != b.ChainID {
		return nil, &spec.Error{Op: "read", Object: "the kept layer's note of its image", Reason: "its manifest and its chain id are of two images"}
	}
	for i := range img.Layers {
		if d := img.Layers[i].Digest; !blob.Has(s, d) {
			return nil, &spec.Error{Op: "commit", Reason: "the store does not have the layer " + d + " of the image below, " + b.Reference, Hint: hint}
		}
	}
	if len(img.Layers) >= oci.MaxLayers {
		return nil, &spec.Error{Op: "commit", Reason: "the image below has as many layers as an image can have"}
	}
	return img, nil
}

func leaseBase(s *store.Store, b *keep.Base) (*store.Lease, error) {
	k, err := store.Key(b.ChainID, store.IDs(b.IDs))
	if err != nil {
		return nil, err
	}
	lease, err := s.Lease(k)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &spec.Error{Op: "commit", Reason: "the store does not have the tree of the image below, " + b.Reference,
			Hint: "lichen image pull --pull never " + b.Reference}
	}
	return lease, err
}

// idsOf returns the mapping that a layer was written with. With other ranges
// its files would belong to others.
func idsOf(mode string) (subid.Mapping, error) {
	uid, gid := uint32(os.Geteuid()), uint32(os.Getegid())
	if !strings.HasPrefix(mode, "subuid-") {
		if mode != string(store.Single) {
			return subid.Mapping{}, &spec.Error{Op: "read", Object: "the kept layer's note of its image", Reason: "unknown mode of ids"}
		}
		return subid.SingleMapping(uid, gid), nil
	}
	ids, err := subid.ReadMapping(subid.Caller(uid), gid)
	if err == nil && ids.ID() != mode {
		err = &spec.Error{Op: "commit", Reason: "the kept layer was written with other ranges of ids than " + subid.UIDFile + " and " + subid.GIDFile + " give now"}
	}
	return ids, err
}
