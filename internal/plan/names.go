package plan

import (
	"strconv"

	"github.com/lichen-sandbox/lichen/internal/sys"
)

// call describes one system call. args ends at the first none.
type call struct {
	nr   uint64
	name string
	args [6]kind
}

// calls lists every system call of plans. It is searched from start to end:
// only a text of the plan and an error need it.
var calls = [...]call{
	{sys.SYS_CAPGET, "capget", [6]kind{capHeader, buffer}},
	{sys.SYS_CAPSET, "capset", [6]kind{capHeader, capData}},
	{sys.SYS_CHDIR, "chdir", [6]kind{text}},
	{sys.SYS_CLONE, "clone", [6]kind{flags + kind(sys.ForkFlags), buffer, buffer, buffer, buffer}},
	{sys.SYS_CLONE3, "clone3", [6]kind{cloneArgs, size}},
	{sys.SYS_CLOSE, "close", [6]kind{fd}},
	{sys.SYS_CLOSE_RANGE, "close_range", [6]kind{fd, lastFD, flags + kind(sys.CloseRangeFlags)}},
	{sys.SYS_DUP3, "dup3", [6]kind{fd, fd, flags + kind(sys.CloexecFlags)}},
	{sys.SYS_EXECVE, "execve", [6]kind{text, texts, texts}},
	{sys.SYS_EXIT_GROUP, "exit_group", [6]kind{number}},
	{sys.SYS_FCHDIR, "fchdir", [6]kind{fd}},
	{sys.SYS_FCHMOD, "fchmod", [6]kind{fd, mode}},
	{sys.SYS_FCHMODAT, "fchmodat", [6]kind{fd, text, mode}},
	{sys.SYS_FCHOWN, "fchown", [6]kind{fd, number, number}},
	{sys.SYS_FCNTL, "fcntl", [6]kind{fd, enum + kind(sys.FcntlCommands), number}},
	{sys.SYS_FSCONFIG, "fsconfig", [6]kind{fd, enum + kind(sys.FsconfigCommands), text, text, number}},
	{sys.SYS_FSMOUNT, "fsmount", [6]kind{fd, flags + kind(sys.FsmountFlags), flags + kind(sys.MountAttrFlags)}},
	{sys.SYS_FSOPEN, "fsopen", [6]kind{text, flags + kind(sys.FsopenFlags)}},
	{sys.SYS_GETCWD, "getcwd", [6]kind{buffer, size}},
	{sys.SYS_GETPID, "getpid", [6]kind{}},
	{sys.SYS_IOCTL, "ioctl", [6]kind{fd, enum + kind(sys.IoctlRequests), number}},
	{sys.SYS_KILL, "kill", [6]kind{number, enum + kind(sys.Signals)}},
	{sys.SYS_LANDLOCK_ADD_RULE, "landlock_add_rule",
		[6]kind{fd, enum + kind(sys.LandlockRuleTypes), buffer, flags + kind(sys.LandlockRuleFlags)}},
	{sys.SYS_LANDLOCK_CREATE_RULESET, "landlock_create_ruleset",
		[6]kind{rulesetAttr, size, flags + kind(sys.LandlockCreateFlags)}},
	{sys.SYS_LANDLOCK_RESTRICT_SELF, "landlock_restrict_self", [6]kind{fd, flags + kind(sys.LandlockRestrictFlags)}},
	{sys.SYS_MKDIRAT, "mkdirat", [6]kind{fd, text, mode}},
	{sys.SYS_MKNODAT, "mknodat", [6]kind{fd, text, mode, number}},
	{sys.SYS_MOUNT, "mount", [6]kind{text, text, text, flags + kind(sys.MountFlags), text}},
	{sys.SYS_MOUNT_SETATTR, "mount_setattr", [6]kind{fd, text, flags + kind(sys.AtFlags), mountAttr, size}},
	{sys.SYS_MOVE_MOUNT, "move_mount", [6]kind{fd, text, fd, text, flags + kind(sys.MoveMountFlags)}},
	{sys.SYS_OPENAT, "openat", [6]kind{fd, text, flags + kind(sys.OpenFlags), mode}},
	{sys.SYS_OPENAT2, "openat2", [6]kind{fd, text, openHow, size}},
	{sys.SYS_OPEN_TREE, "open_tree", [6]kind{fd, text, flags + kind(sys.OpenTreeFlags)}},
	{sys.SYS_PIVOT_ROOT, "pivot_root", [6]kind{text, text}},
	{sys.SYS_PPOLL, "ppoll", [6]kind{buffer, number, timespec, sigset, size}},
	{sys.SYS_PRCTL, "prctl", [6]kind{enum + kind(sys.PrctlOptions), number}},
	{sys.SYS_PRLIMIT64, "prlimit64", [6]kind{number, enum + kind(sys.Resources), rlimit, buffer}},
	{sys.SYS_READ, "read", [6]kind{fd, buffer, size}},
	{sys.SYS_RECVFROM, "recvfrom", [6]kind{fd, buffer, size, flags + kind(sys.MessageFlags), buffer, buffer}},
	{sys.SYS_RT_SIGPROCMASK, "rt_sigprocmask", [6]kind{enum + kind(sys.SigmaskHows), sigset, buffer, size}},
	{sys.SYS_SECCOMP, "seccomp", [6]kind{enum + kind(sys.SeccompOperations), flags + kind(sys.SeccompFlags), buffer}},
	{sys.SYS_SENDMSG, "sendmsg", [6]kind{fd, msgHdr, flags + kind(sys.MessageFlags)}},
	{sys.SYS_SENDTO, "sendto", [6]kind{fd, data, size, flags + kind(sys.MessageFlags), buffer, size}},
	{sys.SYS_SETGROUPS, "setgroups", [6]kind{number, buffer}},
	{sys.SYS_SETHOSTNAME, "sethostname", [6]kind{data, size}},
	{sys.SYS_SETNS, "setns", [6]kind{fd, flags + kind(sys.CloneFlags)}},
	{sys.SYS_SETRESGID, "setresgid", [6]kind{number, number, number}},
	{sys.SYS_SETRESUID, "setresuid", [6]kind{number, number, number}},
	{sys.SYS_SETSID, "setsid", [6]kind{}},
	{sys.SYS_SIGNALFD4, "signalfd4", [6]kind{fd, sigset, size, flags + kind(sys.SignalfdFlags)}},
	{sys.SYS_SOCKET, "socket", [6]kind{enum + kind(sys.AddressFamilies), flags + kind(sys.SocketFlags), number}},
	{sys.SYS_STATX, "statx", [6]kind{fd, text, flags + kind(sys.AtFlags), number, buffer}},
	{sys.SYS_SYMLINKAT, "symlinkat", [6]kind{text, fd, text}},
	{sys.SYS_UMASK, "umask", [6]kind{mode}},
	{sys.SYS_UMOUNT2, "umount2", [6]kind{text, flags + kind(sys.UmountFlags)}},
	{sys.SYS_UNLINKAT, "unlinkat", [6]kind{fd, text, flags + kind(sys.UnlinkFlags)}},
	{sys.SYS_UNSHARE, "unshare", [6]kind{flags + kind(sys.CloneFlags)}},
	{sys.SYS_WAIT4, "wait4", [6]kind{number, buffer, flags + kind(sys.WaitFlags), buffer}},
	{sys.SYS_WRITE, "write", [6]kind{fd, data, size}},
}

// CallName returns the name of a system call that plans use.
func CallName(nr uint64) string {
	if c := lookup(nr); c != nil {
		return c.name
	}
	return "syscall_" + strconv.FormatUint(nr, 10)
}

func lookup(nr uint64) *call {
	for i := range calls {
		if calls[i].nr == nr {
			return &calls[i]
		}
	}
	return nil
}
