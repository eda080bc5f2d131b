package profile

import (
	"path"
	"strconv"
	"strings"
)

// A template is a string with variables: ${NAME} stands for a value, $$ for a
// dollar sign. Any other dollar sign is an error, so that a forgotten brace is
// not taken for text. The text of a value is never looked at for variables or
// for the colons and question marks of the short form.

// nextVar cuts the template at its first variable. name is "$" for an escaped
// dollar sign and "" when there is no more variable.
func nextVar(s string) (before, name, after string, err error) {
	i := strings.IndexByte(s, '$')
	if i < 0 {
		return s, "", "", nil
	}
	before, rest := s[:i], s[i+1:]
	switch {
	case strings.HasPrefix(rest, "$"):
		return before, "$", rest[1:], nil
	case strings.HasPrefix(rest, "{"):
		if end := strings.IndexByte(rest, '}'); end > 0 {
			return before, rest[1:end], rest[end+1:], nil
		}
	}
	return "", "", "", badValue(s, "has a lone dollar sign", "write ${NAME} for a variable, $$ for a dollar sign")
}

// checkTemplate checks the form and the names, without any value.
func checkTemplate(s string) error {
	for s != "" {
		_, name, after, err := nextVar(s)
		if err != nil {
			return err
		}
		if name != "" && name != "$" {
			if _, err := findVar(name); err != nil {
				return err
			}
		}
		s = after
	}
	return nil
}

// checkPathTemplate checks what can be said of a path before its variables are
// known.
func checkPathTemplate(s string) error {
	if err := checkTemplate(s); err != nil {
		return err
	}
	switch {
	case s == "":
		return bad("the path is empty", "")
	case s[0] != '/' && !strings.HasPrefix(s, "${"):
		return badValue(s, "is not an absolute path", `begin it with "/", "${PWD}" or "${HOME}"`)
	case hasDotDot(s):
		return badValue(s, `has ".." in it`, "write the path without it")
	}
	return nil
}

// expand puts the values of the variables in.
func (v *Vars) expand(s string) (string, error) {
	if strings.IndexByte(s, '$') < 0 {
		return s, nil
	}
	var b strings.Builder
	for s != "" {
		before, name, after, err := nextVar(s)
		if err != nil {
			return "", err
		}
		b.WriteString(before)
		if name == "$" {
			b.WriteByte('$')
		} else if name != "" {
			value, err := v.Lookup(name)
			if err != nil {
				return "", err
			}
			b.WriteString(value)
		}
		s = after
	}
	return b.String(), nil
}

// expandPath expands a template to an absolute, clean path. The check comes
// after the expansion: "/." + "${X}" can make "/..".
func (v *Vars) expandPath(s string) (string, error) {
	p, err := v.expand(s)
	if err != nil {
		return "", err
	}
	return cleanPath(p)
}

// cleanPath refuses a path that is not absolute or climbs; slashes and dots
// too many are dropped.
func cleanPath(p string) (string, error) {
	switch {
	case p == "" || p[0] != '/':
		return "", badValue(p, "is not an absolute path", "")
	case hasDotDot(p):
		return "", badValue(p, `has ".." in it`, "")
	case strings.IndexByte(p, 0) >= 0:
		return "", badValue(p, "has a NUL byte in it", "")
	}
	return path.Clean(p), nil
}

func hasDotDot(p string) bool {
	for p != "" {
		var part string
		part, p, _ = strings.Cut(p, "/")
		if part == ".." {
			return true
		}
	}
	return false
}

// escapeTemplate makes a template that expands to s.
func escapeTemplate(s string) string { return strings.ReplaceAll(s, "$", "$$") }

// usesVar reports whether a template that was checked uses the variable.
func usesVar(s, name string) bool {
	for s != "" {
		_, n, after, err := nextVar(s)
		if err != nil {
			return false
		}
		if n == name {
			return true
		}
		s = after
	}
	return false
}

func quote(s string) string { return strconv.Quote(s) }
