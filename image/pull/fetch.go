package pull

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/lichen-sandbox/lichen/image/blob"
	"github.com/lichen-sandbox/lichen/image/source"
)

// parallel is how many layers are downloaded at once, as in other engines:
// more gains little on one host and is unkind to registries.
const parallel = 3

// fetch brings the layers of one image into the store, and hands each on while
// it arrives. A reader that is slow does not hold a download up: the bytes are
// on disk by then.
type fetch struct {
	p      *puller
	ctx    context.Context
	cancel context.CancelCauseFunc
	slots  chan struct{}
	jobs   []*job
	all    sync.WaitGroup
}

// job is one layer.
type job struct {
	Layer
	about source.Descriptor
	r     *io.PipeReader
	w     *io.PipeWriter
	done  chan struct{} // closed when the blob is there, or will not be
	first *job          // an earlier job of the same blob
}

// newFetch prepares the layers from number from on.
func (p *puller) newFetch(ctx context.Context, img *Image, from int) *fetch {
	ctx, cancel := context.WithCancelCause(ctx)
	f := &fetch{p: p, ctx: ctx, cancel: cancel, slots: make(chan struct{}, parallel)}
	byDigest := map[string]*job{}
	for i := from; i < len(img.Layers); i++ {
		d := img.Layers[i]
		j := &job{Layer: Layer{Number: i + 1, Of: len(img.Layers), Digest: d.Digest, Size: d.Size}, about: d, done: make(chan struct{})}
		j.Present = blob.Has(p.Store, d.Digest)
		j.r, j.w = io.Pipe()
		if j.first = byDigest[d.Digest]; j.first == nil {
			byDigest[d.Digest] = j
		}
		f.jobs = append(f.jobs, j)
	}
	return f
}

// start begins the downloads, in the order in which they will be applied.
func (f *fetch) start() {
	f.all.Go(func() {
		for _, j := range f.jobs {
			if j.Present || j.first != nil {
				f.all.Go(func() { f.local(j) })
				continue
			}
			select {
			case f.slots <- struct{}{}:
				f.all.Go(func() { f.download(j) })
			case <-f.ctx.Done():
				f.end(j, context.Cause(f.ctx))
			}
		}
	})
}

// download brings one blob into the store.
func (f *fetch) download(j *job) {
	f.p.watch(func(w Watcher) { w.Begin(j.Layer) })
	release := sync.OnceFunc(func() { <-f.slots })
	defer release()
	err := blob.Ingest(f.p.Store, blob.Descriptor{Digest: j.Digest, Size: j.Size}, f.opener(j), j.w, func(n int64) {
		f.p.watch(func(w Watcher) { w.Bytes(j.Layer, n) })
		if n >= j.Size { // what is left is the reader's own pace
			release()
		}
	})
	f.end(j, err)
}

// opener returns what opens the blob at its source.
func (f *fetch) opener(j *job) func(offset int64) (io.ReadCloser, error) {
	return func(offset int64) (io.ReadCloser, error) {
		if f.ctx.Err() != nil {
			return nil, context.Cause(f.ctx)
		}
		src, err := f.p.source(f.ctx)
		if err != nil {
			return nil, err
		}
		return src.Blob(f.ctx, j.about, offset)
	}
}

// local hands on a blob that the store has, or is about to have.
func (f *fetch) local(j *job) {
	// Readers take the layers in order, so that the first one does come to its
	// end.
	if j.first != nil && !j.Present {
		select {
		case <-j.first.done:
		case <-f.ctx.Done():
		}
	}
	if f.ctx.Err() != nil {
		f.end(j, context.Cause(f.ctx))
		return
	}
	file, _, err := blob.Open(f.p.Store, j.Digest)
	if err == nil {
		_, err = io.Copy(j.w, file)
		file.Close() // it was only read
	}
	f.end(j, err)
}

// end passes the outcome of a job on. The reader of a layer sees its end only
// when the blob is known to be the right one.
func (f *fetch) end(j *job, err error) {
	j.w.CloseWithError(err) // nil is the end of the file
	close(j.done)
	f.p.watch(func(w Watcher) { w.End(j.Layer, err) })
	// Who reads a layer, and gave up, says more of why than this end could.
	if _, given := errors.AsType[*blob.SinkError](err); err != nil && !given && !errors.Is(err, io.ErrClosedPipe) {
		f.cancel(err)
	}
}

// finish waits for the downloads. failed is what the reader of the layers came
// to: where it gave up, so do they. The error returned is that of a download,
// not one that only follows from another.
func (f *fetch) finish(failed error) error {
	if failed != nil {
		f.cancel(failed)
	}
	for _, j := range f.jobs {
		if failed != nil {
			j.r.CloseWithError(failed)
		} else {
			_, _ = io.Copy(io.Discard, j.r) // its error is the job's
		}
	}
	f.settle()
	cause := context.Cause(f.ctx)
	f.cancel(nil)
	return cause
}

// patience is how long a fetch that has failed waits for its downloads to end. A
// download that waits for another process, which has the same blob in hand, does
// not hear of it; it holds nothing that would be missed.
const patience = time.Second

func (f *fetch) settle() {
	ended := make(chan struct{})
	go func() {
		f.all.Wait()
		close(ended)
	}()
	select {
	case <-ended:
		return
	case <-f.ctx.Done():
	}
	select {
	case <-ended:
	case <-time.After(patience):
	}
}

func (p *puller) watch(f func(Watcher)) {
	if p.Watcher != nil {
		f(p.Watcher)
	}
}
