package unit

import (
	"path"
	"slices"
	"strings"
)

// text is the short form.
func (g *grant) text() string {
	var s string
	switch {
	case g.key == "tmpfs":
		s = escapeGrant(g.target)
		if g.options != "" {
			s += ":" + g.options
		}
		return s
	case g.source != g.target:
		s = escapeGrant(g.source) + ":" + escapeGrant(g.target)
	default:
		s = escapeGrant(g.source)
	}
	if g.optional {
		s += "?"
	}
	return s
}

func escapeGrant(s string) string {
	return strings.NewReplacer(`\`, `\\`, ":", `\:`, "?", `\?`).Replace(s)
}

// usablePath reports whether a profile takes a path: absolute, or from a
// variable, without "..".
func usablePath(p string) bool {
	if !strings.HasPrefix(p, "/") && !strings.HasPrefix(p, "${") || strings.ContainsRune(p, 0) {
		return false
	}
	return !slices.Contains(strings.Split(p, "/"), "..")
}

// cleaned is a path as a profile wants it. /var/run is a link to /run
// everywhere, which a sandbox has not.
func cleaned(p string) string {
	p = path.Clean(p)
	if rest, ok := strings.CutPrefix(p, "/var/run"); ok && (rest == "" || rest[0] == '/') {
		return "/run" + rest
	}
	return p
}

func within(p, dir string) bool {
	return p == dir || dir == "/" || strings.HasPrefix(p, dir+"/")
}

func top(p string) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(p, "/"), "/")
	return "/" + name
}
