package profile

import (
	"strconv"
	"strings"

	"github.com/lichen-sandbox/lichen/spec"
)

// tomlQuote writes a basic string of TOML. It differs from a Go string in its
// escapes.
func tomlQuote(s string) string {
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

func tomlList(list []string) string {
	quoted := make([]string, len(list))
	for i, s := range list {
		quoted[i] = tomlQuote(s)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// plain makes text fit for a comment: quoted, if a control character in it
// would end the comment or reach a terminal.
func plain(s string) string {
	if strings.ContainsFunc(s, func(r rune) bool { return r < 0x20 || r >= 0x7f && r < 0xa0 }) {
		return strconv.Quote(s)
	}
	return s
}

// mountOptionTexts writes the options of a mount; those of its short form are
// left out, where they have other signs.
func mountOptionTexts(m *spec.Mount) []string {
	var out []string
	add := func(on bool, s string) {
		if on {
			out = append(out, s)
		}
	}
	add(m.Write, "rw")
	add(m.NoExec, "noexec")
	add(m.Dev, "dev")
	add(m.Socket, "socket")
	add(m.Optional, "optional")
	add(m.Size != 0, "size="+strconv.FormatUint(m.Size, 10))
	if m.Mode != nil {
		add(true, "mode="+strconv.FormatUint(uint64(*m.Mode), 8))
	}
	return out
}
