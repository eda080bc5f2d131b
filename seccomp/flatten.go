package seccomp

import (
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

// cube is a set of argument vectors: those with given values in given bits.
type cube [6]struct{ mask, value uint64 }

// meet returns what is in both.
func (c *cube) meet(d *cube) (cube, bool) {
	out := *c
	for i := range out {
		if (c[i].value^d[i].value)&c[i].mask&d[i].mask != 0 {
			return cube{}, false
		}
		out[i].mask |= d[i].mask
		out[i].value |= d[i].value
	}
	return out, true
}

// flattener flattens the decision on one call.
type flattener struct {
	call   string
	def    uint32
	narrow bool
	out    []FlatRule
	count  int
}

func (f *flattener) decision(d *decision) error {
	rest := []cube{{}}
	for i := range d.clauses {
		c := &d.clauses[i]
		if c.cond == nil {
			if c.holds {
				continue
			}
			return f.emit(rest, c.answer)
		}
		yes, no := c.cond, c.cond.opposite()
		if !c.holds {
			yes, no = no, yes
		}
		if c.answer != f.def {
			answered, err := f.meetAll(rest, yes)
			if err == nil {
				err = f.emit(answered, c.answer)
			}
			if err != nil {
				return err
			}
		}
		if onlyAnswers(d, i+1, f.def) {
			return nil
		}
		var err error
		if rest, err = f.meetAll(rest, no); err != nil {
			return err
		}
	}
	return f.emit(rest, d.final)
}

// onlyAnswers tells whether a decision from its clause i on has one answer.
func onlyAnswers(d *decision, i int, answer uint32) bool {
	for ; i < len(d.clauses); i++ {
		if d.clauses[i].answer != answer {
			return false
		}
	}
	return d.final == answer
}

func (f *flattener) tooMany() error {
	return &spec.Error{Op: "flatten", Object: f.call, Reason: "its conditions take more than " + strconv.Itoa(maxFlat) + " rules of the form that has no negation"}
}

func (f *flattener) emit(cubes []cube, answer uint32) error {
	if answer == f.def {
		return nil
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

// atom returns the cubes of a comparison.
func (f *flattener) atom(e *expr) []cube {
	width := noMask
	if !e.wide || f.narrow {
		width >>= 32
	}
	bits := e.mask & width
	var out []cube
	add := func(mask, value uint64) {
		var c cube
		c[e.arg].mask, c[e.arg].value = mask, value
		out = append(out, c)
	}
	v := e.vals[0] & width
	switch e.kind {
	case exprIn:
		for _, v := range e.vals {
			if v &= width; v&^bits == 0 {
				add(bits, v)
			}
		}
	case exprNotIn:
		complement(e.vals, bits, width, 0, 0, add)
	case exprLess, exprNotMore:
		prefixes(v, bits, false, add)
	default:
		prefixes(v, bits, true, add)
	}
	if e.kind == exprNotMore || e.kind == exprNotLess {
		add(bits, v)
	}
	return out
}

// complement adds the cubes of what is none of the values in the bits: those
// behind the longest prefixes that no value has.
func complement(values []uint64, bits, width, mask, value uint64, add func(mask, value uint64)) {
	var left []uint64
	for _, v := range values {
		if v &= width; (v^value)&mask == 0 && v&^(bits|mask) == 0 {
			left = append(left, v)
		}
	}
	if len(left) == 0 {
		add(mask, value)
		return
	}
	if bits == 0 {
		return
	}
	top := highest(bits)
	complement(left, bits&^top, width, mask|top, value, add)
	complement(left, bits&^top, width, mask|top, value|top, add)
}

// prefixes adds the cubes of what is less than v in the bits, or more.
func prefixes(v, bits uint64, more bool, add func(mask, value uint64)) {
	mask, value := uint64(0), uint64(0)
	for bits != 0 {
		top := highest(bits)
		bits &^= top
		if set := v&top != 0; set != more {
			add(mask|top, value|^v&top)
		}
		mask |= top
		value |= v & top
	}
}

// highest returns the highest bit of a number.
func highest(v uint64) uint64 {
	for v&(v-1) != 0 {
		v &= v - 1
	}
	return v
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
