package sandbox

import (
	"errors"
	"syscall"

	"github.com/lichen-sandbox/lichen/internal/forward"
	"github.com/lichen-sandbox/lichen/internal/plan"
	"github.com/lichen-sandbox/lichen/internal/sys"
)

// forwardedToJoined are the signals that StartJoined passes on. SIGTSTP is not among
// them: there is no PID 1 of this launcher's that would tell of a stop, so that the
// terminal stops launcher and command together.
var forwardedToJoined = [...]syscall.Signal{syscall.SIGTERM, syscall.SIGABRT, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT,
	syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGWINCH, syscall.SIGCONT}

// Joined is a command that was started in a running sandbox. It is a child of this
// program.
type Joined struct {
	*Process
	relay [2]int
}

// StartJoined carries out a plan of Join, and passes signals on to the command from
// then on.
func StartJoined(p *plan.Plan, t *Target, ownSession bool) (*Joined, error) {
	control, childEnd, err := sys.SocketPair()
	if err != nil {
		return nil, startError(p, "make the control socket", err)
	}
	j := &Joined{}
	if j.relay[0], j.relay[1], err = sys.SocketPair(); err != nil {
		sys.Close(childEnd)
		sys.Close(control)
		return nil, startError(p, "make a socket for signals", err)
	}
	direct := fromTerminal[:]
	if ownSession {
		direct = nil
	}
	if err = forward.Start(j.relay[0], forwardedToJoined[:], direct); err == nil {
		j.Process, err = start(p, control, childEnd, Options{Forward: true, Cgroup: t.cgroup})
	} else {
		sys.Close(childEnd)
		sys.Close(control)
	}
	if err == nil {
		go j.pass()
		err = j.Started()
	} else {
		sys.Close(j.relay[1]) // which pass would close
	}
	if err == nil {
		return j, nil
	}
	j.close()
	if t.Gone() {
		return nil, refuse("it has ended", "")
	}
	if f, ok := errors.AsType[*Failure](err); ok && f.Op < 0 {
		// PID 1 may be on its way out, and takes its time for that.
		return nil, refuse("the process that joins was killed, as all are when a sandbox ends", "")
	}
	return nil, err
}

// pass sends the command what has come for this program. It ends with the socket.
func (j *Joined) pass() {
	defer sys.Close(j.relay[1])
	for {
		var number [1]byte
		n, err := sys.Receive(j.relay[1], number[:])
		if err != nil || n == 0 {
			return
		}
		j.mu.Lock()
		if !j.done {
			// The command may have ended, and be waited for soon.
			_ = sys.SignalProcess(j.pidfd, syscall.Signal(number[0]))
		}
		j.mu.Unlock()
	}
}

// Wait waits for the command's end.
func (j *Joined) Wait() (Exit, error) {
	exit, err := j.Process.Wait()
	j.close()
	return exit, err
}

func (j *Joined) close() {
	forward.Stop()
	_ = sys.HangUp(j.relay[0]) // the socket is there
	sys.Close(j.relay[0])
}
