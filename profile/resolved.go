package profile

import (
	"slices"
	"strconv"
	"strings"

	"github.com/lichen-sandbox/lichen/spec"
)

// Resolved returns the merged profile as one TOML text, the variables
// replaced, with the origin of each value behind it. Loading the text gives
// the same Spec.
func (p *Profile) Resolved() string {
	w := writer{p: p}
	w.findLast()
	w.line("# " + plain(p.Name) + ", merged from:")
	for _, s := range p.Sources {
		w.line("#   " + plain(s.File))
	}
	w.line("version = " + strconv.Itoa(Version))
	if p.Description != "" {
		w.line("description = " + tomlQuote(p.Description))
	}
	for id := lastTopKey + 1; id < keyCount; id++ {
		if k := keys[id].kind; k != kindVars && k != kindMounts && k != kindRules {
			w.key(id)
		}
	}
	// Tables of tables come last, or the keys after them would be theirs.
	for _, id := range []keyID{keyEnvSet, keyLandlockRules, keyMount} {
		for i := range p.merged.entries {
			if e := &p.merged.entries[i]; e.key == id {
				w.table(i, e)
			}
		}
	}
	return w.b.String()
}

type writer struct {
	p       *Profile
	b       strings.Builder
	section string
	last    map[string]*entry
	seen    map[string]bool // elements of the list being written
}

func (w *writer) line(s string) {
	w.b.WriteString(s)
	w.b.WriteByte('\n')
}

// head opens a table once.
func (w *writer) head(section string) {
	if w.section != section {
		w.section = section
		w.line("\n[" + section + "]")
	}
}

func (w *writer) origin(e *entry) string { return "  # " + plain(w.p.merged.at(e).String()) }

// expanded returns the value of a template that was resolved before, as a
// template again.
func (w *writer) expanded(s string) string {
	v, err := w.p.vars.expand(s)
	if err != nil {
		return s
	}
	return escapeTemplate(v)
}

func (w *writer) path(s string) string {
	v, err := w.p.vars.expandPath(s)
	if err != nil {
		return s
	}
	return escapeTemplate(v)
}

// key writes all entries of a key.
func (w *writer) key(id keyID) {
	section, name := splitKey(keys[id].name)
	open := false
	w.seen = make(map[string]bool)
	for i := range w.p.merged.entries {
		e := &w.p.merged.entries[i]
		if e.key != id {
			continue
		}
		w.head(section)
		if !keys[id].kind.isList() {
			w.line(name + " = " + w.scalar(e) + w.origin(e))
			continue
		}
		if !open {
			w.line(name + " = [")
			open = true
		}
		w.element(i, e)
	}
	if open {
		w.line("]")
	}
}

func (w *writer) scalar(e *entry) string {
	switch keys[e.key].kind {
	case kindBool:
		return strconv.FormatBool(e.num == 1)
	case kindID:
		return e.text
	case kindTemplate:
		return tomlQuote(w.expanded(e.text))
	case kindCommand:
		args := make([]string, len(e.list))
		for i, a := range e.list {
			args[i] = tomlQuote(w.expanded(a))
		}
		return "[" + strings.Join(args, ", ") + "]"
	}
	return tomlQuote(e.text)
}

func (w *writer) element(i int, e *entry) {
	text := tomlQuote(e.text)
	switch keys[e.key].kind {
	case kindFDs, kindPorts:
		text = e.text
	case kindGrants:
		text = tomlQuote(w.grant(e))
	}
	if e.empty {
		w.line("  # empty" + w.origin(e))
		return
	}
	if why := w.leftOut(i, e); why != "" {
		w.line("  # " + text + "," + w.origin(e) + ": " + why)
		return
	}
	if w.seen[text] {
		// Two spellings of one path, or one path in two files.
		w.line("  # " + text + "," + w.origin(e) + ": as above")
		return
	}
	w.seen[text] = true
	w.line("  " + text + "," + w.origin(e))
}

// leftOut says why an entry takes no part, or "".
func (w *writer) leftOut(i int, e *entry) string {
	for _, s := range w.p.Skipped {
		if s.entry == i {
			return "left out: " + plain(s.Reason)
		}
	}
	if e.mount == nil || e.key == keyNoExec {
		return ""
	}
	if last := w.last[w.path(e.mount.Target)]; last != nil && last.layer > e.layer {
		return "replaced by " + plain(w.p.merged.at(last).String())
	}
	return ""
}

// findLast finds the mount of the latest layer for each target.
func (w *writer) findLast() {
	w.last = make(map[string]*entry)
	for i := range w.p.merged.entries {
		e := &w.p.merged.entries[i]
		if e.mount == nil || e.key == keyNoExec || w.isSkipped(i) {
			continue
		}
		target := w.path(e.mount.Target)
		if last := w.last[target]; last == nil || last.layer < e.layer {
			w.last[target] = e
		}
	}
}

func (w *writer) isSkipped(i int) bool {
	return slices.ContainsFunc(w.p.Skipped, func(s Skipped) bool { return s.entry == i })
}

// grant writes a short form.
func (w *writer) grant(e *entry) string {
	m := e.mount
	target := escapeShort(w.path(m.Target))
	s := target
	switch e.key {
	case keyHost, keyRO, keyRW:
		if s = escapeShort(w.path(m.Source)); s != target {
			s += ":" + target
		}
	case keyTmpfs:
		if opts := mountOptionTexts(m); len(opts) > 0 {
			s += ":" + strings.Join(opts, ",")
		}
	}
	if m.Optional {
		s += "?"
	}
	return s
}

// table writes one entry in a table of its own.
func (w *writer) table(i int, e *entry) {
	if e.key == keyEnvSet {
		w.head("env.set")
		w.line(tomlQuote(e.name) + " = " + tomlQuote(w.expanded(e.text)) + w.origin(e))
		return
	}
	var out []string
	if e.rule != nil {
		out = []string{"path = " + tomlQuote(w.path(e.rule.Path)), "write = " + strconv.FormatBool(e.rule.Write), "execute = " + strconv.FormatBool(e.rule.Execute)}
	} else {
		out = w.mount(e.mount)
	}
	w.section = ""
	prefix := ""
	why := w.leftOut(i, e)
	if why != "" {
		prefix, why = "# ", ": "+why
	}
	w.line("\n" + prefix + "[[" + keys[e.key].name + "]]" + w.origin(e) + why)
	for _, s := range out {
		w.line(prefix + s)
	}
}

func (w *writer) mount(m *spec.Mount) []string {
	out := []string{"type = " + tomlQuote(m.Type.String()), "target = " + tomlQuote(w.path(m.Target))}
	add := func(key, value string) { out = append(out, key+" = "+value) }
	switch m.Type {
	case spec.MountBind:
		add("source", tomlQuote(w.path(m.Source)))
	case spec.MountSymlink:
		add("source", tomlQuote(w.expanded(m.Source)))
	case spec.MountFile:
		add("content", tomlQuote(w.expanded(string(m.Content))))
	case spec.MountOverlay:
		lower := make([]string, len(m.Lower))
		for i, p := range m.Lower {
			lower[i] = w.path(p)
		}
		add("lower", tomlList(lower))
		if m.Upper != "" {
			add("upper", tomlQuote(w.path(m.Upper)))
			add("work", tomlQuote(w.path(m.Work)))
		}
	}
	if opts := mountOptionTexts(m); len(opts) > 0 {
		add("options", tomlList(opts))
	}
	return out
}
