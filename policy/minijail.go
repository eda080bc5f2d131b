package policy

import (
	"strconv"
	"strings"

	"github.com/lichen-sandbox/lichen/spec"
)

// filter is one answer for a call, under a condition or not.
type filter struct {
	cond   *condition // nil: always
	action action
	at     Position
}

// action is what a filter answers; its zero value lets the call through.
type action struct {
	spec.Action
	text string // as lichen's rules spell it
}

var (
	allow = action{spec.Action{Kind: spec.ActionAllow}, "allow"}
	kill  = action{spec.Action{Kind: spec.ActionKillProcess}, "kill"}
)

// callFilters is all that a policy says of a call, in order.
type callFilters struct {
	name    string
	filters []filter
}

// minijail reads a policy of one of minijail's dialects.
type minijail struct {
	*reader
	dialect  Dialect // Auto until something decides it
	denylist bool
	def      action
	calls    []*callFilters
	byName   map[string]*callFilters

	// What was found while the dialect is Auto.
	markC, markPython, disagree *mark
}

// mark is a place that only one dialect has, or that they disagree on.
type mark struct {
	at   Position
	what string
}

func (r *reader) readMinijail(src *source) error {
	if len(src.text) > maxFile {
		return &Error{Position: src.at(0, 0), Reason: "longer than " + strconv.Itoa(maxFile>>20) + " MiB"}
	}
	m := &minijail{reader: r, dialect: r.out.Dialect, def: kill, byName: map[string]*callFilters{}}
	if m.denylist = m.dialect != MinijailC && hasDenylist(src.text); m.denylist {
		m.def = allow
	}
	if err := m.file(src, 0); err != nil {
		return err
	}
	if again, err := m.decide(); err != nil {
		return err
	} else if again {
		r.out.Dialect, r.out.Warnings, r.out.Frequency, r.budget = MinijailC, nil, map[string]uint64{}, budget{}
		return r.readMinijail(src)
	}
	r.out.Dialect = m.dialect
	return m.finish()
}

// hasDenylist tells whether a file says @denylist, which changes what all of it
// may say.
func hasDenylist(text string) bool {
	for line := range strings.Lines(text) {
		if before, _, _ := strings.Cut(line, "#"); strings.TrimSpace(before) == "@denylist" {
			return true
		}
	}
	return false
}

// decide names the dialect; again tells to read it all anew as the library
// would.
func (m *minijail) decide() (again bool, err error) {
	if m.dialect != Auto {
		return false, nil
	}
	if m.markC != nil && m.markPython != nil {
		return false, &Error{Position: m.markC.at, Reason: "found " + m.markC.what + ", which only minijail's library reads, and " + m.markPython.what + " (" + m.markPython.at.String() + "), which only its offline compiler does"}
	}
	if m.markC != nil {
		return true, nil
	}
	if m.disagree != nil && m.markPython == nil {
		return false, &Error{
			Position: m.disagree.at,
			Reason: "found " + quote(m.disagree.what) + ", which minijail's readers understand in opposite ways: its library (minijail-c) lets the call through where the condition holds, and else returns the error; " +
				"its offline compiler (minijail-python) returns the error where the condition holds, and else kills",
			Hint: "name the dialect: minijail-c or minijail-python",
		}
	}
	m.dialect = MinijailPython
	return false, nil
}

// file reads the statements of one file.
func (m *minijail) file(src *source, depth int) error {
	if err := src.checkText(); err != nil {
		return err
	}
	l := &lexer{src: src, dialect: m.dialect, rest: src.text}
	listed := false
	for {
		tokens, err := l.next()
		if err != nil {
			return err
		}
		if tokens == nil {
			break
		}
		p := &statement{minijail: m, src: src, tokens: tokens}
		if p.tok().kind == tokenAt {
			listed = listed || p.tok().text == "@denylist"
			err = p.directive(depth)
		} else {
			err = p.filters()
		}
		if err != nil {
			return err
		}
	}
	if m.denylist && !listed {
		return &Error{Position: src.at(0, 0), Reason: "no @denylist in a file that a denylist includes: its lines would allow", Hint: "every file of a denylist has to say so"}
	}
	return nil
}

// add adds a filter to those of a call.
func (m *minijail) add(name string, f filter) error {
	c := m.byName[name]
	if c == nil {
		c = &callFilters{name: name}
		m.byName[name] = c
		m.calls = append(m.calls, c)
	}
	if n := len(c.filters); n > 0 {
		first := &c.filters[n-1]
		if m.dialect == MinijailC && first.at != f.at {
			m.warn(f.at, name+" has a line already ("+first.at.String()+"), which counts: minijail's library refuses a second one, or ignores it where it is built to")
			return nil
		}
		if first.cond == nil {
			return &Error{Position: f.at, Reason: name + " is decided without a condition already (" + first.at.String() + "), so that this is never asked"}
		}
	}
	c.filters = append(c.filters, f)
	return nil
}
