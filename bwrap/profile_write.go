package bwrap

import (
	"path"
	"slices"
	"strconv"
	"strings"
)

// grants writes what has a short form.
func (w *writer) grants() {
	w.line("\n[fs]")
	w.notes = w.fsNotes
	w.flush()
	w.short("ro", func(m *mount) bool { return m.bind() && m.op.ReadOnly })
	w.short("rw", func(m *mount) bool { return m.bind() && !m.op.ReadOnly })
	w.short("tmpfs", func(m *mount) bool { return m.op.Kind == OpTmpfs && m.target != "/" })
	for i := range w.mounts {
		if m := &w.mounts[i]; m.op.Kind == OpTmpfs && m.op.Size == 0 {
			w.line("# bwrap bounds a tmpfs by half of the memory, lichen by 256M unless size= is given.")
			break
		}
	}
}

// bind tells whether a mount is a bind with a short form. One of a socket or
// a device has none.
func (m *mount) bind() bool { return m.op.Kind == OpBind && !m.op.Dev }

func (w *writer) socket(m *mount) bool {
	return m.op.Kind == OpBind && w.o.IsSocket != nil && w.o.IsSocket(m.source)
}

func (w *writer) short(key string, of func(*mount) bool) {
	open := false
	for i := range w.mounts {
		m := &w.mounts[i]
		if !of(m) || w.socket(m) {
			continue
		}
		if !open {
			w.line(key + " = [")
			open = true
		}
		w.line("  " + quote(m.grant()) + ",")
	}
	if open {
		w.line("]")
	}
}

func (m *mount) grant() string {
	target := escapeShort(m.target)
	s := target
	if m.op.Kind == OpBind && m.source != m.target {
		s = escapeShort(m.source) + ":" + target
	} else if opts := m.options(); m.op.Kind == OpTmpfs && len(opts) > 0 {
		s += ":" + strings.Join(opts, ",")
	}
	if m.op.Try {
		s += "?"
	}
	return s
}

// options are those of the short and the long form.
func (m *mount) options() []string {
	var opts []string
	if m.op.Size != 0 {
		opts = append(opts, "size="+strconv.FormatUint(m.op.Size, 10))
	}
	if m.op.Perms != nil {
		opts = append(opts, "mode="+strconv.FormatUint(uint64(*m.op.Perms&0o1777), 8))
	}
	return opts
}

// tables writes the rest. They come last, or keys after them were theirs.
func (w *writer) tables() {
	for i := range w.mounts {
		m := &w.mounts[i]
		switch m.op.Kind {
		case OpBind:
			if !m.op.Dev && !w.socket(m) {
				continue
			}
			w.table("bind", m, "source = "+template(m.source), "options = "+plainList(w.bindOptions(m)))
		case OpTmpfs:
			if m.target == "/" {
				w.line("\n# --tmpfs /: the new root is an empty tmpfs anyway.")
			}
		case OpProc:
			w.table("proc", m)
		case OpDev:
			w.table("dev", m)
		case OpMqueue:
			w.table("mqueue", m)
		case OpSymlink:
			w.table("symlink", m, "source = "+template(m.op.Source))
		case OpDir:
			var opts []string
			if o := m.options(); len(o) > 0 {
				opts = []string{"options = " + plainList(o)}
			}
			w.table("dir", m, opts...)
		case OpOverlay, OpROOverlay:
			w.overlay(m)
		}
	}
}

func (w *writer) bindOptions(m *mount) []string {
	opts := []string{"rw"}
	if m.op.ReadOnly {
		opts[0] = "ro"
	}
	if m.op.Dev {
		opts = append(opts, "dev")
	}
	if w.socket(m) {
		opts = append(opts, "socket")
	}
	if m.op.Try {
		opts = append(opts, "optional")
	}
	return opts
}

func (w *writer) overlay(m *mount) {
	var lower []string
	for _, l := range slices.Backward(m.op.Lower) {
		lower = append(lower, w.host(l))
	}
	lines := []string{"lower = " + list(lower)}
	if m.op.Kind == OpOverlay {
		lines = append(lines, "upper = "+template(w.host(m.op.Upper)), "work = "+template(w.host(m.op.Work)), `options = ["rw"]`)
	}
	w.table("overlay", m, lines...)
}

func (w *writer) table(kind string, m *mount, lines ...string) {
	w.line("\n[[mount]]")
	w.line("type = " + quote(kind))
	w.line("target = " + template(path.Clean(m.target)))
	for _, l := range lines {
		w.line(l)
	}
}

// quote writes a basic string of TOML. Bytes that are not UTF-8, which TOML
// has no way to write, become U+FFFD.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < 0x20 || r == 0x7f:
			const hex = "0123456789abcdef"
			b.WriteString(`\u00`)
			b.WriteByte(hex[r>>4])
			b.WriteByte(hex[r&15])
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// template quotes a text in which "$" stands for itself.
func template(s string) string { return quote(strings.ReplaceAll(s, "$", "$$")) }

func list(words []string) string {
	quoted := make([]string, len(words))
	for i, s := range words {
		quoted[i] = template(s)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

func plainList(words []string) string {
	return `["` + strings.Join(words, `", "`) + `"]`
}

// escapeShort writes a path for the short form of grants.
func escapeShort(s string) string {
	return strings.NewReplacer(`\`, `\\`, ":", `\:`, "?", `\?`, "$", "$$").Replace(s)
}

// plain makes text fit for a comment.
func plain(s string) string {
	if strings.ContainsFunc(s, func(r rune) bool { return r < 0x20 || r >= 0x7f }) {
		return strconv.Quote(s)
	}
	return s
}
