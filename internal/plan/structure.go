package plan

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/lichen-sandbox/lichen/internal/sys"
)

// structure formats the fields that lie within the length the op states.
func (f *formatter) structure(fields []field, at uint64, e extent) string {
	var end uint64
	parts := make([]string, 0, len(fields)+1)
	for _, m := range fields {
		next := uint64(m.at) + uint64(m.size)
		if e.known && next > e.n {
			break
		}
		if _, ok := f.plan.bytes(at, next); !ok {
			return outside(at)
		}
		value := f.member(m, at)
		if m.name != "" {
			value = m.name + "=" + value
		}
		parts = append(parts, value)
		end = next
	}
	if e.known && e.n > end {
		// A kernel that is older than the structure accepts zeros only.
		parts = append(parts, "+"+strconv.FormatUint(e.n-end, 10)+" bytes")
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// member formats field m of the structure at an offset; it lies in the arena.
func (f *formatter) member(m field, base uint64) string {
	at := base + uint64(m.at)
	if op, ok := f.storedBy(at); ok {
		return "<result of " + strconv.Itoa(op) + ">"
	}
	switch m.kind {
	case chars:
		b, _ := f.plan.bytes(at, uint64(m.size))
		name, _, _ := bytes.Cut(b, []byte{0})
		return strconv.Quote(string(name))
	case capSets:
		return f.capSets(at)
	case program:
		return f.program(base)
	case rights:
		return f.rights(at)
	}
	if _, ok := target(f.relocs, at); ok {
		return "&buffer"
	}
	v, _ := f.plan.word(at, uint64(m.size))
	if m.kind == buffer && v == 0 {
		return "NULL"
	}
	return m.kind.format(v)
}

// storedBy returns the last op before this one that stores its result at an
// offset.
func (f *formatter) storedBy(at uint64) (op int, ok bool) {
	for _, s := range f.stores {
		if s.op >= f.index {
			break
		}
		if s.at == at {
			op, ok = s.op, true
		}
	}
	return op, ok
}

// storesTo names what the result of an op becomes a part of: the field of the
// first structure after it that has one there.
func (f *formatter) storesTo(op *Op, index int) string {
	for _, p := range f.places {
		if p.op <= index {
			continue
		}
		for _, m := range p.kind.fields() {
			if at := p.at + uint64(m.at); at == uint64(op.Store) || m.kind == rights && f.isRight(at, uint64(op.Store)) {
				return m.name + " of " + strconv.Itoa(p.op)
			}
		}
	}
	return "arena+" + hex(uint64(op.Store))
}

// capSets formats the data of capset(2): three sets, each in two halves of
// 32 bits that lie twelve bytes apart.
func (f *formatter) capSets(at uint64) string {
	var sets [3]string
	for i, name := range [...]string{"effective", "permitted", "inheritable"} {
		low, _ := f.plan.word(at+uint64(i)*4, 4)
		high, _ := f.plan.word(at+12+uint64(i)*4, 4)
		sets[i] = name + "=" + capSet(high<<32|low)
	}
	return strings.Join(sets[:], ", ")
}

func capSet(v uint64) string {
	if v == 0 {
		return "0"
	}
	var names []string
	for i := range 64 {
		if v>>i&1 == 0 {
			continue
		}
		name := sys.Capabilities.Name(uint64(i))
		if name == "" {
			name = hex(1 << i)
		} else {
			name = "1<<" + name
		}
		names = append(names, name)
	}
	return strings.Join(names, "|")
}

// program formats the filter of the struct sock_fprog at base.
func (f *formatter) program(base uint64) string {
	const instruction = 8
	n, _ := f.plan.word(base, 2)
	to, ok := target(f.relocs, base+8)
	if !ok {
		return "NULL"
	}
	b, ok := f.plan.bytes(to, n*instruction)
	if !ok {
		return outside(to)
	}
	return "<" + digest(b) + ">"
}
