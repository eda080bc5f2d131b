package policy

import (
	"errors"
	"strconv"

	"github.com/lichen-sandbox/lichen/spec"
)

// Position is a place in a policy's text.
type Position struct {
	File   string
	Line   int // from 1; 0 for the file as a whole
	Column int // in bytes, from 1; 0 for the line as a whole
}

// String returns "FILE:LINE:COLUMN", as far as it is known.
func (p Position) String() string {
	s := p.File
	for _, n := range [...]int{p.Line, p.Column} {
		if n == 0 {
			break
		}
		s += ":" + strconv.Itoa(n)
	}
	return s
}

func (p Position) origin() spec.Origin { return spec.Origin{File: p.File, Line: p.Line} }

// Error is what is wrong with a policy's text.
type Error struct {
	Position
	Reason string
	Hint   string
}

// Error returns "FILE:LINE:COLUMN: REASON".
func (e *Error) Error() string { return e.Position.String() + ": " + e.Reason }

// asSpecError puts an error into the form that lichen shows.
func asSpecError(err error) error {
	out := &spec.Error{Op: "policy", Err: err}
	if e, ok := errors.AsType[*Error](err); ok {
		out.Hint = e.Hint
	}
	return out
}

// maxQuoted bounds how much of a policy a message repeats.
const maxQuoted = 60

func quote(s string) string {
	if len(s) > maxQuoted {
		s = s[:maxQuoted] + "…"
	}
	return strconv.Quote(s)
}
