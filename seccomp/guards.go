package seccomp

// guard is the condition under which a group lets a call through (the "?" of
// groups.txt). A policy that names the call itself lifts the guard: its author
// asked for it. Rules on the call are in addition to the guard.
type guard struct {
	rule      string // what it says, in the language of rules
	cond      *expr  // the same, bound; nil for never
	otherwise uint32
	// nested marks the guards against new namespaces, which Options.Nested
	// lifts.
	nested bool
}

// Namespace flags of clone(2). CLONE_NEWTIME (0x80) is not one there: it lies
// within CSIGNAL, and the kernel takes it as a signal number.
const cloneNewAny = 0x7e020000 // NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET

// unshareHarmless are CLONE_FS, CLONE_FILES and CLONE_SYSVSEM: the caller's own
// tables. A list of what is let through rather than of what is not, because
// unshare(2) gets new flags with meanings of their own.
const unshareHarmless = 0x40600

var (
	// TIOCSTI and TIOCLINUX put input into the terminal, for the shell that
	// started lichen to read. TIOCSETD changes its line discipline, most of
	// which are old drivers that are loaded on demand.
	ioctlGuard = guard{
		rule: "!(arg1 in {TIOCSTI, TIOCLINUX, TIOCSETD})",
		cond: &expr{kind: exprNotIn, arg: 1, mask: noMask, vals: []uint64{0x5412, 0x541c, 0x5423}}, otherwise: RetErrno | eperm,
	}
	cloneGuard = guard{
		rule: "arg0 & (CLONE_NEWNS|CLONE_NEWCGROUP|CLONE_NEWUTS|CLONE_NEWIPC|CLONE_NEWUSER|CLONE_NEWPID|CLONE_NEWNET) == 0",
		cond: &expr{kind: exprIn, arg: 0, mask: cloneNewAny, vals: []uint64{0}}, otherwise: RetErrno | eperm, nested: true,
	}
	// The flags of clone3 are in memory. On ENOSYS C libraries use clone; any
	// other error would make them give up.
	clone3Guard  = guard{otherwise: RetErrno | enosys, nested: true}
	unshareGuard = guard{
		rule: "arg0 & ~(CLONE_FS|CLONE_FILES|CLONE_SYSVSEM) == 0",
		cond: &expr{kind: exprIn, arg: 0, wide: true, mask: ^uint64(unshareHarmless), vals: []uint64{0}}, otherwise: RetErrno | eperm, nested: true,
	}
	// Families beyond these are code that any user can load into the kernel
	// (AF_ALG, AF_CAN, …), or reach out of the net namespace (AF_VSOCK).
	socketGuard = guard{
		rule: "arg0 in {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK}",
		cond: &expr{kind: exprIn, arg: 0, mask: noMask, vals: []uint64{1, 2, 10, 16}}, otherwise: RetErrno | eafnosupport,
	}
	// The family of socketcall(SYS_SOCKET) is in memory, so that letting it
	// through would give back every family that socketGuard takes away.
	socketcallGuard = guard{
		rule: "!(arg0 in {SYS_SOCKET, SYS_SOCKETPAIR})",
		cond: &expr{kind: exprNotIn, arg: 0, mask: noMask, vals: []uint64{1, 8}}, otherwise: RetErrno | enosys,
	}
	// Execution domains that change no more than what uname(2) says, and the
	// question for the current one. ADDR_NO_RANDOMIZE and READ_IMPLIES_EXEC
	// weaken the caller's own defences.
	personalityGuard = guard{
		rule: "arg0 in {PER_LINUX, PER_LINUX32, UNAME26, UNAME26|PER_LINUX32, 0xffffffff}",
		cond: &expr{kind: exprIn, arg: 0, mask: noMask, vals: []uint64{0, 8, 0x20000, 0x20008, 0xffffffff}}, otherwise: RetErrno | eperm,
	}

	unixGuard = guard{
		rule: "arg0 == AF_UNIX",
		cond: &expr{kind: exprIn, arg: 0, mask: noMask, vals: []uint64{1}}, otherwise: RetErrno | eafnosupport,
	}
	unixSocketcallGuard = guard{otherwise: RetErrno | enosys}
	unixRingGuard       = guard{otherwise: RetErrno | eperm}
)

// guardOf returns the guard of a call, or nil.
func guardOf(id callID) *guard {
	switch id {
	case callIoctl:
		return &ioctlGuard
	case callClone:
		return &cloneGuard
	case callClone3:
		return &clone3Guard
	case callUnshare:
		return &unshareGuard
	case callSocket, callSocketpair:
		return &socketGuard
	case callSocketcall:
		return &socketcallGuard
	case callPersonality:
		return &personalityGuard
	}
	return nil
}

// unixOnlyGuardOf returns what Options.UnixOnly adds to a call, or nil. Nothing
// lifts it. io_uring goes too: IORING_OP_SOCKET makes sockets of any family
// without a system call that a filter could see.
func unixOnlyGuardOf(id callID) *guard {
	switch id {
	case callSocket, callSocketpair:
		return &unixGuard
	case callSocketcall:
		return &unixSocketcallGuard
	case callIoUringSetup, callIoUringEnter, callIoUringRegister:
		return &unixRingGuard
	}
	return nil
}

// GuardDoc describes the condition under which groups let a call through.
type GuardDoc struct {
	Call string
	// Rule is the condition, in the language of rules; "" for never.
	Rule string
	// Answer is what the call gets otherwise: "errno:EPERM".
	Answer string
}

// Guards returns the conditions of all guarded calls, sorted by name.
func Guards() []GuardDoc {
	var out []GuardDoc
	for id := range callID(numCalls) {
		if g := guardOf(id); g != nil {
			out = append(out, GuardDoc{Call: id.String(), Rule: g.rule, Answer: returnText(g.otherwise)})
		}
	}
	return out
}
