// Package child is the only code that runs after clone: it makes the system
// calls of a plan, starts the payload and becomes PID 1.
//
// # Rules after clone
//
// The child is a copy of one thread of a Go program. The other threads, and
// with them the garbage collector, the scheduler and whoever holds a lock, are
// gone. So everything reachable from [inChild] reads memory that the parent
// prepared and makes raw system calls, nothing else: no allocation, map,
// interface, closure, defer, string operation, stack growth, lock, bounds
// check that could panic, or pointer store that needs a write barrier. The
// functions carry go:nosplit, go:norace and go:nocheckptr, and a test over the
// disassembly fails on any call that is not on a short list. Go's own rules for
// this place are in syscall/exec_linux.go.
//
// The payload's process shares its memory and its stack with PID 1 until
// execve (CLONE_VM|CLONE_VFORK), PID 1 being stopped meanwhile. Hence
// [startPayload]: its frame is never returned from in the payload's process,
// and PID 1 returns from it at once.
package child

import (
	"runtime"
	"syscall"
	"unsafe"

	pid1 "github.com/lichen-sandbox/lichen/init"
	"github.com/lichen-sandbox/lichen/internal/plan"
	"github.com/lichen-sandbox/lichen/internal/sys"
)

// The runtime's own bracket around fork: before it blocks every signal, so
// that no Go handler runs in the child; the last one resets the handlers.
// gVisor links to the same three.

//go:linkname runtimeBeforeFork syscall.runtime_BeforeFork
func runtimeBeforeFork()

//go:linkname runtimeAfterFork syscall.runtime_AfterFork
func runtimeAfterFork()

//go:linkname runtimeAfterForkInChild syscall.runtime_AfterForkInChild
func runtimeAfterForkInChild()

// vfork is clone(2) with nothing but flags.
//
//go:noescape
func vfork(flags uintptr) (r1 uintptr)

// exitFailed is the status of a process that could not go on. Nobody reads
// it: the launcher has the message.
const exitFailed = 125

// memory is all that the child works with.
type memory struct {
	slots        [plan.NumSlots]uint64
	arena        unsafe.Pointer
	sections     [4]list
	payloadFlags uintptr
	direct       bool
	moves        uintptr // how many more processes it takes to get to PID 1
	moveFlags    uintptr // the namespaces of the last of them
	failedOp     int32   // index, or -1
	currentOp    int32   // index of the op that was begun last
	currentNr    uint64
	errno        int32
	noted        int32
	loop         pid1.Loop
	cloneArgs    cloneArgs
	pidfd        int32
}

type list struct {
	first unsafe.Pointer
	count uintptr
	base  int32
}

// cloneArgs is struct clone_args; see clone3(2).
type cloneArgs struct {
	flags, pidfd, childTID, parentTID, exitSignal uint64
	stack, stackSize, tls                         uint64
	setTID, setTIDSize, cgroup                    uint64
}

// Handle is a started child.
type Handle struct {
	PID   int
	PIDFD int
}

// Ends are what the child is given of the launcher's.
type Ends struct {
	Control, Peer  int // the ends of the control socket: PID 1's, and the launcher's
	Gate, GatePeer int // those of the pipe that a plan with IDMaps waits on
	Stdout, Stderr int // what the payload writes to, in a plan with Relayed
	// Cgroup is a directory of a cgroup v2 hierarchy that the child starts in; 0
	// leaves it in the launcher's (CLONE_INTO_CGROUP, Linux 5.7).
	Cgroup int
	// Argv and ArgvLen say where the launcher's own argument strings lie, so
	// that PID 1 does not show them to the payload.
	Argv, ArgvLen uintptr
}

// Start clones a child that carries out p.
//
// An error means that there is no child: the errno of clone3(2).
func Start(p *plan.Plan, e Ends) (Handle, error) {
	m := prepare(p)
	m.slots[plan.SlotControl] = uint64(e.Control)
	m.slots[plan.SlotPeer] = uint64(e.Peer)
	m.slots[plan.SlotGate] = uint64(e.Gate)
	m.slots[plan.SlotGatePeer] = uint64(e.GatePeer)
	m.slots[plan.SlotStdout] = uint64(e.Stdout)
	m.slots[plan.SlotStderr] = uint64(e.Stderr)
	if e.Cgroup > 0 {
		m.cloneArgs.flags |= sys.CLONE_INTO_CGROUP
		m.cloneArgs.cgroup = uint64(e.Cgroup)
	}
	m.slots[plan.SlotArgv] = uint64(e.Argv)
	m.slots[plan.SlotArgvLen] = uint64(e.ArgvLen)

	// PR_SET_PDEATHSIG fires when the thread that forked ends, not the process.
	// A thread of a Go program ends only with a goroutine that was locked to
	// it; so the caller's is not locked, which would also cost a thread.
	pid, errno := forkAndRun(m)
	runtime.KeepAlive(p)
	if errno != 0 {
		return Handle{}, errno
	}
	return Handle{PID: int(pid), PIDFD: int(m.pidfd)}, nil
}

