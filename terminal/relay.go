package terminal

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/lichen-sandbox/lichen/internal/sys"
)

// Relay passes bytes between a caller and a payload's terminal. Each direction
// has a buffer of a fixed size and a goroutine of its own: a caller that does not
// read holds up the payload and nothing else, and the other way round.
type Relay struct {
	// Take, if not nil, is asked before anything is written to the caller: how
	// many of so many bytes may be. With fewer, the payload's terminal is gone.
	Take func(n int) int

	caller *Caller

	mu           sync.Mutex // guards master and peer against use after hangUp, which output's end comes before
	master, peer int
	hung         bool

	behind bool // input's: the terminal has to be made raw, should it be lichen's

	wake, waker int // a pipe, which ends when the payload has
	ended       atomic.Bool
	end         sync.Once
	moved       atomic.Uint64
	drained     chan struct{} // closed when all is written
	enough      chan struct{} // closed by GiveUp
	giveUp      sync.Once
}

// chunk is how much is read at once.
const chunk = 64 << 10

// NewRelay returns a relay for a terminal: master does not block, and peer, the
// payload's side, is held open, because reading from master fails (EIO) when
// nobody has that open, which the payload can change again. Both are the relay's
// from here on.
func NewRelay(c *Caller, master, peer int) (*Relay, error) {
	r := &Relay{caller: c, master: master, peer: peer, behind: true, drained: make(chan struct{}), enough: make(chan struct{})}
	var err error
	r.wake, r.waker, err = sys.Pipe()
	return r, err
}

// Start begins to pass bytes.
func (r *Relay) Start() {
	r.Resize()
	r.caller.Raw()
	go r.output()
	go r.input()
}

// Resize gives the payload's terminal the size of the caller's.
func (r *Relay) Resize() {
	if r.caller.window < 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.hung {
		_ = sys.CopyWindowSize(r.master, r.caller.window) // one that is gone has none
	}
}

// Finish is called when the payload has ended: it waits until all that it has
// written is with the caller, or nothing has moved for as long as patience, or for
// ever where that is 0, or GiveUp is called. It reports whether all is there.
func (r *Relay) Finish(patience time.Duration) bool {
	r.stop()
	var tick <-chan time.Time
	if patience > 0 {
		t := time.NewTicker(patience)
		defer t.Stop()
		tick = t.C
	}
	for before := r.moved.Load(); ; before = r.moved.Load() {
		select {
		case <-r.drained:
			return true
		case <-r.enough:
			return false
		case <-tick:
			if r.moved.Load() == before {
				return false
			}
		}
	}
}

// GiveUp ends Finish.
func (r *Relay) GiveUp() { r.giveUp.Do(func() { close(r.enough) }) }

// stop tells both goroutines that nothing new will come.
func (r *Relay) stop() {
	r.end.Do(func() {
		r.ended.Store(true)
		sys.Close(r.waker)
	})
}

// hangUp takes the payload's terminal away, as closing its window would: what
// writes to it gets EIO, and its session SIGHUP (pty_close).
func (r *Relay) hangUp() {
	r.stop()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hung = true
	sys.Close(r.master)
	sys.Close(r.peer)
}
