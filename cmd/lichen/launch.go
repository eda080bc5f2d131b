package main

import (
	"errors"
	"syscall"
	"time"

	"github.com/lichen-sandbox/lichen/internal/plan"
	"github.com/lichen-sandbox/lichen/sandbox"
	"github.com/lichen-sandbox/lichen/spec"
)

// launcher runs one sandbox from start to end.
type launcher struct {
	ui     *ui
	status *status // nil: nobody wants to know
}

// launch starts the plan, waits for its end and returns the exit status.
func (l *launcher) launch(s *spec.Spec, p *plan.Plan) int {
	// From here on a signal that is forwarded does not end the launcher; one
	// that comes before there is a payload waits for it.
	process, err := sandbox.StartForwarding(p, s.Process.NewSession)
	if err != nil {
		return l.failed(err)
	}
	begin := time.Now()
	var seen []namespace
	if l.status != nil {
		seen = readNamespaces(process.PID)
	}
	limit := startTimeout(process, s)
	if err := process.Started(); err != nil {
		hintAtImage(err, s)
		code := l.failed(err)
		if limit.stop() {
			return exitTimeout
		}
		return code
	}
	l.status.started(process.PID, seen)
	exit, err := process.Wait()
	expired := limit.stop()
	l.status.exited(finalStatus(exit, err), exit.Total, time.Since(begin), expired)
	if err != nil && !expired {
		l.ui.report(err)
	}
	return exitCode(finalStatus(exit, err), expired)
}

// hintAtImage takes a hint about the host's files away where the command was
// looked for in an image.
func hintAtImage(err error, s *spec.Spec) {
	f, ok := errors.AsType[*sandbox.Failure](err)
	if ok && s.Rootfs.Image != "" && f.Code == sandbox.CodeNotFound {
		f.Cause.Hint = "the image has no such program, or not what it needs to start"
	}
}

// failed reports a sandbox whose payload did not start.
func (l *launcher) failed(err error) int {
	l.status.failed(err)
	l.ui.report(err)
	return failureCode(err)
}

// failureCode keeps "not found" and "not executable" apart, as a shell does.
func failureCode(err error) int {
	if f, ok := errors.AsType[*sandbox.Failure](err); ok {
		switch f.Code {
		case sandbox.CodeNotFound:
			return exitNotFound
		case sandbox.CodeNotExecutable:
			return exitNotExecutable
		}
	}
	return exitFailed
}

// finalStatus is the payload's wait status. Where the sandbox was killed as a
// whole, at its timeout or from outside, the payload died of the same signal
// as PID 1.
func finalStatus(e sandbox.Exit, err error) syscall.WaitStatus {
	switch {
	case err == nil:
		return e.Status
	case e.Total.Status.Signaled():
		return syscall.WaitStatus(e.Total.Status)
	}
	return exitFailed << 8 // PID 1 ended without a word
}

func exitCode(s syscall.WaitStatus, expired bool) int {
	switch {
	case expired:
		return exitTimeout
	case s.Signaled():
		return exitSignal + int(s.Signal())
	}
	return s.ExitStatus()
}
