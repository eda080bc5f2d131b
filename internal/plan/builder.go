package plan

import (
	"encoding/binary"
	"errors"
	"slices"

	"github.com/lichen-sandbox/lichen/spec"
)

// Arg is one argument of an op: a number, a slot, or something in the arena.
type Arg struct {
	v    uint64
	kind argKind
}

type argKind uint8

const (
	argValue argKind = iota
	argSlot
	argPointer
)

// Val passes a number.
func Val[T ~int | ~int32 | ~int64 | ~uint | ~uint8 | ~uint16 | ~uint32 | ~uint64](v T) Arg {
	return Arg{v: uint64(v)}
}

// From passes the value that a slot holds.
func From(s Slot) Arg { return Arg{v: uint64(s), kind: argSlot} }

// Null passes a null pointer.
var Null = Arg{}

// emptyString is where every arena keeps "": offset 0 stays unused, so that it
// can mean "nothing".
const emptyString = 8

// Builder puts a Plan together.
type Builder struct {
	plan    Plan
	section Section
	note    uint32
	used    uint64 // bit set of slots
	err     error
	structs []interned
}

type interned struct {
	at, size uint32
}

// NewBuilder returns an empty Builder, at the start of section Setup.
func NewBuilder() *Builder {
	b := &Builder{used: 1<<firstFreeSlot - 1 | 1<<SlotGate | 1<<SlotGatePeer | 1<<SlotStdout | 1<<SlotStderr}
	b.plan.Arena = make([]byte, 16, 8<<10)
	b.plan.Notes = make([]Note, 1, 64)
	b.plan.Ops[Setup] = make([]Op, 0, 192)
	b.plan.Ops[Payload] = make([]Op, 0, 192)
	return b
}

// Grow makes room for so many more ops in the section, notes, and bytes in the
// arena.
func (b *Builder) Grow(ops, notes, arena int) {
	b.plan.Ops[b.section] = slices.Grow(b.plan.Ops[b.section], ops)
	b.plan.Notes = slices.Grow(b.plan.Notes, notes)
	b.plan.Arena = slices.Grow(b.plan.Arena, arena)
}

// Section makes the following ops part of s.
func (b *Builder) Section(s Section) { b.section = s }

// Note says what the following ops are for.
func (b *Builder) Note(op, object string, origin spec.Origin) {
	b.note = uint32(len(b.plan.Notes))
	b.plan.Notes = append(b.plan.Notes, Note{Op: op, Object: object, Origin: origin})
}

// Dropped records something that this host cannot enforce.
func (b *Builder) Dropped(what string) { b.plan.Dropped = append(b.plan.Dropped, what) }

// NewSlot reserves a slot; Free gives it back.
func (b *Builder) NewSlot() Slot {
	for s := firstFreeSlot; s < NumSlots; s++ {
		if b.used&(1<<s) == 0 {
			b.used |= 1 << s
			return s
		}
	}
	if b.err == nil {
		b.err = errors.New("more than 56 descriptors are needed at once: too many mounts within mounts")
	}
	return firstFreeSlot
}

// Free returns s for later use.
func (b *Builder) Free(s Slot) { b.used &^= 1 << s }

// Str puts a NUL-terminated string in the arena.
func (b *Builder) Str(s string) Arg {
	if s == "" {
		return Arg{v: emptyString, kind: argPointer}
	}
	at := b.reserve(len(s)+1, 1)
	copy(b.plan.Arena[at:], s)
	return Arg{v: uint64(at), kind: argPointer}
}

// Buf puts bytes in the arena, aligned to 8.
func (b *Builder) Buf(data []byte) Arg {
	at := b.reserve(len(data), 8)
	copy(b.plan.Arena[at:], data)
	return Arg{v: uint64(at), kind: argPointer}
}

// Struct is like Buf for a structure that no op changes: equal ones are
// stored once.
func (b *Builder) Struct(data []byte) Arg {
	for _, s := range b.structs {
		if string(b.plan.Arena[s.at:s.at+s.size]) == string(data) {
			return Arg{v: uint64(s.at), kind: argPointer}
		}
	}
	a := b.Buf(data)
	b.structs = append(b.structs, interned{uint32(a.v), uint32(len(data))})
	return a
}

