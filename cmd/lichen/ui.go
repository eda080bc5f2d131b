package main

import (
	"errors"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/lichen-sandbox/lichen/sandbox"
	"github.com/lichen-sandbox/lichen/spec"
)

// ui is the only place that prints. Standard output belongs to the payload, or
// to a command whose purpose is its output; everything else goes to standard
// error.
type ui struct{ out, err io.Writer }

// fail prints an error and returns the exit status of lichen's own failures.
func (u *ui) fail(err error) int {
	u.report(err)
	return exitFailed
}

// report prints an error, and its hint on a line of its own.
func (u *ui) report(err error) {
	if errors.Is(err, errReported) {
		return
	}
	text := "lichen: " + printable(err.Error()) + "\n"
	if h := hint(err); h != "" {
		text += "hint: " + printable(h) + "\n"
	}
	_, _ = io.WriteString(u.err, text) // nowhere is left to say that this failed
}

// warn prints what does not stop a command.
func (u *ui) warn(text string) {
	_, _ = io.WriteString(u.err, "lichen: warning: "+printable(text)+"\n") // as in report
}

// print writes a command's output. Output that is cut short is a failure: a
// script must not take half a plan for a whole one.
func (u *ui) print(text string) int {
	if _, err := io.WriteString(u.out, text); err != nil {
		return u.fail(&spec.Error{Op: "write", Object: "standard output", Err: unwrapPath(err)})
	}
	return exitOK
}

// hint returns the remedy that an error carries.
func hint(err error) string {
	if f, ok := errors.AsType[*sandbox.Failure](err); ok {
		return f.Cause.Hint
	}
	if e, ok := errors.AsType[*spec.Error](err); ok {
		return e.Hint
	}
	return ""
}

// unwrapPath takes the operation and the path away that package os adds.
func unwrapPath(err error) error {
	if inner := errors.Unwrap(err); inner != nil {
		return inner
	}
	return err
}

// printable escapes what is no visible character: names of files may hold
// terminal sequences, or a line break and a false hint.
func printable(s string) string {
	clean := true
	for _, r := range s {
		clean = clean && unicode.IsPrint(r) && r != utf8.RuneError
	}
	if clean {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		_, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			b.WriteString(`\x` + strconv.FormatUint(uint64(s[i])|0x100, 16)[1:])
		case unicode.IsPrint(r):
			b.WriteRune(r)
		default:
			q := strconv.QuoteRuneToASCII(r)
			b.WriteString(q[1 : len(q)-1])
		}
	}
	return b.String()
}

func quote(s string) string { return strconv.Quote(s) }
