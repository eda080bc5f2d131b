package child

import (
	"syscall"
	"unsafe"

	pid1 "github.com/lichen-sandbox/lichen/init"
	"github.com/lichen-sandbox/lichen/internal/plan"
	"github.com/lichen-sandbox/lichen/internal/sys"
)

// What follows runs after clone as well: the rules of the package hold.

// move enters the namespaces that were given and makes PID 1 in the place of this
// process, a child of the launcher's; it goes on only there. A pid namespace that
// was entered is that of the next process, and only that one can make another
// below it (copy_pid_ns).
//
//go:noinline
//go:norace
//go:nosplit
//go:nocheckptr
func move(m *memory) {
	if !runOps(m, &m.sections[plan.Enter]) {
		fail(m)
	}
	for ; m.moves != 0; m.moves-- {
		flags := uintptr(sys.CLONE_PARENT) | uintptr(sys.SIGCHLD)
		if m.moves == 1 {
			flags |= m.moveFlags
		}
		pid, _, errno := syscall.RawSyscall6(sys.SYS_CLONE, flags, 0, 0, 0, 0, 0)
		if errno != 0 {
			m.failedOp, m.errno = m.currentOp, int32(errno)
			fail(m)
		}
		if pid != 0 {
			for {
				syscall.RawSyscall(sys.SYS_EXIT_GROUP, 0, 0, 0)
			}
		}
		// The launcher sees from whom it is: no number inside means anything to
		// it.
		m.loop.Message.Kind = pid1.MessageMoved
		pid1.Send(&m.loop, uintptr(m.slots[plan.SlotControl]))
	}
}

// failDirect reports the failed op of a child that was to become the payload. Its
// filter may be on already: more let write(2) through than sendto(2). A launcher that
// is gone makes it a SIGPIPE, which is as good an end. Where the report is refused,
// the status tells.
//
//go:noinline
//go:norace
//go:nosplit
//go:nocheckptr
func failDirect(m *memory) {
	m.loop.Message.Kind = pid1.MessageFailed
	m.loop.Message.Op = m.failedOp
	m.loop.Message.Errno = m.errno
	m.loop.Message.Noted = m.noted
	syscall.RawSyscall(syscall.SYS_WRITE, uintptr(m.slots[plan.SlotControl]), uintptr(unsafe.Pointer(&m.loop.Message)), pid1.MessageSize)
	for {
		syscall.RawSyscall(sys.SYS_EXIT_GROUP, exitFailed, 0, 0)
	}
}

// sameFile compares two buffers of statx(2): the inode, and the device that it
// is on.
//
//go:norace
//go:nosplit
//go:nocheckptr
func sameFile(m *memory, o *plan.Op) bool {
	const inode, device = 32, 136
	a, b := unsafe.Add(m.arena, o.Args[4]), unsafe.Add(m.arena, o.Expect)
	return *(*uint64)(unsafe.Add(a, inode)) == *(*uint64)(unsafe.Add(b, inode)) &&
		*(*uint64)(unsafe.Add(a, device)) == *(*uint64)(unsafe.Add(b, device))
}
