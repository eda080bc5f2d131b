package unit

import (
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// document is a profile as it grows. Tables appear in the order of order, and
// keys in that of their first use.
type document struct {
	tables [len(tableOrder)]table
	mounts []string
}

var tableOrder = [...]string{"", "process", "env", "rootfs", "fs", "network", "seccomp", "limits", "service"}

type table struct{ keys []tomlKey }

type tomlKey struct {
	name  string
	value string   // as it stands in the file
	list  []string // or the items of a list
}

func (d *document) table(name string) *table {
	for i := range tableOrder {
		if tableOrder[i] == name {
			return &d.tables[i]
		}
	}
	panic("no table " + name)
}

// set gives "table.key" a value that is already TOML.
func (d *document) set(name, value string) {
	k := d.key(name)
	k.value, k.list = value, nil
}

func (d *document) text(name, value string) { d.set(name, quoteTOML(value)) }

// add adds an item to a list of strings, in which it may be only once.
func (d *document) add(name, item string) {
	if k := d.key(name); !slices.Contains(k.list, quoteTOML(item)) {
		k.list = append(k.list, quoteTOML(item))
	}
}

// append adds a word to a list in which words may repeat.
func (d *document) append(name, word string) {
	k := d.key(name)
	k.list = append(k.list, quoteTOML(word))
}

func (d *document) has(name string) bool { return d.find(name) != nil }

func (d *document) contains(name, item string) bool {
	k := d.find(name)
	return k != nil && slices.Contains(k.list, quoteTOML(item))
}

func (d *document) find(name string) *tomlKey {
	section, key, ok := strings.Cut(name, ".")
	if !ok {
		section, key = "", name
	}
	t := d.table(section)
	for i := range t.keys {
		if t.keys[i].name == key {
			return &t.keys[i]
		}
	}
	return nil
}

// key finds a key or makes it.
func (d *document) key(name string) *tomlKey {
	if k := d.find(name); k != nil {
		return k
	}
	section, key, ok := strings.Cut(name, ".")
	if !ok {
		section, key = "", name
	}
	t := d.table(section)
	t.keys = append(t.keys, tomlKey{name: key})
	return &t.keys[len(t.keys)-1]
}

func (d *document) String() string {
	var b strings.Builder
	for i := range d.tables {
		if len(d.tables[i].keys) > 0 {
			if tableOrder[i] != "" {
				b.WriteString("\n[" + tableOrder[i] + "]\n")
			}
			d.tables[i].write(&b)
		}
		if tableOrder[i] == "fs" {
			for _, m := range d.mounts {
				b.WriteString("\n[[mount]]\n" + m)
			}
		}
	}
	return b.String()
}

func (t *table) write(b *strings.Builder) {
	for _, k := range t.keys {
		line := strings.Join(k.list, ", ")
		switch {
		case k.list == nil:
			b.WriteString(k.name + " = " + k.value + "\n")
		case len(k.list) == 1 || len(line) < 90:
			b.WriteString(k.name + " = [" + line + "]\n")
		default:
			b.WriteString(k.name + " = [" + wrapped(k.list) + "\n]\n")
		}
	}
}

// wrapped puts items on lines of about a hundred characters.
func wrapped(items []string) string {
	var b strings.Builder
	width := 200
	for _, item := range items {
		if width+len(item) > 100 {
			b.WriteString("\n ")
			width = 1
		}
		b.WriteString(" " + item + ",")
		width += len(item) + 2
	}
	return b.String()
}

// quoteTOML writes a basic string. What is no UTF-8, which TOML cannot hold,
// is refused earlier.
func quoteTOML(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteString(`\` + string(r))
		case unicode.IsControl(r) || !unicode.IsPrint(r) && r <= 0xffff:
			b.WriteString(`\u` + strconv.FormatUint(uint64(r)|1<<16, 16)[1:])
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// plain makes text of a unit fit for a comment.
func plain(s string) string {
	for _, r := range s {
		if !unicode.IsPrint(r) || r == utf8.RuneError {
			q := strconv.QuoteToASCII(s)
			return q[1 : len(q)-1]
		}
	}
	return s
}

// literal writes text in which a profile would see variables.
func literal(s string) string { return strings.ReplaceAll(s, "$", "$$") }
