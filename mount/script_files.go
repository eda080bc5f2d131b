package mount

import (
	"path"
	"strconv"

	"github.com/lichen-sandbox/lichen/internal/plan"
	"github.com/lichen-sandbox/lichen/internal/sys"
	"github.com/lichen-sandbox/lichen/spec"
)

// directory makes a directory, with parents that are no more open than it is.
func (c *script) directory(st *spec.Step, p string) {
	c.needRoot()
	mode := modeOr(st.Mode, 0o755)
	c.parents(st, p, parentMode(mode))
	c.note("make directory", st.Target, st)
	if p == "/" {
		return
	}
	e, made := c.known(p)
	plain := c.plain(p)
	c.mkdir(p, mode)
	if plain && (!made || e.kind == entryDir) {
		return
	}
	c.note("look at directory", st.Target, st)
	if made && e.kind == entryLink {
		fd := c.open(p, sys.O_DIRECTORY)
		c.b.Last().Tolerating(uint16(sys.ENOENT)) // the link is there, which is enough
		c.b.Close(fd)
		c.b.Last().Tolerating(uint16(sys.EBADF))
		return
	}
	c.b.Close(c.open(p, sys.O_DIRECTORY))
}

// parentMode is how the directories above something with the mode m are made:
// whom m leaves out does not get into them.
func parentMode(m uint32) uint32 {
	mode := uint32(0o700)
	if m&0o070 != 0 {
		mode |= 0o050
	}
	if m&0o007 != 0 {
		mode |= 0o005
	}
	return mode
}

// file writes a file, over one that is there.
func (c *script) file(st *spec.Step, p string) {
	c.needRoot()
	b, mode := c.b, modeOr(st.Mode, 0o666)
	c.parents(st, p, parentMode(mode))
	c.note("make file", st.Target, st)
	const flags = sys.O_CREAT | sys.O_WRONLY | sys.O_TRUNC | sys.O_CLOEXEC
	name, dir, resolve := below(p), plan.NoSlot, uint64(inRoot)
	at := plan.From(c.root)
	if m, on := c.around(p); !m.ours && c.mounts[p].id == 0 {
		// A link may have been planted there: none leads out of the bind.
		dir, _ = c.openBelow(on, dirOf(p), c.onHost(m, on, dirOf(p)), false)
		at, name, resolve = plan.From(dir), path.Base(p), sys.RESOLVE_BENEATH|sys.RESOLVE_NO_XDEV|sys.RESOLVE_NO_MAGICLINKS
	}
	if n := len(st.Target); n > 0 && st.Target[n-1] == '/' {
		name += "/"
	}
	fd := b.Into(sys.SYS_OPENAT2, at, b.Str(name), b.Words(flags, uint64(mode), resolve), plan.Val(sys.SIZEOF_OPEN_HOW))
	if dir != plan.NoSlot {
		b.Close(dir)
	}
	if _, ok := c.known(p); !ok {
		c.make(p, entryFile, "")
	}
	c.note("write to", st.Target, st)
	c.write(fd, st.Content)
	b.Close(fd)
}

func (c *script) write(fd plan.Slot, data []byte) {
	for len(data) > 0 {
		part := data[:min(len(data), maxWrite)]
		c.b.Write(fd, part)
		data = data[len(part):]
	}
}

// data mounts a file of the scratch tmpfs.
func (c *script) data(st *spec.Step) {
	b := c.b
	c.note("make temporary file for", st.Target, st)
	scratch := c.needScratch()
	c.files++
	name := strconv.Itoa(c.files)
	fd := b.CreateFile(scratch, name, modeOr(st.Mode, 0o600))
	c.note("write to", st.Target, st)
	c.write(fd, st.Content)
	b.Close(fd)
	mnt := b.OpenTree(scratch, name, 0)
	attr := uint64(attrTree)
	if !st.Write {
		attr |= sys.MOUNT_ATTR_RDONLY
	}
	b.SetAttr(mnt, attr, false)
	p := target(st)
	c.parents(st, p, parentMode(modeOr(st.Mode, 0o600)))
	c.attach(st, mnt, false, point{})
}

// symlink makes a link, or accepts one with the same text.
func (c *script) symlink(st *spec.Step, p string) error {
	c.needRoot()
	c.parents(st, p, 0o700)
	if old, there := c.linkAt(p); there {
		if old == st.Source {
			return nil
		}
		return &spec.Error{Op: "make symlink at", Object: st.Target, Reason: "existing destination is " + old, Origin: st.Origin}
	}
	c.note("make symlink at", st.Target, st)
	if p == "/" {
		return &spec.Error{Op: "make symlink at", Object: st.Target, Err: sys.EEXIST, Origin: st.Origin}
	}
	d := c.parentOf(p, hostUnknown)
	c.b.Call(sys.SYS_SYMLINKAT, c.b.Str(st.Source), d.arg, c.b.Str(d.name))
	c.closeParent(d)
	if _, ok := c.known(p); !ok {
		c.make(p, entryLink, st.Source)
	}
	return nil
}

// linkAt returns the text of the link that is at p already.
func (c *script) linkAt(p string) (text string, ok bool) {
	if e, known := c.known(p); known {
		return e.text, e.kind == entryLink
	}
	m, at := c.around(p)
	if m.source == "" {
		return "", false
	}
	text, err := c.o.Files.Readlink(join(m.source, p[len(at):]))
	return text, err == nil
}

// chmod goes by a descriptor's name in /proc: there is no other way to the file
// of an O_PATH descriptor before fchmodat2(2), Linux 6.6.
func (c *script) chmod(p string, mode uint32) {
	b := c.b
	fd := c.open(p, 0)
	dup := b.Into(sys.SYS_DUP3, plan.From(fd), plan.Val(c.s.FreeFD), plan.Val(sys.O_CLOEXEC))
	b.Close(fd)
	b.Call(sys.SYS_FCHMODAT, plan.FDCWD, b.Str("/proc/self/fd/"+strconv.Itoa(c.s.FreeFD)), plan.Val(mode))
	b.Close(dup)
}
