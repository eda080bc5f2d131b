package profile

import "strings"

// The TOML library tells where a syntax error is, but not where a value was
// written, and every grant must be traceable to its line. The scanner finds
// the lines: one pass over the text, one tree of keys and array elements, no
// values.
//
// It runs before the library, because the library recurses without a bound on
// nested values and takes quadratic time over long dotted keys. Both agree on
// every text up to the point where the library refuses it, so what is too deep
// for the scanner never reaches the library.

// Bounds on the shape of a file; a profile needs three levels.
const (
	maxDepth  = 8   // nested arrays and inline tables, parts of a dotted key
	maxTables = 256 // tables with different names
)

// node is a table, a key, or an element of an array (its key is "").
type node struct {
	key               string
	line              int32
	first, last, next int32 // children and next sibling; 0 means none
}

// tree holds nodes by index; 0 is the root table.
type tree []node

// child returns the index of a child by its key, or 0.
func (t tree) child(parent int32, key string) int32 {
	for i := t[parent].first; i != 0; i = t[i].next {
		if t[i].key == key {
			return i
		}
	}
	return 0
}

type scanner struct {
	text   string
	pos    int
	line   int32
	nodes  tree
	tables int
	// failed is set once the scanner cannot go on. With an empty reason the
	// text is malformed, which the library explains better.
	failed bool
	reason string
	where  int32
}

// scan returns the tree of a text that the library accepts. For another text
// the tree is meaningless. The error is about shape alone, never syntax.
func scan(text string) (t tree, line int, err error) {
	s := scanner{
		text:  strings.TrimPrefix(text, "\ufeff"),
		line:  1,
		nodes: make(tree, 1, 16+len(text)/32),
	}
	s.nodes[0].line = 1
	var table int32
	for s.skip(); !s.failed && s.pos < len(s.text); s.skip() {
		if s.text[s.pos] == '[' {
			table = s.header()
		} else {
			s.pair(table, 0)
		}
	}
	if s.reason != "" {
		return nil, int(s.where), bad(s.reason, "")
	}
	return s.nodes, 0, nil
}

func (s *scanner) fail(reason string) {
	if !s.failed {
		s.failed, s.reason, s.where = true, reason, s.line
	}
}

// add appends a node to the children of parent.
func (s *scanner) add(parent int32, key string) int32 {
	i := int32(len(s.nodes))
	s.nodes = append(s.nodes, node{key: key, line: s.line})
	p := &s.nodes[parent]
	if p.last == 0 {
		p.first = i
	} else {
		s.nodes[p.last].next = i
	}
	p.last = i
	return i
}

// header reads [a.b] or [[a.b]] and returns the table it opens.
func (s *scanner) header() int32 {
	s.pos++
	array := s.accept('[')
	table, key := s.path(0)
	if !s.accept(']') || array && !s.accept(']') {
		s.fail("")
	}
	table = s.enter(table, key)
	if array {
		return s.add(table, "")
	}
	return table
}

// pair reads key = value, where the key may be dotted.
func (s *scanner) pair(table int32, depth int) {
	table, key := s.path(table)
	if !s.accept('=') {
		s.fail("")
	}
	s.blank()
	if !s.failed {
		s.value(s.add(table, key), depth)
	}
}

// path reads a dotted key, enters all its parts but the last, and returns the
// table reached and the last part.
func (s *scanner) path(table int32) (int32, string) {
	for depth := 0; !s.failed; depth++ {
		if depth == maxDepth {
			s.fail("the key has too many parts")
		}
		s.blank()
		key := s.key()
		s.blank()
		if !s.accept('.') {
			return table, key
		}
		table = s.enter(table, key)
		if last := s.nodes[table].last; last != 0 && s.nodes[last].key == "" {
			table = last // [a.b] below [[a]] belongs to the latest element
		}
	}
	return table, ""
}

// enter returns the table called key, which it makes when there is none.
func (s *scanner) enter(table int32, key string) int32 {
	if i := s.nodes.child(table, key); i != 0 {
		return i
	}
	if s.tables++; s.tables > maxTables {
		s.fail("too many tables")
	}
	return s.add(table, key)
}

// key reads one part of a dotted key.
func (s *scanner) key() string {
	if s.pos >= len(s.text) {
		s.fail("")
		return ""
	}
	if c := s.text[s.pos]; c == '"' || c == '\'' {
		start := s.pos + 1
		s.quoted(c)
		if s.failed {
			return ""
		}
		key := s.text[start : s.pos-1]
		if key == "" || c == '"' && strings.IndexByte(key, '\\') >= 0 {
			s.fail("an empty key, or one with an escape, is never one of a profile")
		}
		return key
	}
	n := strings.IndexAny(s.text[s.pos:], " \t\r\n.=]\"'#")
	if n <= 0 {
		s.fail("")
		return ""
	}
	s.pos += n
	return s.text[s.pos-n : s.pos]
}
