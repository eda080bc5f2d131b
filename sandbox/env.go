package sandbox

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/lichen-sandbox/lichen/internal/sys"
	"github.com/lichen-sandbox/lichen/spec"
)

// environment returns the payload's environment, sorted: what e names, and
// nothing else. pid is the payload's inside.
func environment(e spec.Env, caller []string, pid int) []string {
	out := make([]string, 0, len(e.Set)+len(e.Keep)+len(e.PIDs))
	for _, name := range e.PIDs {
		out = append(out, name+"="+strconv.Itoa(pid))
	}
	for _, v := range e.Set {
		if !slices.Contains(e.PIDs, v.Name) {
			out = append(out, v.Name+"="+v.Value)
		}
	}
	for _, pair := range caller {
		name, _, ok := strings.Cut(pair, "=")
		if ok && name != "" && kept(e, name) {
			out = append(out, pair)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func kept(e spec.Env, name string) bool {
	if slices.Contains(e.PIDs, name) || slices.Contains(e.Drop, name) {
		return false
	}
	for _, v := range e.Set {
		if v.Name == name {
			return false
		}
	}
	for _, p := range e.Keep {
		if ok, _ := path.Match(p.Pattern, name); ok { // Validate checked the pattern
			return true
		}
	}
	return false
}

// payloadPID returns what the payload's process id will be inside. PID 1 makes one
// process after the other, in a pid namespace that nobody else is in: with ranges
// of ids the placeholder comes first (userns.MakeInner).
func (c *compiler) payloadPID() int {
	if c.ids.ranges {
		return 3
	}
	return 2
}

// checkPIDs refuses a process id in the environment where it is not known before
// there is a process.
func checkPIDs(s *spec.Spec) error {
	if len(s.Env.PIDs) == 0 || s.Namespaces.PID {
		return nil
	}
	return &spec.Error{Op: "set", Object: "environment variable " + s.Env.PIDs[0], Reason: "it is the process id of the command, which is not known before the command runs without a pid namespace",
		Origin: s.OriginOf("namespaces.isolation"), Hint: `use isolation = "namespaces", or leave service.listen out`}
}

// verifyPID holds the environment to it.
func (c *compiler) verifyPID() {
	if len(c.s.Env.PIDs) == 0 {
		return
	}
	c.b.Note("verify", "the payload's process id, which "+c.s.Env.PIDs[0]+" tells", spec.Origin{})
	c.b.Call(sys.SYS_GETPID).Expecting(uint64(c.payloadPID()))
}
