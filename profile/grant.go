package profile

import (
	"strings"

	"github.com/lichen-sandbox/lichen/spec"
)

// The short form of a grant:
//
//	entry   = path [ ":" rest ] [ "?" ]
//	path    = characters other than ":" and a final "?", or an escape
//	escape  = "\:" | "\?" | "\\"
//
// In fs.ro and fs.rw, rest is the path inside the sandbox, in fs.tmpfs the
// options ("size=64M,mode=1777,noexec"); fs.hide and fs.noexec have none. The
// "?" makes the entry optional. It is split before variables are expanded, so
// a colon in a value is part of the path.

// shortForm is an entry that was split; the parts are templates.
type shortForm struct {
	path, rest string
	hasRest    bool
	optional   bool
}

func parseShort(s string) (shortForm, error) {
	if strings.IndexByte(s, '\\') < 0 && strings.Count(s, ":") <= 1 {
		var f shortForm
		s, f.optional = strings.CutSuffix(s, "?")
		f.path, f.rest, f.hasRest = strings.Cut(s, ":")
		return f, nil
	}
	return parseEscaped(s)
}

func parseEscaped(s string) (shortForm, error) {
	var f shortForm
	var part strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\':
			i++
			if i == len(s) || strings.IndexByte(`:?\`, s[i]) < 0 {
				return f, badValue(s, "has a lone backslash", `write \\ for a backslash, \: for a colon, \? for a question mark at the end`)
			}
			part.WriteByte(s[i])
		case c == ':' && f.hasRest:
			return f, badValue(s, "has more than one colon", `write \: for a colon in a path`)
		case c == ':':
			f.path, f.hasRest = part.String(), true
			part.Reset()
		case c == '?' && i == len(s)-1:
			f.optional = true
		default:
			part.WriteByte(c)
		}
	}
	if f.hasRest {
		f.rest = part.String()
	} else {
		f.path = part.String()
	}
	return f, nil
}

// escapeShort makes a part of a short form that parses to the path.
func escapeShort(p string) string {
	return strings.NewReplacer(`\`, `\\`, ":", `\:`, "?", `\?`).Replace(p)
}

// parseGrant makes the mount of a short form, with templates for paths. An
// entry of fs.noexec is no mount: only Target and Optional of it count.
func parseGrant(id keyID, s string) (*spec.Mount, error) {
	f, err := parseShort(s)
	if err != nil {
		return nil, err
	}
	return grantMount(id, s, f)
}

func grantMount(id keyID, s string, f shortForm) (*spec.Mount, error) {
	if err := checkPathTemplate(f.path); err != nil {
		return nil, err
	}
	m := &spec.Mount{Target: f.path, Optional: f.optional}
	switch id {
	case keyHost, keyRO, keyRW:
		m.Type, m.Source, m.Write = spec.MountBind, f.path, id == keyRW
		if f.hasRest {
			m.Target = f.rest
			return m, checkPathTemplate(f.rest)
		}
		return m, nil
	case keyTmpfs:
		m.Type = spec.MountTmpfs
		return m, tmpfsSuffix(m, s, f)
	case keyHide:
		m.Type = spec.MountHide
	}
	if f.hasRest {
		return nil, badValue(s, "has a colon, and "+keys[id].name+" takes one path", `write \: for a colon in a path`)
	}
	return m, nil
}

func tmpfsSuffix(m *spec.Mount, s string, f shortForm) error {
	if f.optional {
		return badValue(s, "is optional, but a tmpfs has nothing to be missing", `drop the "?"`)
	}
	if !f.hasRest {
		return nil
	}
	var o optionParser
	for opt := range strings.SplitSeq(f.rest, ",") {
		if err := o.apply(m, opt); err != nil {
			return err
		}
	}
	return nil
}
