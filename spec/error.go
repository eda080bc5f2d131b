package spec

import "strings"

// Error is a failure that a user reads: what was attempted, on what, why it
// failed, and where the profile asked for it.
type Error struct {
	Op     string // "bind", "read profile"; may be empty
	Object string // the path, key or name concerned; may be empty
	Reason string // empty when Err says it
	Err    error  // the cause, for errors.Is
	Origin Origin
	// Hint is the remedy, a line of its own; empty unless it was checked to
	// apply.
	Hint string
}

// Error returns "OP OBJECT: REASON (FILE:LINE)", without the hint.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Op)
	if e.Object != "" {
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(e.Object)
	}
	for _, s := range []string{e.Reason, errText(e.Err)} {
		if s == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteString(": ")
		}
		b.WriteString(s)
	}
	if o := e.Origin.String(); o != "" {
		b.WriteString(" (" + o + ")")
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
