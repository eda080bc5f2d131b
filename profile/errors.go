package profile

import (
	"errors"
	"strconv"

	"github.com/BurntSushi/toml"

	"github.com/lichen-sandbox/lichen/spec"
)

// problem is what is wrong with one value, before it is known where the value
// was written.
type problem struct {
	reason, hint string
	// absent marks a thing that is not there rather than wrong: an optional
	// entry is left out because of it, any other is an error.
	absent bool
}

func (p *problem) Error() string { return p.reason }

func bad(reason, hint string) error { return &problem{reason: reason, hint: hint} }

// badValue quotes the value: it comes from a file and may hold escape
// sequences for a terminal.
func badValue(value, reason, hint string) error {
	return &problem{reason: strconv.Quote(value) + " " + reason, hint: hint}
}

func isAbsent(err error) bool {
	var p *problem
	return errors.As(err, &p) && p.absent
}

// place says where a problem is. A nil error stays nil.
func place(err error, op, object string, at spec.Origin) error {
	switch e := err.(type) {
	case nil:
		return nil
	case *spec.Error:
		return e
	case *problem:
		return &spec.Error{Op: op, Object: object, Reason: e.reason, Hint: e.hint, Origin: at}
	}
	return &spec.Error{Op: op, Object: object, Err: err, Origin: at}
}

// syntaxError turns what the TOML library says into an error of this module.
func syntaxError(err error, file string) error {
	var pe toml.ParseError
	if !errors.As(err, &pe) {
		return &spec.Error{Op: "parse", Object: "TOML", Err: err, Origin: spec.Origin{File: file, Line: 1}}
	}
	e := &spec.Error{
		Op: "parse", Object: "TOML", Reason: pe.Message,
		Origin: spec.Origin{File: file, Line: max(pe.Position.Line, 1)},
	}
	if pe.LastKey != "" {
		e.Object = "TOML after key " + strconv.Quote(pe.LastKey)
	}
	return e
}
