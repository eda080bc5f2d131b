package mount

import (
	"github.com/lichen-sandbox/lichen/internal/plan"
	"github.com/lichen-sandbox/lichen/internal/sys"
	"github.com/lichen-sandbox/lichen/spec"
)

// What a minimal /dev has: devices of the host, and links.
var (
	hostDevices = [...]string{"null", "zero", "full", "random", "urandom", "tty"}
	hostLinks   = [...][2]string{{"stdin", "/proc/self/fd/0"}, {"stdout", "/proc/self/fd/1"}, {"stderr", "/proc/self/fd/2"},
		{"fd", "/proc/self/fd"}, {"core", "/proc/kcore"}, {"ptmx", "pts/ptmx"}}
)

// dev makes a /dev. It is filled where it stands, because a mount can be attached
// only to one that is attached itself.
func (c *script) dev(st *spec.Step) {
	b := c.b
	c.note("mount tmpfs on", st.Target, st)
	fd := b.NewFS("tmpfs", attrTree, plan.Option{Key: "source", Value: "tmpfs"}, plan.Option{Key: "mode", Value: "0755"})
	p := c.place(st, fd, true, point{ours: true})
	dir := plan.From(fd)
	for _, name := range hostDevices {
		c.note("bind device", "/dev/"+name, st)
		c.device(dir, "/dev/"+name, name)
		c.make(join(p, name), entryFile, "")
	}
	c.note("make link in", st.Target, st)
	for _, l := range hostLinks {
		b.Call(sys.SYS_SYMLINKAT, b.Str(l[1]), dir, b.Str(l[0]))
		c.make(join(p, l[0]), entryLink, l[1])
	}
	c.note("make directory", st.Target, st)
	for _, name := range [...]string{"shm", "pts"} {
		b.Mkdir(dir, name, 0o755)
		c.make(join(p, name), entryDir, "")
	}
	c.note("mount devpts on", st.Target+"/pts", st)
	pts := b.NewFS("devpts", sys.MOUNT_ATTR_NOSUID|sys.MOUNT_ATTR_NOEXEC, plan.Option{Key: "source", Value: "devpts"},
		plan.Option{Key: "newinstance"}, plan.Option{Key: "ptmxmode", Value: "0666"}, plan.Option{Key: "mode", Value: "620"}, maxTerminals)
	b.MoveTo(pts, dir, "pts")
	b.Close(pts)
	c.mounted(join(p, "pts"), point{fixed: true})
	if c.s.Terminal != "" {
		c.note("bind device", c.s.Terminal, st)
		c.device(dir, c.s.Terminal, "console")
		c.make(join(p, "console"), entryFile, "")
	}
	if p != "/" {
		b.Close(fd)
	}
}

// device shows a device of the host's as name in dir.
func (c *script) device(dir plan.Arg, source, name string) {
	b := c.b
	attr := uint64(sys.MOUNT_ATTR_NOSUID)
	if c.o.HostRoot {
		// It can be written all the same, but its owner, which the payload then
		// is, cannot change its mode.
		attr |= sys.MOUNT_ATTR_RDONLY
	}
	fd := b.OpenTree(plan.FDCWD, source, 0)
	b.SetAttr(fd, attr, false)
	b.Call(sys.SYS_MKNODAT, dir, b.Str(name), plan.Val(0o444), plan.Val(0))
	b.MoveTo(fd, dir, name)
	b.Close(fd)
}
