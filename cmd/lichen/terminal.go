package main

import (
	"sync/atomic"
	"syscall"
	"time"

	"github.com/lichen-sandbox/lichen/internal/sys"
	"github.com/lichen-sandbox/lichen/sandbox"
	"github.com/lichen-sandbox/lichen/spec"
	"github.com/lichen-sandbox/lichen/terminal"
)

// ownTerminal stands between the caller's terminal and the payload's own.
type ownTerminal struct {
	// take is terminal.Relay's, for who counts what the payload writes.
	take func(n int) int
	// exceeded reports whether that was too much; nil: nobody counts.
	exceeded func() bool

	timeout time.Duration // process.timeout; 0 is none
	ui      *ui
	caller  *terminal.Caller
	relay   *terminal.Relay // nil until started
	signals struct{ read, write int }
	asked   atomic.Bool // somebody wants an end
	over    atomic.Bool // the payload has ended
}

func newTerminal(u *ui, s *spec.Spec) (*ownTerminal, error) {
	if !s.Process.PTY {
		return nil, nil
	}
	t := &ownTerminal{ui: u, caller: terminal.FindCaller(), timeout: s.Process.Timeout}
	var err error
	if t.signals.read, t.signals.write, err = sys.SocketPair(); err != nil {
		return nil, &spec.Error{Op: "make", Object: "a socket for signals", Err: err}
	}
	return t, nil
}

// options has signals come here: a changed window and a stop are the relay's.
func (t *ownTerminal) options(o *sandbox.Options) {
	if t != nil {
		o.OwnSession, o.Signals = true, t.signals.write
	}
}

func (t *ownTerminal) started(p *sandbox.Process) {
	if t == nil {
		return
	}
	relay, err := terminal.NewRelay(t.caller, p.Terminal.Master, p.Terminal.Peer)
	if err != nil {
		t.ui.report(&spec.Error{Op: "make", Object: "a pipe for the terminal", Err: err})
		_ = p.Kill() // it may have ended by itself
		return
	}
	relay.Take = t.take
	t.relay = relay
	relay.Start()
	go t.follow(p)
}

// follow takes the signals that lichen gets, those included that came before
// there was a payload.
func (t *ownTerminal) follow(p *sandbox.Process) {
	var packet [8]byte
	for {
		if n, err := sys.Receive(t.signals.read, packet[:]); n <= 0 || err != nil {
			return // cannot be: both ends stay open
		}
		switch sig := syscall.Signal(packet[0]); sig {
		case syscall.SIGTSTP, syscall.SIGSTOP: // see forward.Start
			t.caller.Restore()
			_ = sys.StopSelf() // any process may
			continue
		case syscall.SIGCONT:
			t.caller.Raw()
			t.relay.Resize()
		case syscall.SIGWINCH:
			if t.caller.Terminal() {
				t.relay.Resize() // the kernel tells the payload
				continue
			}
		case syscall.SIGTERM, syscall.SIGABRT, syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT:
			t.asked.Store(true)
			if t.over.Load() {
				t.relay.GiveUp() // nobody else is left to end
			}
		}
		_ = p.Signal(syscall.Signal(packet[0])) // an error means that the payload is gone
	}
}

// drainPatience is how long a caller may take nothing of what a payload has left
// that did not end by itself.
const drainPatience = time.Second

// ended waits for the rest of the payload's output.
func (t *ownTerminal) ended(o *outcome) {
	if t == nil || t.relay == nil {
		return
	}
	t.over.Store(true)
	patience := time.Duration(0)
	if o.verdict != "" || o.status.Signaled() || t.asked.Load() || t.exceeded != nil && t.exceeded() {
		patience = drainPatience
	}
	if t.timeout > 0 {
		over := time.AfterFunc(t.timeout-o.wall, t.relay.GiveUp)
		defer over.Stop()
	}
	if !t.relay.Finish(patience) && t.timeout > 0 && o.verdict == "" && o.wall < t.timeout && patience == 0 && !t.asked.Load() {
		o.verdict = verdictTimeout // that of a payload that waits for its reader
	}
	t.caller.Close()
}

func (t *ownTerminal) close() {
	if t != nil {
		t.caller.Close()
	}
}
