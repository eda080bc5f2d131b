package unpack

import (
	"bufio"
	"errors"
	"io"
	"iter"
	"strconv"
	"strings"

	"github.com/lichen-sandbox/lichen/spec"
)

// maxOwnersLine is the longest line: an attribute of 64 KiB, each byte of which
// may be quoted as four.
const maxOwnersLine = 4*(maxXattrValue+maxXattrName) + 64

// ReadOwners reads an owners file and yields its entries, each valid until the
// next. It stops with an error at a line that [WriteOwners] would not write, at
// a file that is cut short, and at limits.
func ReadOwners(r io.Reader, l Limits) iter.Seq2[*Entry, error] {
	l.setDefaults()
	return func(yield func(*Entry, error) bool) {
		p := ownersReader{lines: bufio.NewScanner(io.LimitReader(r, 2*l.Memory)), limits: l}
		p.lines.Buffer(make([]byte, 0, 64<<10), maxOwnersLine)
		p.next()
		if p.err == nil && p.line != ownersVersion {
			p.fail("not an owners file of this version")
		}
		p.next()
		for p.err == nil && !strings.HasPrefix(p.line, "end ") {
			e := p.entry()
			if p.err == nil && !yield(e, nil) {
				return
			}
		}
		if p.err == nil {
			p.end()
		}
		if p.err != nil {
			yield(nil, p.err)
		}
	}
}

type ownersReader struct {
	lines  *bufio.Scanner
	line   string
	number int
	count  int64
	limits Limits
	err    error
}

// next reads the next line. That there is none is an error: the last is "end".
func (p *ownersReader) next() {
	if p.err != nil {
		return
	}
	p.number++
	if p.lines.Scan() {
		p.line = p.lines.Text()
		return
	}
	if p.line = ""; p.lines.Err() != nil && !errors.Is(p.lines.Err(), bufio.ErrTooLong) {
		p.err = &spec.Error{Op: "read owners file", Err: p.lines.Err()}
		return
	}
	p.fail("the file is cut short, or a line is too long")
}

func (p *ownersReader) fail(reason string) {
	if p.err == nil {
		p.err = &spec.Error{Op: "read owners file", Object: "line " + strconv.Itoa(p.number), Reason: reason}
	}
}

// entry parses the entry of the current line, with its attributes, and goes on
// to the line after.
func (p *ownersReader) entry() *Entry {
	if p.count++; p.count > p.limits.Entries {
		p.fail("too many entries")
		return nil
	}
	f := fields{rest: p.line}
	e := &Entry{}
	if kind := f.word(); len(kind) == 1 {
		e.Kind = Kind(kind[0])
	}
	e.Mode = uint32(f.number(f.word(), 8, 32))
	e.UID = uint32(f.number(f.word(), 10, 32))
	e.GID = uint32(f.number(f.word(), 10, 32))
	sec, nsec, _ := strings.Cut(f.word(), ".")
	abs, negative := strings.CutPrefix(sec, "-")
	e.Sec = int64(f.number(abs, 10, 62))
	if negative {
		e.Sec = -e.Sec
	}
	e.Nsec = int32(f.number(nsec, 10, 31))
	e.Path = f.quoted()
	switch e.Kind {
	case KindSymlink:
		e.Target = f.quoted()
	case KindChar, KindBlock:
		e.Major = uint32(f.number(f.word(), 10, 32))
		e.Minor = uint32(f.number(f.word(), 10, 32))
	}
	if f.bad || f.rest != "" {
		p.fail("not an entry")
	} else if reason := e.check(p.limits); reason != "" {
		p.fail(reason)
	}
	p.next()
	p.attributes(e)
	return e
}

func (p *ownersReader) attributes(e *Entry) {
	size := 0
	for p.err == nil && (strings.HasPrefix(p.line, "x ") || strings.HasPrefix(p.line, "a ")) {
		f := fields{rest: p.line}
		applied := f.word() == "a"
		name, value := f.quoted(), ""
		if !applied {
			value = f.quoted()
		}
		size += len(name) + len(value)
		switch reason := e.checkXattr(name, len(value)); {
		case f.bad || f.rest != "":
			p.fail("not an attribute")
		case reason != "":
			p.fail(reason)
		case size > p.limits.XattrBytes:
			p.fail("attributes are too large")
		case applied:
			e.Applied = append(e.Applied, name)
		default:
			if e.Xattrs == nil {
				e.Xattrs = map[string][]byte{}
			}
			e.Xattrs[name] = []byte(value)
		}
		p.next()
	}
}

func (p *ownersReader) end() {
	if p.line != "end "+strconv.FormatInt(p.count, 10) {
		p.fail("the count of entries is wrong")
	}
	if p.err == nil && p.lines.Scan() {
		p.number++
		p.fail("something after the end")
	}
}

// fields takes a line apart at single spaces.
type fields struct {
	rest string
	bad  bool
}

func (f *fields) word() string {
	var w string
	w, f.rest, _ = strings.Cut(f.rest, " ")
	return w
}

func (f *fields) number(s string, base, bits int) uint64 {
	n, err := strconv.ParseUint(s, base, bits)
	if err != nil {
		f.bad = true
	}
	return n
}

func (f *fields) quoted() string {
	q, err := strconv.QuotedPrefix(f.rest)
	if err != nil || q[0] != '"' {
		f.bad = true
		return ""
	}
	s, err := strconv.Unquote(q)
	if err != nil {
		f.bad = true
	}
	f.rest = strings.TrimPrefix(f.rest[len(q):], " ")
	return s
}
