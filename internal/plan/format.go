package plan

import (
	"hash/fnv"
	"math/bits"
	"strconv"
	"strings"

	"github.com/lichen-sandbox/lichen/internal/sys"
)

// formatter writes ops as text. What it writes depends on the plan alone: not
// on addresses, and not on whether the plan has been started.
type formatter struct {
	plan   *Plan
	relocs []Reloc
	stores []store
	places []place
	index  int // of the op being written
}

// store is an op that writes its result into the arena.
type store struct {
	at uint64
	op int
}

// place is an argument that points to a structure or an array.
type place struct {
	at   uint64
	kind kind
	op   int
}

func newFormatter(p *Plan) *formatter {
	f := &formatter{plan: p, relocs: p.sortedRelocs()}
	for index := range p.Len() {
		op, _, _ := p.At(index)
		if op.Store != 0 {
			f.stores = append(f.stores, store{uint64(op.Store), index})
		}
		kinds, count := op.signature()
		for i, k := range kinds[:count] {
			if op.isPointer(i) && (k == texts || k.fields() != nil) {
				f.places = append(f.places, place{op.Args[i], k, index})
			}
		}
	}
	return f
}

func (o *Op) isSlot(i int) bool    { return o.Slots>>i&1 != 0 }
func (o *Op) isPointer(i int) bool { return !o.isSlot(i) && o.Pointers>>i&1 != 0 }

// args returns the arguments of the op with the given index.
func (f *formatter) args(op *Op, index int) []string {
	f.index = index
	kinds, count := op.signature()
	args := make([]string, count)
	for i, k := range kinds[:count] {
		args[i] = f.arg(op, i, k, kinds)
	}
	return args
}

func (f *formatter) arg(op *Op, i int, k kind, kinds [6]kind) string {
	v := op.Args[i]
	switch {
	case op.isSlot(i):
		return slotName(v)
	case op.isPointer(i):
		extent := extent{}
		if i < 5 && kinds[i+1] == size && !op.isSlot(i+1) && !op.isPointer(i+1) {
			extent.n, extent.known = op.Args[i+1], true
		}
		return f.pointer(k, v, extent)
	case k.isPointer() && v == 0:
		return "NULL"
	case k.isPointer():
		return hex(v)
	}
	return k.format(v)
}

// extent is the length that goes with a pointer, where the op says it.
type extent struct {
	n     uint64
	known bool
}

func (k kind) isPointer() bool {
	return k >= text && k <= sigset || k.fields() != nil
}

func (f *formatter) pointer(k kind, at uint64, e extent) string {
	if _, ok := f.plan.bytes(at, 0); !ok {
		return outside(at)
	}
	switch k {
	case text:
		return f.text(at)
	case texts:
		return f.texts(at)
	case data:
		return f.data(at, e)
	case buffer:
		return "&buffer"
	case sigset:
		return f.sigset(at)
	}
	if fields := k.fields(); fields != nil {
		return f.structure(fields, at, e)
	}
	return "&arena+" + hex(at)
}

// outside stands for a pointer that leads out of the arena.
func outside(at uint64) string { return "<outside the arena: +" + hex(at) + ">" }

func (f *formatter) text(at uint64) string {
	s, ok := f.plan.cstring(at)
	if !ok {
		return outside(at)
	}
	return strconv.Quote(string(s))
}

// texts formats a null-terminated array of strings. An array that an earlier
// op has shown is not repeated: execve is tried once for each directory of
// PATH.
func (f *formatter) texts(at uint64) string {
	for _, p := range f.places {
		if p.op < f.index && p.kind == texts && p.at == at {
			return "<as in " + strconv.Itoa(p.op) + ">"
		}
	}
	var out strings.Builder
	out.WriteByte('[')
	for i := at; ; i += 8 {
		to, pointer := target(f.relocs, i)
		v, ok := f.plan.word(i, 8)
		if ok && !pointer && v == 0 {
			break
		}
		if i != at {
			out.WriteString(", ")
		}
		switch {
		case !ok:
			out.WriteString(outside(i))
		case pointer:
			out.WriteString(f.text(to))
			continue
		default:
			out.WriteString(hex(v))
			continue
		}
		break
	}
	out.WriteByte(']')
	return out.String()
}

// maxData is how many bytes of a write are shown. A digest stands for the
// rest; it tells plans apart and is no proof against malice.
const maxData = 1024

func (f *formatter) data(at uint64, e extent) string {
	if !e.known {
		return "&buffer"
	}
	b, ok := f.plan.bytes(at, e.n)
	switch {
	case !ok:
		return outside(at)
	case len(b) > maxData:
		return strconv.Quote(string(b[:maxData])) + "...<" + strconv.Itoa(len(b)) + " bytes, " + digest(b) + ">"
	}
	return strconv.Quote(string(b))
}

func digest(b []byte) string {
	h := fnv.New64a()
	h.Write(b)
	return "fnv1a:" + strings.TrimPrefix(hex(h.Sum64()), "0x")
}

// sigset formats a signal mask as the signals in it, or as ~ and those that
// are not.
func (f *formatter) sigset(at uint64) string {
	v, ok := f.plan.word(at, 8)
	if !ok {
		return outside(at)
	}
	prefix := "["
	if bits.OnesCount64(v) > 32 {
		prefix, v = "~[", ^v
	}
	var names []string
	for ; v != 0; v &= v - 1 {
		names = append(names, (enum + kind(sys.Signals)).format(uint64(bits.TrailingZeros64(v)+1)))
	}
	return prefix + strings.Join(names, " ") + "]"
}
