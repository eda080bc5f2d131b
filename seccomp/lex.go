package seccomp

import "strings"

// token is a word or a sign of a rule's text.
type token struct {
	text string // "" at the end
	col  int    // of its first byte, from 1
}

// signs are those of more than one byte, longest first.
var signs = [...]string{"&&", "||", "==", "!=", "<=", ">="}

// lexer cuts a rule's text.
type lexer struct {
	text string
	pos  int
}

// next returns the next token. Bytes that start no token come out as one, for
// the parser to name.
func (l *lexer) next() token {
	for l.pos < len(l.text) && (l.text[l.pos] == ' ' || l.text[l.pos] == '\t' || l.text[l.pos] == '\n') {
		l.pos++
	}
	start := l.pos
	for l.pos < len(l.text) && wordByte(l.text[l.pos]) {
		l.pos++
	}
	if l.pos == start && l.pos < len(l.text) {
		l.pos += signLength(l.text[l.pos:])
	}
	return token{l.text[start:l.pos], start + 1}
}

func signLength(s string) int {
	for _, sign := range signs {
		if strings.HasPrefix(s, sign) {
			return len(sign)
		}
	}
	return 1
}

func wordByte(c byte) bool {
	return c == '_' || c == '@' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

func (t token) isNumber() bool { return t.text != "" && '0' <= t.text[0] && t.text[0] <= '9' }

func (t token) isName() bool { return t.text != "" && wordByte(t.text[0]) && !t.isNumber() }

// String returns the token as an error names it.
func (t token) String() string {
	if t.text == "" {
		return "the end"
	}
	return `"` + t.text + `"`
}
