package main

import (
	"errors"
	"strconv"
	"time"

	"github.com/lichen-sandbox/lichen/cgroup"
	"github.com/lichen-sandbox/lichen/internal/sys"
	"github.com/lichen-sandbox/lichen/sandbox"
	"github.com/lichen-sandbox/lichen/spec"
)

// status writes what happens to a descriptor, one line of JSON for each event.
// A reader that is gone, or that does not read, never holds up the sandbox:
// after statusPatience the status is given up, with one line on standard
// error, and the exit status stays the payload's.
type status struct {
	fd int
	ui *ui
}

// statusPatience is how long a full pipe may stay full. A line comes three
// times in a run at most, so that only a reader that has stopped lets it pass.
const statusPatience = time.Second

// openStatus checks the descriptor before the launcher has opened any of its
// own, which could have the same number. nil means that none was asked for.
func openStatus(u *ui, fd *int) (*status, error) {
	if fd == nil {
		return nil, nil
	}
	reason := ""
	switch {
	case *fd < 3:
		// The payload has 0 to 2, and could write lines of its own.
		reason = "not above 2; 0 to 2 belong to the payload"
	case !sys.FDOpen(*fd):
		reason = "not open"
	default:
		return &status{fd: *fd, ui: u}, nil
	}
	return nil, &spec.Error{Op: "write status to", Object: "descriptor " + strconv.Itoa(*fd), Reason: reason, Origin: spec.CommandLine,
		Hint: "open it in the shell: lichen run --status-fd 3 -- COMMAND 3>FILE"}
}

// write sends one line.
func (s *status) write(o *jsonObject) {
	if s == nil || s.fd < 0 {
		return
	}
	err := sys.WriteInTime(s.fd, append(o.end(), '\n'), statusPatience)
	if err == nil {
		return
	}
	e := &spec.Error{Op: "write status to", Object: "descriptor " + strconv.Itoa(s.fd), Err: err}
	if err == sys.EAGAIN {
		e.Err, e.Reason = nil, "nobody reads it"
	}
	s.ui.report(e)
	s.fd = -1
}

// started tells that the payload's execve succeeded.
func (s *status) started(pid int, n []namespace) {
	if s == nil {
		return
	}
	o := newEvent("started")
	o.number("pid", int64(pid))
	if payload, ok := firstChild(pid); ok {
		o.number("payload_pid", payload)
	}
	o.object("namespaces", func(o *jsonObject) {
		for _, ns := range n {
			o.number(ns.name, ns.inode)
		}
	})
	s.write(o)
}

// failed tells why there is no payload.
func (s *status) failed(err error) {
	if s == nil {
		return
	}
	o := newEvent("failed")
	f, ok := errors.AsType[*sandbox.Failure](err)
	if !ok {
		o.text("reason", string(sandbox.CodeProfile))
		o.number("op", -1)
	} else {
		o.text("reason", string(f.Code))
		o.number("op", int64(f.Op))
		o.text("call", f.Call)
		o.number("errno", int64(f.Errno))
		o.text("errno_name", sys.ErrnoName(uint16(f.Errno)))
	}
	o.text("message", err.Error())
	o.text("hint", hint(err))
	s.write(o)
}

// exited tells how the payload ended, and what the whole sandbox used.
func (s *status) exited(out *outcome) {
	if s == nil {
		return
	}
	o := newEvent("exited")
	out.describe(o)
	s.write(o)
}

// describe adds how the payload ended, and what the whole sandbox used.
func (out *outcome) describe(o *jsonObject) {
	w := out.status
	if w.Signaled() {
		o.number("signal", int64(w.Signal()))
		o.text("name", sys.SignalName(w.Signal()))
	} else {
		o.number("status", int64(w.ExitStatus()))
	}
	o.boolean("timed_out", out.verdict == verdictTimeout)
	if out.verdict != "" {
		o.text("limit", string(out.verdict))
	}
	total := &out.total
	o.object("rusage", func(o *jsonObject) {
		o.number("wall_us", out.wall.Microseconds())
		o.number("user_us", total.User.Microseconds())
		o.number("system_us", total.System.Microseconds())
		o.number("maxrss_kb", total.MaxRSS)
		o.number("minor_faults", total.Minor)
		o.number("major_faults", total.Major)
		o.number("blocks_in", total.InBlock)
		o.number("blocks_out", total.OuBlock)
		o.number("voluntary_switches", total.NVCSw)
		o.number("involuntary_switches", total.NIvCSw)
	})
	if out.cgroup != nil {
		o.object("cgroup", func(o *jsonObject) { describeCgroup(o, out.cgroup) })
	}
}

// describeCgroup adds the counters that this kernel, and the cgroup's
// controllers, have.
func describeCgroup(o *jsonObject, u *cgroup.Usage) {
	for _, c := range [...]struct {
		name  string
		value int64
	}{
		{"memory_peak", u.MemoryPeak}, {"pids_peak", u.PidsPeak},
		{"cpu_us", u.CPUUsage}, {"cpu_user_us", u.CPUUser}, {"cpu_system_us", u.CPUSystem},
		{"cpu_throttled_us", u.CPUThrottled}, {"cpu_throttled", u.Throttled},
		{"io_read", u.IORead}, {"io_written", u.IOWritten},
		{"oom_kills", u.OOMKills}, {"memory_max_hits", u.MemoryMaxHits}, {"forks_refused", u.ForksRefused},
	} {
		if c.value >= 0 {
			o.number(c.name, c.value)
		}
	}
}
