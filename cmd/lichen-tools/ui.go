package main

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/lichen-sandbox/lichen/spec"
)

// ui is the only place that prints: results to standard output, everything
// else to standard error.
type ui struct{ out, err io.Writer }

// fail prints an error and returns the exit status of failures.
func (u *ui) fail(err error) int {
	u.report(err)
	return exitFailed
}

// report prints an error, and its hint on a line of its own; of several, each.
func (u *ui) report(err error) {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			u.report(e)
		}
		return
	}
	text := "lichen: " + printable(err.Error()) + "\n"
	if e, ok := errors.AsType[*spec.Error](err); ok && e.Hint != "" {
		text += "hint: " + printable(e.Hint) + "\n"
	}
	u.note(text)
}

// warn prints what does not stop a command.
func (u *ui) warn(text string) { u.note("lichen: warning: " + printable(text) + "\n") }

// note writes whole lines to standard error.
func (u *ui) note(lines string) {
	_, _ = io.WriteString(u.err, lines) // nowhere is left to say that this failed
}

// print writes a command's output. Output that is cut short is a failure: a
// script must not take half a list for a whole one.
func (u *ui) print(text string) int {
	if _, err := io.WriteString(u.out, text); err != nil {
		return u.fail(&spec.Error{Op: "write", Object: "standard output", Err: unwrapPath(err)})
	}
	return exitOK
}

// printJSON prints a value that has nothing that JSON lacks.
func (u *ui) printJSON(v any) int {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return u.fail(&spec.Error{Op: "write", Object: "the result", Err: err})
	}
	return u.print(plainJSON(b.String()))
}

// plainJSON escapes what is no visible character, as printable does: what an
// image's own JSON says in other words is the same JSON. What is no UTF-8 there
// becomes the replacement character, as in every string that is encoded here.
func plainJSON(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\n', unicode.IsPrint(r):
			b.WriteRune(r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			b.WriteString(escaped(high) + escaped(low))
		default:
			b.WriteString(escaped(r))
		}
	}
	return b.String()
}

func escaped(r rune) string { return `\u` + strconv.FormatUint(uint64(r)|1<<16, 16)[1:] }

// terminal returns standard error where it is one that can be drawn on.
func (u *ui) terminal() *os.File {
	if f, ok := u.err.(*os.File); ok && isTerminal(f.Fd()) && hasSize(f.Fd()) && os.Getenv("TERM") != "dumb" {
		return f
	}
	return nil
}

// table lays rows out in columns, the first row being the heads.
func table(rows [][]string) string {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(printable(cell)))
		}
	}
	var b strings.Builder
	for _, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			line.WriteString(pad(printable(cell), widths[i]+2))
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	return b.String()
}

func pad(s string, width int) string {
	return s + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(s)))
}

// size writes a number of bytes for people: three figures and a binary unit.
func size(n int64) string {
	if n < 1024 {
		return strconv.FormatInt(n, 10) + " B"
	}
	v, unit := float64(n)/1024, 0
	for v >= 1024 && unit < 4 {
		v, unit = v/1024, unit+1
	}
	return strconv.FormatFloat(v, 'f', 1, 64) + " " + "KMGTP"[unit:unit+1] + "iB"
}

// short is a digest as a list shows it.
func short(digest string) string {
	_, hex, ok := strings.Cut(digest, ":")
	if !ok {
		hex = digest
	}
	return hex[:min(12, len(hex))]
}

// unwrapPath takes the operation and the path away that package os adds.
func unwrapPath(err error) error {
	if inner := errors.Unwrap(err); inner != nil {
		return inner
	}
	return err
}

// printable escapes what is no visible character: names in an image may hold
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
		_, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
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

func number(n int) string { return strconv.Itoa(n) }
