package mount

import (
	"strconv"

	"github.com/lichen-sandbox/lichen/internal/plan"
	"github.com/lichen-sandbox/lichen/internal/sys"
	"github.com/lichen-sandbox/lichen/spec"
)

// source makes the detached mount that n shows.
func (c *compiler) source(n *Node) plan.Slot {
	b := c.b
	switch n.Type {
	case spec.MountBind:
		b.Note("bind", bindObject(n), n.Origin)
		return c.bind(n)
	case spec.MountOverlay:
		b.Note("overlay", n.Target, n.Origin)
		return c.overlay(n)
	case spec.MountFile:
		b.Note("make file", n.Target, n.Origin)
		return c.cover(n)
	case spec.MountHide:
		b.Note("hide", n.Target, n.Origin)
		if !n.Dir {
			return c.cover(n)
		}
		// Read-only once what lies below it is in place.
		return b.NewFS("tmpfs", attrData, plan.Option{Key: "size", Value: "64k"}, plan.Option{Key: "mode", Value: octal(modeOr(n.Mode, 0o555))})
	}
	b.Note("mount "+n.Type.String()+" on", n.Target, n.Origin)
	switch n.Type {
	case spec.MountProc:
		attr := uint64(attrData)
		if c.v.owner.HostRoot {
			// Much of /proc guards itself by uid 0 alone, without asking for
			// a capability (sysctl, sysrq-trigger, bus/pci), and the payload
			// has the host's uid 0.
			attr |= sys.MOUNT_ATTR_RDONLY
		}
		return b.NewFS("proc", attr)
	case spec.MountDev:
		return b.NewFS("tmpfs", sys.MOUNT_ATTR_NOSUID|sys.MOUNT_ATTR_NOEXEC, plan.Option{Key: "size", Value: "64k"}, plan.Option{Key: "mode", Value: "0755"})
	case spec.MountDevpts:
		return b.NewFS("devpts", sys.MOUNT_ATTR_NOSUID|sys.MOUNT_ATTR_NOEXEC,
			plan.Option{Key: "newinstance"}, plan.Option{Key: "ptmxmode", Value: "0666"}, plan.Option{Key: "mode", Value: "0620"}, maxTerminals)
	case spec.MountMqueue:
		return b.NewFS("mqueue", attrData)
	default:
		return c.tmpfs(n)
	}
}

// maxTerminals bounds the terminals of a sandbox: all sandboxes and containers of a
// host share what kernel.pty.max less kernel.pty.reserve leaves, 3072 mostly, and one
// payload would take it all (devpts_new_index).
var maxTerminals = plan.Option{Key: "max", Value: "256"}

func bindObject(n *Node) string {
	how := " read-only on "
	if n.Write {
		how = " on "
	}
	return n.Source + how + n.Target
}

// bind clones the tree at n.Source, submounts included, and sets its flags
// before it is attached anywhere: mount_setattr(2) with AT_RECURSIVE adds to
// the flags that each mount has, where a remount would have to repeat the
// locked ones. The clone is private: what is mounted on the host later does
// not show up in it.
func (c *compiler) bind(n *Node) plan.Slot {
	b := c.b
	var fd plan.Slot
	if n.walked {
		at := b.OpenResolve(plan.FDCWD, n.realPath, 0, sys.RESOLVE_NO_SYMLINKS)
		fd = b.OpenTree(plan.From(at), "", sys.AT_EMPTY_PATH|sys.AT_RECURSIVE)
		b.Close(at)
	} else {
		fd = b.OpenTree(plan.FDCWD, n.Source, sys.AT_RECURSIVE)
	}
	attr := uint64(sys.MOUNT_ATTR_NOSUID)
	if !n.Write || n.Dev && !n.Dir {
		// A device on a read-only mount can be written, but its owner cannot
		// change its mode: when root starts lichen, /dev/null is the payload's.
		attr |= sys.MOUNT_ATTR_RDONLY
	}
	if !n.Dev {
		attr |= sys.MOUNT_ATTR_NODEV
	}
	if n.NoExec {
		attr |= sys.MOUNT_ATTR_NOEXEC
	}
	b.SetAttr(fd, attr, true)
	return fd
}

// tmpfs is always bounded, in bytes and in inodes: an inode takes about a
// kilobyte of kernel memory that the size does not count (tmpfs(5)).
func (c *compiler) tmpfs(n *Node) plan.Slot {
	size := n.Size
	if size == 0 {
		size = spec.DefaultTmpfsSize
	}
	attr := uint64(attrTree)
	if n.NoExec {
		attr |= sys.MOUNT_ATTR_NOEXEC
	}
	return c.b.NewFS("tmpfs", attr,
		plan.Option{Key: "size", Value: strconv.FormatUint(size, 10)},
		plan.Option{Key: "nr_inodes", Value: strconv.FormatUint(max(size>>10, 1024), 10)},
		plan.Option{Key: "mode", Value: octal(modeOr(n.Mode, 0o755))})
}
