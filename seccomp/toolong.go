package seccomp

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/lichen-sandbox/lichen/spec"
)

// tooLong is the error for a program of n instructions. It names the rules that
// take the most: those without which the program is shortest.
func tooLong(p *spec.Seccomp, o Options, n int) error {
	e := &spec.Error{Op: "seccomp", Reason: "the policy takes " + strconv.Itoa(n) + " instructions, and the kernel no more than " + strconv.Itoa(MaxInstructions)}
	heavy := heaviest(p, o, n)
	if len(heavy) == 0 {
		return e
	}
	e.Origin = p.Rules[heavy[0].index].Origin
	parts := make([]string, len(heavy))
	for i, h := range heavy {
		r := &p.Rules[h.index]
		name, _, _ := strings.Cut(r.Text, ":")
		parts[i] = name + " (" + r.Origin.String() + ", " + strconv.Itoa(h.saved) + ")"
	}
	e.Hint = "the longest rules are those of " + strings.Join(parts, ", ") + ": merge values that differ in a few bits into one masked comparison, or neighbouring ones into a range"
	return e
}

type weight struct{ index, saved int }

// heaviest leaves out the rules with the longest texts one by one.
func heaviest(p *spec.Seccomp, o Options, n int) []weight {
	const tried, named = 16, 3
	order := make([]int, len(p.Rules))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(len(p.Rules[b].Text), len(p.Rules[a].Text)) })
	var out []weight
	for _, i := range order[:min(tried, len(order))] {
		without := *p
		without.Rules = slices.Delete(slices.Clone(p.Rules), i, i+1)
		if a, err := assemble(&without, o); err == nil && len(a.rev) < n {
			out = append(out, weight{i, n - len(a.rev)})
		}
	}
	slices.SortStableFunc(out, func(a, b weight) int { return cmp.Compare(b.saved, a.saved) })
	return out[:min(named, len(out))]
}
