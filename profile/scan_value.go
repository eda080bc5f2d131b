package profile

import "strings"

// value reads one value; arrays and inline tables give children to node n.
func (s *scanner) value(n int32, depth int) {
	if s.pos >= len(s.text) {
		s.fail("")
		return
	}
	if depth == maxDepth {
		s.fail("values are nested too deep")
		return
	}
	switch c := s.text[s.pos]; c {
	case '"', '\'':
		s.stringValue(c)
	case '[':
		s.list(']', func() { s.value(s.add(n, ""), depth+1) })
	case '{':
		s.list('}', func() { s.pair(n, depth+1) })
	default:
		s.scalar()
	}
}

// list reads what stands between brackets, separated by commas. Newlines and
// comments may stand anywhere in both kinds (inline tables: TOML 1.1).
func (s *scanner) list(end byte, element func()) {
	s.pos++
	for !s.failed {
		s.skip()
		if s.accept(end) {
			return
		}
		element()
		s.skip()
		if s.accept(end) {
			return
		}
		if !s.accept(',') {
			s.fail("")
		}
	}
}

// scalar reads a number, boolean or date. A date may hold a blank.
func (s *scanner) scalar() {
	n := strings.IndexAny(s.text[s.pos:], ",]}#\r\n")
	if n < 0 {
		n = len(s.text) - s.pos
	}
	if n == 0 {
		s.fail("")
	}
	s.pos += n
}

// stringValue reads any of the four kinds of string.
func (s *scanner) stringValue(quote byte) {
	if s.at(1) != quote || s.at(2) != quote {
		s.quoted(quote)
		return
	}
	start := s.pos
	s.pos += 3
	for s.at(0) != quote || s.at(1) != quote || s.at(2) != quote {
		if s.pos >= len(s.text) {
			s.fail("")
			return
		}
		if quote == '"' && s.text[s.pos] == '\\' {
			s.pos++
		}
		s.pos++
	}
	s.pos += 3
	// One or two quotes may end the text of the string: """a"""".
	for extra := 0; extra < 2 && s.at(0) == quote; extra++ {
		s.pos++
	}
	s.pos = min(s.pos, len(s.text))
	s.line += int32(strings.Count(s.text[start:s.pos], "\n"))
}

// quoted reads a string that ends on its line.
func (s *scanner) quoted(quote byte) {
	for s.pos++; s.pos < len(s.text); s.pos++ {
		switch c := s.text[s.pos]; {
		case c == quote:
			s.pos++
			return
		case c == '\\' && quote == '"':
			s.pos++
		case c == '\n':
			s.fail("")
			return
		}
	}
	s.fail("")
}

// at looks ahead; past the end it returns 0, which TOML does not allow.
func (s *scanner) at(n int) byte {
	if s.pos+n < len(s.text) {
		return s.text[s.pos+n]
	}
	return 0
}

func (s *scanner) accept(c byte) bool {
	if s.at(0) != c || s.pos >= len(s.text) {
		return false
	}
	s.pos++
	return true
}

// blank skips white space within a line.
func (s *scanner) blank() {
	for s.at(0) == ' ' || s.at(0) == '\t' {
		s.pos++
	}
}

// skip skips white space, newlines and comments.
func (s *scanner) skip() {
	for s.pos < len(s.text) {
		switch s.text[s.pos] {
		case '\n':
			s.line++
		case ' ', '\t', '\r':
		case '#':
			n := strings.IndexByte(s.text[s.pos:], '\n')
			if n < 0 {
				s.pos = len(s.text)
				return
			}
			s.pos += n
			continue
		default:
			return
		}
		s.pos++
	}
}
