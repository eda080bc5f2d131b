package sandbox

import (
	"strconv"

	"github.com/lichen-sandbox/lichen/internal/feature"
	"github.com/lichen-sandbox/lichen/internal/plan"
	"github.com/lichen-sandbox/lichen/internal/sys"
	"github.com/lichen-sandbox/lichen/spec"
)

// relayed returns the facts as they are for a payload whose output the launcher
// passes on: what it writes to are pipes, whatever the caller has there, but where
// it has a terminal of its own, of which the launcher has the other side.
func relayed(s *spec.Spec, f *feature.Facts, own stdio) (*feature.Facts, error) {
	if s.Limits.Output == 0 {
		return f, nil
	}
	if in := f.Stdio[0]; in.Writable && in.Kind != feature.DescriptorNull && in.Kind != feature.DescriptorClosed && !own.in[0] {
		return nil, &spec.Error{Op: "enforce", Object: "limits.output", Origin: s.OriginOf("limits.output"),
			Reason: "descriptor 0 can be written to as well, where nothing counts",
			Hint:   "redirect it (" + redirect[0] + "), or give the command a terminal of its own: --pty"}
	}
	with := *f
	for fd := 1; fd <= 2; fd++ {
		// What must not be passed on is refused, not written to by the launcher.
		if door(f.Stdio[fd].Kind) == "" && !own.in[fd] {
			with.Stdio[fd] = feature.Descriptor{Kind: feature.DescriptorOther, Writable: true}
		}
	}
	return &with, nil
}

// takeOutput makes the launcher's pipes the payload's standard output and error.
func (c *compiler) takeOutput() {
	if c.s.Limits.Output == 0 {
		return
	}
	for i, pipe := range [...]plan.Slot{plan.SlotStdout, plan.SlotStderr} {
		if c.terminal.own.in[i+1] {
			continue // what goes to the payload's own terminal is counted there
		}
		c.b.Note("count", "descriptor "+strconv.Itoa(i+1), c.s.OriginOf("limits.output"))
		c.b.Call(sys.SYS_DUP3, plan.From(pipe), plan.Val(i+1), plan.Val(0))
	}
}