// prepare lays out the child's memory and turns offsets into addresses where
// the kernel follows them.
func prepare(p *plan.Plan) *memory {
	m := &memory{failedOp: -1, payloadFlags: uintptr(p.PayloadFlags) | uintptr(sys.SIGCHLD), direct: p.Direct}
	m.arena = unsafe.Pointer(unsafe.SliceData(p.Arena))
	for _, r := range p.Relocs {
		*(*uintptr)(unsafe.Add(m.arena, r.At)) = uintptr(unsafe.Add(m.arena, r.To))
	}
	for i := range m.sections {
		ops := p.Ops[i]
		m.sections[i] = list{unsafe.Pointer(unsafe.SliceData(ops)), uintptr(len(ops)), int32(p.Base(plan.Section(i)))}
	}
	m.loop.State.Linger = p.Linger
	m.loop.KillStrays = p.KillStrays
	m.cloneArgs = cloneArgs{
		flags:      p.CloneFlags | sys.CLONE_PIDFD,
		pidfd:      uint64(uintptr(unsafe.Pointer(&m.pidfd))),
		exitSignal: uint64(sys.SIGCHLD),
	}
	if p.Moves > 0 {
		m.moves, m.moveFlags = uintptr(p.Moves), uintptr(p.CloneFlags)
		m.cloneArgs.flags = sys.CLONE_PIDFD
	}
	return m
}

//go:noinline
//go:norace
//go:nosplit
//go:nocheckptr
func forkAndRun(m *memory) (pid uintptr, errno syscall.Errno) {
	runtimeBeforeFork()
	pid, _, errno = syscall.RawSyscall(sys.SYS_CLONE3, uintptr(unsafe.Pointer(&m.cloneArgs)), unsafe.Sizeof(m.cloneArgs), 0)
	if errno == syscall.ENOSYS && m.cloneArgs.flags&(sys.CLONE_NEWTIME|sys.CLONE_INTO_CGROUP) == 0 {
		// A filter hides clone3, because it cannot see the flags. With
		// CLONE_PIDFD, clone(2) puts the descriptor where the third argument
		// points.
		pid, _, errno = syscall.RawSyscall6(sys.SYS_CLONE, uintptr(m.cloneArgs.flags)|uintptr(sys.SIGCHLD), 0,
			uintptr(unsafe.Pointer(&m.pidfd)), 0, 0, 0)
	}
	if errno != 0 || pid != 0 {
		runtimeAfterFork()
		return pid, errno
	}
	runtimeAfterForkInChild()
	inChild(m)
	return 0, 0 // not reached
}

// inChild is the child's life. It does not return.
//
//go:noinline
//go:norace
//go:nosplit
//go:nocheckptr
func inChild(m *memory) {
	if m.moves != 0 {
		move(m)
	}
	if !runOps(m, &m.sections[plan.Setup]) {
		// Nothing has been started, and where there is no pid namespace the
		// Landlock domain may be missing that keeps End from killing others.
		m.loop.KillStrays = false
		fail(m)
	}
	if m.direct {
		runOps(m, &m.sections[plan.Payload]) // ends in execve, or with m.failedOp set
		failDirect(m)
	}
	pid := startPayload(m)
	if m.failedOp < 0 && m.currentNr != sys.SYS_EXECVE {
		// It ended in the middle of its ops: something killed it.
		m.failedOp, m.errno = m.currentOp, pid1.ErrnoKilled
	}
	if m.failedOp >= 0 {
		fail(m)
	}
	if !runOps(m, &m.sections[plan.Supervise]) {
		fail(m)
	}
	m.loop.State.Payload = int32(pid)
	m.loop.Message.Kind = pid1.MessageStarted
	m.loop.Message.PID = int32(pid)
	pid1.Send(&m.loop, pid1.ControlFD)
	pid1.Run(&m.loop)
}

