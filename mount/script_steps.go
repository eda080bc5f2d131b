package mount

import (
	"strconv"

	"github.com/lichen-sandbox/lichen/internal/plan"
	"github.com/lichen-sandbox/lichen/internal/sys"
	"github.com/lichen-sandbox/lichen/spec"
)

// step adds the ops of one step.
func (c *script) step(i int, st *spec.Step) error {
	b, p := c.b, target(st)
	switch st.Kind {
	case spec.StepBind:
		c.bind(i, st)
	case spec.StepTmpfs:
		c.note("mount tmpfs on", st.Target, st)
		c.attach(st, c.tmpfs(st), true, point{ours: true})
	case spec.StepProc:
		c.proc(st)
	case spec.StepDev:
		c.dev(st)
	case spec.StepMqueue:
		c.note("mount mqueue on", st.Target, st)
		c.attach(st, b.NewFS("mqueue", 0), true, point{fixed: true})
	case spec.StepOverlay, spec.StepTmpOverlay, spec.StepROOverlay:
		c.overlay(st)
	case spec.StepDir:
		c.directory(st, p)
	case spec.StepFile:
		c.file(st, p)
	case spec.StepData:
		c.data(st)
	case spec.StepSymlink:
		return c.symlink(st, p)
	case spec.StepRemountRO:
		c.needRoot()
		c.note("remount read-only", st.Target, st)
		fd := c.open(p, 0)
		b.SetAttr(fd, sys.MOUNT_ATTR_RDONLY, false)
		b.Close(fd)
	case spec.StepChmod:
		c.needRoot()
		c.note("chmod "+octal(modeOr(st.Mode, 0)), st.Target, st)
		c.chmod(p, modeOr(st.Mode, 0))
	}
	return nil
}

// bind clones the tree at the source, submounts included, and sets its flags
// before it is attached; see compiler.bind. The clone is private: what is mounted
// on the host later does not show up in it.
func (c *script) bind(i int, st *spec.Step) {
	b, source := c.b, c.sources[i]
	if !source.there {
		return
	}
	c.note("find source", sourceName(st), st)
	var fd plan.Slot
	if len(c.whole) > 0 && c.whole[0] == i {
		fd = c.wholes[0]
		c.whole, c.wholes = c.whole[1:], c.wholes[1:]
	} else {
		fd = b.OpenTree(plan.FDCWD, source.path, sys.AT_RECURSIVE)
	}
	if st.SourceFD >= 0 {
		c.same(plan.Val(st.SourceFD), plan.From(fd))
	}
	attr := uint64(sys.MOUNT_ATTR_NOSUID)
	if !st.Write {
		attr |= sys.MOUNT_ATTR_RDONLY
	}
	if !st.Dev {
		attr |= sys.MOUNT_ATTR_NODEV
	}
	b.SetAttr(fd, attr, true)
	c.attach(st, fd, source.dir, point{source: source.path})
}

// same fails where two descriptors are not open on the same file: the name that
// a descriptor has in /proc may mean another one by now.
func (c *script) same(one, other plan.Arg) {
	const size, mask = 256, 0x7ff // struct statx, STATX_BASIC_STATS
	b := c.b
	first := b.Buf(make([]byte, size))
	b.Call(sys.SYS_STATX, one, b.Str(""), plan.Val(sys.AT_EMPTY_PATH), plan.Val(mask), first)
	b.Call(sys.SYS_STATX, other, b.Str(""), plan.Val(sys.AT_EMPTY_PATH), plan.Val(mask), b.Buf(make([]byte, size))).SameAs(first)
}

// tmpfs has the kernel's default size where the step gives none.
func (c *script) tmpfs(st *spec.Step) plan.Slot {
	options := []plan.Option{{Key: "source", Value: "tmpfs"}, {Key: "mode", Value: octal(modeOr(st.Mode, 0o755))}}
	if st.Size != 0 {
		options = append(options, plan.Option{Key: "size", Value: strconv.FormatUint(st.Size, 10)})
	}
	return c.b.NewFS("tmpfs", attrTree, options...)
}

// coveredProc lists what of a procfs is read-only where the caller is the host's
// root: it guards itself by uid 0 alone.
var coveredProc = [...]string{"sys", "sysrq-trigger", "irq", "bus"}

// proc mounts a procfs of the sandbox's own pid namespace, or shows the host's.
func (c *script) proc(st *spec.Step) {
	b := c.b
	c.note("mount proc on", st.Target, st)
	var fd plan.Slot
	m := point{fixed: true}
	if c.o.OwnProcesses {
		fd = b.NewFS("proc", attrData)
	} else {
		fd = b.OpenTree(plan.FDCWD, "/proc", sys.AT_RECURSIVE)
		b.SetAttr(fd, attrTree, true)
	}
	p := c.place(st, fd, true, m)
	if c.o.HostRoot {
		for _, name := range coveredProc {
			if _, err := c.o.Files.Lstat("/proc/" + name); err != nil {
				continue
			}
			cover := b.OpenTree(plan.From(fd), name, sys.AT_RECURSIVE)
			b.SetAttr(cover, sys.MOUNT_ATTR_RDONLY|attrTree, true)
			b.MoveTo(cover, plan.From(fd), name)
			b.Close(cover)
		}
	}
	if p != "/" {
		b.Close(fd)
	}
}
