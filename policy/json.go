package policy

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// jsonKind is what a JSON value is.
type jsonKind uint8

const (
	jsonNull jsonKind = iota
	jsonBool
	jsonNumber
	jsonString
	jsonArray
	jsonObject
)

var jsonKindNames = [...]string{"null", "a boolean", "a number", "a string", "an array", "an object"}

// jsonValue is a JSON value and where it stands, which encoding/json does not
// tell.
type jsonValue struct {
	kind   jsonKind
	at     Position
	text   string // of a number as written, of a string decoded, "true" or "false"
	items  []*jsonValue
	fields []jsonMember
}

// jsonMember is a member of an object.
type jsonMember struct {
	name  string
	at    Position
	value *jsonValue
}

// maxJSONDepth bounds the nesting of values, and so the parser's stack.
const maxJSONDepth = 32

// jsonParser reads JSON (RFC 8259) without duplicate members.
type jsonParser struct {
	src   *source
	pos   int
	line  int
	start int // of the line
	depth int
}

// parseJSON reads the one value of a file.
func parseJSON(src *source) (*jsonValue, error) {
	if err := src.checkText(); err != nil {
		return nil, err
	}
	p := &jsonParser{src: src, line: 1}
	v, err := p.value("a JSON value")
	if err != nil {
		return nil, err
	}
	if p.space(); p.pos < len(src.text) {
		return nil, p.want("the end of the file")
	}
	return v, nil
}

func (p *jsonParser) at() Position { return p.src.at(p.line, p.pos-p.start+1) }

func (p *jsonParser) peek() byte {
	if p.pos < len(p.src.text) {
		return p.src.text[p.pos]
	}
	return 0
}

func (p *jsonParser) space() {
	for p.pos < len(p.src.text) {
		switch p.src.text[p.pos] {
		case '\n':
			p.line++
			p.start = p.pos + 1
		case ' ', '\t', '\r':
		default:
			return
		}
		p.pos++
	}
}

func (p *jsonParser) want(what string) error {
	found := "the end of the file"
	if p.pos < len(p.src.text) {
		_, n := utf8.DecodeRuneInString(p.src.text[p.pos:])
		found = quote(p.src.text[p.pos : p.pos+n])
	}
	return &Error{Position: p.at(), Reason: "found " + found + " where " + what + " should be"}
}

func (p *jsonParser) accept(c byte) bool {
	p.space()
	if p.peek() != c {
		return false
	}
	p.pos++
	return true
}

func (p *jsonParser) value(what string) (*jsonValue, error) {
	p.space()
	v := &jsonValue{at: p.at()}
	if p.depth++; p.depth > maxJSONDepth {
		return nil, &Error{Position: v.at, Reason: "values nest deeper than " + strconv.Itoa(maxJSONDepth)}
	}
	defer func() { p.depth-- }()
	switch c := p.peek(); {
	case c == '{':
		v.kind = jsonObject
		return v, p.object(v)
	case c == '[':
		v.kind = jsonArray
		return v, p.array(v)
	case c == '"':
		v.kind = jsonString
		return v, p.string(&v.text)
	case c == '-' || isDigit(c):
		v.kind = jsonNumber
		return v, p.number(v)
	}
	for word, kind := range map[string]jsonKind{"null": jsonNull, "true": jsonBool, "false": jsonBool} {
		if strings.HasPrefix(p.src.text[p.pos:], word) {
			v.kind, v.text = kind, word
			p.pos += len(word)
			return v, nil
		}
	}
	return nil, p.want(what)
}

func (p *jsonParser) object(v *jsonValue) error {
	p.pos++
	if p.accept('}') {
		return nil
	}
	seen := map[string]bool{}
	for {
		p.space()
		m := jsonMember{at: p.at()}
		if p.peek() != '"' {
			return p.want("a name in quotes")
		}
		if err := p.string(&m.name); err != nil {
			return err
		}
		if seen[m.name] {
			return &Error{Position: m.at, Reason: "found " + quote(m.name) + " a second time in one object"}
		}
		seen[m.name] = true
		if !p.accept(':') {
			return p.want("a colon")
		}
		var err error
		if m.value, err = p.value("a value"); err != nil {
			return err
		}
		v.fields = append(v.fields, m)
		if p.accept('}') {
			return nil
		}
		if !p.accept(',') {
			return p.want("a comma or a closing brace")
		}
	}
}

func (p *jsonParser) array(v *jsonValue) error {
	p.pos++
	if p.accept(']') {
		return nil
	}
	for {
		item, err := p.value("a value")
		if err != nil {
			return err
		}
		v.items = append(v.items, item)
		if p.accept(']') {
			return nil
		}
		if !p.accept(',') {
			return p.want("a comma or a closing bracket")
		}
	}
}

func (p *jsonParser) number(v *jsonValue) error {
	n := wordLength(p.src.text[p.pos:], func(c byte) bool { return isDigit(c) || strings.IndexByte("+-.eE", c) >= 0 })
	v.text = p.src.text[p.pos : p.pos+n]
	digits := strings.TrimPrefix(v.text, "-")
	if _, err := strconv.ParseFloat(v.text, 64); err != nil || !isDigit(digits[0]) || len(digits) > 1 && digits[0] == '0' && isDigit(digits[1]) {
		return &Error{Position: v.at, Reason: "found " + quote(v.text) + " where a number should be"}
	}
	p.pos += n
	return nil
}

// jsonEscapes are the escapes of one letter and what they stand for.
const jsonEscapes = `""\\//b` + "\b" + `f` + "\f" + `n` + "\n" + `r` + "\r" + `t` + "\t"

func (p *jsonParser) string(into *string) error {
	var b strings.Builder
	for p.pos++; p.pos < len(p.src.text); {
		c := p.src.text[p.pos]
		switch {
		case c == '"':
			p.pos++
			*into = b.String()
			return nil
		case c == '\\':
			r, err := p.escape()
			if err != nil {
				return err
			}
			b.WriteRune(r)
			continue
		case c == '\n':
			return p.want("a closing quote")
		}
		b.WriteByte(c)
		p.pos++
	}
	return p.want("a closing quote")
}

func (p *jsonParser) escape() (rune, error) {
	rest := p.src.text[p.pos+1:]
	for i := 0; rest != "" && i < len(jsonEscapes); i += 2 {
		if jsonEscapes[i] == rest[0] {
			p.pos += 2
			return rune(jsonEscapes[i+1]), nil
		}
	}
	unit, ok := hexUnit(rest)
	if !ok {
		return 0, p.want(`an escape like \n or \u0041`)
	}
	p.pos += 6
	if utf16.IsSurrogate(unit) {
		if low, ok := hexUnit(strings.TrimPrefix(p.src.text[p.pos:], `\`)); ok && p.peek() == '\\' {
			p.pos += 6
			return utf16.DecodeRune(unit, low), nil
		}
		return utf8.RuneError, nil
	}
	return unit, nil
}

// hexUnit reads "uXXXX".
func hexUnit(s string) (rune, bool) {
	if len(s) < 5 || s[0] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(s[1:5], 16, 16)
	return rune(n), err == nil
}
