package sandbox

import (
	"sync"
	"syscall"
	"time"

	pid1 "github.com/lichen-sandbox/lichen/init"
	"github.com/lichen-sandbox/lichen/internal/child"
	"github.com/lichen-sandbox/lichen/internal/forward"
	"github.com/lichen-sandbox/lichen/internal/plan"
	"github.com/lichen-sandbox/lichen/internal/sys"
)

// Process is a started sandbox. When the program that started it ends, for
// whatever reason, the sandbox ends.
type Process struct {
	// PID is PID 1 of the sandbox, or with plan.Direct the payload, as the host
	// numbers it.
	PID int
	// Terminal is the payload's own, with plan.Terminal, from Started on.
	Terminal Terminal

	plan     *plan.Plan
	stopped  func(pid int, s syscall.Signal)
	forwards bool
	signals  bool // they go to the caller

	mu      sync.Mutex // guards control and pidfd against use after Wait
	control int
	pidfd   int
	done    bool
}

// Exit is how a sandbox ended.
type Exit struct {
	// Status is the payload's.
	Status syscall.WaitStatus
	// Ended is when its end was heard of; zero where it was not.
	Ended time.Time
	// Payload is what the payload used, with the children it waited for.
	Payload syscall.Rusage
	// Total adds PID 1 and everything it reaped.
	Total sys.Exit
}

// Options is what a start takes besides its plan. The zero value is a plain start.
type Options struct {
	// Forward is for a program that does nothing else: signals that it gets go to
	// the payload, from before there is one. The payload shares the program's
	// process group unless it has a session of its own (OwnSession), so that what
	// the terminal sends reaches it directly, and is not sent twice.
	Forward    bool
	OwnSession bool
	// Stopped is called by Wait when something has stopped the payload, with PID 1
	// and the signal; by then it may run again. A program that forwards stops
	// itself here, or who waits for it does not learn of the stop.
	Stopped func(pid int, s syscall.Signal)
	// Ready, with a plan that has a Gate, is called with the child's process id
	// before the child sets anything up. An error of it ends the sandbox, and is
	// returned.
	Ready func(pid int) error
	// Stdout and Stderr are what the payload writes to, for a plan with Relayed.
	Stdout, Stderr int
	// Cgroup is a descriptor of the cgroup's directory that the sandbox starts
	// in; 0 leaves it in the caller's.
	Cgroup int
	// Signals, with Forward, is the end of a socket that the signals go to instead of
	// the payload, one byte each, until the program ends; Process.Signal passes one on.
	Signals int
}

// forwarded are the signals that a supervisor or a terminal sends a program. SIGABRT
// is what systemd ends a service with whose watchdog is not fed.
var forwarded = [...]syscall.Signal{syscall.SIGTERM, syscall.SIGABRT, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT,
	syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGWINCH, syscall.SIGCONT, syscall.SIGTSTP}

// fromTerminal are those of them that a terminal sends to its whole foreground
// process group.
var fromTerminal = [...]syscall.Signal{syscall.SIGINT, syscall.SIGQUIT, syscall.SIGHUP, syscall.SIGWINCH, syscall.SIGTSTP}

// Start carries out a plan.
func Start(p *plan.Plan, o Options) (*Process, error) {
	control, childEnd, err := sys.SocketPair()
	if err != nil {
		return nil, startError(p, "make the control socket", err)
	}
	if o.Forward {
		direct := fromTerminal[:]
		if o.OwnSession {
			direct = nil
		}
		to := control
		if o.Signals != 0 {
			to = o.Signals
		}
		if err := forward.Start(to, forwarded[:], direct); err != nil {
			forward.Stop()
			sys.Close(childEnd)
			sys.Close(control)
			return nil, startError(p, "catch signals", err)
		}
	}
	return start(p, control, childEnd, o)
}

