package output

import (
	"cmp"
	"context"
	"os"

	"github.com/lichen-sandbox/lichen/image/ref"
	"github.com/lichen-sandbox/lichen/image/source"
	"github.com/lichen-sandbox/lichen/image/source/oci"
	"github.com/lichen-sandbox/lichen/image/store"
	"github.com/lichen-sandbox/lichen/internal/subid"
)

// PackOptions say what to make of a directory.
type PackOptions struct {
	Store       *store.Store   // where a Ref of kind Registry goes
	Sources     *source.Config // for the other kinds
	Dir         string         // absolute
	Owners      string         // an owners file, as the unpacker writes it, or ""
	KeepOwners  bool           // the files' own owners, instead of root
	Ref         ref.Ref
	Platform    string // "" is the host's
	Compression Compression
	Changes     Changes
	Epoch       *int64 // SOURCE_DATE_EPOCH: no time in the image is later; nil is none
	Limits      Limits
}

// Pack makes an image of one layer from a directory.
func Pack(ctx context.Context, o PackOptions) (img *Image, err error) {
	if err := nameable(o.Ref); err != nil {
		return nil, err
	}
	platform, err := oci.ParsePlatform(o.Platform)
	if err != nil {
		return nil, err
	}
	ids := subid.SingleMapping(uint32(os.Geteuid()), uint32(os.Getegid()))
	r := &recipe{
		job: job{order: order{Kind: kindPack, KeepOwners: o.KeepOwners, Clamp: o.Epoch, Limits: o.Limits}, ids: &ids, tree: o.Dir, owners: o.Owners},
		ref: o.Ref, compression: o.Compression, changes: &o.Changes, by: "lichen image pack", platform: platform, epoch: o.Epoch,
	}
	if o.KeepOwners || os.Geteuid() == 0 {
		r.job.ids = nil // a namespace would show the owners as its own ids
	}
	if o.Ref.Kind == ref.Registry {
		writing, err := o.Store.Writing()
		if err != nil {
			return nil, err
		}
		defer writing.Close() // only a lock
		return r.build(ctx, &storeTarget{s: o.Store, ref: o.Ref, platform: platform, ids: ids})
	}
	dst, err := source.Create(ctx, o.Ref, o.Sources)
	if err != nil {
		return nil, err
	}
	defer func() { err = cmp.Or(err, dst.Close()) }()
	return r.build(ctx, &placeTarget{dst: dst, ref: o.Ref})
}
