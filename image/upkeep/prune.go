package upkeep

import (
	"context"
	"errors"

	"github.com/lichen-sandbox/lichen/image/store"
)

// PruneOptions say what goes.
type PruneOptions struct {
	// All removes images too, but for those that a sandbox uses, and
	// interrupted downloads however young.
	All bool
	// DryRun removes nothing.
	DryRun bool
}

// Pruned is something that was removed, or would be.
type Pruned struct {
	Kind  string `json:"kind"` // "image", "tree", "blob", "partial", "staging"
	Name  string `json:"name"`
	Bytes int64  `json:"bytes"` // -1: not counted
	InUse bool   `json:"inUse"` // kept, since somebody uses it
}

// Prune removes what no image needs: blobs, trees, and what builds and
// downloads that ended too early left behind.
func (k *Keeper) Prune(ctx context.Context, o PruneOptions) ([]Pruned, error) {
	var all []Pruned
	if o.All {
		images, err := k.pruneImages(ctx, o.DryRun)
		all = append(all, images...)
		if err != nil {
			return all, err
		}
	}
	swept, err := k.Store.Sweep(store.Sweep{Digests: k.digests, Remove: k.remove, Partial: o.All, DryRun: o.DryRun})
	for _, s := range swept {
		all = append(all, Pruned{Kind: s.Kind, Name: s.Name, Bytes: s.Bytes, InUse: s.InUse})
	}
	if errors.Is(err, store.ErrNoStore) { // an empty directory, or one that is just being made a store
		err = nil
	}
	return all, err
}

// pruneImages removes the images that nobody uses.
func (k *Keeper) pruneImages(ctx context.Context, dryRun bool) ([]Pruned, error) {
	records, err := k.Store.Records()
	if err != nil {
		return nil, err
	}
	var all []Pruned
	for _, named := range records {
		p := Pruned{Kind: "image", Name: named.File, Bytes: -1}
		if named.Record != nil {
			p.Name = named.Record.Reference + " " + named.Record.Platform
		}
		if !dryRun {
			err := k.Remove(ctx, named)
			if p.InUse = errors.Is(err, store.ErrInUse); err != nil && !p.InUse {
				return all, err
			}
		}
		all = append(all, p)
	}
	return all, nil
}
