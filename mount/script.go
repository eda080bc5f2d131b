package mount

import (
	"path"
	"strconv"

	"github.com/lichen-sandbox/lichen/internal/feature"
	"github.com/lichen-sandbox/lichen/internal/plan"
	"github.com/lichen-sandbox/lichen/internal/sys"
	"github.com/lichen-sandbox/lichen/spec"
)

// A script is carried out as it is written: what a step makes is there for the
// next one, and covered by the one after. The number of ops is linear in that of
// steps, and no table of mounts is read: what a target lies in is remembered by
// name.
//
// Targets are walked inside the new root by descriptor, so that no link leads
// out of it. Where everything on the way was made by the script itself, and no
// link is among it, a name below the root's descriptor is enough.

// script compiles the steps of a spec.Script.
type script struct {
	b       *plan.Builder
	s       *spec.Script
	o       ScriptOptions
	root    plan.Slot
	scratch plan.Slot
	files   int // number of files in the scratch
	layers  int // number of upper directories in it
	sources []source
	whole   []int // steps that bind "/", in order
	wholes  []plan.Slot
	mounts  map[string]point // what is mounted, by target
	ids     int
	made    map[string]entry    // what the script has made, by path
	aliased bool                // see script.plain
	real    map[string]struct{} // directories of the host without a link on the way
}

// point is something mounted.
type point struct {
	id int
	// ours: made by the script, so that all in it is in script.made.
	ours   bool
	source string // of a bind: the path on the host
	fixed  bool   // nothing can be made in it
}

// entry is something made in the mount with the number mount.
type entry struct {
	mount int
	kind  entryKind
	text  string // of a link
}

type entryKind uint8

const (
	entryDir entryKind = iota
	entryFile
	entryLink
)

// ScriptOptions are what the steps do not say.
type ScriptOptions struct {
	Files feature.Files
	// Dir is the caller's working directory, from which relative sources start.
	Dir string
	// HostRoot: the launcher's user is uid 0 of the host.
	HostRoot bool
	// OwnProcesses: there is a pid namespace, and a procfs shows it. Otherwise it
	// is the host's.
	OwnProcesses bool
	// Late leaves it to the child to find a source missing: somebody is to be
	// told of the child first.
	Late bool
}

// few steps fit what a builder has room for from the start.
const few = 24

// Script adds the ops that carry out the steps of s and make the result the
// root.
func Script(b *plan.Builder, s *spec.Script, o ScriptOptions) error {
	c := &script{b: b, s: s, o: o, root: plan.NoSlot, scratch: plan.NoSlot,
		sources: make([]source, len(s.Steps)), made: map[string]entry{}, real: map[string]struct{}{}}
	if len(s.Steps) > few {
		arena := 0
		for i := range s.Steps {
			arena += len(s.Steps[i].Source) + 2*len(s.Steps[i].Target) + len(s.Steps[i].Content) + 16
		}
		b.Grow(6*len(s.Steps), 4*len(s.Steps), arena)
	}
	b.Note("make mounts private", "/", spec.Origin{})
	b.Call(sys.SYS_MOUNT, b.Str(""), b.Str("/"), b.Str(""), plan.Val(sys.MS_REC|sys.MS_PRIVATE), plan.Null)
	for i := range s.Steps {
		if err := c.check(i, &s.Steps[i]); err != nil {
			if o.Late {
				c.fail(&s.Steps[i])
				return nil
			}
			return err
		}
	}
	c.cloneWhole()
	for i := range s.Steps {
		if err := c.step(i, &s.Steps[i]); err != nil {
			return err
		}
	}
	c.finish()
	return nil
}

// fail adds ops of which one fails: the first, unless the source is there after
// all.
func (c *script) fail(st *spec.Step) {
	c.note("find source", sourceName(st), st)
	c.b.OpenTree(plan.FDCWD, c.host(st.Source), sys.AT_RECURSIVE)
	c.b.Call(sys.SYS_CLOSE, plan.Val(-1))
}

