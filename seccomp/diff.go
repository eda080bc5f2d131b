package seccomp

import (
	"slices"

	"github.com/lichen-sandbox/lichen/spec"
)

// Difference is a call that two policies answer differently.
type Difference struct {
	Arch Arch
	// Call is its name; "" for all of an architecture that only one of the
	// policies lets in.
	Call string
	// Args are arguments that show it; ByArgs tells that others do not.
	Args   [6]uint64
	ByArgs bool
	A, B   string // the answers
	// Wider tells that b lets through what a does not.
	Wider bool
}

// Diff compares two policies under the same options. Where arguments decide, it
// tries the values that either policy compares with, their neighbours, and other
// upper halves; each pair of answers that it finds for a call is one difference,
// with an example. Differences for other values, which no such value shows, are
// not found.
func Diff(a, b *spec.Seccomp, o Options) ([]Difference, error) {
	progA, err := Compile(a, o)
	if err != nil {
		return nil, err
	}
	progB, err := Compile(b, o)
	if err != nil {
		return nil, err
	}
	if a.Off || b.Off {
		return nil, &spec.Error{Op: "diff", Reason: "a policy that is off has nothing to compare"}
	}
	out, err := diffArch(nil, a, b, o, o.Arch, progA, progB)
	compat, ok := o.Arch.Compat()
	if err != nil || !ok || !a.Compat && !b.Compat {
		return out, err
	}
	if a.Compat != b.Compat {
		d := Difference{Arch: compat, A: "kill", B: "kill", Wider: b.Compat}
		if a.Compat {
			d.A = "as its calls"
		} else {
			d.B = "as its calls"
		}
		return append(out, d), nil
	}
	return diffArch(out, a, b, o, compat, progA, progB)
}

// diffArch compares the calls of one architecture.
func diffArch(out []Difference, a, b *spec.Seccomp, o Options, arch Arch, progA, progB []Instruction) ([]Difference, error) {
	left, err := decisionsOf(a, o, arch)
	if err != nil {
		return nil, err
	}
	right, err := decisionsOf(b, o, arch)
	if err != nil {
		return nil, err
	}
	for id := range callID(numCalls) {
		nr, ok := Number(arch, id.String())
		if !ok {
			continue
		}
		d := callDiff{progA: progA, progB: progB, data: Data{Nr: int32(nr), Arch: arch.AuditArch()}}
		var s samples
		s.addDecision(&left.list[left.of[id]])
		s.addDecision(&right.list[right.of[id]])
		s.each(func(args [6]uint64) { d.try(args) })
		for i := range d.found {
			f := &d.found[i]
			f.Arch, f.Call, f.ByArgs = arch, id.String(), d.same || len(d.found) > 1
			out = append(out, *f)
		}
	}
	return out, nil
}

func decisionsOf(p *spec.Seccomp, o Options, a Arch) (*decisions, error) {
	r, err := resolve(p, o)
	if err != nil {
		return nil, err
	}
	return r.decide(a)
}

// callDiff compares two programs at one call.
type callDiff struct {
	progA, progB []Instruction
	data         Data
	same         bool // for some arguments
	found        []Difference
}

func (c *callDiff) try(args [6]uint64) {
	c.data.Args = args
	a, _ := Run(c.progA, c.data)
	b, _ := Run(c.progB, c.data)
	if a == b {
		c.same = true
		return
	}
	d := Difference{Args: args, A: returnText(a), B: returnText(b), Wider: letsThrough(b) && !letsThrough(a)}
	if !slices.ContainsFunc(c.found, func(f Difference) bool { return f.A == d.A && f.B == d.B }) {
		c.found = append(c.found, d)
	}
}

// samples are values worth trying for each argument.
type samples struct {
	values [6][]uint64
}

// maxSamples bounds the vectors tried for one call.
const maxSamples = 1 << 14

func (s *samples) addDecision(d *decision) {
	for i := range d.clauses {
		if d.clauses[i].cond != nil {
			s.addExpr(d.clauses[i].cond)
		}
	}
}

func (s *samples) addExpr(e *expr) {
	if e.left != nil {
		s.addExpr(e.left)
		s.addExpr(e.right)
		return
	}
	if e.kind == exprNever || e.kind == exprAlways {
		return
	}
	for _, v := range e.vals {
		s.add(e.arg, v, v+1, v-1, v|1<<32, v^1<<63, v|^e.mask)
	}
	if e.mask != noMask && e.mask>>63 == 0 {
		s.add(e.arg, e.mask, ^e.mask, e.mask&-e.mask, e.mask<<32)
	}
	if e.mask>>63 != 0 {
		s.add(e.arg, ^e.mask, ^e.mask+1)
	}
}

func (s *samples) add(arg uint8, values ...uint64) {
	for _, v := range values {
		if !slices.Contains(s.values[arg], v) {
			s.values[arg] = append(s.values[arg], v)
		}
	}
}

// each calls f with vectors: all that the values make, or as many as the bound
// allows, spread evenly.
func (s *samples) each(f func([6]uint64)) {
	total := 1
	for i := range s.values {
		if len(s.values[i]) > 0 {
			s.add(uint8(i), 0, noMask)
		} else {
			s.values[i] = []uint64{0}
		}
		if total < 1<<40 {
			total *= len(s.values[i])
		}
	}
	step := 1
	if total > maxSamples {
		step = total/maxSamples | 1 // odd, so that it does not stay with some values of an argument
	}
	for n := 0; n < total; n += step {
		var args [6]uint64
		rest := n
		for i := range args {
			args[i] = s.values[i][rest%len(s.values[i])]
			rest /= len(s.values[i])
		}
		f(args)
	}
}
