package main

import (
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/lichen-sandbox/lichen/seccomp"
)

// difference is a call that two filters answer differently.
type difference struct {
	Arch string `json:"arch"`
	Call string `json:"call,omitempty"` // "": all of the architecture
	// Args show it; nil where it does not take certain ones.
	Args []string `json:"args,omitempty"`
	A    string   `json:"a"`
	B    string   `json:"b"`
	// Wider: B lets through what A does not.
	Wider bool `json:"wider"`
}

// diffFilters is "lichen seccomp diff A B".
func diffFilters(u *ui, o *seccompOptions, operands []string) int {
	a, err := o.loadMachine(operands[0])
	if err != nil {
		return u.fail(err)
	}
	b, err := o.loadMachine(operands[1])
	if err != nil {
		return u.fail(err)
	}
	list, err := differences(a, b)
	if err != nil {
		return u.fail(err)
	}
	if !o.All {
		list = slices.DeleteFunc(list, func(d difference) bool { return !d.Wider })
	}
	if o.JSON {
		return u.printJSON(struct {
			A           string       `json:"a"`
			B           string       `json:"b"`
			Differences []difference `json:"differences"`
		}{operands[0], operands[1], list})
	}
	var text strings.Builder
	for i := range list {
		text.WriteString(list[i].text() + "\n")
	}
	return u.print(text.String())
}

// differences compares by examples, or, where the launches differ in more than
// the policies, by what is asked about each call.
func differences(a, b *filter) ([]difference, error) {
	if !reflect.DeepEqual(a.opts, b.opts) {
		return partDifferences(a, b)
	}
	list, err := seccomp.Diff(&a.spec.Seccomp, &b.spec.Seccomp, b.opts)
	out := make([]difference, len(list))
	for i := range list {
		d := &list[i]
		out[i] = difference{d.Arch.Name(), d.Call, exampleArgs(d), d.A, d.B, d.Wider}
	}
	return out, err
}

// partDifferences compares the conditions as they are written: calls that get
// the same by other words are differences too.
func partDifferences(a, b *filter) ([]difference, error) {
	arches := []seccomp.Arch{a.opts.Arch}
	if compat, ok := a.opts.Arch.Compat(); ok && (a.spec.Seccomp.Compat || b.spec.Seccomp.Compat) {
		arches = append(arches, compat)
	}
	out := []difference{}
	for _, arch := range arches {
		a.arch, b.arch = arch, arch
		left, err := a.verdicts()
		if err != nil {
			return nil, err
		}
		right, err := b.verdicts()
		if err != nil {
			return nil, err
		}
		for i := range left { // both have all calls of the architecture, in one order
			textA, textB := partsText(left[i].Parts), partsText(right[i].Parts)
			if textA != textB {
				wider := slices.ContainsFunc(left[i].Parts, refuses) && !allRefuse(right[i].Parts)
				out = append(out, difference{arch.Name(), left[i].Name, nil, textA, textB, wider})
			}
		}
	}
	return out, nil
}

func refuses(p seccomp.Part) bool { return p.Answer != "allow" && p.Answer != "log" }

func allRefuse(parts []seccomp.Part) bool {
	return !slices.ContainsFunc(parts, func(p seccomp.Part) bool { return !refuses(p) })
}

// partsText is what a call gets, without where that is written.
func partsText(parts []seccomp.Part) string {
	var texts []string
	for i := range parts {
		switch p := &parts[i]; {
		case !p.Conditional:
			texts = append(texts, p.Answer)
		case p.What == "guard":
			texts = append(texts, p.Answer+" unless "+p.Text)
		default:
			texts = append(texts, p.Answer+" by "+quote(p.Text))
		}
	}
	return strings.Join(texts, ", else ")
}

func (d *difference) text() string {
	call := d.Call
	if call == "" {
		call = "every call of " + d.Arch + " programs"
	}
	if len(d.Args) > 0 {
		call += "(" + strings.Join(d.Args, ", ") + ")"
	}
	return printable(call + ": " + d.A + " -> " + d.B)
}

// exampleArgs returns the arguments that show a difference, up to the last that
// is not 0; nil where it shows with any.
func exampleArgs(d *seccomp.Difference) []string {
	if !d.ByArgs {
		return nil
	}
	n := len(d.Args)
	for n > 1 && d.Args[n-1] == 0 {
		n--
	}
	out := make([]string, n)
	for i := range out {
		out[i] = "0x" + strconv.FormatUint(d.Args[i], 16)
	}
	return out
}
