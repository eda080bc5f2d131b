package main

import (
	"sync/atomic"
	"syscall"
	"time"

	"github.com/lichen-sandbox/lichen/sandbox"
	"github.com/lichen-sandbox/lichen/spec"
)

// defaultKillAfter is the grace between SIGTERM and SIGKILL where the profile
// names none.
const defaultKillAfter = 10 * time.Second

// timeout ends a payload whose time is over.
type timeout struct {
	process *sandbox.Process
	signal  syscall.Signal
	grace   time.Duration
	at      time.Time // when; set before expired
	expired atomic.Bool
}

// startTimeout starts the clock; it returns nil where there is no limit.
func startTimeout(p *sandbox.Process, s *spec.Spec) *timeout {
	if s.Process.Timeout == 0 {
		return nil
	}
	t := &timeout{process: p, signal: syscall.SIGTERM, grace: killAfter(s)}
	if s.Process.StopSignal != 0 {
		t.signal = syscall.Signal(s.Process.StopSignal)
	}
	time.AfterFunc(s.Process.Timeout, t.expire)
	return t
}

func killAfter(s *spec.Spec) time.Duration {
	if s.Process.KillAfter == 0 && s.OriginOf("process.kill_after").IsZero() {
		return defaultKillAfter
	}
	return s.Process.KillAfter
}

func (t *timeout) expire() {
	t.at = time.Now()
	t.expired.Store(true)
	time.AfterFunc(t.grace, func() {
		// An error means that the sandbox is gone, which is the purpose.
		_ = t.process.Kill()
	})
	_ = t.process.Signal(t.signal) // likewise; else Kill follows
	// What is stopped handles no signal but this one and SIGKILL (signal(7)).
	_ = t.process.Signal(syscall.SIGCONT)
}

// before is stop for a payload whose end was heard of: that may be before the end of
// the sandbox, whose namespaces take their time to go.
func (t *timeout) before(ended time.Time) bool {
	return t.stop() && (ended.IsZero() || t.at.Before(ended))
}

// stop reports whether the time was over before the end. The timers need no
// stopping: after the end they do nothing.
func (t *timeout) stop() bool { return t != nil && t.expired.Load() }
