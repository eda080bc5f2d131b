package seccomp

// exprKind is what an expression does.
type exprKind uint8

const (
	exprIn      exprKind = iota // the masked argument is one of vals
	exprNotIn                   // it is none of vals
	exprLess                    // argument < vals[0]; all comparisons are unsigned
	exprNotLess                 // argument >= vals[0]
	exprMore                    // argument > vals[0]
	exprNotMore                 // argument <= vals[0]
	exprNever
	exprAlways
	exprAnd // of left and right
	exprOr
)

// expr is a condition on arguments. It has no negation: negate pushes it down
// to the comparisons, because each must fail closed on its own (see bind).
type expr struct {
	kind        exprKind
	arg         uint8
	wide        bool   // compare 64 bits; else the low 32
	mask        uint64 // noMask for none
	vals        []uint64
	left, right *expr

	col int // of the argument in the rule's text, from 1
}

const (
	noMask  = ^uint64(0)
	allBits = ^uint32(0) // the mask of a whole word
)

// ordered tells whether e compares by order.
func (e *expr) ordered() bool { return e.kind >= exprLess && e.kind <= exprNotMore }

// negate turns e into its opposite, in place.
func (e *expr) negate() {
	switch e.kind {
	case exprAnd, exprOr:
		e.kind = exprAnd + exprOr - e.kind
		e.left.negate()
		e.right.negate()
	default:
		e.kind ^= 1 // the kinds stand in pairs of opposites
	}
}

// constant returns the condition that is always ok.
func constant(ok bool) *expr {
	if ok {
		return &expr{kind: exprAlways}
	}
	return &expr{kind: exprNever}
}
