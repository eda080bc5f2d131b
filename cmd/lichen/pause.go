package main

import (
	"errors"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/lichen-sandbox/lichen/internal/forward"
	"github.com/lichen-sandbox/lichen/sandbox"
	"github.com/lichen-sandbox/lichen/spec"
)

// pause returns what stops lichen with its payload, so that the shell has its
// prompt back and shows the job as stopped, whoever has stopped it: ^Z, the
// payload itself as editors do, or the terminal that it reads from the
// background.
//
// Where there is a timeout, lichen stops only if it was sent SIGTSTP: a payload
// that stops itself, and leaves something else running, would stop the clock.
// The payload cannot send it, nor to the process group.
func pause(s *spec.Spec) func(pid int, sig syscall.Signal) {
	if s.Process.PTY {
		return nil // the terminal, and what stops there, is the payload's own
	}
	timed := s.Process.Timeout != 0
	return func(pid int, sig syscall.Signal) {
		if timed && !forward.Arrived(syscall.SIGTSTP) {
			return
		}
		// The message may be old: what the terminal sends a reader in the background
		// stops lichen as well, which reads of it after the SIGCONT to both, or
		// before PID 1 has passed that on.
		tries := 1
		if forward.Arrived(syscall.SIGCONT) {
			tries = resuming
		}
		for range tries {
			if payload, ok := firstChild(pid); !ok || !isStopped(payload) {
				return
			}
			if tries > 1 {
				time.Sleep(time.Millisecond)
			}
		}
		forward.Pause(sig)
	}
}

// isStopped asks for the state of a process, see proc_pid_stat(5).
func isStopped(pid int64) bool {
	fd, err := openRead("/proc/" + strconv.FormatInt(pid, 10) + "/stat")
	if err != nil {
		return false // it has ended
	}
	defer syscall.Close(fd) // only read
	text, err := readLimited(fd, 4096)
	i := strings.LastIndex(text, ") ")
	return err == nil && i >= 0 && strings.HasPrefix(text[i+2:], "T")
}

// resuming is how many milliseconds a SIGCONT gets to arrive: some scheduling delays
// of a busy machine, and too short to be noticed.
const resuming = 50

// interrupted is failed for a payload's process that may have had ^C before it
// could call execve: whoever has pressed it wants no report, and a script that
// goes by the status has to see the same as a moment later.
func (l *launcher) interrupted(s *spec.Spec, err error) int {
	f, ok := errors.AsType[*sandbox.Failure](err)
	if !ok || f.Code != sandbox.CodeKilled {
		return l.failed(err)
	}
	for _, sig := range [...]syscall.Signal{syscall.SIGINT, syscall.SIGQUIT, syscall.SIGHUP} {
		if forward.Arrived(sig) {
			l.status.failed(err)
			if s.Process.ExitBySignal {
				l.last = sig
			}
			return exitSignal + int(sig)
		}
	}
	return l.failed(err)
}

// finish returns the exit status, or does not return where lichen is to end by
// the signal that its payload has died of. Nothing may be left to do.
func (l *launcher) finish(code int) int {
	if l.last != 0 {
		forward.End(l.last)
	}
	return code
}
