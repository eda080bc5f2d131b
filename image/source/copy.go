package source

import (
	"context"
	"io"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/lichen-sandbox/lichen/image/ref"
	"github.com/lichen-sandbox/lichen/image/source/oci"
)

// Event is one step of a copy.
type Event struct {
	Descriptor Descriptor // the blob
	Done       int64      // bytes that were sent so far; less than before after a failure
	Finished   bool       // Done below the size: it was there already
}

// Options says what to copy.
type Options struct {
	AllPlatforms bool        // the index and all it lists
	Platform     string      // otherwise: the image for this platform, "" for the host's
	Progress     func(Event) // may be nil; called from several goroutines
}

// Bounds on a copy of all platforms.
const (
	maxManifests = 4096 // of all indexes together
	workers      = 4    // blobs at once
)

// mounter is a destination that can take a blob from another repository.
type mounter interface {
	MountBlob(ctx context.Context, d oci.Descriptor, host, repository string) (bool, error)
}

// Copy copies the image that from names in src to dst, under the tag of to,
// and returns what it published. Manifests and blobs stay byte by byte what
// they are. Nothing becomes visible before all of it is there.
func Copy(ctx context.Context, src Source, from ref.Ref, dst Destination, to ref.Ref, o Options) (Descriptor, error) {
	if to.Digest != "" {
		return Descriptor{}, oci.Fail("copy to", to.String(), oci.Reason("a digest follows from the content: give a tag or nothing", nil))
	}
	c := &copier{src: src, dst: dst, from: from, o: o, seen: map[string]bool{}}
	raw, d, err := c.top(ctx)
	if err != nil {
		return Descriptor{}, err
	}
	if to.Kind == ref.DockerArchive && oci.IsIndex(d.MediaType) {
		return Descriptor{}, oci.Fail("copy to", to.String(), oci.Reason("docker's form holds one image, not an index: choose a platform", nil))
	}
	c.seen[d.Digest] = true
	if err := c.manifest(ctx, raw, d, 0); err != nil {
		return Descriptor{}, err
	}
	if err := c.copyBlobs(ctx); err != nil {
		return Descriptor{}, err
	}
	// Children first: a registry refuses an index whose images it lacks.
	for _, m := range c.manifests {
		if err := dst.PutManifest(ctx, m.raw, m.mediaType); err != nil {
			return Descriptor{}, err
		}
	}
	return d, dst.Publish(ctx, raw, d.MediaType, tagFor(from, to))
}

// tagFor returns what the copy is called. In docker's form that is a whole
// name, as docker writes it in RepoTags.
func tagFor(from, to ref.Ref) string {
	switch {
	case to.Kind != ref.DockerArchive:
		return to.Tag
	case to.Tag != "" && strings.LastIndexByte(to.Tag, ':') <= strings.LastIndexByte(to.Tag, '/'):
		return to.Tag + ":latest"
	case to.Tag != "":
		return to.Tag
	case from.Kind == ref.Registry && from.Tag != "":
		return from.Registry + "/" + from.Repository + ":" + from.Tag
	case from.Kind == ref.DockerArchive:
		return from.Tag
	}
	return ""
}

type document struct {
	raw       []byte
	mediaType string
}

type copier struct {
	src       Source
	dst       Destination
	from      ref.Ref
	o         Options
	seen      map[string]bool // digests of manifests and blobs
	manifests []document      // below the outermost, children first
	blobs     []Descriptor
}

// top reads what is published in the end: the index, or the image for the
// platform.
func (c *copier) top(ctx context.Context) ([]byte, Descriptor, error) {
	if c.o.AllPlatforms {
		return c.src.Manifest(ctx, wanted(c.from))
	}
	img, err := Resolve(ctx, c.src, c.from, c.o.Platform)
	if err != nil {
		return nil, Descriptor{}, err
	}
	d := img.Descriptor
	d.Annotations, d.Platform = nil, nil // they belong to the index it was in
	return img.Manifest, d, nil
}

// manifest notes what a manifest needs. Attestations and artifacts beside the
// images are copied like them.
func (c *copier) manifest(ctx context.Context, raw []byte, d Descriptor, depth int) error {
	m, x, err := oci.Parse(raw, d.MediaType)
	if err != nil {
		return oci.Fail("copy", c.from.String(), err)
	}
	if m != nil {
		c.blob(m.Config)
		for _, l := range m.Layers {
			c.blob(l)
		}
		return nil
	}
	if depth == oci.MaxDepth {
		return oci.Fail("copy", c.from.String(), oci.Reason("indexes are nested more than "+strconv.Itoa(oci.MaxDepth)+" deep", nil))
	}
	s := resolver{src: c.src, name: c.from.String()}
	for _, child := range x.Manifests {
		if c.seen[child.Digest] {
			continue
		}
		if c.seen[child.Digest] = true; len(c.manifests) == maxManifests {
			return oci.Fail("copy", c.from.String(), oci.Reason("more than "+strconv.Itoa(maxManifests)+" manifests", nil))
		}
		inner, err := s.child(ctx, child)
		if err != nil {
			return err
		}
		if err := c.manifest(ctx, inner, child, depth+1); err != nil {
			return err
		}
		mt := child.MediaType
		if mt == "" {
			mt = typeOf(inner)
		}
		c.manifests = append(c.manifests, document{inner, mt})
	}
	return nil
}

// typeOf returns the media type of a manifest that was parsed before.
func typeOf(raw []byte) string {
	switch m, x, err := oci.Parse(raw, ""); {
	case err != nil:
		return ""
	case m != nil:
		return m.MediaType
	default:
		return x.MediaType
	}
}

func (c *copier) blob(d Descriptor) {
	if !c.seen[d.Digest] {
		c.seen[d.Digest] = true
		c.blobs = append(c.blobs, d)
	}
}

// copyBlobs copies several blobs at a time. The first failure stops all.
func (c *copier) copyBlobs(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	queue := make(chan Descriptor)
	var wg sync.WaitGroup
	for range min(workers, len(c.blobs)) {
		wg.Go(func() {
			for d := range queue {
				if err := c.copyBlob(ctx, d); err != nil {
					cancel(err)
				}
			}
		})
	}
	for _, d := range c.blobs {
		if ctx.Err() != nil {
			break
		}
		queue <- d
	}
	close(queue)
	wg.Wait()
	return context.Cause(ctx)
}

func (c *copier) copyBlob(ctx context.Context, d Descriptor) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	report := c.o.Progress
	if report == nil {
		report = func(Event) {}
	}
	if m, ok := c.dst.(mounter); ok && c.from.Kind == ref.Registry {
		if done, err := m.MountBlob(ctx, d, c.from.Registry, c.from.Repository); done || err != nil {
			report(Event{Descriptor: d, Finished: err == nil})
			return err
		}
	}
	var done atomic.Int64 // a body may still be read when its request has ended
	err := c.dst.PutBlob(ctx, d, func() (io.ReadCloser, error) {
		r, err := c.src.Blob(ctx, d, 0)
		if err != nil {
			return nil, err
		}
		done.Store(0)
		count := &counter{Reader: oci.Verify(r, d), moved: func(n int) {
			report(Event{Descriptor: d, Done: done.Add(int64(n))})
		}}
		return struct {
			io.Reader
			io.Closer
		}{count, r}, nil
	})
	if err == nil {
		report(Event{Descriptor: d, Done: done.Load(), Finished: true})
	}
	return err
}

type counter struct {
	io.Reader
	moved func(n int)
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	if n > 0 {
		c.moved(n)
	}
	return n, err
}
