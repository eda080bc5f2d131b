package main

import (
	"strconv"
	"syscall"
	"time"

	"github.com/lichen-sandbox/lichen/sandbox"
	"github.com/lichen-sandbox/lichen/spec"
)

// judge completes the verdict, and says in one line on standard error which limit
// has ended the payload.
func (l *launcher) judge(s *spec.Spec, e *sandbox.Exit, o *outcome) {
	if o.verdict == "" && overCPU(s, e, o.status) {
		o.verdict = verdictCPU
	}
	err := &spec.Error{Op: "run"}
	if len(s.Process.Command) > 0 {
		err.Object = s.Process.Command[0]
	}
	switch o.verdict {
	case verdictTimeout:
		err.Origin = s.OriginOf("process.timeout")
		err.Reason = "it ran longer than process.timeout = " + s.Process.Timeout.String()
	case verdictOutput:
		err.Origin = s.OriginOf("limits.output")
		err.Reason = "it wrote more than limits.output = " + strconv.FormatUint(s.Limits.Output, 10) + " bytes"
	case verdictCPU:
		soft, _, origin := cpuLimit(s)
		err.Origin = origin
		err.Reason = "it used more than limits.cpu = " + strconv.FormatUint(soft, 10) + "s of CPU time"
	case verdictPids:
		for _, c := range s.Limits.Cgroup {
			if c.File == "pids.max" {
				err.Origin = c.Origin
				err.Reason = "a fork was refused at limits.pids_max = " + c.Value
			}
		}
	default:
		return
	}
	l.ui.report(err)
}

// tooLate says that a sandbox was killed at its timeout before there was a payload.
func tooLate(s *spec.Spec) error {
	return &sandbox.Failure{Code: sandbox.CodeKilled, Op: -1, Cause: spec.Error{Op: "run", Object: s.Process.Command[0],
		Reason: "it had not started after process.timeout = " + s.Process.Timeout.String(), Origin: s.OriginOf("process.timeout")}}
}

// cpuLimit returns the limit on CPU time, in seconds.
func cpuLimit(s *spec.Spec) (soft, hard uint64, origin spec.Origin) {
	soft, hard = spec.RlimInfinity, spec.RlimInfinity
	for _, l := range s.Limits.Rlimits {
		if l.Name == "cpu" {
			soft, hard, origin = l.Soft, l.Hard, l.Origin
		}
	}
	return soft, hard, origin
}

// overCPU reports whether RLIMIT_CPU has ended the payload: by SIGXCPU at the
// soft limit or after it, by SIGKILL at the hard one (setrlimit(2)). The kernel
// does not tell who has sent a signal that a process dies of; so the time that
// the payload used has to be about that long. The limit goes by a clock that
// counts ticks, and in a virtual machine those that it was not given: an eighth
// ahead of what is reported at the end has been seen.
func overCPU(s *spec.Spec, e *sandbox.Exit, status syscall.WaitStatus) bool {
	soft, hard, _ := cpuLimit(s)
	used := time.Duration(e.Payload.Utime.Nano() + e.Payload.Stime.Nano())
	const ticks = 200 * time.Millisecond
	reached := func(limit uint64) bool { return float64(limit)*3/4 <= (used + ticks).Seconds() }
	switch {
	case !status.Signaled():
		return false
	case status.Signal() == syscall.SIGXCPU:
		return reached(soft)
	case status.Signal() == syscall.SIGKILL:
		return reached(hard)
	}
	return false
}
