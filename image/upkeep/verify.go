package upkeep

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/lichen-sandbox/lichen/image/blob"
	"github.com/lichen-sandbox/lichen/image/pull"
	"github.com/lichen-sandbox/lichen/image/source"
	"github.com/lichen-sandbox/lichen/image/store"
	"github.com/lichen-sandbox/lichen/internal/subid"
	"github.com/lichen-sandbox/lichen/spec"
)

// maxDifferences bounds what is told of one tree.
const maxDifferences = 100

// Finding is one thing that verification found out.
type Finding struct {
	Kind   string `json:"kind"`           // "blob", "tree", "image"
	Name   string `json:"name"`           // digest, key, or reference
	Path   string `json:"path,omitempty"` // in a tree
	What   string `json:"what"`
	Damage bool   `json:"damage"` // false: only not to be checked
	Mended bool   `json:"mended"`
}

// VerifyOptions say what is looked at and what becomes of damage.
type VerifyOptions struct {
	Images  []store.Named // nil: all, and every blob
	Repair  bool
	Sources *source.Config
	Watcher pull.Watcher
	// Each is called for every blob, tree and image that is begun.
	Each func(kind, name string)
}

// verification is one run.
type verification struct {
	*Keeper
	VerifyOptions
	ctx      context.Context
	findings []Finding
	bad      map[string]bool // blobs
	compared map[store.TreeKey]bool
}

// Verify hashes the blobs again, and compares each tree, entry by entry, with
// one that is unpacked from the blobs anew. A tree some of whose layers the
// store no longer has cannot be compared; that is told and is no damage. With
// Repair, damaged blobs are fetched again and damaged trees are built again.
func (k *Keeper) Verify(ctx context.Context, o VerifyOptions) ([]Finding, error) {
	v := &verification{Keeper: k, VerifyOptions: o, ctx: ctx, bad: map[string]bool{}, compared: map[store.TreeKey]bool{}}
	digests, err := v.digestsToCheck()
	if err != nil {
		return nil, err
	}
	for _, d := range digests {
		if err := v.blob(d); err != nil {
			return v.findings, err
		}
	}
	for _, named := range v.Images {
		if err := v.image(named); err != nil {
			return v.findings, err
		}
	}
	v.mendedBlobs()
	return v.findings, nil
}

// digestsToCheck lists the blobs in question, and fills in Images.
func (v *verification) digestsToCheck() ([]string, error) {
	var digests []string
	if v.Images == nil {
		var err error
		if v.Images, err = v.Store.Records(); err != nil {
			return nil, err
		}
		blobs, err := blob.List(v.Store)
		for _, b := range blobs {
			digests = append(digests, b.Digest)
		}
		return digests, err
	}
	for _, named := range v.Images {
		if named.Record != nil {
			list, err := v.Keeper.digests(named.Record)
			if err != nil { // of one of these two, which is found out
				list = []string{named.Record.Manifest, named.Record.Config}
			}
			digests = append(digests, list...)
		}
	}
	slices.Sort(digests)
	digests = slices.Compact(digests)
	return slices.DeleteFunc(digests, func(d string) bool { return !blob.Has(v.Store, d) }), nil
}

func (v *verification) found(f Finding) { v.findings = append(v.findings, f) }

func (v *verification) begin(kind, name string) {
	if v.Each != nil {
		v.Each(kind, name)
	}
}

// blob hashes one blob. A damaged one is removed where it is to be mended: then
// it is missing, and what needs it fetches it.
func (v *verification) blob(digest string) error {
	if err := v.ctx.Err(); err != nil {
		return context.Cause(v.ctx)
	}
	v.begin("blob", digest)
	err := blob.Verify(v.Store, digest)
	if err == nil || os.IsNotExist(err) {
		return nil
	}
	v.bad[digest] = true
	v.found(Finding{Kind: "blob", Name: digest, What: reason(err), Damage: true})
	if v.Repair {
		return blob.Delete(v.Store, digest)
	}
	return nil
}