func start(p *plan.Plan, control, childEnd int, o Options) (*Process, error) {
	if p.Moves > 0 {
		if err := sys.PassCredentials(control); err != nil {
			forward.Stop()
			sys.Close(childEnd)
			sys.Close(control)
			return nil, startError(p, "ask for senders on the control socket", err)
		}
	}
	ends := child.Ends{Control: childEnd, Peer: control, Stdout: o.Stdout, Stderr: o.Stderr, Cgroup: o.Cgroup}
	ends.Argv, ends.ArgvLen = argumentStrings()
	g, err := openGate(p)
	if err != nil {
		forward.Stop()
		sys.Close(childEnd)
		sys.Close(control)
		return nil, startError(p, "make a pipe", err)
	}
	ends.Gate, ends.GatePeer = g.child, g.own
	h, err := child.Start(p, ends)
	sys.Close(childEnd) // ours alone; EIO cannot happen on a socket
	if err != nil {
		forward.Stop()
		g.close()
		sys.Close(control)
		return nil, startError(p, "make the namespaces", err)
	}
	process := &Process{PID: h.PID, plan: p, stopped: o.Stopped, signals: o.Signals != 0, forwards: o.Forward, control: control, pidfd: h.PIDFD}
	if p.Moves > 0 {
		if err := process.follow(); err != nil {
			g.close()
			return nil, err
		}
	}
	err = g.pass(p, process.PID, o.Ready)
	if err != nil {
		_ = sys.KillProcess(process.pidfd) // it may have ended by itself
		if m, ok := process.receive(); ok && m.Kind == pid1.MessageFailed {
			err = explain(p, m) // PID 1 was not there to map ids for
		}
		_, _ = process.reap() // ECHILD cannot happen: the pid is our child
		process = nil
	}
	g.close()
	return process, err
}

// follow goes along with the processes that make each other on the way to PID 1.
func (p *Process) follow() error {
	for range p.plan.Moves {
		var packet [2 * pid1.MessageSize]byte
		n, pid, err := sys.ReceiveFrom(p.control, packet[:])
		m, ok := decode(packet[:max(n, 0)])
		if err != nil || !ok || m.Kind != pid1.MessageMoved {
			exit, _ := p.reap() // as in Started
			if ok && m.Kind == pid1.MessageFailed {
				return explain(p.plan, m)
			}
			return vanished(exit)
		}
		_, _ = sys.Wait(p.PID) // as in Started
		sys.Close(p.pidfd)
		p.PID = pid
		if p.pidfd, err = sys.OpenProcess(pid); err != nil {
			_ = syscall.Kill(pid, syscall.SIGKILL) // our child, not waited for yet
			_, _ = p.reap()                        // closes -1, which is no descriptor
			return startError(p.plan, "watch PID 1", err)
		}
	}
	return nil
}

// Started waits until the payload has called execve. If it could not, the
// error is a *Failure and the sandbox is gone.
func (p *Process) Started() error {
	m, ok := p.receiveFirst()
	if ok && m.Kind == pid1.MessageStarted || !ok && p.plan.Direct {
		if p.forwards {
			forward.Running()
		}
		return p.checkTerminal() // the socket of a direct child is closed by execve
	}
	p.dropTerminal()
	exit, _ := p.reap() // ECHILD cannot happen: the pid is our child
	if ok && m.Kind == pid1.MessageFailed {
		return explain(p.plan, m)
	}
	return vanished(exit)
}

// Wait waits for the payload's end (with Linger, the end of everything), and
// for the kernel to have taken the whole sandbox away.
func (p *Process) Wait() (Exit, error) {
	var e Exit
	ended := false
	for {
		m, ok := p.receive()
		if ok && m.Kind == pid1.MessageStopped && p.stopped != nil {
			p.stopped(p.PID, syscall.WaitStatus(m.Status).StopSignal())
		}
		if !ok {
			break
		}
		if m.Kind == pid1.MessageExited {
			e.Status, e.Payload, ended = syscall.WaitStatus(m.Status), m.Usage, true
			e.Ended = time.Now()
		}
	}
	total, err := p.reap()
	e.Total = total
	if p.plan.Direct {
		e.Status, ended = syscall.WaitStatus(total.Status), true
	}
	if err == nil && !ended {
		err = vanished(total)
	}
	return e, err
}

func (p *Process) receive() (pid1.Message, bool) {
	var packet [2 * pid1.MessageSize]byte
	n, err := sys.Receive(p.control, packet[:])
	if err != nil {
		return pid1.Message{}, false
	}
	return decode(packet[:n])
}

// reap waits for PID 1 and closes what belonged to the sandbox.
func (p *Process) reap() (sys.Exit, error) {
	exit, err := sys.Wait(p.PID)
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.done {
		p.done = true
		if !p.signals {
			forward.Stop()
		}
		sys.Close(p.control)
		sys.Close(p.pidfd)
	}
	return exit, err
}

// Signal sends a signal to the payload. It may be called at any time from any
// goroutine; after the end it does nothing.
func (p *Process) Signal(sig syscall.Signal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.done {
		return nil
	}
	return sys.Send(p.control, []byte{byte(sig)})
}

// Kill ends the sandbox and everything in it at once.
func (p *Process) Kill() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.done {
		return nil
	}
	if p.plan.KillStrays {
		// PID 1 has to live to end the rest.
		return sys.HangUp(p.control)
	}
	return sys.KillProcess(p.pidfd)
}
