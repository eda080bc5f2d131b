package seccomp

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

// minus returns cubes that make up what is in c and not in d.
func (c *cube) minus(out []cube, d *cube) []cube {
	if _, ok := c.meet(d); !ok {
		return append(out, *c)
	}
	inside := *c // that agrees with d in the bits so far
	for i := range d {
		for bits := d[i].mask &^ c[i].mask; bits != 0; {
			top := highest(bits)
			bits &^= top
			piece := inside
			piece[i].mask |= top
			piece[i].value |= ^d[i].value & top
			out = append(out, piece)
			inside[i].mask |= top
			inside[i].value |= d[i].value & top
		}
	}
	return out
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
