package seccomp

import "strconv"

// signature returns the parameter types of a call on a; see signatures.txt.
func signature(a Arch, id callID) string {
	sig := signatures[id]
	if a == I386 {
		if s, ok := signature386(id); ok {
			sig = s
		}
	}
	if sig == "-" {
		return ""
	}
	return sig
}

// bind returns e as it has to be tested for the call id on a: with a width for
// each comparison and its values brought to that width.
//
// usable is false where a cannot test what e asks: the argument is in memory, in
// two registers, or of another width there. A rule that is not usable does not
// hold, whatever it says, so that it fails closed.
func bind(e *expr, a Arch, id callID) (bound *expr, usable bool, err error) {
	if e.kind >= exprAnd {
		left, ok, err := bind(e.left, a, id)
		if err != nil || !ok {
			return nil, false, err
		}
		right, ok, err := bind(e.right, a, id)
		if err != nil || !ok {
			return nil, false, err
		}
		return &expr{kind: e.kind, left: left, right: right}, true, nil
	}
	native := signature(nativeOf(a), id)
	if int(e.arg) >= len(native) {
		return nil, false, argumentError(e, id, len(native))
	}
	if err := e.checkValues(native[e.arg]); err != nil {
		return nil, false, err
	}
	if a.is32() {
		return e.bind32(signature(a, id))
	}
	return e.bind64(native[e.arg]), true, nil
}

// nativeOf returns the architecture whose prototypes a rule is written for.
func nativeOf(a Arch) Arch {
	switch a {
	case I386:
		return AMD64
	case ARM:
		return ARM64
	}
	return a
}

func argumentError(e *expr, id callID, n int) error {
	if n == 0 {
		return &ruleError{col: e.col, reason: id.String() + " has no arguments to test"}
	}
	return &ruleError{col: e.col, reason: id.String() + " has only arg0 to arg" + strconv.Itoa(n-1)}
}

// checkValues refuses values that an argument of the type can never have: the
// author means something else than the kernel would do. Sign-extended ones
// (-1, ~MASK) are fine.
func (e *expr) checkValues(typ byte) error {
	bits := 64
	switch typ {
	case 'w', 'u':
		bits = 32
	case 'h':
		bits = 16
	}
	mask := e.mask
	if mask>>63 != 0 {
		// A complement. Bits that it leaves out beyond the argument's are never
		// set, so that they make no difference.
		mask = noMask
	}
	for _, v := range append([]uint64{mask}, e.vals...) {
		high := v >> (bits - 1) >> 1
		if high != 0 && high != noMask>>(bits-1)>>1 {
			return &ruleError{col: e.col, reason: "0x" + strconv.FormatUint(v, 16) + " does not fit the " + strconv.Itoa(bits) + " bits that the kernel reads of this argument"}
		}
	}
	if e.ordered() && e.vals[0]>>63 != 0 {
		return &ruleError{col: e.col, reason: "a negative value cannot be ordered: comparisons are unsigned"}
	}
	return nil
}

// bind64 binds a comparison on a 64-bit architecture.
//
// An m parameter is unsigned long, but the kernel may go on with its low 32
// bits. The comparison must then hold for both readings. That x is among the
// values, or below one, in 64 bits implies it in 32; that x is not among them,
// or above one, in 32 bits implies it in 64.
func (e *expr) bind64(typ byte) *expr {
	b := *e
	switch typ {
	case 'l', 'q':
		b.wide = true
	case 'm':
		b.wide = e.kind == exprIn || e.kind == exprLess || e.kind == exprNotMore
		if !b.wide && e.ordered() && e.vals[0]>>32 != 0 {
			return constant(false)
		}
	}
	if !b.wide {
		b.narrow(typ)
	}
	return &b
}

// bind32 binds a comparison on a 32-bit architecture, where every argument is
// the low word. The high word is not zero for certain: int 0x80 from 64-bit code
// leaves there what the registers hold.
func (e *expr) bind32(sig string) (*expr, bool, error) {
	for i := range len(sig) {
		if i <= int(e.arg) && sig[i] == 'q' {
			return nil, false, nil
		}
	}
	if int(e.arg) >= len(sig) || sig[e.arg] == 'u' {
		return nil, false, nil
	}
	b := *e
	b.vals = nil
	for _, v := range e.vals {
		if high := v >> 32; high == 0 || high == noMask>>32 {
			b.vals = append(b.vals, v)
		}
	}
	if len(b.vals) == 0 { // out of reach of 32 bits: the answer is known
		return constant(e.kind == exprNotIn || e.kind == exprLess || e.kind == exprNotMore), true, nil
	}
	b.narrow(sig[e.arg])
	return &b, true, nil
}

// narrow brings mask and values to the width of a parameter of at most 32 bits.
func (e *expr) narrow(typ byte) {
	width := noMask >> 32
	if typ == 'h' {
		width = 0xffff
	}
	vals := make([]uint64, len(e.vals))
	for i, v := range e.vals {
		vals[i] = v & width
	}
	e.vals = vals
	e.mask &= width
}
