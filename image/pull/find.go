package pull

import (
	"context"
	"errors"

	"github.com/lichen-sandbox/lichen/image/source"
	"github.com/lichen-sandbox/lichen/spec"
)

// find reads the image's documents: from the store where they are to be used
// and whole, else from the source.
func (p *puller) find(ctx context.Context) (*Image, error) {
	if p.old != nil {
		img, err := Load(p.Store, p.old)
		if err == nil || p.Policy == Never {
			return img, err
		}
	}
	src, err := p.source(ctx)
	if err != nil {
		return nil, err
	}
	named := p.Ref
	if p.Manifest != "" {
		named.Digest = p.Manifest
	}
	found, err := source.Resolve(ctx, src, named, p.Platform)
	if err != nil {
		return nil, p.unreachable(err)
	}
	return &Image{
		Platform: found.Platform.String(), Manifest: found.Descriptor, Config: found.ConfigDescriptor, Layers: found.Layers,
		DiffIDs: found.DiffIDs, Info: found.Parsed, RawManifest: found.Manifest, RawConfig: found.Config,
	}, nil
}

// source opens the place that the image comes from.
func (p *puller) source(ctx context.Context) (source.Source, error) {
	p.mu.Lock() // several layers may come to this at once
	defer p.mu.Unlock()
	if p.remote != nil {
		return p.remote, nil
	}
	if p.Policy == Never {
		return nil, &spec.Error{Op: "pull", Object: p.Ref.String(), Err: ErrIncomplete, Hint: "lichen image pull --pull missing " + p.Ref.String()}
	}
	src, err := source.Open(ctx, p.Ref, p.Sources)
	if err != nil {
		return nil, p.unreachable(err)
	}
	p.remote = src
	return src, nil
}

// unreachable adds the remedy to an error of a source whose image the store
// has already.
func (p *puller) unreachable(err error) error {
	if p.Policy != Always || errors.Is(err, context.Canceled) {
		return err
	}
	if _, had := p.Store.Record(p.Ref, p.Platform); had != nil {
		return err
	}
	e, ok := errors.AsType[*spec.Error](err)
	if !ok || e.Hint != "" {
		return err
	}
	with := *e
	with.Hint = "the store has this image from before: --pull missing uses it"
	return &with
}

func (p *puller) close() {
	if p.remote != nil {
		_ = p.remote.Close() // it was only read
	}
}
