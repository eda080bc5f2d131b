package policy

import (
	"slices"
	"strconv"
	"strings"

	"github.com/lichen-sandbox/lichen/seccomp"
	"github.com/lichen-sandbox/lichen/spec"
)

// maxRecordWarnings bounds the warnings of one file of records: a trace repeats
// what it has.
const maxRecordWarnings = 100

// records reads the calls that occur in traces and audit records.
type records struct {
	*reader
	src    *source
	seen   map[string]bool
	warned map[string]bool
}

func (r *reader) readRecords(src *source) error {
	rec := &records{reader: r, src: src, seen: map[string]bool{}, warned: map[string]bool{}}
	r.out.Seccomp.Default = r.opts.Default
	line := 0
	for text := range strings.Lines(src.text) {
		line++
		var err error
		if text = strings.TrimRight(text, "\r\n"); r.out.Dialect == Audit {
			err = rec.audit(line, text)
		} else {
			err = rec.strace(line, text)
		}
		if err != nil {
			return err
		}
	}
	list := r.out.Seccomp.Allow
	slices.SortFunc(list, func(a, b spec.SyscallEntry) int { return strings.Compare(a.Name, b.Name) })
	return r.check()
}

// allow adds a call.
func (r *records) allow(name string, at Position) {
	if r.seen[name] {
		return
	}
	r.seen[name] = true
	r.out.Seccomp.Allow = append(r.out.Seccomp.Allow, spec.SyscallEntry{Name: name, Origin: at.origin()})
}

// once warns of each thing once.
func (r *records) once(at Position, text string) {
	if !r.warned[text] && len(r.warned) < maxRecordWarnings {
		r.warned[text] = true
		r.warn(at, text)
	}
}

// named adds a call that a record names. Records may be of 32-bit programs.
func (r *records) named(name string, at Position) {
	if _, ok := seccomp.Number(r.opts.Arch, name); ok {
		r.allow(name, at)
		return
	}
	compat, ok := r.opts.Arch.Compat()
	if ok {
		_, ok = seccomp.Number(compat, name)
	}
	if ok {
		r.compat(compat, at)
		r.allow(name, at)
		return
	}
	text := "no system call " + quote(name) + " is known: it stays refused"
	if seccomp.Known(name) {
		text = r.opts.Arch.Name() + " has no system call " + quote(name)
	}
	r.once(at, text)
}

func (r *records) compat(a seccomp.Arch, at Position) {
	r.out.Seccomp.Compat = true
	r.once(at, "a call of a "+a.Name()+" program: the policy lets these in (compat)")
}

// skipPrefix cuts what strace puts before a call: a PID, "[pid N]", a time, a
// relative time, the number of the call or the instruction pointer in brackets.
func skipPrefix(line string) string {
	for {
		line = strings.TrimLeft(line, " \t")
		if strings.HasPrefix(line, "[") {
			if end := strings.IndexByte(line, ']'); end > 0 {
				line = line[end+1:]
				continue
			}
			return line
		}
		n := wordLength(line, func(c byte) bool { return isDigit(c) || c == ':' || c == '.' })
		if n == 0 || n == len(line) || line[n] != ' ' {
			return line
		}
		line = line[n:]
	}
}

// straceCall returns the name of the call in a line of strace, cut of its
// prefix, and what follows it.
func straceCall(line string) (name, rest string, ok bool) {
	n := wordLength(line, func(c byte) bool { return wordByte(c) && c != '-' && c != '@' })
	if n == 0 || n == len(line) || line[n] != '(' || isDigit(line[0]) {
		return "", "", false
	}
	return line[:n], line[n:], true
}

func isStraceLine(line string) bool {
	line = skipPrefix(line)
	_, rest, ok := straceCall(line)
	return ok && (strings.Contains(rest, ") = ") || strings.Contains(rest, ") ") && strings.Contains(rest, " = ") || strings.HasSuffix(rest, "<unfinished ...>")) ||
		strings.HasPrefix(line, "<... ") && strings.Contains(line, " resumed>")
}

// strace reads one line.
func (r *records) strace(number int, text string) error {
	line := skipPrefix(text)
	column := len(text) - len(line) + 1
	at := r.src.at(number, column)
	switch {
	case line == "" || line[0] == '#' || strings.HasPrefix(line, "+++ ") || strings.HasPrefix(line, "--- ") || strings.HasPrefix(line, "strace: "):
		return nil
	case strings.HasPrefix(line, "<... "):
		name, _, ok := strings.Cut(line[len("<... "):], " resumed>")
		if !ok || wordLength(name, wordByte) != len(name) {
			return &Error{Position: at, Reason: "found " + quote(line) + " where <... NAME resumed> should be"}
		}
		r.named(name, at)
		return nil
	}
	name, _, ok := straceCall(line)
	if !ok {
		return &Error{Position: at, Reason: "found " + quote(line) + " where a call, NAME(…), should be", Hint: "strace -o FILE keeps the program's own output apart"}
	}
	if hexNumber, ok := strings.CutPrefix(name, "syscall_"); ok { // as strace names what it does not know
		if nr, err := strconv.ParseUint(hexNumber, 0, 32); err == nil {
			r.numbered(r.opts.Arch, uint32(nr), at)
			return nil
		}
	}
	r.named(name, at)
	return nil
}

// numbered adds a call that a record gives the number of.
func (r *records) numbered(a seccomp.Arch, nr uint32, at Position) {
	name, ok := seccomp.CallName(a, nr)
	if !ok {
		r.once(at, "no system call "+strconv.FormatUint(uint64(nr), 10)+" of "+a.Name()+" is known: it stays refused")
		return
	}
	if a != r.opts.Arch {
		r.compat(a, at)
	}
	r.allow(name, at)
}
