package main

import (
	"slices"
	"strconv"
	"strings"

	"github.com/lichen-sandbox/lichen/seccomp"
	"github.com/lichen-sandbox/lichen/spec"
)

// explainCall is "lichen seccomp explain PROFILE SYSCALL [ARGUMENT]...". Without
// arguments it tells what depends on them.
func explainCall(u *ui, o *seccompOptions, operands []string) int {
	f, err := o.load(operands[0])
	if err != nil {
		return u.fail(err)
	}
	nr, err := f.callNumber(operands[1])
	if err != nil {
		return u.fail(err)
	}
	d := seccomp.Data{Nr: int32(nr), Arch: f.arch.AuditArch()}
	for i, text := range operands[2:] {
		if d.Args[i], err = argumentValue(f.arch, text); err != nil {
			return u.fail(err)
		}
	}
	name, known := seccomp.CallName(f.arch, nr)
	if !known {
		name = operands[1]
	}
	x := explanation{filter: f, name: name, args: operands[2:]}
	if len(operands) == 2 && known {
		err = x.whole()
	} else {
		err = x.one(d)
	}
	if err != nil {
		return u.fail(err)
	}
	if o.JSON {
		return u.printJSON(x.json(nr))
	}
	return u.print(x.text())
}

// callNumber returns the number of a call by its name or as it is written.
func (f *filter) callNumber(text string) (uint32, error) {
	if nr, ok := seccomp.Number(f.arch, text); ok {
		return nr, nil
	}
	if nr, err := strconv.ParseUint(text, 0, 32); err == nil {
		return uint32(nr), nil
	}
	e := &spec.Error{Op: "explain", Object: text, Reason: "no such system call", Hint: seccomp.SuggestCall(text)}
	if seccomp.Known(text) {
		e.Reason, e.Hint = f.arch.Name()+" has no such system call", ""
	}
	return 0, e
}

// argumentValue reads numbers and constants joined by "|".
func argumentValue(a seccomp.Arch, text string) (uint64, error) {
	var v uint64
	for word := range strings.SplitSeq(text, "|") {
		word = strings.TrimSpace(word)
		n, err := strconv.ParseUint(word, 0, 64)
		if signed, bad := strconv.ParseInt(word, 0, 64); err != nil && bad == nil {
			n, err = uint64(signed), nil
		}
		if err != nil {
			value, ok, known := seccomp.Constant(a, word)
			e := &spec.Error{Op: "explain", Object: word, Reason: "no such constant, and no number of at most 64 bits", Hint: seccomp.SuggestConstant(word)}
			switch {
			case known && !ok:
				e.Reason, e.Hint = a.Name()+" has no such constant", ""
				return 0, e
			case !known:
				return 0, e
			}
			n = value
		}
		v |= n
	}
	return v, nil
}

// explanation is what a call gets and why: one answer, or one for each
// condition.
type explanation struct {
	*filter
	name  string
	args  []string
	parts []seccomp.Part
}

// whole takes all that is asked about the call.
func (x *explanation) whole() error {
	list, err := x.verdicts()
	for i := range list {
		if list[i].Name == x.name {
			x.parts = list[i].Parts
		}
	}
	return err
}

// one takes what answers the call with these arguments.
func (x *explanation) one(d seccomp.Data) error {
	if reason := x.closed(); reason != "" {
		x.parts = []seccomp.Part{{Reason: x.closedReason(reason), Answer: "kill"}}
		return nil
	}
	e, err := seccomp.Explain(&x.spec.Seccomp, x.opts, x.arch, d)
	if err == nil {
		x.parts = []seccomp.Part{{Reason: e.Reason, Answer: e.Answer}}
	}
	return err
}

func (x *explanation) text() string {
	call := x.name
	if len(x.args) > 0 {
		call += "(" + strings.Join(x.args, ", ") + ")"
	}
	var b strings.Builder
	if len(x.parts) == 1 {
		b.WriteString(printable(call) + ": " + x.parts[0].Answer + "\n  by: " + x.reasonText(x.parts[0].Reason) + "\n")
	} else {
		b.WriteString(printable(call) + ": its arguments decide\n")
		for i := range x.parts {
			b.WriteString("  " + x.partText(&x.parts[i], answerWidth(x.parts)) + "\n")
		}
	}
	if groups := groupsOf(x.name); len(groups) > 0 {
		b.WriteString("  in: " + strings.Join(groups, " ") + "\n")
	}
	return b.String()
}

func (x *explanation) json(nr uint32) any {
	return struct {
		callJSON
		Arch   string   `json:"arch"`
		Args   []string `json:"args"`
		Groups []string `json:"groups"`
	}{x.callJSON(&seccomp.CallVerdict{Name: x.name, Number: nr, Parts: x.parts}), x.arch.Name(), x.args, groupsOf(x.name)}
}

// groupsOf names the groups that a call is in.
func groupsOf(call string) []string {
	names := []string{}
	for _, g := range seccomp.Groups() {
		if slices.Contains(g.Members, call) {
			names = append(names, g.Name)
		}
	}
	return names
}
