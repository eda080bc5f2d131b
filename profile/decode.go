package profile

import (
	"strings"
	"unicode/utf8"

	"github.com/BurntSushi/toml"

	"github.com/lichen-sandbox/lichen/spec"
)

// Version is the newest profile version this package reads.
const Version = 1

type decoder struct {
	tree tree
	out  layer
}

// decode reads the text of one file. file is its name in errors.
func decode(file, text string) (*layer, error) {
	d := decoder{out: layer{file: file}}
	if !utf8.ValidString(text) {
		return nil, d.fail(badUTF8Line(text), "file", bad("the text is not UTF-8", "save the file as UTF-8"))
	}
	t, line, err := scan(text)
	if err != nil {
		return nil, d.fail(int32(line), "file", err)
	}
	var root any // an empty interface takes the library's own map as it is
	if _, err := toml.Decode(text, &root); err != nil {
		return nil, syntaxError(err, file)
	}
	top, ok := root.(map[string]any)
	if !ok || t == nil {
		return nil, d.fail(1, "file", bad("the text has no table", ""))
	}
	d.tree = t
	d.out.entries = make([]entry, 0, len(t))
	if err := d.version(top); err != nil {
		return nil, err
	}
	if err := d.top(top); err != nil {
		return nil, err
	}
	return &d.out, nil
}

func (d *decoder) fail(line int32, object string, err error) error {
	return place(err, "read", object, spec.Origin{File: d.out.file, Line: int(line)})
}

// version comes first: in a newer file, what looks like a mistake may be a key
// of that version.
func (d *decoder) version(top map[string]any) error {
	n := d.tree.child(0, "version")
	if n == 0 {
		return d.fail(1, "version", bad("the key is missing", "add the line: version = 1"))
	}
	v, ok := top["version"].(int64)
	switch {
	case !ok:
		return d.fail(d.tree[n].line, "version", wrongType("an integer", top["version"]))
	case v > Version:
		return d.fail(d.tree[n].line, "version", bad("the profile is of a newer version than this lichen reads", "update lichen, or write version = 1"))
	case v != Version:
		return d.fail(d.tree[n].line, "version", bad("there is no such version", "write version = 1"))
	}
	return nil
}

// top walks the tree in the order of the text, so that the first mistake is
// the one reported, and variables keep their order.
func (d *decoder) top(m map[string]any) error {
	for n := d.tree[0].first; n != 0; n = d.tree[n].next {
		name, line := d.tree[n].key, d.tree[n].line
		if id, ok := findKey("", name); ok {
			if err := d.key(id, n, m[name]); err != nil {
				return err
			}
			continue
		}
		table, isTable := m[name].(map[string]any)
		switch {
		case !isSection(name) && isTable:
			return d.fail(line, "table "+shown(name), bad("unknown table", keySuggestion("", name)))
		case !isSection(name):
			return d.fail(line, "key "+shown(name), bad("unknown key", keySuggestion("", name)))
		case !isTable:
			return d.fail(line, name, wrongType("a table", m[name]))
		}
		if err := d.section(name, n, table); err != nil {
			return err
		}
	}
	return nil
}

func (d *decoder) section(name string, n int32, m map[string]any) error {
	for c := d.tree[n].first; c != 0; c = d.tree[c].next {
		key := d.tree[c].key
		id, ok := findKey(name, key)
		if !ok {
			return d.fail(d.tree[c].line, "key "+name+"."+shown(key), bad("unknown key", keySuggestion(name, key)))
		}
		if err := d.key(id, c, m[key]); err != nil {
			return err
		}
	}
	return nil
}

// key decodes one key at tree node n.
func (d *decoder) key(id keyID, n int32, v any) error {
	def := &keys[id]
	if def.kind.isList() {
		return d.listKey(id, n, v)
	}
	e := entry{key: id, line: d.tree[n].line}
	if err := scalar(&e, v); err != nil {
		return d.fail(e.line, def.name, err)
	}
	switch id {
	case keyVersion:
	case keyDescription:
		d.out.description = e.text
	default:
		d.out.entries = append(d.out.entries, e)
	}
	return nil
}

// shown quotes a key from a file unless it is a plain word.
func shown(key string) string {
	for _, r := range key {
		if r != '_' && r != '-' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') {
			return quote(key)
		}
	}
	return key
}

func badUTF8Line(text string) int32 {
	line := int32(1)
	for i, r := range text {
		if r == '\n' {
			line++
		}
		if r == utf8.RuneError && !strings.HasPrefix(text[i:], "\ufffd") {
			break
		}
	}
	return line
}
