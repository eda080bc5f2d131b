package profile

import (
	"strings"

	"github.com/lichen-sandbox/lichen/spec"
)

// fieldDef says which mount types take a field of [[mount]], as a bit set.
type fieldDef struct {
	name  string
	takes uint16
	needs uint16
}

const onAll = 1<<(spec.MountHide+1) - 1

// mountFields lists the fields but type, in the order they are checked.
var mountFields = [...]fieldDef{
	{"target", onAll, onAll &^ onBind},
	{"source", onBind | 1<<spec.MountSymlink, onBind | 1<<spec.MountSymlink},
	{"options", onBind | onTmpfs | onOverlay | onDir | onFile | onHide, 0},
	{"content", onFile, onFile},
	{"lower", onOverlay, onOverlay},
	{"upper", onOverlay, 0},
	{"work", onOverlay, 0},
}

func findField(name string) *fieldDef {
	for i := range mountFields {
		if mountFields[i].name == name {
			return &mountFields[i]
		}
	}
	return nil
}

// mountTable decodes one [[mount]]. A bind without a target keeps its path.
func (d *decoder) mountTable(n int32, m map[string]any) (*spec.Mount, error) {
	out := &spec.Mount{}
	if err := d.mountType(n, m, out); err != nil {
		return nil, err
	}
	for c := d.tree[n].first; c != 0; c = d.tree[c].next {
		key := d.tree[c].key
		if key == "type" {
			continue
		}
		if err := d.mountField(out, key, c, m[key]); err != nil {
			return nil, d.fail(d.tree[c].line, "mount."+shown(key), err)
		}
	}
	for _, f := range mountFields {
		if _, ok := m[f.name]; !ok && f.needs&(1<<out.Type) != 0 {
			return nil, bad("type "+quote(out.Type.String())+" needs the key "+f.name, "")
		}
	}
	if out.Type == spec.MountBind && out.Target == "" {
		out.Target = out.Source
	}
	return out, checkOverlay(out)
}

func (d *decoder) mountType(n int32, m map[string]any, out *spec.Mount) error {
	c := d.tree.child(n, "type")
	if c == 0 {
		return bad("the type is missing", `add type = "bind", or another of `+strings.Join(spec.MountTypeNames(), ", "))
	}
	name, err := stringValue(m["type"])
	if err != nil {
		return d.fail(d.tree[c].line, "mount.type", err)
	}
	t, ok := spec.ParseMountType(name)
	if !ok {
		hint := didYouMean(name, spec.MountTypeNames())
		if hint == "" {
			hint = "the types are " + strings.Join(spec.MountTypeNames(), ", ")
		}
		return d.fail(d.tree[c].line, "mount.type", badValue(name, "is not a type", hint))
	}
	out.Type = t
	return nil
}

func (d *decoder) mountField(out *spec.Mount, key string, n int32, v any) error {
	f := findField(key)
	if f == nil {
		return bad("unknown key", fieldSuggestion(key))
	}
	if f.takes&(1<<out.Type) == 0 {
		return bad("the key means nothing for type "+quote(out.Type.String()), "")
	}
	switch key {
	case "target":
		return pathField(&out.Target, v)
	case "upper":
		return pathField(&out.Upper, v)
	case "work":
		return pathField(&out.Work, v)
	case "source":
		if out.Type == spec.MountSymlink {
			return linkField(&out.Source, v)
		}
		return pathField(&out.Source, v)
	case "content":
		s, err := stringValue(v)
		out.Content = []byte(s)
		return err
	}
	list, ok := v.([]any)
	if !ok {
		return wrongType("an array", v)
	}
	return d.mountList(out, key, n, list)
}

// mountList decodes lower or options.
func (d *decoder) mountList(out *spec.Mount, key string, n int32, list []any) error {
	var o optionParser
	c := d.tree[n].first
	for _, v := range list {
		s, err := stringValue(v)
		switch {
		case err != nil:
		case key == "options":
			err = o.apply(out, s)
		default:
			err = checkPathTemplate(s)
			out.Lower = append(out.Lower, s)
		}
		if err != nil {
			return d.fail(d.tree[c].line, "mount."+key, err)
		}
		c = d.tree[c].next
	}
	return nil
}

func pathField(to *string, v any) error {
	s, err := stringValue(v)
	if err != nil {
		return err
	}
	*to = s
	return checkPathTemplate(s)
}

// linkField takes the text of a symbolic link, which may be relative and may
// climb: it is only ever followed inside.
func linkField(to *string, v any) error {
	s, err := stringValue(v)
	if err != nil {
		return err
	}
	if s == "" {
		return bad("the text of the link is empty", "")
	}
	*to = s
	return checkTemplate(s)
}

// checkOverlay checks what takes two fields of an overlay to see.
func checkOverlay(m *spec.Mount) error {
	if m.Type != spec.MountOverlay {
		return nil
	}
	switch {
	case len(m.Lower) == 0:
		return bad("the overlay has no lower directory", `add lower = ["/…"]`)
	case (m.Upper == "") != (m.Work == ""):
		return bad("an overlay needs both upper and work, or neither", "work is an empty directory on the file system of upper")
	case m.Write && m.Upper == "":
		return bad("a writable overlay needs upper and work", "")
	case !m.Write && m.Upper != "":
		return bad("upper means nothing for a read-only overlay", `add "rw" to the options, or list upper first in lower`)
	}
	return nil
}

func fieldSuggestion(key string) string {
	names := []string{"type"}
	for _, f := range mountFields {
		names = append(names, f.name)
	}
	return didYouMean(key, names)
}
