package bwrap

import (
	"path"
	"slices"
	"strings"
	"unicode/utf8"
)

const notUTF8 = "the argument is not UTF-8, and a profile is"

// mount is one operation that is still to be seen when all are done.
type mount struct {
	op     Op
	source string // bind: absolute
	target string // absolute and clean
}

// ops reduces the operations to what they leave.
func (w *writer) ops() {
	for _, op := range w.c.Ops {
		if !utf8.ValidString(op.Source + "\n" + op.Dest + "\n" + op.Upper + "\n" + op.Work + "\n" + strings.Join(op.Lower, "\n")) {
			w.note(op.Option+" "+op.Dest, notUTF8)
			continue
		}
		m := mount{op: op, target: path.Join("/", op.Dest)}
		switch op.Kind {
		case OpBind:
			if op.FD != NoFD {
				w.note(op.Option+" "+op.Dest, "what a descriptor is open on has no name in a profile")
				continue
			}
			m.source = w.host(op.Source)
		case OpFile, OpBindData:
			w.note(op.Option+" "+op.Dest, "what the descriptor holds is not known here: type = \"file\" with content, or a bind of a file")
			continue
		case OpTmpOverlay:
			w.note(op.Option+" "+op.Dest, "a profile has no overlay that is discarded; --image with rootfs.write = \"tmpfs\" comes close")
			continue
		case OpRemountRO:
			w.remount(m)
			continue
		case OpChmod:
			w.chmod(m)
			continue
		case OpDir, OpSymlink:
			if !w.made(m) {
				continue
			}
		}
		w.cover(m)
	}
}

func (w *writer) host(p string) string {
	if path.IsAbs(p) {
		return path.Clean(p)
	}
	return path.Join(w.o.Dir, p)
}

// cover adds a mount. What lies at its target or below is not seen any more.
func (w *writer) cover(m mount) {
	w.mounts = slices.DeleteFunc(w.mounts, func(old mount) bool {
		hidden := within(old.target, m.target)
		if m.op.Kind == OpDir || m.op.Kind == OpSymlink {
			hidden = false
		}
		if hidden {
			w.note(old.op.Option+" "+old.op.Dest, "covered by the later --"+plain(m.op.Option+" "+m.op.Dest))
		}
		return hidden
	})
	w.mounts = append(w.mounts, m)
}

// over returns the mount that a path lies in, or nil for the new root.
func (w *writer) over(target string) *mount {
	var in *mount
	for i := range w.mounts {
		m := &w.mounts[i]
		if m.op.Kind != OpDir && m.op.Kind != OpSymlink && within(target, m.target) && (in == nil || within(m.target, in.target)) {
			in = m
		}
	}
	return in
}

// made tells whether a directory or a link can be made by a profile: not in
// what the host shows, where bwrap would leave it behind, and not twice.
func (w *writer) made(m mount) bool {
	if in := w.over(m.target); in != nil && in.target == m.target && m.op.Kind == OpDir {
		return false // it is there
	} else if in != nil && (in.op.Kind == OpBind || len(in.op.Lower) > 0) {
		w.note(m.op.Option+" "+m.op.Dest, "bwrap makes this on the host; a profile leaves nothing there")
		return false
	}
	for _, old := range w.mounts {
		if old.target == m.target {
			return false
		}
	}
	return true
}

func (w *writer) remount(m mount) {
	for i := range w.mounts {
		old := &w.mounts[i]
		if old.target != m.target || old.op.Kind == OpDir || old.op.Kind == OpSymlink {
			continue
		}
		switch old.op.Kind {
		case OpBind, OpOverlay:
			old.op.ReadOnly = true
			if old.op.Kind == OpOverlay {
				w.note(m.op.Option+" "+m.op.Dest, "the overlay is made read-only without its upper directory, which holds what was written")
				old.op.Kind = OpROOverlay
				old.op.Lower = append(slices.Clone(old.op.Lower), old.op.Upper)
			}
		default:
			w.note(m.op.Option+" "+m.op.Dest, "only binds and overlays can be read-only in a profile")
		}
		return
	}
	if m.target == "/" {
		w.note(m.op.Option+" /", "the new root is a tmpfs of the sandbox's own")
		return
	}
	w.note(m.op.Option+" "+m.op.Dest, "nothing was mounted there")
}

func (w *writer) chmod(m mount) {
	for i := range w.mounts {
		old := &w.mounts[i]
		if old.target == m.target && (old.op.Kind == OpDir || old.op.Kind == OpTmpfs) {
			old.op.Perms = m.op.Perms
			return
		}
	}
	w.note(m.op.Option+" "+m.op.Dest, "a profile sets the mode of what it makes, and of nothing else")
}

// within tells whether p is dir or lies below it. Both are clean.
func within(p, dir string) bool {
	return p == dir || dir == "/" || strings.HasPrefix(p, dir) && p[len(dir)] == '/'
}
