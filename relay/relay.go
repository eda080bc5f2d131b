package relay

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/lichen-sandbox/lichen/internal/sys"
)

// Relay passes what comes through pipes on to descriptors of the caller's, as
// far as its budget goes. Each stream has a goroutine of its own: a reader that
// is slow on one does not hold up the other, and the pipes hold up the writers.
type Relay struct {
	budget  *Budget
	streams []*stream
	moved   atomic.Uint64

	// The writing end of a pipe, and its reading end, which tells the goroutines
	// by its end that no writer is left.
	waker, wake int
	running     sync.WaitGroup
	done        chan struct{}
}

// stream is one pipe.
type stream struct {
	in, out int
	// named is false for a pipe without a name, whose reader never comes back.
	named bool
	buf   []byte // once splice(2) has turned out not to work
	err   error
}

// chunk is how much passes at once: what a pipe holds (pipe(7)).
const chunk = 64 << 10

// New returns a relay without streams.
func New(b *Budget) (*Relay, error) {
	r := &Relay{budget: b, done: make(chan struct{})}
	var err error
	r.wake, r.waker, err = sys.Pipe()
	return r, err
}

// Add makes a pipe whose contents go to out, and returns the end to write to.
func (r *Relay) Add(out int) (int, error) {
	in, end, err := sys.Pipe()
	if err != nil {
		return -1, err
	}
	if err := sys.SetNonblock(in); err != nil {
		sys.Close(in)
		sys.Close(end)
		return -1, err
	}
	s := &stream{in: in, out: out, named: !sys.AnonymousPipe(out)}
	if !sys.IsPipe(out) {
		// splice(2) holds the lock of the pipe that it reads while it waits for what it
		// writes, but for a pipe: whoever writes to it then could not be killed.
		s.buf = make([]byte, chunk)
	}
	r.streams = append(r.streams, s)
	return end, nil
}

// Start lets the streams flow.
func (r *Relay) Start() {
	for _, s := range r.streams {
		r.running.Go(func() { r.flow(s) })
	}
	go func() {
		r.running.Wait()
		close(r.done)
	}()
}

// Finish says that nobody is left whose output counts: the streams end once they
// are empty, though somebody may still have an end to write to.
func (r *Relay) Finish() { sys.Close(r.waker) }

// Wait waits until the streams have ended.
func (r *Relay) Wait() { <-r.done }

// WaitFor is Wait with a limit; it reports whether they have ended.
func (r *Relay) WaitFor(limit time.Duration) bool {
	select {
	case <-r.done:
		return true
	case <-time.After(limit):
		return false
	}
}

// WaitWhileMoving waits until the streams have ended, or nothing has moved for as
// long as patience.
func (r *Relay) WaitWhileMoving(patience time.Duration) bool {
	for {
		before := r.moved.Load()
		if r.WaitFor(patience) {
			return true
		}
		if r.moved.Load() == before {
			return false
		}
	}
}

// Failed returns the first error of a stream, and where it was to go to. That a
// reader is gone is none. It is for a relay that has ended.
func (r *Relay) Failed() (out int, err error) {
	for _, s := range r.streams {
		if s.err != nil {
			return s.out, s.err
		}
	}
	return -1, nil
}

// Discard closes a relay that was not started.
func (r *Relay) Discard() {
	for _, s := range r.streams {
		sys.Close(s.in)
	}
	sys.Close(r.wake)
	sys.Close(r.waker)
}
