package main

import (
	"github.com/lichen-sandbox/lichen/internal/plan"
	"github.com/lichen-sandbox/lichen/sandbox"
	"github.com/lichen-sandbox/lichen/spec"
)

// company is what the launcher does beside a running sandbox. A nil member has
// nothing to do; each costs a launch only where the profile asks for it.
type company struct {
	terminal *ownTerminal  // process.pty
	output   *output       // limits.output
	cgroup   *cgroupRun    // limits by cgroup
	service  *service      // service.notify
	entry    *registration // lichen ps
}

// accompany prepares all that has to be there before the start.
func (l *launcher) accompany(s *spec.Spec) (*company, error) {
	c := &company{service: &l.service}
	var err error
	if c.terminal, err = newTerminal(l.ui, s); err != nil {
		return nil, err
	}
	if c.output, err = newOutput(l.ui, s); err != nil {
		c.close()
		return nil, err
	}
	if c.terminal != nil && c.output != nil {
		c.terminal.take, c.terminal.exceeded = c.output.budget.Take, c.output.budget.Exceeded
	}
	if c.cgroup, err = newCgroup(l.ui, s); err != nil {
		c.close()
		return nil, err
	}
	if c.entry, err = newRegistration(l.ui, l.name); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

func (c *company) options(s *spec.Spec) sandbox.Options {
	o := sandbox.Options{Forward: true, OwnSession: s.OwnSession(), Stopped: pause(s)}
	c.terminal.options(&o)
	c.output.options(&o)
	c.cgroup.options(&o)
	return o
}

// started is called once the payload runs. What goes wrong from here on is
// reported and does not end the sandbox.
func (c *company) started(p *sandbox.Process, s *spec.Spec, compiled *plan.Plan) {
	c.output.started(p)
	c.terminal.started(p) // after who counts
	c.service.started(p)
	c.entry.started(p, s, compiled)
}

// ended is called once every process inside is gone.
func (c *company) ended(o *outcome) {
	c.entry.close() // what it names is gone
	c.terminal.ended(o)
	c.output.ended(o)
	c.cgroup.ended(o)
}

// close takes away what was prepared. It may be called at any point.
func (c *company) close() {
	c.terminal.close()
	c.output.close()
	c.cgroup.close()
	c.entry.close()
}
