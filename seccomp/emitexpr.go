package seccomp

// decide writes the tests of a decision.
func (a *assembler) decide(d *decision, narrow bool) label {
	next := answering(d.final)
	for i := len(d.clauses) - 1; i >= 0; i-- {
		c := &d.clauses[i]
		answer := answering(c.answer)
		switch {
		case c.cond == nil && !c.holds:
			next = answer
		case c.cond == nil:
		case c.holds:
			next = a.test(c.cond, narrow, answer, next)
		default:
			next = a.test(c.cond, narrow, next, answer)
		}
	}
	return next
}

// test writes a condition that goes to yes or to no. With narrow, as on 32-bit
// architectures, only the low word of an argument is looked at.
func (a *assembler) test(e *expr, narrow bool, yes, no label) label {
	wide := e.wide && !narrow
	switch e.kind {
	case exprNever:
		return no
	case exprAlways:
		return yes
	case exprAnd:
		return a.test(e.left, narrow, a.test(e.right, narrow, yes, no), no)
	case exprOr:
		return a.test(e.left, narrow, yes, a.test(e.right, narrow, yes, no))
	case exprIn:
		return a.among(e, wide, yes, no)
	case exprNotIn:
		return a.among(e, wide, no, yes)
	case exprNotLess:
		return a.order(e, wide, opJGe, yes, no)
	case exprLess:
		return a.order(e, wide, opJGe, no, yes)
	case exprMore:
		return a.order(e, wide, opJGt, yes, no)
	default:
		return a.order(e, wide, opJGt, no, yes)
	}
}

// among tests whether the masked argument is one of the values.
func (a *assembler) among(e *expr, wide bool, yes, no label) label {
	if !wide && len(e.vals) > 1 { // one load for all
		next := no
		for i := len(e.vals) - 1; i >= 0; i-- {
			next = a.jump(opJEq, uint32(e.vals[i]), yes, next)
		}
		return a.word(offLow(e.arg), uint32(e.mask), next)
	}
	next := no
	for i := len(e.vals) - 1; i >= 0; i-- {
		next = a.equals(e, e.vals[i], wide, yes, next)
	}
	return next
}

// equals tests whether the masked argument is v.
func (a *assembler) equals(e *expr, v uint64, wide bool, yes, no label) label {
	highMask := uint32(e.mask >> 32)
	if !wide || highMask == 0 && v>>32 == 0 {
		return a.wordEquals(offLow(e.arg), uint32(e.mask), uint32(v), yes, no)
	}
	if highMask == 0 { // what is masked to 32 bits is never more
		return no
	}
	low := a.wordEquals(offLow(e.arg), uint32(e.mask), uint32(v), yes, no)
	return a.wordEquals(offHigh(e.arg), highMask, uint32(v>>32), low, no)
}

func (a *assembler) wordEquals(off, mask, v uint32, yes, no label) label {
	if v == 0 && mask != allBits {
		return a.word(off, allBits, a.jump(opJSet, mask, no, yes))
	}
	return a.word(off, mask, a.jump(opJEq, v, yes, no))
}

// order tests whether the argument is above the value, by op.
func (a *assembler) order(e *expr, wide bool, op uint16, yes, no label) label {
	v := e.vals[0]
	low := a.word(offLow(e.arg), uint32(e.mask), a.jump(op, uint32(v), yes, no))
	if !wide {
		return low
	}
	equal := a.jump(opJEq, uint32(v>>32), low, no)
	return a.word(offHigh(e.arg), allBits, a.jump(opJGt, uint32(v>>32), yes, equal))
}

// word writes the load of a masked word before the comparison first.
func (a *assembler) word(off, mask uint32, first label) label {
	a.falls(first)
	if mask != allBits {
		a.put(opAnd, mask)
	}
	return a.put(opLoad, off)
}