// startPayload makes the payload's process and returns once it has called
// execve or ended; m.failedOp tells which.
//
//go:noinline
//go:norace
//go:nosplit
//go:nocheckptr
func startPayload(m *memory) uintptr {
	pid := vfork(m.payloadFlags)
	if pid != 0 {
		if pid > maxPID {
			// A negative errno: there is no payload. The first op of the
			// section stands for its clone.
			m.failedOp = m.sections[plan.Payload].base
			m.errno = int32(-pid)
		}
		return pid
	}
	runOps(m, &m.sections[plan.Payload]) // ends in execve, or with m.failedOp set
	for {
		syscall.RawSyscall(sys.SYS_EXIT_GROUP, exitFailed, 0, 0)
	}
}

// maxPID is PID_MAX_LIMIT on 64-bit machines; see proc_sys_kernel(5).
const maxPID = 1 << 22

// fail reports the failed op and ends the process, and with it the sandbox.
//
//go:noinline
//go:norace
//go:nosplit
//go:nocheckptr
func fail(m *memory) {
	m.loop.Message.Kind = pid1.MessageFailed
	m.loop.Message.Op = m.failedOp
	m.loop.Message.Errno = m.errno
	m.loop.Message.Noted = m.noted
	pid1.Send(&m.loop, uintptr(m.slots[plan.SlotControl]))
	pid1.End(&m.loop)
}

// runOps makes the calls of one section. It returns false, with m.failedOp and
// m.errno set, at the first one that fails.
//
//go:noinline
//go:norace
//go:nosplit
//go:nocheckptr
func runOps(m *memory, l *list) bool {
	p := l.first
	last := syscall.Errno(0)
	for i := uintptr(0); i != l.count; i++ {
		o := (*plan.Op)(p)
		p = unsafe.Add(p, unsafe.Sizeof(plan.Op{}))
		if o.Check == plan.CheckAfterNoExec && last != syscall.ENOEXEC {
			last = 0
			continue
		}
		m.currentOp, m.currentNr = l.base+int32(i), o.Nr
		r, _, errno := syscall.RawSyscall6(uintptr(o.Nr),
			argument(m, o, 0), argument(m, o, 1), argument(m, o, 2),
			argument(m, o, 3), argument(m, o, 4), argument(m, o, 5))
		last = errno
		if o.Check == plan.CheckFork && errno == 0 && r == 0 {
			waitToBeKilled()
		}
		if !succeeded(m, o, r, errno) {
			m.failedOp = m.currentOp
			m.errno = int32(errno)
			return false
		}
		if o.Result >= 0 {
			m.slots[o.Result&(plan.NumSlots-1)] = uint64(r)
		}
		if o.Store != 0 {
			*(*int32)(unsafe.Add(m.arena, o.Store)) = int32(r)
		}
	}
	return true
}

// waitToBeKilled is all that a process made by an op does. Every signal but
// SIGKILL is blocked; it ends with PID 1 at the latest.
//
//go:norace
//go:nosplit
//go:nocheckptr
func waitToBeKilled() {
	for {
		syscall.RawSyscall6(sys.SYS_PPOLL, 0, 0, 0, 0, 8, 0)
	}
}

// argument resolves argument i of o.
//
//go:norace
//go:nosplit
//go:nocheckptr
func argument(m *memory, o *plan.Op, i uint) uintptr {
	v := *(*uint64)(unsafe.Add(unsafe.Pointer(&o.Args), i*8))
	switch {
	case o.Slots>>i&1 != 0:
		return uintptr(m.slots[v&(plan.NumSlots-1)])
	case o.Pointers>>i&1 != 0:
		return uintptr(unsafe.Add(m.arena, v))
	}
	return uintptr(v)
}

//go:norace
//go:nosplit
//go:nocheckptr
func succeeded(m *memory, o *plan.Op, r uintptr, errno syscall.Errno) bool {
	if o.Check == plan.CheckAny {
		return true
	}
	if errno == 0 {
		if o.Check == plan.CheckSame {
			return sameFile(m, o)
		}
		return o.Check == plan.CheckOK || (o.Check == plan.CheckEqual || o.Check == plan.CheckFork) && uint64(r) == o.Expect
	}
	if e := uint16(errno); e != o.Tolerate[0] && e != o.Tolerate[1] && e != o.Tolerate[2] && e != o.Tolerate[3] {
		return false
	}
	if o.Nr == sys.SYS_EXECVE && errno != syscall.ENOENT {
		m.noted = int32(errno)
	}
	return true
}
