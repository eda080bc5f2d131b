package unit

import (
	"strconv"
	"strings"

	"github.com/lichen-sandbox/lichen/spec"
)

// Bounds on what is read. The largest unit of Debian has 6 KiB.
const (
	maxFile     = 1 << 20
	maxDropIns  = 64
	maxSettings = 10_000
)

// A File is a unit file or a drop-in.
type File struct {
	Path string
	Data []byte
}

// setting is one assignment.
type setting struct {
	section, name, value string
	file                 string
	line                 int
}

func (s *setting) origin() spec.Origin { return spec.Origin{File: s.file, Line: s.line} }

// parseFile reads assignments as systemd's config_parse does, whose rules are
// in systemd.syntax(7): a comment is a whole line, also between continued ones,
// and does not itself continue. A parser that lets a comment with a backslash
// at its end swallow the next line loses a directive, so this is not left to
// coreos/go-systemd, which does, and which refuses lines of more than 2 KiB.
func parseFile(f File) ([]setting, error) {
	if len(f.Data) > maxFile {
		return nil, &spec.Error{Op: "read unit", Object: f.Path, Reason: "it has more than 1 MiB"}
	}
	p := parser{file: f.Path}
	for i, line := range strings.Split(strings.TrimPrefix(string(f.Data), "\ufeff"), "\n") {
		// A carriage return ends a line for systemd wherever it stands (read_line
		// of src/basic/fileio.c): also a comment, behind which a setting follows.
		for part := range strings.SplitSeq(strings.TrimSuffix(line, "\r"), "\r") {
			if err := p.line(i+1, part); err != nil {
				return nil, err
			}
		}
	}
	return p.list, p.flush()
}

type parser struct {
	file, section string
	pending       strings.Builder // continued lines
	begun         int             // where they begin, or 0
	list          []setting
}

func (p *parser) line(n int, text string) error {
	if strings.IndexByte(text, 0) >= 0 {
		return p.wrong(n, "there is a NUL byte")
	}
	if t := strings.TrimLeft(text, " \t"); t != "" && (t[0] == '#' || t[0] == ';') {
		return nil
	}
	if p.begun == 0 {
		p.begun = n
	}
	if continued(text) {
		p.pending.WriteString(text[:len(text)-1] + " ")
		return nil
	}
	p.pending.WriteString(text)
	return p.flush()
}

// continued reports whether the last backslash of a line is not escaped by the
// one before it.
func continued(line string) bool {
	n := len(line) - len(strings.TrimRight(line, `\`))
	return n%2 == 1
}

// flush ends the logical line.
func (p *parser) flush() error {
	text, n := strings.TrimSpace(p.pending.String()), p.begun
	p.pending.Reset()
	p.begun = 0
	if text == "" {
		return nil
	}
	if text[0] == '[' {
		if text[len(text)-1] != ']' {
			return p.wrong(n, "the name of a section does not end")
		}
		p.section = text[1 : len(text)-1]
		return nil
	}
	name, value, ok := strings.Cut(text, "=")
	switch {
	case !ok:
		return p.wrong(n, "neither an assignment nor a section")
	case p.section == "":
		return p.wrong(n, "an assignment outside of any section")
	case len(p.list) == maxSettings:
		return p.wrong(n, "more than "+strconv.Itoa(maxSettings)+" assignments")
	}
	p.list = append(p.list, setting{section: p.section, name: strings.TrimSpace(name), value: strings.TrimSpace(value), file: p.file, line: n})
	return nil
}

func (p *parser) wrong(line int, reason string) error {
	return &spec.Error{Op: "read unit", Object: p.file, Reason: reason, Origin: spec.Origin{File: p.file, Line: line}}
}
