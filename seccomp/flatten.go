package seccomp

import (
	"slices"
	"strconv"

	"github.com/lichen-sandbox/lichen/spec"
)

// FlatRule is a rule in the form of other filters: where all arguments are as
// Args says, the call gets Action.
type FlatRule struct {
	Call   string
	Action spec.Action
	Args   []FlatArg // none: always
}

// FlatArg holds where an argument has Value in the bits of Mask.
type FlatArg struct {
	Index       uint8
	Mask, Value uint64
}

// maxFlat bounds the rules of one call. Negations and orders take one for each
// bit.
const maxFlat = 1024

// Flatten returns a policy as rules for one architecture. Calls that none of them
// is for, and arguments that none of them holds for, get the default. No two
// rules of a call that hold for the same arguments have different actions.
func Flatten(p *spec.Seccomp, o Options, a Arch) ([]FlatRule, error) {
	if p.Off {
		return nil, &spec.Error{Op: "flatten", Reason: "the policy is off"}
	}
	r, err := resolve(p, o)
	if err != nil {
		return nil, err
	}
	d, err := r.decide(a)
	if err != nil {
		return nil, err
	}
	var out []FlatRule
	for id := range callID(numCalls) {
		if _, ok := Number(a, id.String()); !ok {
			continue
		}
		f := flattener{call: id.String(), def: r.def, narrow: a.is32(), out: out}
		if err := f.decision(&d.list[d.of[id]]); err != nil {
			return nil, err
		}
		out = f.out
	}
	return out, nil
}

// flattener flattens the decision on one call.
type flattener struct {
	call   string
	def    uint32
	narrow bool
	out    []FlatRule
	count  int
}

// answered is what an earlier clause has an answer for.
type answered struct {
	cubes  []cube
	answer uint32
}

// decision appends the rules of a decision. Those that let through come first:
// who asks rules in their order, and reads arguments that the kernel narrows
// with care, then decides as the policy does.
func (f *flattener) decision(d *decision) error {
	rest := []cube{{}} // what no clause that has to hold has turned away
	var before []answered
	from := len(f.out)
	for i := range d.clauses {
		var err error
		if rest, before, err = f.clause(&d.clauses[i], rest, before); err != nil {
			return err
		}
	}
	if err := f.emit(rest, d.final, before); err != nil {
		return err
	}
	slices.SortStableFunc(f.out[from:], func(a, b FlatRule) int { return b2i(refuses(a.Action)) - b2i(refuses(b.Action)) })
	return nil
}

// clause appends the rules of one clause, and returns what is left to the others:
// what is in rest, and has no answer in before.
func (f *flattener) clause(c *clause, rest []cube, before []answered) ([]cube, []answered, error) {
	cond := c.cond
	if cond == nil {
		cond = constant(false)
	}
	var kept []cube
	tooMany := f.tooMany()
	if !c.holds {
		kept, tooMany = f.meetAll(rest, cond)
		if tooMany == nil && c.answer == f.def {
			return kept, before, nil
		}
		cond = cond.opposite()
	}
	part, err := f.meetAll(rest, cond)
	if err == nil {
		err = f.emit(part, c.answer, before)
	}
	if err == nil && (tooMany != nil || len(part) <= len(kept)) { // the shorter way to say it
		return rest, append(before, answered{part, c.answer}), nil
	}
	return kept, before, err
}

func refuses(a spec.Action) bool { return a.Kind != spec.ActionAllow && a.Kind != spec.ActionLog }

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (f *flattener) tooMany() error {
	return &spec.Error{Op: "flatten", Object: f.call, Reason: "its conditions take more than " + strconv.Itoa(maxFlat) + " rules of the form that has no negation"}
}

// emit appends rules for what is in the cubes and has no answer from before.
func (f *flattener) emit(cubes []cube, answer uint32, before []answered) error {
	if answer == f.def {
		return nil
	}
	for _, b := range before {
		if b.answer == answer {
			continue
		}
		for i := range b.cubes {
			var left []cube
			for k := range cubes {
				if left = cubes[k].minus(left, &b.cubes[i]); len(left) > maxFlat {
					return f.tooMany()
				}
			}
			cubes = left
		}
	}
	for i := range cubes {
		rule := FlatRule{Call: f.call, Action: decode(answer)}
		for arg, bits := range cubes[i] {
			if bits.mask != 0 {
				rule.Args = append(rule.Args, FlatArg{uint8(arg), bits.mask, bits.value})
			}
		}
		f.out = append(f.out, rule)
		if f.count++; f.count > maxFlat {
			return f.tooMany()
		}
	}
	return nil
}

// decode returns the action of a filter's answer.
func decode(ret uint32) spec.Action {
	switch ret & retActionMask {
	case RetAllow:
		return spec.Action{Kind: spec.ActionAllow}
	case RetLog:
		return spec.Action{Kind: spec.ActionLog}
	case RetTrap:
		return spec.Action{Kind: spec.ActionTrap}
	case RetUserNotif:
		return spec.Action{Kind: spec.ActionNotify}
	case RetErrno:
		return spec.Action{Kind: spec.ActionErrno, Errno: uint16(ret)}
	}
	return spec.Action{Kind: spec.ActionKillProcess}
}

// meetAll returns what of the cubes meets a condition.
func (f *flattener) meetAll(cubes []cube, e *expr) ([]cube, error) {
	switch e.kind {
	case exprNever:
		return nil, nil
	case exprAlways:
		return cubes, nil
	case exprAnd:
		left, err := f.meetAll(cubes, e.left)
		if err != nil {
			return nil, err
		}
		return f.meetAll(left, e.right)
	case exprOr: // disjoint: the right only where the left does not hold
		left, err := f.meetAll(cubes, e.left)
		if err != nil {
			return nil, err
		}
		rest, err := f.meetAll(cubes, e.left.opposite())
		if err != nil {
			return nil, err
		}
		right, err := f.meetAll(rest, e.right)
		return append(left[:len(left):len(left)], right...), err
	}
	var out []cube
	for _, atom := range f.atom(e) {
		for i := range cubes {
			if c, ok := cubes[i].meet(&atom); ok {
				if out = append(out, c); len(out) > maxFlat {
					return nil, f.tooMany()
				}
			}
		}
	}
	return out, nil
}

// opposite returns a negated copy.
func (e *expr) opposite() *expr {
	c := *e
	if e.left != nil {
		c.left, c.right = e.left.opposite(), e.right.opposite()
		c.kind = exprAnd + exprOr - e.kind
		return &c
	}
	c.negate()
	return &c
}
