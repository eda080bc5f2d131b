package profile

import (
	"math"
	"strconv"

	"github.com/lichen-sandbox/lichen/spec"
)

// listKey decodes a key that takes several values.
func (d *decoder) listKey(id keyID, n int32, v any) error {
	def := &keys[id]
	switch def.kind {
	case kindVars:
		return d.vars(id, n, v)
	case kindMounts, kindRules:
		return d.tables(id, n, v)
	}
	list, ok := v.([]any)
	if !ok {
		return d.fail(d.tree[n].line, def.name, wrongType("an array", v))
	}
	out := d.list(id)
	start := len(*out)
	c := d.tree[n].first
	for _, v := range list {
		e := entry{key: id, line: d.tree[c].line}
		if err := element(&e, v); err != nil {
			return d.fail(e.line, def.name, err)
		}
		*out = append(*out, e)
		c = d.tree[c].next
	}
	if len(list) == 0 && def.kind == kindPorts {
		*out = append(*out, entry{key: id, empty: true, line: d.tree[n].line})
	}
	return d.duplicates((*out)[start:])
}

// list returns where the entries of a key go.
func (d *decoder) list(id keyID) *[]entry {
	switch id {
	case keyExtends:
		return &d.out.extends
	case keyRemove:
		return &d.out.remove
	}
	return &d.out.entries
}

// element fills in one element of an array.
func element(e *entry, v any) (err error) {
	switch keys[e.key].kind {
	case kindFDs:
		if e.num, err = intValue(v, math.MaxInt32); err == nil && e.num < 3 {
			err = bad(strconv.FormatUint(e.num, 10)+" is always kept", "list descriptors from 3 up")
		}
		e.text = strconv.FormatUint(e.num, 10)
		return err
	case kindPorts:
		e.num, err = intValue(v, math.MaxUint16)
		e.text = strconv.FormatUint(e.num, 10)
		return err
	}
	if e.text, err = stringValue(v); err != nil {
		return err
	}
	return e.parseElement()
}

// parseElement parses the text of an element that is written as a string.
func (e *entry) parseElement() (err error) {
	switch keys[e.key].kind {
	case kindPatterns:
		return checkPattern(e.text)
	case kindGrants:
		e.mount, err = parseGrant(e.key, e.text)
		return err
	}
	if e.text == "" {
		return bad("the entry is empty", "")
	}
	return nil
}

// duplicates finds two entries of one list with the same text. Within one file
// that is a mistake; a later file may repeat what an earlier one has.
func (d *decoder) duplicates(list []entry) error {
	var seen map[string]int32
	if len(list) > 32 {
		seen = make(map[string]int32, len(list))
	}
	for i := range list {
		e := &list[i]
		first := int32(0)
		if seen != nil {
			if first = seen[e.text]; first == 0 {
				seen[e.text] = e.line
			}
		}
		for j := 0; seen == nil && j < i; j++ {
			if list[j].text == e.text {
				first = list[j].line
			}
		}
		if first != 0 {
			return d.fail(e.line, keys[e.key].name, badValue(e.text, "is listed twice", "it stands on line "+strconv.Itoa(int(first))+" already"))
		}
	}
	return nil
}

// vars decodes env.set.
func (d *decoder) vars(id keyID, n int32, v any) error {
	m, ok := v.(map[string]any)
	if !ok {
		return d.fail(d.tree[n].line, keys[id].name, wrongType("a table", v))
	}
	for c := d.tree[n].first; c != 0; c = d.tree[c].next {
		e := entry{key: id, line: d.tree[c].line, name: d.tree[c].key}
		err := checkEnvName(e.name)
		if err == nil {
			if e.text, err = stringValue(m[e.name]); err == nil {
				err = checkTemplate(e.text)
			}
		}
		if err != nil {
			return d.fail(e.line, keys[id].name+"."+shown(e.name), err)
		}
		d.out.entries = append(d.out.entries, e)
	}
	return nil
}

// tables decodes an array of tables, written either way.
func (d *decoder) tables(id keyID, n int32, v any) error {
	def := &keys[id]
	if _, single := v.(map[string]any); single {
		return d.fail(d.tree[n].line, def.name, bad("want an array of tables, not one table", "write [["+def.name+"]]"))
	}
	inline, isInline := v.([]any) // = [{…}, …]
	headed, isHeaded := v.([]map[string]any)
	if !isInline && !isHeaded {
		return d.fail(d.tree[n].line, def.name, wrongType("an array of tables", v))
	}
	c := d.tree[n].first
	for i := range len(inline) + len(headed) {
		var m map[string]any
		if isHeaded {
			m = headed[i]
		} else if m, _ = inline[i].(map[string]any); m == nil {
			return d.fail(d.tree[c].line, def.name, wrongType("a table", inline[i]))
		}
		e := entry{key: id, line: d.tree[c].line}
		var err error
		if id == keyMount {
			e.mount, err = d.mountTable(c, m)
		} else {
			e.rule, err = d.ruleTable(c, m)
		}
		if err != nil {
			return d.fail(e.line, def.name, err)
		}
		e.text = e.target()
		d.out.entries = append(d.out.entries, e)
		c = d.tree[c].next
	}
	return nil
}

// target is the path an entry is about, as a template.
func (e *entry) target() string {
	switch {
	case e.mount != nil:
		return e.mount.Target
	case e.rule != nil:
		return e.rule.Path
	}
	return ""
}

// ruleTable decodes { path = "/usr", write = false, execute = true }.
func (d *decoder) ruleTable(n int32, m map[string]any) (*spec.LandlockRule, error) {
	r := &spec.LandlockRule{}
	for c := d.tree[n].first; c != 0; c = d.tree[c].next {
		key := d.tree[c].key
		var err error
		var b uint64
		switch key {
		case "path":
			if r.Path, err = stringValue(m[key]); err == nil {
				err = checkPathTemplate(r.Path)
			}
		case "write":
			b, err = boolValue(m[key])
			r.Write = b == 1
		case "execute":
			b, err = boolValue(m[key])
			r.Execute = b == 1
		default:
			err = bad("unknown key", didYouMean(key, []string{"path", "write", "execute"}))
		}
		if err != nil {
			return nil, d.fail(d.tree[c].line, "landlock.rules."+shown(key), err)
		}
	}
	if r.Path == "" {
		return nil, bad("the path is missing", `add path = "/…"`)
	}
	return r, nil
}