// Words is Struct for a sequence of 64-bit words.
func (b *Builder) Words(words ...uint64) Arg {
	var buf [64]byte
	data := buf[:0]
	for _, w := range words {
		data = binary.NativeEndian.AppendUint64(data, w)
	}
	return b.Struct(data)
}

// Pointers puts a null-terminated array of pointers in the arena, as execve
// takes them.
func (b *Builder) Pointers(to []Arg) Arg {
	at := b.reserve((len(to)+1)*8, 8)
	for i, a := range to {
		b.Relocate(Arg{v: uint64(at + i*8), kind: argPointer}, a)
	}
	return Arg{v: uint64(at), kind: argPointer}
}

// Relocate has the address of to written at arena position at.
func (b *Builder) Relocate(at, to Arg) {
	b.plan.Relocs = append(b.plan.Relocs, Reloc{uint32(at.v), uint32(to.v)})
}

// Offset returns the position n bytes into a structure of the arena.
func (a Arg) Offset(n int) Arg { return Arg{v: a.v + uint64(n), kind: a.kind} }

func (b *Builder) reserve(n, align int) int {
	at := (len(b.plan.Arena) + align - 1) &^ (align - 1)
	b.plan.Arena = append(b.plan.Arena, make([]byte, at+n-len(b.plan.Arena))...)
	return at
}

// Call adds an op whose result is dropped.
func (b *Builder) Call(nr uint64, args ...Arg) *Op {
	op := Op{Nr: nr, Note: b.note, Result: NoSlot}
	for i, a := range args {
		op.Args[i] = a.v
		switch a.kind {
		case argSlot:
			op.Slots |= 1 << i
		case argPointer:
			op.Pointers |= 1 << i
		}
	}
	ops := &b.plan.Ops[b.section]
	*ops = append(*ops, op)
	return &(*ops)[len(*ops)-1]
}

// Last returns the op added last. The pointer holds until the next one.
func (b *Builder) Last() *Op {
	ops := b.plan.Ops[b.section]
	return &ops[len(ops)-1]
}

// Into adds an op whose result goes to a new slot.
func (b *Builder) Into(nr uint64, args ...Arg) Slot {
	s := b.NewSlot()
	b.Call(nr, args...).Result = s
	return s
}

// Finish returns the plan. It fails when the plan needs more than a plan can
// hold.
func (b *Builder) Finish() (*Plan, error) {
	if len(b.plan.Arena) > 1<<31-1 {
		return nil, errors.New("the plan's strings exceed 2 GiB")
	}
	return &b.plan, b.err
}

// Tolerating makes errno values count as success.
func (o *Op) Tolerating(errno ...uint16) *Op {
	copy(o.Tolerate[:], errno)
	return o
}

// Expecting makes any other result than want a failure.
func (o *Op) Expecting(want uint64) *Op {
	o.Check, o.Expect = CheckEqual, want
	return o
}

// Forking is Expecting for a clone whose child waits to be killed; see
// CheckFork.
func (o *Op) Forking(pid uint64) *Op {
	o.Check, o.Expect = CheckFork, pid
	return o
}

// Any makes every result count as success.
func (o *Op) Any() *Op {
	o.Check = CheckAny
	return o
}

// SameAs makes it a failure when statx(2) tells of another file than the one
// that an earlier op has described in buffer.
func (o *Op) SameAs(buffer Arg) *Op {
	o.Check, o.Expect = CheckSame, buffer.v
	return o
}

// AfterNoExec leaves the op out unless the one before it was refused with
// ENOEXEC.
func (o *Op) AfterNoExec() *Op {
	o.Check = CheckAfterNoExec
	return o
}

// MustFail makes any result but one of these errors a failure.
func (o *Op) MustFail(errno ...uint16) *Op {
	o.Check = CheckMustFail
	return o.Tolerating(errno...)
}

// StoringAt also writes the result into a structure of the arena.
func (o *Op) StoringAt(a Arg) *Op {
	o.Store = uint32(a.v)
	return o
}
