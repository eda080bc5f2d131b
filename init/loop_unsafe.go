package pid1

import (
	"syscall"
	"unsafe"

	"github.com/lichen-sandbox/lichen/internal/sys"
)

// Descriptors of PID 1 in its loop; it has no others.
const (
	ControlFD = 0 // socket to the launcher, SOCK_SEQPACKET
	SignalFD  = 1 // signalfd for SIGCHLD
)

// MessageKind is the first word of what PID 1 tells the launcher.
type MessageKind uint32

const (
	MessageFailed   MessageKind = 1 + iota // an op failed: Op, Errno, Noted
	MessageStarted                         // execve succeeded: PID
	MessageExited                          // the payload ended: Status, Usage
	MessageMoved                           // PID 1 is another process, or the way to it: the sender
	MessageStopped                         // the payload was stopped: Status
	MessageTerminal                        // the payload's terminal comes with it: both sides
)

// ErrnoKilled stands in Message.Errno for a payload that was killed before
// execve. No error number of the kernel is negative.
const ErrnoKilled = -1

// Message is one packet on the control socket.
type Message struct {
	Kind   MessageKind
	Op     int32 // index of the failed op
	Errno  int32 // its error; 0 when the call succeeded and should not have
	Noted  int32 // last tolerated error of an execve other than ENOENT
	PID    int32 // the payload's, inside
	Status int32 // wait status
	Usage  syscall.Rusage
}

// MessageSize is the length of a packet in bytes.
const MessageSize = unsafe.Sizeof(Message{})

// Loop is the memory that the loop works in; the launcher prepares it.
type Loop struct {
	State      State
	KillStrays bool // no pid namespace: end strays one by one
	Message    Message

	polls   [2]pollFD
	signals [128]byte // struct signalfd_siginfo
	request byte
	status  int32
}

type pollFD struct {
	fd      int32
	events  int16
	revents int16
}

// Calls lists the system calls that Run makes, for the filter that PID 1 puts
// on itself.
func Calls() []string {
	return []string{"ppoll", "read", "wait4", "kill", "sendto", "exit_group"}
}

// Run is PID 1's loop. It does not return.
//
//go:nosplit
//go:norace
//go:nocheckptr
func Run(l *Loop) {
	l.polls[0] = pollFD{fd: ControlFD, events: sys.POLLIN}
	l.polls[1] = pollFD{fd: SignalFD, events: sys.POLLIN}
	for {
		// SIGCHLD is blocked and arrives through SignalFD, so ppoll is not
		// interrupted; any error is as good as a wake-up.
		syscall.RawSyscall6(sys.SYS_PPOLL, uintptr(unsafe.Pointer(&l.polls)), 2, 0, 0, 8, 0)
		if l.polls[1].revents != 0 {
			syscall.RawSyscall(sys.SYS_READ, SignalFD, uintptr(unsafe.Pointer(&l.signals)), uintptr(len(l.signals)))
			reap(l)
		}
		if l.polls[0].revents != 0 {
			n, _, errno := syscall.RawSyscall(sys.SYS_READ, ControlFD, uintptr(unsafe.Pointer(&l.request)), 1)
			switch {
			case errno == 0 && n == 1:
				handle(l, Event{Kind: EventSignal, Status: int32(l.request)})
			case errno != syscall.EINTR && errno != syscall.EAGAIN:
				handle(l, Event{Kind: EventLauncherGone})
			}
		}
	}
}

// reap collects every child that has ended: one SIGCHLD stands for many.
//
//go:nosplit
//go:norace
//go:nocheckptr
func reap(l *Loop) {
	for {
		const any, wnohang, wuntraced = ^uintptr(0), 1, 2
		pid, _, errno := syscall.RawSyscall6(sys.SYS_WAIT4, any, uintptr(unsafe.Pointer(&l.status)),
			wnohang|wuntraced, uintptr(unsafe.Pointer(&l.Message.Usage)), 0, 0)
		if errno == syscall.ECHILD {
			handle(l, Event{Kind: EventNoChildren})
			return
		}
		if errno != 0 || pid == 0 {
			return
		}
		kind := EventExited
		if l.status&0xff == 0x7f { // WIFSTOPPED
			kind = EventStopped
		}
		handle(l, Event{Kind: kind, PID: int32(pid), Status: l.status})
	}
}

//go:nosplit
//go:norace
//go:nocheckptr
func handle(l *Loop, e Event) {
	s, a := Step(l.State, e)
	l.State = s
	if a.Report != 0 {
		l.Message.Kind = a.Report
		l.Message.Status = e.Status
		Send(l, ControlFD)
	}
	if a.Signal != 0 {
		// ESRCH: the process ended meanwhile; EPERM cannot be helped here.
		syscall.RawSyscall(sys.SYS_KILL, uintptr(a.SignalTo), uintptr(a.Signal), 0)
	}
	if a.Exit {
		End(l)
	}
}

// Send writes l.Message to the launcher. A launcher that is gone is seen by
// the loop as a closed socket. One that is stopped reads nothing, and a payload
// can be stopped and resumed without end: such a message is dropped where the
// socket is full, and PID 1 goes on reaping.
//
//go:nosplit
//go:norace
//go:nocheckptr
func Send(l *Loop, fd uintptr) {
	flags := uintptr(sys.MSG_NOSIGNAL)
	if l.Message.Kind == MessageStopped {
		flags |= sys.MSG_DONTWAIT
	}
	syscall.RawSyscall6(sys.SYS_SENDTO, fd, uintptr(unsafe.Pointer(&l.Message)), MessageSize, flags, 0, 0)
}

// End ends the sandbox. Where PID 1 has a pid namespace, the kernel kills
// everything in it. Elsewhere PID 1 stands in a Landlock domain with
// LANDLOCK_SCOPE_SIGNAL, so that kill(-1) reaches only what it started; and as
// the subreaper it is told of every end. A process that has SIGKILL pending
// cannot fork (copy_process), so that a round leaves nobody new.
//
//go:nosplit
//go:norace
//go:nocheckptr
func End(l *Loop) {
	for l.KillStrays {
		const everything = ^uintptr(0)
		syscall.RawSyscall(sys.SYS_KILL, everything, uintptr(sys.SIGKILL), 0)
		_, _, errno := syscall.RawSyscall6(sys.SYS_WAIT4, everything, uintptr(unsafe.Pointer(&l.status)), 0, 0, 0, 0)
		if errno != 0 {
			break // ECHILD; nothing interrupts the call, signals are blocked
		}
	}
	for {
		syscall.RawSyscall(sys.SYS_EXIT_GROUP, 0, 0, 0)
	}
}
