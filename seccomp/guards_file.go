package seccomp

// setID are S_ISUID and S_ISGID. A file with one of them outlives the sandbox
// in every writable directory that it shares with the host, and there gives
// whoever runs it the rights of the user who started the sandbox.
const setID = 0o6000

// willCreate are O_CREAT and __O_TMPFILE, the same on all architectures here
// (O_TMPFILE is the latter with O_DIRECTORY, which is not). Without them the
// kernel does not look at the mode, which then is whatever the register held
// (WILL_CREATE in fs/open.c).
const willCreate = 0o100 | 0o20000000

// truncates is O_TRUNC, the same on all architectures here.
const truncates = 0o1000

var (
	// Not for mkdir and mkdirat: on a directory the bits are harmless, and setgid
	// is common. What chmod changes a filter cannot know, so it refuses both.
	mode1Guard = guard{
		rule: "arg1 & (S_ISUID|S_ISGID) == 0",
		cond: &mode1, otherwise: RetErrno | eperm, setID: true,
	}
	mode2Guard = guard{
		rule: "arg2 & (S_ISUID|S_ISGID) == 0",
		cond: &mode2, otherwise: RetErrno | eperm, setID: true,
	}
	openGuard = guard{
		rule: "arg1 & (O_CREAT|0x400000) == 0 || arg2 & (S_ISUID|S_ISGID) == 0",
		cond: &openModes, otherwise: RetErrno | eperm, setID: true,
	}
	openatGuard = guard{
		rule: "arg2 & (O_CREAT|0x400000) == 0 || arg3 & (S_ISUID|S_ISGID) == 0",
		cond: &openatModes, otherwise: RetErrno | eperm, setID: true,
	}
	// The mode of openat2 is in memory. On ENOSYS programs use openat. Container
	// runtimes do not: they need RESOLVE_IN_ROOT and its like.
	openat2Guard = guard{otherwise: RetErrno | enosys, nested: true}

	// A lease on a file makes whoever opens it outside wait for up to
	// lease-break-time (45 s, fcntl(2)), and a read-only grant is enough for one.
	fcntlGuard = guard{
		rule: "arg1 != F_SETLEASE",
		cond: &expr{kind: exprNotIn, arg: 1, mask: noMask, vals: []uint64{1024}}, otherwise: RetErrno | eperm,
	}

	// O_TRUNC with an access mode that does not write: 3 means none at all
	// (open(2)), and O_RDONLY truncates on Linux all the same.
	keepOpenGuard = guard{
		rule: "(arg1 & O_TRUNC == 0 || arg1 & 3 in {O_WRONLY, O_RDWR}) && (arg1 & (O_CREAT|0x400000) == 0 || arg2 & (S_ISUID|S_ISGID) == 0)",
		cond: &expr{kind: exprAnd, left: &openKeeps, right: &openModes}, otherwise: RetErrno | eperm,
	}
	keepOpenatGuard = guard{
		rule: "(arg2 & O_TRUNC == 0 || arg2 & 3 in {O_WRONLY, O_RDWR}) && (arg2 & (O_CREAT|0x400000) == 0 || arg3 & (S_ISUID|S_ISGID) == 0)",
		cond: &expr{kind: exprAnd, left: &openatKeeps, right: &openatModes}, otherwise: RetErrno | eperm,
	}

	openModes   = expr{kind: exprOr, left: &expr{kind: exprIn, arg: 1, mask: willCreate, vals: zero}, right: &mode2}
	openatModes = expr{kind: exprOr, left: &expr{kind: exprIn, arg: 2, mask: willCreate, vals: zero}, right: &expr{kind: exprIn, arg: 3, mask: setID, vals: zero}}
	openKeeps   = expr{kind: exprOr, left: &expr{kind: exprIn, arg: 1, mask: truncates, vals: zero}, right: &expr{kind: exprIn, arg: 1, mask: 3, vals: writing}}
	openatKeeps = expr{kind: exprOr, left: &expr{kind: exprIn, arg: 2, mask: truncates, vals: zero}, right: &expr{kind: exprIn, arg: 2, mask: 3, vals: writing}}

	mode1 = expr{kind: exprIn, arg: 1, mask: setID, vals: zero}
	mode2 = expr{kind: exprIn, arg: 2, mask: setID, vals: zero}
	zero  = []uint64{0}

	writing = []uint64{1, 2} // O_WRONLY, O_RDWR
)

// keepFilesGuardOf returns what Options.KeepFiles adds to a call, or nil.
// Nothing lifts it.
func keepFilesGuardOf(id callID) *guard {
	switch id {
	case callOpen:
		return &keepOpenGuard
	case callOpenat:
		return &keepOpenatGuard
	case callOpenat2, callTruncate, callTruncate64:
		return &refuseGuard
	}
	return nil
}
