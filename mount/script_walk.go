package mount

import (
	"errors"
	"io/fs"
	"path"
	"strings"

	"github.com/lichen-sandbox/lichen/internal/plan"
	"github.com/lichen-sandbox/lichen/internal/sys"
)

const inRoot = sys.RESOLVE_IN_ROOT | sys.RESOLVE_NO_MAGICLINKS

// at returns the mount that lies on p or above it, and where.
func (c *script) at(p string) (point, string) {
	for {
		if m, ok := c.mounts[p]; ok || p == "/" {
			return m, p
		}
		p = dirOf(p)
	}
}

// around returns the mount in which p lies, and where it is mounted.
func (c *script) around(p string) (point, string) { return c.at(dirOf(p)) }

// dirOf is path.Dir of a clean, absolute path.
func dirOf(p string) string {
	if i := strings.LastIndexByte(p, '/'); i > 0 {
		return p[:i]
	}
	return "/"
}

// known returns what the script has made at p, unless something covers it.
func (c *script) known(p string) (entry, bool) {
	e, ok := c.made[p]
	if !ok {
		return e, false
	}
	m, _ := c.around(p)
	return e, e.mount == m.id
}

func (c *script) make(p string, kind entryKind, text string) {
	m, _ := c.around(p)
	c.made[p] = entry{m.id, kind, text}
}

// plain reports whether every name on the way to p, and p itself, is the
// script's own and no link: then nothing can lead elsewhere, and a call may take
// p as it is. A mount on p itself is somebody else's tree, of which p is the root.
//
// From where a link may have led, in a script or in a bind, nothing is plain any
// more: what is mounted there may lie in the script's own tree, under a name that
// does not tell.
func (c *script) plain(p string) bool {
	if c.aliased {
		return false
	}
	for q := p; ; q = dirOf(q) {
		if e, ok := c.known(q); ok && (e.kind == entryLink || e.kind == entryFile && q != p) {
			c.aliased = e.kind == entryLink
			return false
		}
		if m, ok := c.mounts[q]; ok && q != p && !m.ours {
			return false
		}
		if q == "/" {
			return c.mounts["/"].ours || p == "/"
		}
	}
}

// below returns p as a name below the root's descriptor.
func below(p string) string {
	if p == "/" {
		return "."
	}
	return p[1:]
}

// open opens p inside the new root.
func (c *script) open(p string, flags uint64) plan.Slot {
	return c.b.OpenResolve(plan.From(c.root), below(p), flags, inRoot)
}

// hostState is what is known of a path in a bind, outside.
type hostState uint8

const (
	hostThere   hostState = iota
	hostMissing           // no link is on the way to it
	hostUnknown           // a link is, which may mean something else inside
)

// onHost looks at p, which lies in the bind m on at, component by component.
func (c *script) onHost(m point, at, p string) hostState {
	if m.source == "" {
		return hostUnknown
	}
	for i := len(at) + 1; i <= len(p); i++ {
		if i < len(p) && p[i] != '/' {
			continue
		}
		outside := join(m.source, strings.TrimPrefix(p[len(at):i], "/"))
		if _, ok := c.real[outside]; ok {
			continue
		}
		mode, err := c.o.Files.Lstat(outside)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return hostMissing
		case err != nil:
			return hostUnknown
		case mode&fs.ModeSymlink != 0:
			return hostUnknown
		case mode.IsDir():
			c.real[outside] = struct{}{}
		}
	}
	return hostThere
}

// parent is an open directory in which something is to be made.
type parent struct {
	slot plan.Slot
	arg  plan.Arg
	name string // what is to be made, below it
	// loose: it may not have been opened, because a link on the way to it leaves
	// the mount that it lies in. Nothing is made then.
	loose bool
}

// parentOf opens the directory of p. Nothing is made through a link that leaves
// its mount: a payload may have planted it, in a bind that it can write.
func (c *script) parentOf(p string, state hostState) parent {
	dir, name := dirOf(p), path.Base(p)
	m, at := c.around(p)
	if c.plain(dir) {
		return parent{plan.NoSlot, plan.From(c.root), below(p), false}
	}
	if m.ours || at == dir {
		fd := c.open(dir, sys.O_DIRECTORY)
		return parent{fd, plan.From(fd), name, false}
	}
	fd, loose := c.openBelow(at, dir, state, true)
	return parent{fd, plan.From(fd), name, loose}
}

// openBelow opens the directory dir of the mount on at. Where a link may be on the
// way, the walk must not leave the mount: with try, that it does is no failure,
// and the slot then holds no descriptor.
func (c *script) openBelow(at, dir string, state hostState, try bool) (fd plan.Slot, loose bool) {
	b := c.b
	base, from := plan.NoSlot, plan.From(c.root)
	if at != "/" {
		base = c.open(at, sys.O_DIRECTORY)
		from = plan.From(base)
	}
	resolve := uint64(sys.RESOLVE_BENEATH | sys.RESOLVE_NO_SYMLINKS)
	if state == hostUnknown {
		resolve = sys.RESOLVE_BENEATH | sys.RESOLVE_NO_XDEV | sys.RESOLVE_NO_MAGICLINKS
	}
	name := "."
	if dir != at {
		name = strings.TrimPrefix(dir[len(at):], "/")
	}
	fd = b.OpenResolve(from, name, sys.O_DIRECTORY, resolve)
	if loose = try && state == hostUnknown; loose {
		b.Last().Tolerating(uint16(sys.EXDEV))
	}
	if base != plan.NoSlot {
		b.Close(base)
	}
	return fd, loose
}

func (c *script) closeParent(d parent) {
	if d.slot == plan.NoSlot {
		return
	}
	c.b.Close(d.slot)
	if d.loose {
		c.b.Last().Tolerating(uint16(sys.EBADF))
	}
}

// mkdir makes the directory p where it is missing; what else may be there is
// for the next op to find out.
func (c *script) mkdir(p string, mode uint32) {
	if e, ok := c.known(p); ok && e.kind == entryDir {
		return
	}
	state, there := c.isThere(p)
	if there {
		return
	}
	d := c.parentOf(p, state)
	c.b.Mkdir(d.arg, d.name, mode)
	if d.loose {
		c.b.Last().Tolerating(uint16(sys.EEXIST), uint16(sys.EBADF))
	}
	c.closeParent(d)
	if _, ok := c.known(p); !ok {
		c.make(p, entryDir, "")
	}
}

// mkfile makes an empty file at p where nothing is.
func (c *script) mkfile(p string) {
	if _, ok := c.known(p); ok {
		return
	}
	state, there := c.isThere(p)
	if there {
		return
	}
	d := c.parentOf(p, state)
	// A mode without a type means a regular file; see mknod(2).
	c.b.Call(sys.SYS_MKNODAT, d.arg, c.b.Str(d.name), plan.Val(0o444), plan.Val(0)).Tolerating(uint16(sys.EEXIST), uint16(sys.EBADF))
	c.closeParent(d)
	c.make(p, entryFile, "")
}

// isThere reports whether nothing has to be made at p: a mount is there, or the
// mount around it has it, or takes nothing. Else it says what is known of p.
func (c *script) isThere(p string) (state hostState, there bool) {
	if _, ok := c.mounts[p]; ok {
		return hostThere, true
	}
	m, at := c.around(p)
	if m.fixed {
		return hostThere, true
	}
	if m.ours {
		return hostUnknown, false
	}
	state = c.onHost(m, at, p)
	return state, state == hostThere
}
