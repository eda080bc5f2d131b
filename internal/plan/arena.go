package plan

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"
)

// bytes returns n bytes of the arena; ok is false when they are not all there.
func (p *Plan) bytes(at, n uint64) (b []byte, ok bool) {
	if size := uint64(len(p.Arena)); at > size || n > size-at {
		return nil, false
	}
	return p.Arena[at : at+n], true
}

// word returns an integer of 1, 2, 4 or 8 bytes.
func (p *Plan) word(at, n uint64) (v uint64, ok bool) {
	b, ok := p.bytes(at, n)
	if !ok {
		return 0, false
	}
	switch n {
	case 8:
		return binary.NativeEndian.Uint64(b), true
	case 4:
		return uint64(binary.NativeEndian.Uint32(b)), true
	case 2:
		return uint64(binary.NativeEndian.Uint16(b)), true
	case 1:
		return uint64(b[0]), true
	}
	return 0, false
}

// cstring returns the NUL-terminated string at an offset, without its NUL.
func (p *Plan) cstring(at uint64) (s []byte, ok bool) {
	if _, ok := p.bytes(at, 0); !ok {
		return nil, false
	}
	rest := p.Arena[at:]
	end := bytes.IndexByte(rest, 0)
	if end < 0 {
		return nil, false
	}
	return rest[:end], true
}

// sortedRelocs returns the relocations in the order of their places.
func (p *Plan) sortedRelocs() []Reloc {
	return slices.SortedStableFunc(slices.Values(p.Relocs), func(a, b Reloc) int { return cmp.Compare(a.At, b.At) })
}

// target returns where the pointer at an offset leads. The bytes there are not
// looked at: once the plan has been started, they hold an address.
func target(sorted []Reloc, at uint64) (to uint64, ok bool) {
	i, ok := slices.BinarySearchFunc(sorted, at, func(r Reloc, at uint64) int { return cmp.Compare(uint64(r.At), at) })
	if !ok {
		return 0, false
	}
	return uint64(sorted[i].To), true
}

// Text returns the string that argument i of op points to, or "".
func (p *Plan) Text(op *Op, i int) string {
	if op.Pointers>>i&1 == 0 {
		return ""
	}
	s, _ := p.cstring(op.Args[i])
	return string(s)
}
