package mount

import (
	"strconv"

	"github.com/lichen-sandbox/lichen/internal/plan"
	"github.com/lichen-sandbox/lichen/internal/sys"
	"github.com/lichen-sandbox/lichen/spec"
)

// compiler turns a View into ops.
type compiler struct {
	b       *plan.Builder
	v       *View
	scratch plan.Slot // a tmpfs for covers and files that go over host files
	empty   bool      // the scratch holds the empty file
	files   int       // number of files in the scratch
}

// Owner tells whose rights the payload's files and processes have outside.
type Owner struct {
	// HostRoot: the launcher's user is uid 0 of the host, for whom file
	// permissions in /proc are no obstacle.
	HostRoot bool
	// Nested: the payload may mount a procfs of its own, which the kernel
	// refuses where anything covers a part of the one it can see.
	Nested bool
	// FreeFD is above every descriptor that the payload inherits.
	FreeFD int
}

// Compile adds the ops that build the view and make it the root. They run in
// a mount namespace of their own whose user namespace maps uid 0.
func (v *View) Compile(b *plan.Builder) {
	c := &compiler{b: b, v: v, scratch: plan.NoSlot}
	b.Note("make mounts private", "/", spec.Origin{})
	b.Call(sys.SYS_MOUNT, b.Str(""), b.Str("/"), b.Str(""), plan.Val(sys.MS_REC|sys.MS_PRIVATE), plan.Null)
	v.markChildren()
	c.root()
	if c.needsScratch() {
		b.Note("make", "a scratch tmpfs", spec.Origin{})
		c.scratch = b.NewFS("tmpfs", attrTree, plan.Option{Key: "size", Value: c.scratchSize()}, plan.Option{Key: "mode", Value: "0700"})
		b.MoveTo(c.scratch, plan.FDCWD, "/")
	}
	var open []*Node // mounts whose slot is held for what lies below them
	for _, n := range v.Nodes {
		for len(open) > 0 && !spec.Beneath(n.Target, open[len(open)-1].Target) {
			c.leave(open[len(open)-1])
			open = open[:len(open)-1]
		}
		c.node(n)
		if n.slot != plan.NoSlot {
			open = append(open, n)
		}
	}
	for i := len(open) - 1; i >= 0; i-- {
		c.leave(open[i])
	}
	c.pivot()
}

const (
	attrTree = sys.MOUNT_ATTR_NOSUID | sys.MOUNT_ATTR_NODEV
	attrData = attrTree | sys.MOUNT_ATTR_NOEXEC
)

func (v *View) markChildren() {
	for _, n := range v.Nodes {
		n.base().children = true
	}
}

// root makes the new root and attaches it over "/".
func (c *compiler) root() {
	r := c.v.root
	switch {
	case r.Type == spec.MountImage:
		r.slot = c.image(r)
	case c.v.given:
		r.slot = c.source(r)
	default:
		c.b.Note("make", "the new root", r.Origin)
		// It holds directories, links and small files only, and is read-only
		// in the end.
		r.slot = c.b.NewFS("tmpfs", attrTree, plan.Option{Key: "size", Value: c.scratchSize()}, plan.Option{Key: "mode", Value: "0755"})
	}
	c.b.MoveTo(r.slot, plan.FDCWD, "/")
}

// pivot makes the new root the root, and lets go of the old one.
func (c *compiler) pivot() {
	b, r := c.b, c.v.root
	if !c.v.given || r.layered && !r.Write {
		b.Note("seal", "the new root", spec.Origin{})
		b.SetAttr(r.slot, sys.MOUNT_ATTR_RDONLY|attrTree, false)
	}
	if c.scratch != plan.NoSlot {
		// It lies on top of the new root.
		b.Note("take away", "the scratch tmpfs", spec.Origin{})
		b.Call(sys.SYS_FCHDIR, plan.From(c.scratch))
		b.Call(sys.SYS_UMOUNT2, b.Str("."), plan.Val(sys.MNT_DETACH))
		b.Close(c.scratch)
	}
	b.Note("change to", "the new root", spec.Origin{})
	b.Call(sys.SYS_FCHDIR, plan.From(r.slot))
	b.Close(r.slot)
	// pivot_root(2): with "." twice the old root ends up on top of the new
	// one, and the umount takes it away with all that hung below it.
	b.Call(sys.SYS_PIVOT_ROOT, b.Str("."), b.Str("."))
	b.Call(sys.SYS_UMOUNT2, b.Str("."), plan.Val(sys.MNT_DETACH))
	b.Call(sys.SYS_CHDIR, b.Str("/"))
}

