package main

import (
	"errors"
	"os"
	"strconv"

	"github.com/lichen-sandbox/lichen/cgroup"
	"github.com/lichen-sandbox/lichen/sandbox"
	"github.com/lichen-sandbox/lichen/spec"
)

// cgroupRun is the cgroup of one sandbox.
type cgroupRun struct {
	ui    *ui
	what  string // the command
	group *cgroup.Group
}

// newCgroup makes the cgroup that a sandbox starts in. One that the profile
// names a place for, and no limit, is there for its counters.
func newCgroup(u *ui, s *spec.Spec) (*cgroupRun, error) {
	if len(s.Limits.Cgroup) == 0 && s.Limits.CgroupDir == "" {
		return nil, nil
	}
	origin := s.OriginOf("limits.cgroup")
	host := cgroup.Host{UID: os.Geteuid(), Getenv: os.Getenv}
	place, err := host.Find(&s.Limits)
	if ask, ok := errors.AsType[*cgroup.Ask](err); ok {
		if host.Delegated, err = askManager(s, ask); err == nil {
			place, err = host.Find(&s.Limits)
		}
	}
	if err != nil {
		return nil, at(err, origin)
	}
	group, err := place.Make()
	if err != nil {
		return nil, at(err, origin)
	}
	return &cgroupRun{ui: u, what: s.Process.Command[0], group: group}, nil
}

// checkCgroup finds out whether the host has what limits by cgroup need. Whether
// there is a place for them depends on where lichen is started, unless the profile
// names it.
func checkCgroup(s *spec.Spec) error {
	host := cgroup.Host{UID: os.Geteuid(), Getenv: os.Getenv}
	if s.Limits.CgroupDir != "" {
		_, err := host.Find(&s.Limits)
		return at(err, s.OriginOf("limits.cgroup"))
	}
	if len(s.Limits.Cgroup) == 0 {
		return nil
	}
	return host.Check(&s.Limits)
}

// askManager asks the service manager, through lichen-tools: D-Bus is nothing for
// each start to pay for. It returns the unit that is delegated to this process:
// the one that it is in, or a scope of its own that it has been moved into.
func askManager(s *spec.Spec, ask *cgroup.Ask) (string, error) {
	tools, err := toolsPath()
	if err != nil {
		return "", err
	}
	which := "system"
	if ask.User {
		which = "user"
	}
	unit, args := ask.Unit, []string{tools, "delegated", which, ask.Unit}
	if unit == "" {
		pid := strconv.Itoa(os.Getpid())
		unit = cgroup.Prefix + pid + ".scope"
		args = []string{tools, "scope", which, unit, pid, "lichen run " + s.Name}
	}
	// Standard output belongs to the payload.
	p, err := os.StartProcess(tools, args, &os.ProcAttr{Env: os.Environ(), Files: []*os.File{nil, os.Stderr, os.Stderr}})
	if err != nil {
		return "", &spec.Error{Op: "run", Object: tools, Err: unwrapPath(err)}
	}
	state, err := p.Wait()
	if err != nil {
		return "", &spec.Error{Op: "wait for", Object: tools, Err: unwrapPath(err)}
	}
	if !state.Success() {
		return "", ask
	}
	return unit, nil
}

func (c *cgroupRun) options(o *sandbox.Options) {
	if c != nil {
		o.Cgroup = c.group.FD
	}
}

// ended reads what the sandbox has used, and finds out whether a limit has ended
// it. One that the payload got by without failing has not: forks that are refused
// are tried again by some programs.
func (c *cgroupRun) ended(o *outcome) {
	if c == nil {
		return
	}
	o.cgroup = c.group.Usage()
	switch {
	case o.verdict != "" || o.status == 0:
	case o.cgroup.OOMKills > 0:
		o.verdict = verdictMemory
		c.ui.report(c.outOfMemory())
	case o.cgroup.ForksRefused > 0:
		o.verdict = verdictPids
	}
}

// explain says of a sandbox that did not start whether its limits left no room for
// that.
func (c *cgroupRun) explain(err error) error {
	f, ok := errors.AsType[*sandbox.Failure](err)
	if c == nil || !ok {
		return err
	}
	used := c.group.Usage()
	switch {
	case used.OOMKills > 0:
		f.Cause.Hint = c.outOfMemory().Error()
	case used.ForksRefused > 0:
		f.Cause.Hint = (&spec.Error{Op: "run", Object: c.what, Reason: "too few processes are allowed for a start", Origin: limitOrigin(c.group.Limit("pids.max"))}).Error()
	}
	return err
}

func (c *cgroupRun) outOfMemory() error {
	e := &spec.Error{Op: "run", Object: c.what, Reason: "out of memory"}
	if l := c.group.Limit("memory.max"); l.File != "" && l.Value != "max" {
		e.Origin = limitOrigin(l)
	} else {
		e.Reason = "killed by the kernel, because the host is out of memory"
	}
	return e
}

// limitOrigin is where a limit was set, with its key.
func limitOrigin(l spec.CgroupLimit) spec.Origin {
	return spec.Origin{File: cgroup.Key(l.File) + ", " + l.Origin.File, Line: l.Origin.Line}
}

func (c *cgroupRun) close() {
	if c != nil {
		c.group.Close()
	}
}
