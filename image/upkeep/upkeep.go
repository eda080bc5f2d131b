// Package upkeep looks after an image store: it removes images, collects what
// none of them needs, and finds and mends damage.
package upkeep

import (
	"context"
	"errors"
	"io/fs"
	"slices"

	"github.com/lichen-sandbox/lichen/image/pull"
	"github.com/lichen-sandbox/lichen/image/record"
	"github.com/lichen-sandbox/lichen/image/store"
	"github.com/lichen-sandbox/lichen/image/unpacker"
	"github.com/lichen-sandbox/lichen/internal/subid"
	"github.com/lichen-sandbox/lichen/spec"
)

// Keeper looks after one store.
type Keeper struct {
	Store *store.Store
	// Single and Ranges are what trees are unpacked with. Ranges is nil where
	// the user has none.
	Single subid.Mapping
	Ranges *subid.Mapping
}

// remove removes a directory whose files may belong to mapped ids.
func (k *Keeper) remove(dir string) error {
	err := unpacker.Remove(dir, k.Single)
	if err != nil && k.Ranges != nil {
		return unpacker.Remove(dir, *k.Ranges)
	}
	return err
}

// mapping returns the ids that trees of a mode are unpacked with, or false
// where that was with ranges that the user has no longer.
func (k *Keeper) mapping(ids store.IDs) (subid.Mapping, bool) {
	switch {
	case ids == store.Single:
		return k.Single, true
	case k.Ranges != nil && store.IDs(k.Ranges.ID()) == ids:
		return *k.Ranges, true
	}
	return subid.Mapping{}, false
}

// digests returns the blobs of a record's image, for a sweep. Where the image
// cannot be read, the sweep keeps all blobs: verify tells more.
func (k *Keeper) digests(rec *record.Record) ([]string, error) {
	img, err := pull.Load(k.Store, rec)
	if err != nil {
		return nil, err
	}
	return img.Digests(), nil
}

// trees returns the trees that the store has of a chain, one for each mode of
// ids.
func (k *Keeper) trees(chainID string) ([]store.TreeKey, error) {
	all, err := k.Store.Trees()
	return slices.DeleteFunc(all, func(key store.TreeKey) bool { return key.ChainID() != chainID }), err
}

// Remove takes an image away: its trees, unless another image has the same,
// then its record. Blobs are left to the next prune. A sandbox that uses the
// image is an error, and the image stays. That somebody else has removed it
// meanwhile is none.
func (k *Keeper) Remove(ctx context.Context, named store.Named) error {
	if named.Record == nil { // it cannot be read: nothing is known of its tree
		return k.removeRecord(named)
	}
	keys, err := k.trees(named.Record.ChainID)
	if err != nil {
		return err
	}
	for _, key := range keys {
		if err := k.removeTree(ctx, named, key); err != nil {
			return err
		}
	}
	return k.removeRecord(named)
}

func (k *Keeper) removeRecord(named store.Named) error {
	err := k.Store.DeleteRecord(named.File)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// removeTree removes the tree of an image that is to go. A pull of it waits, or
// is waited for.
func (k *Keeper) removeTree(ctx context.Context, named store.Named, key store.TreeKey) error {
	lock, err := pull.LockTree(ctx, k.Store, key)
	if err != nil {
		return err
	}
	defer lock.Close()
	records, err := k.Store.Records()
	if err != nil {
		return err
	}
	for _, other := range records {
		if other.File != named.File && other.Record != nil && other.Record.ChainID == named.Record.ChainID {
			return nil
		}
	}
	err = k.Store.DeleteTree(key, k.remove)
	if e, ok := errors.AsType[*spec.Error](err); ok && errors.Is(err, store.ErrInUse) {
		return &spec.Error{Op: "remove image", Object: named.Record.Reference, Err: e.Err, Hint: "it can be removed when that has ended"}
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
