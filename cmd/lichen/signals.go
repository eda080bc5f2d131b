package main

import (
	"os"
	"os/signal"
	"syscall"

	"github.com/lichen-sandbox/lichen/internal/sys"
	"github.com/lichen-sandbox/lichen/sandbox"
)

// forwarder passes signals on to the payload.
//
// The terminal sends its signals (^C, ^\, a changed size, a hang-up) to the
// whole foreground process group, in which the payload is as well, unless it
// has a session of its own. Those reach it directly, and are forwarded only
// where they cannot have come that way: the payload has its own session, or
// the launcher is not in the foreground. SIGTSTP and its kin are not caught:
// they stop the launcher as they stop the payload, so that the shell notices,
// and SIGCONT goes to the whole group again.
type forwarder struct {
	caught     chan os.Signal
	newSession bool
}

// catchSignals has the signals to forward kept for forwardTo.
func catchSignals(newSession bool) *forwarder {
	// More signals than are pending at any time: the runtime drops what
	// finds no room.
	f := &forwarder{caught: make(chan os.Signal, 64), newSession: newSession}
	signals := make([]os.Signal, 0, 8)
	signals = append(signals, syscall.SIGTERM, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGWINCH, syscall.SIGCONT)
	for _, s := range [...]os.Signal{syscall.SIGHUP, syscall.SIGINT} {
		// What nohup(1), or a shell for a background command, ignores
		// stays ignored.
		if !signal.Ignored(s) {
			signals = append(signals, s)
		}
	}
	signal.Notify(f.caught, signals...)
	return f
}

// forwardTo starts forwarding, with what was caught so far.
func (f *forwarder) forwardTo(p *sandbox.Process) {
	go func() {
		for s := range f.caught {
			if sig, ok := s.(syscall.Signal); ok && !f.arrivedDirectly(sig) {
				_ = p.Signal(sig) // an error means that the sandbox is gone
			}
		}
	}()
}

// arrivedDirectly reports that the payload has had the signal from where the
// launcher has it: from the terminal.
func (f *forwarder) arrivedDirectly(s syscall.Signal) bool {
	switch s {
	case syscall.SIGINT, syscall.SIGQUIT, syscall.SIGWINCH, syscall.SIGCONT:
		return !f.newSession && sys.InForeground()
	}
	return false
}
