package pull

import (
	"cmp"
	"context"
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/lichen-sandbox/lichen/image/blob"
	"github.com/lichen-sandbox/lichen/image/source/oci"
	"github.com/lichen-sandbox/lichen/image/store"
	"github.com/lichen-sandbox/lichen/image/unpacker"
)

// prepare brings the documents, the tree and the record of an image into the
// store, in this order.
func (p *puller) prepare(ctx context.Context, img *Image) error {
	k, err := store.Key(img.ChainID(), p.ids)
	if err != nil {
		return err
	}
	lock, err := LockTree(ctx, p.Store, k)
	if err != nil {
		return err
	}
	defer lock.Close()
	for _, doc := range [][]byte{img.RawManifest, img.RawConfig} {
		if err := p.put(doc); err != nil {
			return err
		}
	}
	if !p.Store.HasTree(k) {
		if err := p.build(ctx, img, k); err != nil {
			return err
		}
		p.result.Changed = true
	}
	if p.Whole {
		if err := p.fetchRest(ctx, img); err != nil {
			return err
		}
	}
	p.result.Tree = k
	return p.writeRecord(img, k)
}

// put stores a document, in the place of a damaged one too.
func (p *puller) put(doc []byte) error {
	if digest := oci.Digest(doc); blob.Has(p.Store, digest) && blob.Verify(p.Store, digest) != nil {
		if err := blob.Delete(p.Store, digest); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	_, err := blob.Put(p.Store, doc)
	return err
}

// LockTree waits until nobody else builds, records or removes a tree: of
// several pulls of one image, the first does the work and the others find the
// tree when they come to it.
func LockTree(ctx context.Context, s *store.Store, k store.TreeKey) (*store.Lock, error) {
	return wait(ctx, func() (*store.Lock, error) { return s.Lock(string(k)) })
}

// build makes the tree. Where that fails because of a blob that was damaged in
// the store, the blob is removed and the whole is tried again, once.
func (p *puller) build(ctx context.Context, img *Image, k store.TreeKey) error {
	err := p.buildOnce(ctx, img, k)
	if err == nil || ctx.Err() != nil || !p.dropDamaged(img) {
		return err
	}
	return p.buildOnce(ctx, img, k)
}

// dropDamaged removes blobs of the image that are not what their names say.
func (p *puller) dropDamaged(img *Image) bool {
	dropped := false
	for i := range img.Layers {
		digest := img.Layers[i].Digest
		if !blob.Has(p.Store, digest) || blob.Verify(p.Store, digest) == nil {
			continue
		}
		if p.Policy != Never && blob.Delete(p.Store, digest) == nil {
			dropped = true
		}
	}
	return dropped
}

func (p *puller) buildOnce(ctx context.Context, img *Image, k store.TreeKey) (err error) {
	staging, err := p.Store.Staging()
	if err != nil {
		return err
	}
	remove := func(dir string) error { return unpacker.Remove(dir, p.IDs) }
	defer func() { err = cmp.Or(err, staging.Close(remove)) }()
	base, have, err := p.base(img)
	if err != nil {
		return err
	}
	job := unpacker.Job{Staging: staging.Dir, BaseLayers: have, IDs: p.IDs, Limits: p.Limits}
	if base != nil {
		defer base.Close()
		job.Base = filepath.Dir(base.Rootfs)
	}
	if err := p.unpack(ctx, img, job); err != nil {
		return err
	}
	return staging.Publish(k)
}

// fetchRest fetches the layers that the store still lacks.
func (p *puller) fetchRest(ctx context.Context, img *Image) error {
	f := p.newFetch(ctx, img, 0)
	f.jobs = slices.DeleteFunc(f.jobs, func(j *job) bool { return j.Present || j.first != nil })
	f.start()
	return f.finish(nil)
}

// base leases the tree of the longest part of the chain that the store has.
func (p *puller) base(img *Image) (*store.Lease, int, error) {
	chain := img.Chain()
	for n := len(chain) - 1; n > 0; n-- {
		k, err := store.Key(chain[n-1], p.ids)
		if err != nil {
			return nil, 0, err
		}
		if !p.Store.HasTree(k) {
			continue
		}
		if lease, err := p.Store.Lease(k); err == nil {
			return lease, n, nil
		}
	}
	return nil, 0, nil
}

// unpack fetches the layers and applies them as they come.
func (p *puller) unpack(ctx context.Context, img *Image, job unpacker.Job) error {
	f := p.newFetch(ctx, img, job.BaseLayers)
	for i := range img.Layers {
		l := unpacker.Layer{MediaType: img.Layers[i].MediaType, DiffID: img.DiffIDs[i]}
		if i >= job.BaseLayers {
			r := f.jobs[i-job.BaseLayers].r
			l.Open = func() (io.ReadCloser, error) { return r, nil }
		}
		job.Layers = append(job.Layers, l)
	}
	f.start()
	done, err := unpacker.Run(f.ctx, job)
	if fetchErr := f.finish(err); fetchErr != nil && ctx.Err() == nil {
		err = fetchErr
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	p.result.Warnings = append(p.result.Warnings, done.Summary.Warnings...)
	return p.full(err)
}

// full says of a full disk, whoever met it, what can be done.
func (p *puller) full(err error) error {
	for _, errno := range []syscall.Errno{syscall.ENOSPC, syscall.EDQUOT} {
		if errors.Is(err, errno) {
			return p.Store.Fail("unpack", p.Ref.String(), errno)
		}
	}
	return err
}
