// Package plan holds the set-up of a sandbox as data: a list of system calls
// with their arguments, and a text form of it. It makes no system calls.
//
// One [Op] is one system call. What a later op needs from an earlier one (a
// file descriptor) goes through a numbered slot; what the kernel reads by
// pointer lies in one arena, addressed by offset. So a Plan is position
// independent, comparable, and the same for the same input.
package plan

import "github.com/lichen-sandbox/lichen/spec"

// Slot names a place where the result of an op is kept for later ops.
type Slot int8

// Slots that the launcher fills before the first op.
const (
	SlotControl Slot = iota // PID 1's end of the control socket
	SlotPeer                // the launcher's end of it, of which PID 1 has a copy
	SlotArgv                // address of the launcher's own argument strings
	SlotArgvLen             // their length in bytes
	firstFreeSlot

	// SlotGate and SlotGatePeer are the ends of a pipe, in plans with IDMaps or a
	// Gate: PID 1 reads one byte from the first once the launcher has done its
	// part. They lie behind the slots of results.
	SlotGate     Slot = NumSlots - 2
	SlotGatePeer Slot = NumSlots - 1 // the launcher's end, of which PID 1 has a copy

	// SlotStdout and SlotStderr are what the payload writes to where the launcher
	// stands in between, in plans with Relayed.
	SlotStdout Slot = NumSlots - 4
	SlotStderr Slot = NumSlots - 3

	// NumSlots bounds how many results are alive at once, with the slots above.
	NumSlots = 64
	// NoSlot drops the result.
	NoSlot Slot = -1
)

// Check says which results count as success.
type Check uint8

const (
	CheckOK       Check = iota // no error, or one of Op.Tolerate
	CheckEqual                 // the result equals Op.Expect
	CheckMustFail              // the call fails with one of Op.Tolerate
	// CheckFork is CheckEqual for a clone(2) without CLONE_VM. The process that
	// it makes does not go on with the ops: it waits until it is killed.
	CheckFork
	// CheckAny takes every result. Where the call fails, the slot of its result
	// holds -1, which is no descriptor.
	CheckAny
	// CheckSame is for statx(2): its buffer, and the one at offset Expect of the
	// arena, which an earlier op has filled, tell of the same file.
	CheckSame
	// CheckAfterNoExec leaves the op out unless the one before it was refused
	// with ENOEXEC.
	CheckAfterNoExec
)

// Op is one system call. Its layout is read by internal/child.
type Op struct {
	Nr     uint64
	Args   [6]uint64
	Expect uint64
	// Store, when not 0, is an offset in the arena that receives the result
	// as a 32-bit integer: a descriptor inside a structure.
	Store    uint32
	Note     uint32    // index in Plan.Notes
	Tolerate [4]uint16 // errno values that are no failure; 0 is unused
	Slots    uint8     // bit i: Args[i] is a slot number
	Pointers uint8     // bit i: Args[i] is an offset in the arena
	Result   Slot
	Check    Check
}

// Note says what a run of ops is for, in a user's words.
type Note struct {
	Op     string // "bind", "map user ids"
	Object string
	Origin spec.Origin
}

// Reloc asks for the address of arena offset To to be written, as a pointer,
// at arena offset At.
type Reloc struct{ At, To uint32 }

// Section is one of the lists of ops.
type Section uint8

const (
	// Setup runs in PID 1, in the outer user namespace, with all capabilities
	// there.
	Setup Section = iota
	// Payload runs in the payload's process, up to execve.
	Payload
	// Supervise runs in PID 1 once the payload has started, before its loop.
	Supervise
	// Enter runs before all others, in a process that enters namespaces which are
	// there already and then makes PID 1 in its own place: a process cannot move
	// into a pid namespace, nor make a user namespace that it enters the owner of
	// its other namespaces.
	Enter

	numSections
)

var sectionNames = [numSections]string{"setup", "payload", "supervise", "enter"}

// String returns the section's name.
func (s Section) String() string { return sectionNames[s] }

// Plan is everything that happens after clone.
type Plan struct {
	// CloneFlags are the new namespaces that PID 1 starts in; PayloadFlags those
	// of the payload below it.
	CloneFlags   uint64
	PayloadFlags uint64
	// IDMaps are what the launcher has written into PID 1's user namespace
	// before PID 1 goes on; none where PID 1 does that itself.
	IDMaps []IDMap
	Ops    [numSections][]Op
	Notes  []Note
	Arena  []byte
	Relocs []Reloc
	// Dropped lists what the profile asked for and this host lacks, where the
	// profile allows that (best_effort).
	Dropped []string
	// Remarks say what the payload gets otherwise than it asks for, and will not
	// be told.
	Remarks []string
	// Linger keeps PID 1 until the last process inside is gone.
	Linger bool
	// KillStrays ends what outlives the payload where no pid namespace does.
	KillStrays bool
	// Gate has the child wait until the launcher has done something; see
	// SlotGate.
	Gate bool
	// Relayed has what the payload writes go through the launcher; see SlotStdout.
	Relayed bool
	// Terminal has PID 1 make a terminal for the payload and pass its other end
	// to the launcher.
	Terminal bool
	// Moves is how many processes after the first it takes to get to PID 1, with a
	// section Enter.
	Moves int
	// Direct has the child become the payload: there is no PID 1 of lichen's
	// own, and Supervise is empty.
	Direct bool
	// Join is what another program needs to join the sandbox; nil where none can.
	Join Joinable
}

// Joinable appends itself to a buffer; package sandbox reads it again.
type Joinable interface{ Append(buf []byte) []byte }

// IDMap is an id map that takes more rights than the caller's, and a program
// that has them: newuidmap(1) or newgidmap(1).
type IDMap struct {
	File    string   // below /proc/PID: "uid_map"
	Program string   // full path
	Args    []string // after the process id: inside, outside and count of each range
}

// At returns the op with the given index, counted over all sections, with its
// section; ok is false when there is none.
func (p *Plan) At(index int) (op *Op, s Section, ok bool) {
	for s := range numSections {
		if index >= 0 && index < len(p.Ops[s]) {
			return &p.Ops[s][index], s, true
		}
		index -= len(p.Ops[s])
	}
	return nil, 0, false
}

// Len returns the number of ops in all sections.
func (p *Plan) Len() int {
	n := 0
	for _, ops := range p.Ops {
		n += len(ops)
	}
	return n
}

// Base returns the index of the first op of section s.
func (p *Plan) Base(s Section) int {
	n := 0
	for i := range s {
		n += len(p.Ops[i])
	}
	return n
}
