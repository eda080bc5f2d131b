package main

import (
	"errors"
	"syscall"
	"time"

	"github.com/lichen-sandbox/lichen/cgroup"
	"github.com/lichen-sandbox/lichen/internal/plan"
	"github.com/lichen-sandbox/lichen/internal/sys"
	"github.com/lichen-sandbox/lichen/sandbox"
	"github.com/lichen-sandbox/lichen/spec"
)

// launcher runs one sandbox from start to end.
type launcher struct {
	ui      *ui
	status  *status // nil: nobody wants to know
	stats   *stats  // nil: likewise
	service service
	name    string         // for lichen ps; "" lets the list choose
	last    syscall.Signal // what to end by; 0: by the exit status
}

// launch starts the plan, waits for its end and returns the exit status.
func (l *launcher) launch(s *spec.Spec, p *plan.Plan) int {
	defer l.service.close()
	c, err := l.accompany(s)
	if err != nil {
		return l.failed(err)
	}
	defer c.close()
	// From here on a signal that is forwarded does not end the launcher; one
	// that comes before there is a payload waits for it.
	process, err := sandbox.Start(p, c.options(s))
	if err != nil {
		return l.failed(c.cgroup.explain(err))
	}
	begin := time.Now()
	var seen []namespace
	if l.status != nil {
		seen = readNamespaces(process.PID)
	}
	limit := startTimeout(process, s)
	if err := process.Started(); err != nil {
		hintAtImage(err, s)
		err = c.cgroup.explain(err)
		if limit.stop() {
			l.failed(tooLate(s))
			return exitTimeout
		}
		return l.interrupted(s, err)
	}
	c.started(process, s, p)
	l.status.started(process.PID, seen)
	exit, err := process.Wait()
	o := outcome{status: finalStatus(exit, err), total: exit.Total, wall: time.Since(begin)}
	ended := exit.Ended
	if s.Process.Linger {
		ended = time.Time{} // others may have run on
	}
	if limit.before(ended) {
		o.verdict = verdictTimeout
	}
	c.ended(&o)
	l.judge(s, &exit, &o)
	l.status.exited(&o)
	l.stats.write(&o)
	if err != nil && o.verdict == "" {
		l.ui.report(err)
	}
	return l.end(s, &o)
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

// verdict says which limit has ended the payload; "" is none.
type verdict string

const (
	verdictTimeout verdict = "timeout" // process.timeout
	verdictOutput  verdict = "output"  // limits.output
	verdictMemory  verdict = "memory"  // limits.memory_max: the kernel has killed something inside
	verdictPids    verdict = "pids"    // limits.pids_max: a fork inside was refused
	verdictCPU     verdict = "cpu"     // limits.cpu: SIGXCPU
)

// outcome is how a sandbox ended, and what it used.
type outcome struct {
	status  syscall.WaitStatus
	total   sys.Exit
	wall    time.Duration
	verdict verdict
	cgroup  *cgroup.Usage // nil: it had no cgroup of its own
}

func (o *outcome) exitCode() int {
	switch {
	case o.verdict == verdictTimeout:
		return exitTimeout
	case o.status.Signaled():
		return exitSignal + int(o.status.Signal())
	}
	return o.status.ExitStatus()
}

// end returns the exit status of lichen, and notes where it is to end as the
// payload did (finish): what accompanies the sandbox has to be closed before.
func (l *launcher) end(s *spec.Spec, o *outcome) int {
	if s.Process.ExitBySignal && o.status.Signaled() && o.verdict != verdictTimeout {
		l.last = o.status.Signal()
	}
	return o.exitCode()
}
