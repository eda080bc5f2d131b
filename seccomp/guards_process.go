package seccomp

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
		cond: &expr{kind: exprIn, arg: 0, mask: cloneNewAny, vals: zero}, otherwise: RetErrno | eperm, nested: true,
	}
	// The flags of clone3 are in memory. On ENOSYS C libraries use clone; any
	// other error would make them give up.
	clone3Guard  = guard{otherwise: RetErrno | enosys, nested: true}
	unshareGuard = guard{
		rule: "arg0 & ~(CLONE_FS|CLONE_FILES|CLONE_SYSVSEM) == 0",
		cond: &expr{kind: exprIn, arg: 0, wide: true, mask: ^uint64(unshareHarmless), vals: zero}, otherwise: RetErrno | eperm, nested: true,
	}
	// Execution domains that change no more than what uname(2) says, and the
	// question for the current one. ADDR_NO_RANDOMIZE and READ_IMPLIES_EXEC
	// weaken the caller's own defences.
	personalityGuard = guard{
		rule: "arg0 in {PER_LINUX, PER_LINUX32, UNAME26, UNAME26|PER_LINUX32, 0xffffffff}",
		cond: &expr{kind: exprIn, arg: 0, mask: noMask, vals: []uint64{0, 8, 0x20000, 0x20008, 0xffffffff}}, otherwise: RetErrno | eperm,
	}

	// The limits of oneself, or reading those of others: RLIMIT_CPU ends a
	// process, and that could be PID 1, or one outside where there is no pid
	// namespace.
	prlimitGuard = guard{
		rule: "arg0 == 0 || arg2 == 0",
		cond: &expr{kind: exprOr, left: &self0, right: &expr{kind: exprIn, arg: 2, wide: true, mask: noMask, vals: zero}}, otherwise: RetErrno | eperm,
	}
	// Not by process group, which is that of lichen's caller, pipelines
	// included, and not by user.
	setpriorityGuard = guard{
		rule: "arg0 == PRIO_PROCESS",
		cond: &self0, otherwise: RetErrno | eperm,
	}
	ioprioGuard = guard{
		rule: "arg0 == 1", // IOPRIO_WHO_PROCESS of linux/ioprio.h
		cond: &ioprioProcess, otherwise: RetErrno | eperm,
	}

	// From a pid namespace, 0 is the one name for a process group outside: that
	// of lichen's caller, where the payload was left in it. Landlock's signal
	// scope (ABI 6) refuses it without a filter.
	groupSignalGuard = guard{
		rule: "arg0 != 0",
		cond: &expr{kind: exprNotIn, arg: 0, mask: noMask, vals: zero}, otherwise: RetErrno | eperm,
	}

	self0         = expr{kind: exprIn, arg: 0, mask: noMask, vals: zero}
	self1         = expr{kind: exprIn, arg: 1, mask: noMask, vals: zero}
	ioprioProcess = expr{kind: exprIn, arg: 0, mask: noMask, vals: []uint64{1}}
)
