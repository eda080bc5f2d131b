package upkeep

import (
	"errors"
	"os"

	"github.com/lichen-sandbox/lichen/image/blob"
	"github.com/lichen-sandbox/lichen/image/pull"
	"github.com/lichen-sandbox/lichen/image/ref"
	"github.com/lichen-sandbox/lichen/image/store"
)

// options are those of a pull of exactly what a record is about.
func (v *verification) options(named store.Named, key store.TreeKey) (pull.Options, error) {
	r, err := ref.Parse(named.Record.Reference)
	ids, ok := v.mapping(key.IDs())
	if err == nil && !ok {
		err = errRanges
	}
	return pull.Options{
		Store: v.Store, Ref: r, Platform: named.Record.Platform, Manifest: named.Record.Manifest,
		IDs: ids, Sources: v.Sources, Watcher: v.Watcher,
	}, err
}

var errRanges = errors.New("it was unpacked with ranges of ids that you do not have any more")

// fetch brings all blobs of an image back.
func (v *verification) fetch(named store.Named) error {
	key, err := store.Key(named.Record.ChainID, store.Single)
	if err != nil {
		return err
	}
	if keys, err := v.trees(named.Record.ChainID); err == nil && len(keys) > 0 {
		key = keys[0] // else the fetch would make a tree that nobody asked for
	}
	o, err := v.options(named, key)
	if err != nil {
		return err
	}
	o.Policy, o.Whole = pull.Always, true
	_, err = pull.Pull(v.ctx, o)
	return err
}

// replace puts the fresh tree in the place of a damaged one.
func (v *verification) replace(key store.TreeKey, staging *store.Staging, about []Finding) error {
	lock, err := pull.LockTree(v.ctx, v.Store, key)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := v.Store.DeleteTree(key, v.remove); err != nil && !os.IsNotExist(err) {
		return err
	}
	if err := staging.Publish(key); err != nil {
		return err
	}
	for i := range about {
		about[i].Mended = true
	}
	return nil
}

// mendedBlobs notes which of the damaged blobs are whole again, or are needed by
// nothing.
func (v *verification) mendedBlobs() {
	for i := range v.findings {
		if f := &v.findings[i]; f.Kind == "blob" && v.Repair {
			f.Mended = blob.Verify(v.Store, f.Name) == nil
		}
	}
}