// node makes one mount and puts it in its place.
func (c *compiler) node(n *Node) {
	b := c.b
	switch n.Type {
	case spec.MountSymlink:
		b.Note("make link", n.Target, n.Origin)
		if n.missing != "" {
			c.makeInImage(n)
			return
		}
		c.parents(n)
		base := n.base()
		b.Call(sys.SYS_SYMLINKAT, b.Str(n.Source), plan.From(base.slot), b.Str(n.rel(base)))
		return
	case spec.MountDir:
		b.Note("make directory", n.Target, n.Origin)
		if n.missing != "" {
			c.makeInImage(n)
			return
		}
		c.parents(n)
		base := n.base()
		b.Mkdir(plan.From(base.slot), n.rel(base), modeOr(n.Mode, 0o755))
		return
	case spec.MountFile:
		b.Note("make file", n.Target, n.Origin)
		if base := n.base(); base.ours() {
			c.parents(n)
			c.fill(plan.From(base.slot), n.rel(base), n)
			return
		}
	}
	fd := c.source(n)
	c.place(n, fd)
	if n.Type == spec.MountProc {
		c.maskProc(fd)
	}
	if !n.children && !n.sealed() {
		b.Close(fd)
		return
	}
	n.slot = fd
}

// leave ends the work on a mount that was held open.
func (c *compiler) leave(n *Node) {
	if n.sealed() {
		c.b.Note("seal", n.Target, n.Origin)
		c.b.SetAttr(n.slot, sys.MOUNT_ATTR_RDONLY|attrData, false)
	}
	c.b.Close(n.slot)
	n.slot = plan.NoSlot
}

// place attaches the detached mount fd on n's target. Where the tree around
// it is the sandbox's own, directories are made on the way; no link can be
// among them. Elsewhere the target must exist, and is opened inside the new
// root, following links only where no payload can have planted one.
func (c *compiler) place(n *Node, fd plan.Slot) {
	b, base := c.b, n.base()
	rel := n.rel(base)
	switch {
	case base.ours() && n.Dir:
		c.parents(n)
		b.Mkdir(plan.From(base.slot), rel, 0o755)
		b.MoveTo(fd, plan.From(base.slot), rel)
		return
	case base.ours():
		c.parents(n)
		f := b.CreateFile(plan.From(base.slot), rel, 0o444)
		b.MoveTo(fd, plan.From(f), "")
		b.Close(f)
		return
	}
	var at plan.Slot
	c.makeInImage(n)
	if base.exposed || base.Writable() {
		at = b.OpenResolve(plan.From(base.slot), rel, 0, sys.RESOLVE_IN_ROOT|sys.RESOLVE_NO_SYMLINKS)
	} else {
		at = b.OpenResolve(plan.From(c.v.root.slot), n.Target, 0, sys.RESOLVE_IN_ROOT|sys.RESOLVE_NO_MAGICLINKS)
	}
	b.MoveTo(fd, plan.From(at), "")
	b.Close(at)
}

// parents makes the directories between n and the mount around it.
func (c *compiler) parents(n *Node) {
	base := n.base()
	rel := n.rel(base)
	for i := 0; i < len(rel); i++ {
		if rel[i] == '/' && !c.made(n, join(base.Target, rel[:i])) {
			c.b.Mkdir(plan.From(base.slot), rel[:i], 0o755)
		}
	}
}

// made reports whether the mount before n in order has already needed dir.
func (c *compiler) made(n *Node, dir string) bool {
	return n.previous != nil && n.previous.base() == n.base() && spec.Beneath(n.previous.Target, dir) && n.previous.Target != dir ||
		n.previous != nil && n.previous.Target == dir && n.previous.Dir
}

func modeOr(mode *uint32, other uint32) uint32 {
	if mode != nil {
		return *mode
	}
	return other
}

func octal(mode uint32) string { return "0" + strconv.FormatUint(uint64(mode), 8) }
