package policy

import "strings"

// tokenKind is what a token of a minijail policy is.
type tokenKind uint8

const (
	tokenEnd    tokenKind = iota // of the statement
	tokenWord                    // a name, or a word like "return"
	tokenNumber                  // with its sign
	tokenSign                    // one or two bytes
	tokenPath                    // what follows @include or @frequency
	tokenAt                      // "@include"
)

// token is a piece of a statement.
type token struct {
	kind tokenKind
	text string
	at   Position
}

// String returns the token as an error names it.
func (t token) String() string {
	if t.kind == tokenEnd {
		return "the end of the line"
	}
	return quote(t.text)
}

func (t token) is(sign string) bool { return t.kind == tokenSign && t.text == sign }

func (t token) isWord(word string) bool { return t.kind == tokenWord && t.text == word }

// lexer cuts a file into statements: a line each, with those that it continues
// on.
type lexer struct {
	src     *source
	dialect Dialect
	rest    string
	line    int
}

// next returns the tokens of the next statement, with a tokenEnd as the last;
// nil at the end of the file.
func (l *lexer) next() ([]token, error) {
	var out []token
	comment := false // the statement is one, with all the lines that continue it
	for l.rest != "" {
		text, rest, ended := strings.Cut(l.rest, "\n")
		l.rest = rest
		l.line++
		text = strings.TrimRight(text, "\r")
		body, continued := strings.CutSuffix(text, `\`)
		if comment = comment || l.dialect == MinijailC && len(out) == 0 && strings.HasPrefix(strings.TrimLeft(body, " \t"), "#"); !comment {
			var err error
			if out, err = l.cut(out, body); err != nil {
				return nil, err
			}
		}
		if continued && (!ended || l.rest == "") {
			return nil, &Error{Position: l.src.at(l.line, len(text)), Reason: `the file ends within a line that \ continues`}
		}
		if !continued && len(out) > 0 {
			return append(out, token{at: l.src.at(l.line, len(text)+1)}), nil
		}
		comment = comment && continued
	}
	return nil, nil
}

// signs are those of two bytes; the others stand for themselves.
var signs = [...]string{"&&", "||", "==", "!=", "<=", ">="}

// cut appends the tokens of one line.
func (l *lexer) cut(out []token, text string) ([]token, error) {
	for i := 0; i < len(text); {
		c := text[i]
		if c == ' ' || c == '\t' || c == '\r' {
			i++
			continue
		}
		at := l.src.at(l.line, i+1)
		if c == '#' {
			if l.dialect == MinijailC && len(out) > 0 {
				return nil, &Error{Position: at, Reason: "found a comment behind a statement", Hint: "in the dialect of minijail's library a comment is a line of its own"}
			}
			return out, nil
		}
		t := token{tokenSign, text[i : i+1], at}
		switch rest := text[i:]; {
		case len(out) == 1 && out[0].kind == tokenAt && out[0].text != "@default":
			t.kind, t.text = tokenPath, rest[:wordLength(rest, func(c byte) bool { return c != ' ' && c != '\t' })]
		case c == '@':
			t.kind, t.text = tokenAt, rest[:1+wordLength(rest[1:], wordByte)]
		case isDigit(c) || c == '-' && len(rest) > 1 && isDigit(rest[1]):
			t.kind, t.text = tokenNumber, rest[:1+wordLength(rest[1:], wordByte)]
		case wordByte(c) && c != '-' && c != '@':
			t.kind, t.text = tokenWord, rest[:wordLength(rest, wordByte)]
		default:
			for _, s := range signs {
				if strings.HasPrefix(rest, s) {
					t.text = s
				}
			}
			if !strings.Contains(`;:,~(){}[]|&<>=!`, t.text[:1]) {
				return nil, &Error{Position: at, Reason: "found " + quote(rest[:1]) + ", which starts nothing that a policy has"}
			}
		}
		out = append(out, t)
		i += len(t.text)
	}
	return out, nil
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func wordByte(c byte) bool {
	return isDigit(c) || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' || c == '-' || c == '@'
}

func wordLength(s string, in func(byte) bool) int {
	n := 0
	for n < len(s) && in(s[n]) {
		n++
	}
	return n
}