// cloneWhole clones "/" for the steps that bind it, before the new root lies
// over it: a clone would hold that as well.
func (c *script) cloneWhole() {
	for i := range c.s.Steps {
		st := &c.s.Steps[i]
		if c.sources[i].path == "/" {
			c.note("find source", st.Source, st)
			c.whole = append(c.whole, i)
			c.wholes = append(c.wholes, c.b.OpenTree(plan.FDCWD, "/", sys.AT_RECURSIVE))
		}
	}
}

// finish makes the new root the root, and lets go of the old one.
func (c *script) finish() {
	b := c.b
	c.needRoot()
	c.dropScratch()
	b.Note("change to", "the new root", spec.Origin{})
	b.Call(sys.SYS_FCHDIR, plan.From(c.root))
	b.Close(c.root)
	b.Call(sys.SYS_PIVOT_ROOT, b.Str("."), b.Str("."))
	b.Call(sys.SYS_UMOUNT2, b.Str("."), plan.Val(sys.MNT_DETACH))
	b.Call(sys.SYS_CHDIR, b.Str("/"))
}

func (c *script) note(op, object string, st *spec.Step) { c.b.Note(op, object, st.Origin) }

// needRoot makes the new root, unless a step has done so.
func (c *script) needRoot() {
	if c.root != plan.NoSlot {
		return
	}
	c.b.Note("make", "the new root", spec.Origin{})
	c.replaceRoot(c.b.NewFS("tmpfs", attrTree, plan.Option{Key: "source", Value: "tmpfs"}, plan.Option{Key: "mode", Value: "0755"}), point{ours: true})
}

// replaceRoot attaches fd over "/", in place of what was the new root. A mount
// that stayed below it would keep the payload from a user namespace; see
// scratch.go.
func (c *script) replaceRoot(fd plan.Slot, p point) {
	b := c.b
	c.dropScratch()
	if c.root != plan.NoSlot {
		b.Call(sys.SYS_FCHDIR, plan.From(c.root))
		b.Call(sys.SYS_UMOUNT2, b.Str("."), plan.Val(sys.MNT_DETACH))
		b.Close(c.root)
	}
	b.MoveTo(fd, plan.FDCWD, "/")
	c.root = fd
	c.mounts = map[string]point{}
	c.mounted("/", p)
}

func (c *script) mounted(target string, p point) {
	c.ids++
	p.id = c.ids
	c.mounts[target] = p
}

// needScratch attaches a tmpfs on top of the new root, for what has to be
// attached somewhere before it can be cloned.
func (c *script) needScratch() plan.Arg {
	if c.scratch == plan.NoSlot {
		c.needRoot()
		c.scratch = c.b.NewFS("tmpfs", attrTree, plan.Option{Key: "mode", Value: "0700"})
		c.b.MoveTo(c.scratch, plan.FDCWD, "/")
	}
	return plan.From(c.scratch)
}

func (c *script) dropScratch() {
	if c.scratch == plan.NoSlot {
		return
	}
	b := c.b
	b.Note("take away", "the scratch tmpfs", spec.Origin{})
	b.Call(sys.SYS_FCHDIR, plan.From(c.scratch))
	b.Call(sys.SYS_UMOUNT2, b.Str("."), plan.Val(sys.MNT_DETACH))
	b.Close(c.scratch)
	c.scratch = plan.NoSlot
}

// target returns where a step acts, absolute and without dots.
func target(st *spec.Step) string { return path.Clean("/" + st.Target) }

// host returns the path of a source.
func (c *script) host(source string) string {
	if source == "" || source[0] == '/' || c.o.Dir == "" {
		return source
	}
	return c.o.Dir + "/" + source
}

// sourceName is how messages call the source of a bind.
func sourceName(st *spec.Step) string {
	if st.SourceFD >= 0 {
		return "/proc/self/fd/" + strconv.Itoa(st.SourceFD)
	}
	return st.Source
}
