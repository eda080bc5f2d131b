package sandbox

import (
	"strconv"

	"github.com/lichen-sandbox/lichen/internal/feature"
	"github.com/lichen-sandbox/lichen/internal/plan"
	"github.com/lichen-sandbox/lichen/internal/sys"
	"github.com/lichen-sandbox/lichen/spec"
)

// limit is a checked rlimit.
type limit struct {
	spec.Rlimit
	resource int
}

// compileLimits checks the limits against those of the caller: raising a hard
// limit takes CAP_SYS_RESOURCE in the first user namespace (setrlimit(2)).
func compileLimits(s *spec.Spec, f *feature.Facts) ([]limit, error) {
	out := make([]limit, 0, len(s.Limits.Rlimits))
	for _, l := range s.Limits.Rlimits {
		resource, ok := sys.RlimitByName(l.Name)
		if !ok {
			return nil, &spec.Error{Op: "limit", Object: l.Name, Reason: "no such resource limit", Origin: l.Origin}
		}
		if hard := f.HardLimit; l.Hard > 0 && l.Hard > hard(resource) {
			return nil, &spec.Error{Op: "limit", Object: l.Name,
				Reason: formatLimit(l.Hard) + " is more than your own hard limit of " + formatLimit(hard(resource)), Origin: l.Origin,
				Hint: "ask for at most " + formatLimit(hard(resource)) + ", or have the hard limit raised (limits.conf(5), LimitNOFILE= and the like in systemd.exec(5))"}
		}
		if l.Name == "nproc" && f.UID == 0 {
			return nil, &spec.Error{Op: "limit", Object: l.Name, Reason: "the kernel does not hold uid 0 to it (copy_process)", Origin: l.Origin,
				Hint: "start lichen as another user, or go without the limit: --remove limits.nproc"}
		}
		out = append(out, limit{l, resource})
	}
	return out, nil
}

func formatLimit(v uint64) string {
	if v == spec.RlimInfinity {
		return "unlimited"
	}
	return strconv.FormatUint(v, 10)
}

// setLimits comes late: descriptors of known numbers may lie above a limit on
// open files.
func (c *compiler) setLimits() {
	nofile, _ := sys.RlimitByName("nofile")
	restore := c.f.NoFile.Soft < c.f.NoFile.Hard
	for _, l := range c.limits {
		restore = restore && l.resource != nofile
		c.b.Note("limit", l.Name, l.Origin)
		c.b.Call(sys.SYS_PRLIMIT64, plan.Val(0), plan.Val(l.resource), c.b.Words(l.Soft, l.Hard), plan.Null)
	}
	if restore {
		// What a program does with the limit is its own business: one that uses
		// select(2) must not get descriptors above 1023.
		c.b.Note("restore", "the limit on open files", spec.Origin{})
		c.b.Call(sys.SYS_PRLIMIT64, plan.Val(0), plan.Val(nofile), c.b.Words(c.f.NoFile.Soft, c.f.NoFile.Hard), plan.Null)
	}
}
