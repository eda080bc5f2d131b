package main

import (
	"strconv"
	"syscall"
	"time"

	"github.com/lichen-sandbox/lichen/internal/forward"
	"github.com/lichen-sandbox/lichen/internal/sys"
	"github.com/lichen-sandbox/lichen/relay"
	"github.com/lichen-sandbox/lichen/sandbox"
	"github.com/lichen-sandbox/lichen/spec"
)

// output counts what the payload writes to its standard output and error, and
// ends the sandbox when it is too much. nil counts nothing.
type output struct {
	ui     *ui
	budget *relay.Budget
	relay  *relay.Relay
	// The ends that the payload writes to: one twice where the caller has the
	// same on both descriptors, so that the order of what is written stays.
	stdout, stderr int
	timeout        time.Duration // process.timeout; 0 is none
	process        *sandbox.Process
	running        bool
}

func newOutput(u *ui, s *spec.Spec) (*output, error) {
	if s.Limits.Output == 0 {
		return nil, nil
	}
	t := &output{ui: u, timeout: s.Process.Timeout}
	t.budget = relay.NewBudget(s.Limits.Output, t.over)
	err := t.open()
	if err != nil {
		t.close()
		return nil, &spec.Error{Op: "make a pipe", Object: "for limits.output", Err: err, Origin: s.OriginOf("limits.output")}
	}
	return t, nil
}

func (t *output) open() (err error) {
	if t.relay, err = relay.New(t.budget); err != nil {
		t.relay = nil
		return err
	}
	if t.stdout, err = t.relay.Add(1); err != nil {
		t.stdout = 0
		return err
	}
	if t.stderr = t.stdout; !sys.SameOutput(1, 2) {
		t.stderr, err = t.relay.Add(2)
	}
	return err
}

func (t *output) options(o *sandbox.Options) {
	if t != nil {
		o.Stdout, o.Stderr = t.stdout, t.stderr
	}
}

func (t *output) started(p *sandbox.Process) {
	if t == nil {
		return
	}
	t.process = p
	t.closeEnds()
	t.running = true
	t.relay.Start()
}

// over ends a payload that has written too much.
func (t *output) over() {
	_ = t.process.Kill() // an error means that the sandbox is gone, which is the purpose
}

// outputPatience is how long a payload's last output waits for a reader that does
// not read, where the payload was killed: what was still in its hands is lost
// without a relay too.
const outputPatience = time.Second

// ended passes on what the pipes still hold.
func (t *output) ended(o *outcome) {
	if t == nil {
		return
	}
	t.relay.Finish()
	ended := t.relay.WaitFor(outputPatience / 10)
	switch {
	case ended:
	case o.status.Signaled() || o.verdict != "":
		ended = t.relay.WaitWhileMoving(outputPatience)
	default:
		ended = t.drain(o)
	}
	if t.budget.Exceeded() && o.verdict == "" {
		// It may have ended by itself before the kill came.
		o.verdict, o.status = verdictOutput, syscall.WaitStatus(syscall.SIGKILL)
	}
	if !ended {
		return
	}
	if fd, err := t.relay.Failed(); err != nil {
		t.ui.report(&spec.Error{Op: "write", Object: "descriptor " + strconv.Itoa(fd), Err: err})
	}
}

// drain waits for the reader as the payload itself would have: until its time is over,
// or a signal comes that would have ended it.
func (t *output) drain(o *outcome) (ended bool) {
	forward.Default(syscall.SIGTSTP)
	if wanted(syscall.SIGTERM, syscall.SIGABRT, syscall.SIGINT, syscall.SIGQUIT) != 0 {
		return t.relay.WaitWhileMoving(outputPatience) // it was to end, and has
	}
	const step = 50 * time.Millisecond
	for begin := time.Now(); !t.relay.WaitFor(step); {
		sig := wanted(syscall.SIGTERM, syscall.SIGABRT, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2)
		if sig != 0 {
			o.status = syscall.WaitStatus(sig)
			return t.relay.WaitWhileMoving(outputPatience)
		}
		if t.timeout > 0 && o.wall+time.Since(begin) > t.timeout {
			o.verdict = verdictTimeout
			return false
		}
	}
	return true
}

// wanted returns one of the signals that has come since it was asked for last, or 0.
func wanted(signals ...syscall.Signal) syscall.Signal {
	for _, s := range signals {
		if forward.Arrived(s) {
			return s
		}
	}
	return 0
}

func (t *output) closeEnds() {
	if t.stdout > 0 {
		sys.Close(t.stdout)
	}
	if t.stderr > 0 && t.stderr != t.stdout {
		sys.Close(t.stderr)
	}
	t.stdout, t.stderr = 0, 0
}

// close takes back what was made for a payload that has not started.
func (t *output) close() {
	if t == nil || t.running {
		return
	}
	t.closeEnds()
	if t.relay != nil {
		t.relay.Discard()
		t.relay = nil
	}
}
