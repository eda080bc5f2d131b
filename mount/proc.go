package mount

import (
	"github.com/lichen-sandbox/lichen/internal/feature"
	"github.com/lichen-sandbox/lichen/internal/plan"
	"github.com/lichen-sandbox/lichen/internal/sys"
)

// maskedFiles of /proc tell of more than the sandbox: the user's keys, by
// name. The rest only root may read, which the payload is when root starts
// lichen; they tell where things lie in the kernel's memory.
var maskedFiles = [...]string{"keys", "kcore", "kpagecount", "kpagecgroup", "kpageflags", "slabinfo", "vmallocinfo", "timer_list", "sched_debug", "latency_stats"}

// masks returns those of them that this kernel has and this user could read.
func masks(files feature.Files, owner Owner) []string {
	if owner.Nested {
		return nil
	}
	names := maskedFiles[:]
	if !owner.HostRoot {
		names = names[:1]
	}
	var out []string
	for _, n := range names {
		if _, err := files.Lstat("/proc/" + n); err == nil {
			out = append(out, n)
		}
	}
	return out
}

// maskProc covers parts of a new procfs. A payload that may nest sandboxes
// keeps an uncovered one: with a cover on it the kernel lets nobody below
// mount another.
func (c *compiler) maskProc(proc plan.Slot) {
	if c.v.owner.Nested {
		return
	}
	b := c.b
	for _, name := range c.v.masks {
		null := b.OpenTree(plan.FDCWD, "/dev/null", 0)
		b.SetAttr(null, sys.MOUNT_ATTR_RDONLY|sys.MOUNT_ATTR_NOSUID|sys.MOUNT_ATTR_NOEXEC, false)
		b.MoveTo(null, plan.From(proc), name)
		b.Close(null)
	}
	if c.v.owner.HostRoot {
		return // read-only as a whole
	}
	// The sysctls of the sandbox's own namespaces belong to its uid 0, which
	// is the payload's user outside; it has no business there.
	fd := b.OpenTree(plan.From(proc), "sys", 0)
	b.SetAttr(fd, sys.MOUNT_ATTR_RDONLY|attrData, false)
	b.MoveTo(fd, plan.From(proc), "sys")
	b.Close(fd)
}
