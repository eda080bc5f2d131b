package mount

import (
	"path"
	"strings"

	"github.com/lichen-sandbox/lichen/internal/plan"
	"github.com/lichen-sandbox/lichen/internal/sys"
	"github.com/lichen-sandbox/lichen/spec"
)

// parents makes the directories above p, and those that a target with dots goes
// through.
func (c *script) parents(st *spec.Step, p string, mode uint32) {
	raw := "/" + st.Target
	if strings.Contains(raw, "/.") {
		c.note("make parents of", st.Target, st)
		for i := 1; i < len(raw); i++ {
			if raw[i] == '/' {
				if q := path.Clean(raw[:i]); q != "/" && q != p {
					c.mkdir(q, mode)
				}
			}
		}
		return
	}
	noted := false
	for i := 1; i < len(p); i++ {
		if p[i] != '/' {
			continue
		}
		if !noted {
			c.note("make parents of", st.Target, st)
			noted = true
		}
		c.mkdir(p[:i], mode)
	}
}

// attach puts the detached mount fd on the target of st.
func (c *script) attach(st *spec.Step, fd plan.Slot, dir bool, m point) {
	p := c.place(st, fd, dir, m)
	if p != "/" {
		c.b.Close(fd)
	}
}

// place is attach without closing fd, which stays in use when p is "/".
func (c *script) place(st *spec.Step, fd plan.Slot, dir bool, m point) (p string) {
	b := c.b
	if p = target(st); p == "/" {
		c.noteMount(st, dir)
		if !dir {
			c.needRoot()
			b.MoveTo(fd, plan.From(c.root), "") // which fails
			return ""
		}
		c.replaceRoot(fd, m)
		return p
	}
	c.needRoot()
	mode := uint32(0o700)
	if st.Kind == spec.StepTmpfs {
		mode = parentMode(modeOr(st.Mode, 0o755))
	}
	c.parents(st, p, mode)
	if dir {
		c.note("make directory", st.Target, st)
		c.mkdir(p, 0o755)
	} else {
		c.note("make mount point", st.Target, st)
		c.mkfile(p)
	}
	e, made := c.known(p)
	if c.plain(p) && (!made || (e.kind == entryDir) == dir) {
		c.noteMount(st, dir)
		b.MoveTo(fd, plan.From(c.root), below(p))
	} else {
		flags := uint64(0)
		if dir {
			flags = sys.O_DIRECTORY
		}
		c.noteMount(st, dir)
		on := c.openTarget(p, flags)
		b.MoveTo(fd, plan.From(on), "")
		b.Close(on)
	}
	c.mounted(p, m)
	return p
}

// openTarget opens what something is to be mounted on. Where no link is on the
// way, none may come there meanwhile; elsewhere they are followed inside the new
// root.
func (c *script) openTarget(p string, flags uint64) plan.Slot {
	m, at := c.around(p)
	resolve := uint64(inRoot)
	if !m.ours && c.plain(at) && c.onHost(m, at, p) != hostUnknown {
		resolve |= sys.RESOLVE_NO_SYMLINKS
	} else {
		c.aliased = true
	}
	return c.b.OpenResolve(plan.From(c.root), below(p), flags, resolve)
}

// noteMount says what is mounted where.
func (c *script) noteMount(st *spec.Step, dir bool) {
	switch st.Kind {
	case spec.StepBind:
		if !dir {
			c.note("bind file", sourceName(st)+" on "+st.Target, st)
			return
		}
		c.note("bind", sourceName(st)+" on "+st.Target, st)
	case spec.StepData:
		c.note("bind file", st.Target, st)
	default:
		c.note("mount "+kindName(st.Kind)+" on", st.Target, st)
	}
}

func kindName(k spec.StepKind) string {
	switch k {
	case spec.StepProc:
		return "proc"
	case spec.StepMqueue:
		return "mqueue"
	case spec.StepOverlay, spec.StepTmpOverlay, spec.StepROOverlay:
		return "overlay"
	}
	return "tmpfs"
}
