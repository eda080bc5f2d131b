package config

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/BurntSushi/toml"

	"github.com/lichen-sandbox/lichen/image/source/oci"
	"github.com/lichen-sandbox/lichen/spec"
)

// maxFile bounds registries.toml in bytes: the TOML library recurses over
// nested values.
const maxFile = 64 << 10

// Parse reads the text of a registries.toml. file is its name in errors.
func Parse(file, text string) (map[string]*Registry, error) {
	p := parser{file: file, lines: linesOf(text)}
	if len(text) > maxFile {
		return nil, p.fail(1, "file", "larger than 64 KiB", "")
	}
	if !utf8.ValidString(text) {
		return nil, p.fail(1, "file", "the text is not UTF-8", "save the file as UTF-8")
	}
	var top map[string]any
	if _, err := toml.Decode(text, &top); err != nil {
		return nil, p.syntax(err)
	}
	out := map[string]*Registry{}
	for _, key := range slices.Sorted(maps.Keys(top)) {
		hosts, ok := top[key].(map[string]any)
		if key != "registry" || !ok {
			return nil, p.fail(p.find("", key), "key "+oci.Quote(key), "unknown key", `tables are written [registry."HOST"]`)
		}
		for _, host := range slices.Sorted(maps.Keys(hosts)) {
			r, err := p.registry(host, hosts[host])
			if err != nil {
				return nil, err
			}
			out[host] = r
		}
	}
	return out, nil
}

type parser struct {
	file  string
	lines map[[2]string]int // by host and key; the table itself has the key ""
}

func (p *parser) fail(line int, object, reason, hint string) error {
	return &spec.Error{Op: "read", Object: object, Reason: reason, Hint: hint, Origin: spec.Origin{File: p.file, Line: max(line, 1)}}
}

func (p *parser) syntax(err error) error {
	var pe toml.ParseError
	if errors.As(err, &pe) {
		return &spec.Error{Op: "parse", Object: "TOML", Reason: pe.Message, Origin: spec.Origin{File: p.file, Line: max(pe.Position.Line, 1)}}
	}
	return &spec.Error{Op: "parse", Object: "TOML", Err: err, Origin: spec.Origin{File: p.file, Line: 1}}
}

// find returns the line of a key, or that of its table.
func (p *parser) find(host, key string) int {
	if n := p.lines[[2]string{host, key}]; n != 0 {
		return n
	}
	return p.lines[[2]string{host, ""}]
}

const knownKeys = "mirrors, location, http, skip_verify, blocked and ca"

func (p *parser) registry(host string, v any) (*Registry, error) {
	line := p.find(host, "")
	table, ok := v.(map[string]any)
	switch {
	case !ok:
		return nil, p.fail(line, "registry "+oci.Quote(host), "not a table", `write [registry."HOST"]; a host with dots needs the quotes`)
	case !isHost(host):
		return nil, p.fail(line, "registry "+oci.Quote(host), "not HOST or HOST:PORT", "")
	}
	r := &Registry{Origin: spec.Origin{File: p.file, Line: max(line, 1)}}
	for _, key := range slices.Sorted(maps.Keys(table)) {
		if err := p.key(r, host, key, table[key]); err != nil {
			return nil, err
		}
	}
	switch {
	case r.HTTP && r.SkipVerify:
		return nil, p.fail(p.find(host, "skip_verify"), "skip_verify", "plain http verifies nothing anyway", "write one of http and skip_verify")
	case r.HTTP && r.CA != "":
		return nil, p.fail(p.find(host, "ca"), "ca", "plain http has no certificates", "write one of http and ca")
	}
	return r, nil
}

func (p *parser) key(r *Registry, host, key string, v any) error {
	line := p.find(host, key)
	text, isText := v.(string)
	flag, isFlag := v.(bool)
	switch key {
	case "http", "skip_verify", "blocked":
		if !isFlag {
			return p.fail(line, key, "must be true or false", "")
		}
		*map[string]*bool{"http": &r.HTTP, "skip_verify": &r.SkipVerify, "blocked": &r.Blocked}[key] = flag
	case "ca":
		if !isText || !strings.HasPrefix(text, "/") {
			return p.fail(line, key, "must be an absolute path", "")
		}
		r.CA = text
	case "location":
		if !isText || !isLocation(text) {
			return p.fail(line, key, "must be HOST[:PORT][/PREFIX]", "")
		}
		r.Location = text
	case "mirrors":
		list, ok := v.([]any)
		for _, m := range list {
			s, isText := m.(string)
			if !isText || !isLocation(s) {
				return p.fail(line, key, "each must be HOST[:PORT][/PREFIX]", "the scheme is left out; http = true in the mirror's own table makes it plain http")
			}
			r.Mirrors = append(r.Mirrors, s)
		}
		if !ok {
			return p.fail(line, key, "must be a list", "")
		}
	default:
		return p.fail(line, "key "+oci.Quote(key), "unknown key", "the keys are "+knownKeys)
	}
	return nil
}

const hostChars = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-"

// isHost takes HOST[:PORT], where HOST may be an IPv6 address in brackets.
func isHost(s string) bool {
	if rest, ok := strings.CutPrefix(s, "["); ok {
		ip, port, ok := strings.Cut(rest, "]")
		return ok && ip != "" && strings.Trim(ip, "0123456789abcdefABCDEF:.") == "" && (port == "" || port[0] == ':' && isPort(port[1:]))
	}
	name, port, has := strings.Cut(s, ":")
	return name != "" && strings.Trim(name, hostChars) == "" && (!has || isPort(port))
}

func isPort(s string) bool {
	return s != "" && len(s) <= 5 && strings.Trim(s, "0123456789") == ""
}

func isLocation(s string) bool {
	host, prefix, has := strings.Cut(s, "/")
	if !isHost(host) || has && prefix == "" {
		return false
	}
	for part := range strings.SplitSeq(prefix, "/") {
		if has && (part == "" || part[0] == '.' || strings.Trim(part, "abcdefghijklmnopqrstuvwxyz0123456789._-") != "") {
			return false
		}
	}
	return true
}

// linesOf finds the lines of tables and keys, which the TOML library does not
// tell. It looks at the start of each line alone: enough for the one form that
// the file has, and at worst an error names the line of the table.
func linesOf(text string) map[[2]string]int {
	lines := map[[2]string]int{}
	note := func(host, key string, n int) {
		if lines[[2]string{host, key}] == 0 {
			lines[[2]string{host, key}] = n
		}
	}
	host, n := "", 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSpace(line)
		if rest, ok := strings.CutPrefix(line, "["); ok {
			name, _, _ := strings.Cut(rest, "]")
			first, second, _ := strings.Cut(name, ".")
			host = strings.Trim(strings.TrimSpace(second), `"'`)
			note("", strings.TrimSpace(first), n)
			note(host, "", n)
			continue
		}
		if key, _, ok := strings.Cut(line, "="); ok {
			note(host, strings.Trim(strings.TrimSpace(key), `"'`), n)
		}
	}
	return lines
}