// image checks one image: its documents, then its trees.
func (v *verification) image(named store.Named) error {
	if named.Record == nil {
		v.found(Finding{Kind: "image", Name: named.File, What: reason(named.Err), Damage: true})
		return nil
	}
	rec := named.Record
	v.begin("image", rec.Reference)
	name := rec.Reference + " " + rec.Platform
	img, err := pull.Load(v.Store, rec)
	if err == nil && img.ChainID() != rec.ChainID {
		err = &spec.Error{Reason: "its record is about another tree than its config"}
	}
	if err != nil || v.Repair && v.anyBad(img) {
		damage := err != nil
		if damage {
			v.found(Finding{Kind: "image", Name: name, What: reason(err), Damage: true})
		}
		if !v.Repair {
			return nil
		}
		if err := v.fetch(named); err != nil {
			return err
		}
		if damage {
			v.findings[len(v.findings)-1].Mended = true
		}
	}
	keys, err := v.trees(rec.ChainID)
	for _, key := range keys {
		if err := v.tree(named, key); err != nil {
			return err
		}
	}
	return err
}

func (v *verification) anyBad(img *pull.Image) bool {
	return slices.ContainsFunc(img.Digests(), func(d string) bool { return v.bad[d] })
}

// tree compares one tree with a fresh one. Several images may have it.
func (v *verification) tree(named store.Named, key store.TreeKey) error {
	if v.compared[key] {
		return nil
	}
	v.begin("tree", string(key))
	lease, err := v.Store.Lease(key)
	if err != nil {
		return nil // removed meanwhile
	}
	defer lease.Close()
	staging, err := v.Store.Staging()
	if err != nil {
		return err
	}
	defer func() { _ = staging.Close(v.remove) }() // what is left is garbage for the next sweep
	o, err := v.options(named, key)
	o.Policy = pull.Never
	if err == nil {
		if v.Repair {
			o.Policy = pull.Missing
		}
		_, _, err = pull.Unpack(v.ctx, o, staging.Dir)
	}
	switch {
	case v.ctx.Err() != nil:
		return context.Cause(v.ctx)
	case errors.Is(err, pull.ErrIncomplete), errors.Is(err, errRanges):
		v.found(Finding{Kind: "tree", Name: string(key), What: "cannot be compared: " + reason(err)})
		return nil
	case err != nil:
		return err
	}
	v.compared[key] = true
	before := len(v.findings)
	if err := v.compare(lease, staging.Dir, key, o.IDs); err != nil {
		return err
	}
	if len(v.findings) == before || !v.Repair {
		return nil
	}
	lease.Close() // our own use of it would be in the way
	return v.replace(key, staging, v.findings[before:])
}

// compare notes the differences of a tree from a fresh one.
func (v *verification) compare(lease *store.Lease, fresh string, key store.TreeKey, ids subid.Mapping) error {
	report := func(path, what string) {
		v.found(Finding{Kind: "tree", Name: string(key), Path: path, What: what, Damage: true})
	}
	a, err := compareAs(v.ctx, order{lease.Rootfs, filepath.Join(fresh, "rootfs")}, ids)
	if err != nil {
		return err
	}
	for _, d := range a.Differences {
		report(d.Path, d.What)
	}
	if a.More > 0 {
		report("", strconv.Itoa(a.More)+" more differences")
	}
	got, err := os.ReadFile(lease.Owners)
	if err != nil && !os.IsNotExist(err) {
		return &spec.Error{Op: "verify", Object: string(key), Err: err}
	}
	want, err := os.ReadFile(filepath.Join(fresh, "owners"))
	if err != nil {
		return &spec.Error{Op: "verify", Object: string(key), Err: err}
	}
	if !bytes.Equal(got, want) {
		report("", "other owners are recorded")
	}
	return nil
}

// reason is an error without what a finding has named already.
func reason(err error) string {
	if e, ok := errors.AsType[*spec.Error](err); ok {
		return (&spec.Error{Reason: e.Reason, Err: e.Err}).Error()
	}
	return err.Error()
}
