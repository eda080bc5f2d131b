package profile

import (
	"slices"
	"strings"

	"github.com/lichen-sandbox/lichen/spec"
)

// merged is what the files read so far amount to. Files are merged one after
// the other, in one line: a file's remove acts on everything merged before it,
// then its own values come on top.
type merged struct {
	sources     []Source
	description string
	entries     []entry
}

func (m *merged) at(e *entry) spec.Origin {
	return spec.Origin{File: m.sources[e.layer].File, Line: int(e.line)}
}

// add merges one layer on top.
func (m *merged) add(l *layer, src Source) error {
	src.Layer = len(m.sources)
	m.sources = append(m.sources, src)
	for i := range l.remove {
		if err := m.remove(l.remove[i].text); err != nil {
			return place(err, "read", keys[keyRemove].name, l.at(&l.remove[i]))
		}
	}
	if l.description != "" {
		m.description = l.description
	}
	if m.entries == nil {
		m.entries = make([]entry, 0, 2*len(l.entries))
	}
	for i := range l.entries {
		e := l.entries[i]
		e.layer = int32(src.Layer)
		m.put(e)
	}
	return nil
}

// put adds an element of a list, or sets a scalar in place of an earlier one.
func (m *merged) put(e entry) {
	k := keys[e.key].kind
	if k == kindPatterns {
		// Of "keep NAME" and "set NAME" the later file wins.
		m.entries = slices.DeleteFunc(m.entries, func(old entry) bool {
			return old.key == keyEnvSet && old.name == e.text && old.layer < e.layer
		})
	}
	if !k.isList() || k == kindVars || k == kindFDs {
		for i := range m.entries {
			old := &m.entries[i]
			if old.key == e.key && old.name == e.name && (k != kindFDs || old.num == e.num) {
				m.entries[i] = e
				return
			}
		}
	}
	m.entries = append(m.entries, e)
}

// find returns the entry of a scalar key, or nil.
func (m *merged) find(id keyID) *entry {
	for i := range m.entries {
		if m.entries[i].key == id {
			return &m.entries[i]
		}
	}
	return nil
}

// remove takes away what one entry of a remove list names:
//
//	"fs.ro"       everything under a key
//	"fs.ro:/etc"  one entry of a list (mount: and landlock.rules: by path;
//	              env.set: by name)
//	"/etc"        the same, where only one list has such an entry
//
// An entry of a list is named by its text as written; a grant also by its path
// inside, without "?". What removes nothing is an error: it was meant to take
// something away, and did not.
func (m *merged) remove(text string) error {
	id, want, qualified := m.removeTarget(text)
	var hit [keyCount]bool
	lists := 0
	for i := range m.entries {
		e := &m.entries[i]
		if (!qualified || e.key == id) && e.named(want, qualified) && !hit[e.key] {
			hit[e.key] = true
			id, lists = e.key, lists+1
		}
	}
	switch {
	case lists == 0:
		return badValue(text, "removes nothing", m.removeHint(want))
	case lists > 1:
		return badValue(text, "is in more than one list", "put the key before it, like "+quote(keys[id].name+":"+want))
	}
	m.entries = slices.DeleteFunc(m.entries, func(e entry) bool {
		return e.key == id && e.named(want, qualified)
	})
	return nil
}

// removeTarget splits "KEY:ENTRY" and "KEY"; the entry is "" for all of a key.
func (m *merged) removeTarget(text string) (id keyID, want string, qualified bool) {
	name, rest, colon := strings.Cut(text, ":")
	section, base := splitKey(name)
	if id, ok := findKey(section, base); ok && id > lastTopKey && (!colon || rest != "") {
		return id, rest, true
	}
	return 0, text, false
}

// named reports whether a remove entry means this one.
func (e *entry) named(want string, qualified bool) bool {
	if want == "" {
		return qualified
	}
	if !keys[e.key].kind.isList() || e.empty {
		return false
	}
	if e.name != "" {
		return e.name == want
	}
	return e.text == want || e.mount != nil && (e.mount.Target == want || e.text == want+"?")
}

func (m *merged) removeHint(want string) string {
	var texts []string
	for i := range m.entries {
		texts = append(texts, m.entries[i].text)
	}
	if hint := didYouMean(want, texts); hint != "" {
		return hint
	}
	return "name an entry of a profile that this one extends, as it is written there"
}
