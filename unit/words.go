package unit

import (
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"
)

var errQuote = errors.New("a quote or an escape does not end")

// splitWords splits a value as systemd's extract_first_word does: blanks
// separate, quotes of both kinds and backslash escapes hold together.
func splitWords(s string) ([]string, error) {
	var words []string
	for {
		s = strings.TrimLeft(s, " \t\n\r")
		if s == "" {
			return words, nil
		}
		word, rest, err := firstWord(s)
		if err != nil {
			return nil, err
		}
		words, s = append(words, word), rest
	}
}

// splitCommand is splitWords for the first of several commands: a bare semicolon
// ends it, and one that is quoted or escaped is a word (systemd.service(5)).
func splitCommand(s string) (words []string, more bool, err error) {
	for {
		s = strings.TrimLeft(s, " \t\n\r")
		if s == "" {
			return words, false, nil
		}
		if s[0] == ';' && (len(s) == 1 || strings.IndexByte(" \t\n\r", s[1]) >= 0) {
			return words, true, nil
		}
		word, rest, err := firstWord(s)
		if err != nil {
			return nil, false, err
		}
		words, s = append(words, word), rest
	}
}

func firstWord(s string) (word, rest string, err error) {
	var b strings.Builder
	quote := byte(0)
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '\\':
			text, n, err := unescape(s[i+1:])
			if err != nil {
				return "", "", err
			}
			b.WriteString(text)
			i += n
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case quote == 0 && strings.IndexByte(" \t\n\r", c) >= 0:
			return b.String(), s[i:], nil
		default:
			b.WriteByte(c)
		}
	}
	if quote != 0 {
		return "", "", errQuote
	}
	return b.String(), "", nil
}

// unescape reads what follows a backslash, and returns how many bytes that was.
func unescape(s string) (string, int, error) {
	if s == "" {
		return "", 0, errQuote
	}
	const from, to = `abfnrtv\"'s;`, "\a\b\f\n\r\t\v\\\"' ;"
	if i := strings.IndexByte(from, s[0]); i >= 0 {
		return to[i : i+1], 1, nil
	}
	digits, base, skip := 0, 16, 1
	switch s[0] {
	case 'x':
		digits = 2
	case 'u':
		digits = 4
	case 'U':
		digits = 8
	case '0', '1', '2', '3':
		digits, base, skip = 3, 8, 0
	default:
		return `\` + s[:1], 1, nil // systemd keeps what it does not know
	}
	if len(s) < skip+digits {
		return "", 0, errQuote
	}
	n, err := strconv.ParseUint(s[skip:skip+digits], base, 32)
	switch {
	case err != nil || n == 0 || n > utf8.MaxRune:
		return "", 0, errQuote
	case digits <= 3:
		return string([]byte{byte(n)}), skip + digits, nil
	}
	return string(rune(n)), skip + digits, nil
}

// execWord writes a word of ExecStart=, in which systemd would read quotes,
// escapes, specifiers and variables (systemd.service(5), "Command lines").
func execWord(s string) string {
	s = strings.ReplaceAll(strings.ReplaceAll(s, "%", "%%"), "$", "$$")
	if s == ";" {
		return `\;`
	}
	var b strings.Builder
	quoted := s == ""
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b.WriteString(`\` + s[i:i+1])
			quoted = true
		case c < ' ' || c == 0x7f:
			b.WriteString(`\x` + strconv.FormatUint(uint64(c)|0x100, 16)[1:])
			quoted = true
		default:
			quoted = quoted || strings.IndexByte(" ';#", c) >= 0
			b.WriteByte(c)
		}
	}
	if quoted {
		return `"` + b.String() + `"`
	}
	return b.String()
}
