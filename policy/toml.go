package policy

import (
	"strconv"
	"strings"

	"github.com/lichen-sandbox/lichen/seccomp"
	"github.com/lichen-sandbox/lichen/spec"
)

// TOML returns the [seccomp] table of a profile that says the same as p, with
// where each entry comes from as a comment. Reading it gives the same filter.
func TOML(p *spec.Seccomp) []byte {
	var b strings.Builder
	b.WriteString("[seccomp]\n")
	if p.Off {
		b.WriteString("mode = \"off\"\n")
		return []byte(b.String())
	}
	b.WriteString("default = " + tomlString(seccomp.ActionText(p.Default)) + "\n")
	writeList(&b, "allow", entryTexts(p.Allow))
	writeList(&b, "deny", entryTexts(p.Deny))
	if p.DenyAction.Kind != spec.ActionUnset {
		b.WriteString("deny_action = " + tomlString(seccomp.ActionText(p.DenyAction)) + "\n")
	}
	rules := make([]entryText, len(p.Rules))
	for i := range p.Rules {
		rules[i] = entryText{p.Rules[i].Text, p.Rules[i].Origin}
	}
	writeList(&b, "rules", rules)
	if p.Compat {
		b.WriteString("compat = true\n")
	}
	return []byte(b.String())
}

// entryText is an item of a list and where it comes from.
type entryText struct {
	text   string
	origin spec.Origin
}

func entryTexts(list []spec.SyscallEntry) []entryText {
	out := make([]entryText, len(list))
	for i := range list {
		out[i] = entryText{list[i].Name, list[i].Origin}
	}
	return out
}

func writeList(b *strings.Builder, key string, list []entryText) {
	if len(list) == 0 {
		return
	}
	b.WriteString(key + " = [\n")
	for i := range list {
		b.WriteString("  " + tomlString(list[i].text) + ",")
		if o := list[i].origin.String(); o != "" {
			quoted := strconv.Quote(o) // a file may have any name
			b.WriteString(" # " + quoted[1:len(quoted)-1])
		}
		b.WriteByte('\n')
	}
	b.WriteString("]\n")
}

// tomlString returns a basic string of TOML 1.0.
func tomlString(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range s {
		switch {
		case c == '"' || c == '\\':
			b.WriteString(`\` + string(c))
		case c < ' ' || c == 0x7f:
			n := strconv.FormatUint(uint64(c), 16)
			b.WriteString(`\u` + strings.Repeat("0", 4-len(n)) + n)
		default:
			b.WriteRune(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}
