package policy

import (
	"strconv"
	"strings"

	"github.com/lichen-sandbox/lichen/seccomp"
)

// isAuditLine tells whether a line is an audit record, also one in the kernel's
// log, or of those that ausearch puts between records.
func isAuditLine(line string) bool {
	return strings.HasPrefix(line, "type=") || strings.HasPrefix(line, "node=") && strings.Contains(line, " type=") ||
		line == "----" || strings.HasPrefix(line, "time->") || strings.Contains(line, "audit: type=")
}

// field is "KEY=VALUE" of a record.
type field struct {
	key, value string
	at         Position
}

// auditFields cuts a record. Values with spaces are in quotes; \x1d stands
// before the fields that auditd adds as it understands them.
func (r *records) auditFields(number int, text string) ([]field, error) {
	var out []field
	for i := 0; i < len(text); {
		if c := text[i]; c == ' ' || c == '\t' || c == 0x1d {
			i++
			continue
		}
		start := i
		for i < len(text) && text[i] != ' ' && text[i] != 0x1d {
			if text[i] != '"' {
				i++
				continue
			}
			n := strings.IndexByte(text[i+1:], '"')
			if n < 0 {
				return nil, &Error{Position: r.src.at(number, i+1), Reason: "found a quote that nothing closes"}
			}
			i += n + 2
		}
		key, value, ok := strings.Cut(text[start:i], "=")
		if ok {
			out = append(out, field{key, strings.Trim(value, `"`), r.src.at(number, start+len(key)+2)})
		}
	}
	return out, nil
}

// audit reads one record.
func (r *records) audit(number int, text string) error {
	trimmed := strings.TrimSpace(text)
	if trimmed == "" || trimmed[0] == '#' || trimmed == "----" || strings.HasPrefix(trimmed, "time->") {
		return nil
	}
	begin := strings.Index(text, "type=")
	if !isAuditLine(trimmed) || begin < 0 {
		return &Error{Position: r.src.at(number, 1), Reason: "found " + quote(trimmed) + " where an audit record, type=…, should be"}
	}
	fields, err := r.auditFields(number, text)
	if err != nil {
		return err
	}
	rec := record{at: r.src.at(number, begin+1)}
	for _, f := range fields {
		rec.set(f)
	}
	if !rec.ofCall {
		return nil
	}
	return r.call(&rec)
}

// record is what a record says of a call.
type record struct {
	at                        Position
	typed, ofCall             bool
	arch, syscall             field
	interpretedArch, callName field
}

// set takes a field. The first of a name counts: what a program's name brings
// in behind is not the kernel's.
func (r *record) set(f field) {
	first := func(into *field) {
		if into.key == "" {
			*into = f
		}
	}
	switch f.key {
	case "type":
		if !r.typed {
			r.typed = true
			// 1300 and 1326 in the kernel's log, where no auditd names them.
			r.ofCall = f.value == "SYSCALL" || f.value == "SECCOMP" || f.value == "1300" || f.value == "1326"
		}
	case "arch":
		first(&r.arch)
	case "syscall":
		first(&r.syscall)
	case "ARCH":
		first(&r.interpretedArch)
	case "SYSCALL":
		first(&r.callName)
	}
}

// call adds the call of a record: its number on its architecture, or its name.
func (r *records) call(rec *record) error {
	if rec.syscall.key == "" {
		return &Error{Position: rec.at, Reason: "found no syscall= in a record of a call"}
	}
	nr, err := strconv.ParseUint(rec.syscall.value, 10, 32)
	if err != nil { // ausearch -i and auditd can have put the name there
		if n := wordLength(rec.syscall.value, wordByte); n == 0 || n != len(rec.syscall.value) || isDigit(rec.syscall.value[0]) {
			return &Error{Position: rec.syscall.at, Reason: "found " + quote(rec.syscall.value) + " where the number or the name of a system call should be"}
		}
		r.named(rec.syscall.value, rec.syscall.at)
		return nil
	}
	if rec.arch.key == "" {
		return &Error{Position: rec.at, Reason: "found no arch= in a record, without which a number means nothing"}
	}
	a, known, err := recordArch(rec.arch)
	if err != nil {
		return err
	}
	compat, hasCompat := r.opts.Arch.Compat()
	if !known || a != r.opts.Arch && (!hasCompat || a != compat) {
		r.once(rec.arch.at, "a call of another architecture ("+rec.arch.value+") than "+r.opts.Arch.Name()+" is left out")
		return nil
	}
	if _, ok := seccomp.CallName(a, uint32(nr)); !ok && seccomp.Known(rec.callName.value) {
		r.named(rec.callName.value, rec.callName.at)
		return nil
	}
	r.numbered(a, uint32(nr), rec.syscall.at)
	return nil
}

// recordArch reads an AUDIT_ARCH value, in hexadecimal, or a name.
func recordArch(f field) (a seccomp.Arch, known bool, err error) {
	if a, ok := archWord(f.value); ok {
		return a, true, nil
	}
	v, err := strconv.ParseUint(f.value, 16, 32)
	if err != nil {
		if otherArch(f.value) {
			return 0, false, nil
		}
		return 0, false, &Error{Position: f.at, Reason: "found " + quote(f.value) + " where an architecture should be, like c000003e or x86_64"}
	}
	for _, a := range []seccomp.Arch{seccomp.AMD64, seccomp.I386, seccomp.ARM64, seccomp.ARM} {
		if a.AuditArch() == uint32(v) {
			return a, true, nil
		}
	}
	return 0, false, nil
}
