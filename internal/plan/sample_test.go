package plan

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/lichen-sandbox/lichen/internal/sys"
	"github.com/lichen-sandbox/lichen/spec"
)

// everyCall returns a plan that makes no sense and has every call, structure
// and annotation in it.
func everyCall(t testing.TB) *Plan {
	b := NewBuilder()
	b.plan.CloneFlags = sys.CLONE_NEWUSER | sys.CLONE_NEWNS | sys.CLONE_NEWPID | sys.CLONE_NEWTIME | 1<<60
	b.plan.PayloadFlags = sys.CLONE_VM | sys.CLONE_VFORK | sys.CLONE_NEWUSER
	b.plan.IDMaps = []IDMap{{File: "uid_map", Program: "/usr/bin/newuidmap", Args: []string{"0", "1000", "1", "1", "100000", "65536"}}}
	b.plan.Remarks = []string{"setuid bits"}
	b.plan.Linger, b.plan.KillStrays, b.plan.Gate, b.plan.Direct = true, true, true, true
	b.plan.Moves = 2
	b.Dropped("Landlock: restricting TCP ports")
	sampleProcess(b)
	sampleMounts(b)
	b.Section(Payload)
	sampleLandlock(b)
	samplePrivileges(b)
	sampleExec(b)
	b.Section(Supervise)
	sampleSupervise(b)
	return finish(t, b)
}

func sampleProcess(b *Builder) {
	b.Note("block", "signals", spec.Origin{})
	b.Call(sys.SYS_RT_SIGPROCMASK, Val(sys.SIG_SETMASK), b.Words(^uint64(0)), Null, Val(8))
	b.Call(sys.SYS_RT_SIGPROCMASK, Val(sys.SIG_SETMASK), b.Words(^uint64(1<<8|1<<39)), Null, Val(8))
	b.Note("tie to", "the launcher", spec.Origin{})
	b.Prctl(Val(sys.PR_SET_PDEATHSIG), Val(sys.SIGKILL), Val(0), Val(0), Val(0))
	b.Call(sys.SYS_RECVFROM, From(SlotControl), b.Buf(make([]byte, 8)), Val(1),
		Val(sys.MSG_PEEK|sys.MSG_DONTWAIT), Null, Null).Expecting(1).Tolerating(uint16(sys.EAGAIN))
	b.Note("clear", "the launcher's arguments", spec.Origin{})
	zero := b.Open(FDCWD, "/dev/zero", sys.O_RDONLY)
	b.Call(sys.SYS_READ, From(zero), From(SlotArgv), From(SlotArgvLen))
	b.Close(zero)
	b.Prctl(Val(sys.PR_SET_NAME), b.Str("lichen-init"))
	b.Prctl(Val(sys.PR_SET_CHILD_SUBREAPER), Val(1))
	b.Call(sys.SYS_UMASK, Val(0))
	b.Note("map user ids", "/proc/self/uid_map", spec.Origin{})
	b.WriteFile(FDCWD, "self/uid_map", "0 1000 1")
	b.Note("bring up", "the loopback device", spec.Origin{File: "base.toml", Line: 7})
	s := b.Into(sys.SYS_SOCKET, Val(sys.AF_INET), Val(sys.SOCK_DGRAM|sys.SOCK_CLOEXEC), Val(0))
	b.Call(sys.SYS_IOCTL, From(s), Val(sys.SIOCSIFFLAGS), b.Buf(sys.InterfaceFlags("lo", sys.IFF_UP|sys.IFF_RUNNING)))
	b.Close(s)
	b.Note("set host name", "moss", spec.CommandLine)
	b.Call(sys.SYS_SETHOSTNAME, b.Str("moss"), Val(4))
}

func sampleMounts(b *Builder) {
	b.Note("make mounts private", "/", spec.Origin{})
	b.Call(sys.SYS_MOUNT, b.Str(""), b.Str("/"), b.Str(""), Val(sys.MS_REC|sys.MS_PRIVATE), Null)
	b.Note("make", "the new root", spec.Origin{})
	root := b.NewFS("tmpfs", sys.MOUNT_ATTR_NOSUID|sys.MOUNT_ATTR_NODEV|1<<30, Option{Key: "size", Value: "1048576"}, Option{Key: "newinstance"})
	b.MoveTo(root, FDCWD, "/")
	b.Note("bind", "/usr read-only on /usr", spec.Origin{File: "default.toml", Line: 12})
	at := b.OpenResolve(FDCWD, "/usr", sys.O_DIRECTORY, sys.RESOLVE_IN_ROOT|sys.RESOLVE_NO_MAGICLINKS|1<<40)
	usr := b.OpenTree(From(at), "", sys.AT_EMPTY_PATH|sys.AT_RECURSIVE)
	b.SetAttr(usr, sys.MOUNT_ATTR_RDONLY|sys.MOUNT_ATTR_NOSUID, true)
	b.Mkdir(From(root), "usr", 0o755)
	b.Call(sys.SYS_MKNODAT, From(root), b.Str("resolv.conf"), Val(0o444), Val(0))
	b.MoveTo(usr, From(root), "usr")
	f := b.CreateFile(From(root), "etc/passwd", 0o444)
	b.Call(sys.SYS_FCHMOD, From(f), Val(0o444))
	b.MoveTo(f, From(f), "")
	b.Call(sys.SYS_DUP3, From(f), Val(700), Val(sys.O_CLOEXEC))
	b.Call(sys.SYS_SYMLINKAT, b.Str("usr/bin"), From(root), b.Str("bin"))
	b.Call(sys.SYS_UNLINKAT, FDCWD, b.Str("old"), Val(0x200))
	b.Note("change to", "the new root", spec.Origin{})
	b.Call(sys.SYS_FCHDIR, From(root))
	b.Call(sys.SYS_PIVOT_ROOT, b.Str("."), b.Str("."))
	b.Call(sys.SYS_UMOUNT2, b.Str("."), Val(sys.MNT_DETACH))
	b.Call(sys.SYS_CHDIR, b.Str("/"))
}

func sampleLandlock(b *Builder) {
	b.Note("make", "the Landlock rule set", spec.Origin{})
	set := b.Into(sys.SYS_LANDLOCK_CREATE_RULESET,
		b.Words(sys.LANDLOCK_ACCESS_FS_EXECUTE|1<<63, sys.LANDLOCK_ACCESS_NET_BIND_TCP, sys.LANDLOCK_SCOPE_SIGNAL),
		Val(sys.SIZEOF_LANDLOCK_RULESET_ATTR), Val(0))
	b.Call(sys.SYS_LANDLOCK_CREATE_RULESET, b.Words(sys.LANDLOCK_ACCESS_FS_EXECUTE, 0, 0), Val(16), Val(0))
	b.Note("allow", "/usr", spec.Origin{File: "default.toml", Line: 12})
	for range 2 {
		attr := make([]byte, 16)
		binary.NativeEndian.PutUint64(attr, sys.LANDLOCK_ACCESS_FS_READ_FILE|sys.LANDLOCK_ACCESS_FS_READ_DIR)
		rule := b.Buf(attr)
		fd := b.Open(FDCWD, "/usr", sys.O_PATH)
		b.Last().StoringAt(rule.Offset(8))
		b.Call(sys.SYS_LANDLOCK_ADD_RULE, From(set), Val(sys.LANDLOCK_RULE_PATH_BENEATH), rule, Val(0))
		b.Close(fd)
	}
	b.Note("allow", "descriptor 1", spec.Origin{})
	b.Call(sys.SYS_LANDLOCK_ADD_RULE, From(set), Val(sys.LANDLOCK_RULE_PATH_BENEATH),
		b.Words(sys.LANDLOCK_ACCESS_FS_WRITE_FILE, 1), Val(0)).Tolerating(uint16(sys.EBADFD))
	b.Call(sys.SYS_LANDLOCK_ADD_RULE, From(set), Val(sys.LANDLOCK_RULE_NET_PORT),
		b.Words(sys.LANDLOCK_ACCESS_NET_CONNECT_TCP, 443), Val(0))
	b.Call(sys.SYS_LANDLOCK_RESTRICT_SELF, From(set), Val(0))
	b.Call(sys.SYS_UMASK, Val(0)).StoringAt(b.Buf(make([]byte, 8)))
}

func samplePrivileges(b *Builder) {
	b.Note("drop capabilities", "of the payload", spec.Origin{})
	b.Call(sys.SYS_SETNS, From(SlotGate), Val(sys.CLONE_NEWUSER))
	b.Call(sys.SYS_SETGROUPS, Val(0), Null)
	b.Call(sys.SYS_SETRESGID, Val(5), Val(5), Val(5))
	b.Call(sys.SYS_SETRESUID, Val(1000), Val(1000), Val(1000))
	b.Call(sys.SYS_SETSID)
	b.Call(sys.SYS_GETPID).Expecting(2)
	b.Prctl(Val(sys.PR_CAP_AMBIENT), Val(sys.PR_CAP_AMBIENT_CLEAR_ALL))
	b.Prctl(Val(sys.PR_CAPBSET_DROP), Val(21)).Tolerating(uint16(sys.EINVAL), uint16(sys.EPERM))
	b.Prctl(Val(sys.PR_CAPBSET_DROP), Val(63)).Tolerating(uint16(sys.EINVAL))
	b.Prctl(Val(sys.PR_SET_SECUREBITS), Val(sys.SECUREBITS_ALL_LOCKED))
	header := b.Words(sys.LINUX_CAPABILITY_VERSION_3)
	b.Call(sys.SYS_CAPSET, header, b.Words(0, 0, 0))
	b.Call(sys.SYS_CAPSET, header, b.Words(1<<21|1<<32, 0, 1<<5|1<<63))
	b.Call(sys.SYS_CAPGET, header, b.Buf(make([]byte, 24)))
	b.Note("verify", "", spec.Origin{})
	b.Prctl(Val(sys.PR_GET_NO_NEW_PRIVS)).Expecting(1)
	b.Call(sys.SYS_UNSHARE, Val(sys.CLONE_NEWUSER|sys.CLONE_NEWTIME)).MustFail(uint16(sys.EPERM), uint16(sys.ENOSPC), uint16(sys.EPERM))
	b.Note("limit", "nofile", spec.Origin{})
	b.Call(sys.SYS_PRLIMIT64, Val(0), Val(7), b.Words(4096, ^uint64(0)), Null)
	b.Call(sys.SYS_CLOSE_RANGE, Val(3), Val(sys.LAST_FD), Val(sys.CLOSE_RANGE_CLOEXEC))
	b.Call(sys.SYS_FCNTL, Val(5), Val(sys.F_SETFD), Val(0))
	b.Call(sys.SYS_FCNTL, Val(5), Val(sys.F_GETFD))
}

func sampleExec(b *Builder) {
	b.Note("filter", "system calls", spec.Origin{})
	prog := b.Buf(bytes.Repeat([]byte{6, 0, 0, 0, 0, 0, 0xff, 0x7f}, 103))
	header := make([]byte, 16)
	binary.NativeEndian.PutUint16(header, 103)
	fprog := b.Buf(header)
	b.Relocate(fprog.Offset(8), prog)
	b.Call(sys.SYS_SECCOMP, Val(sys.SECCOMP_SET_MODE_FILTER), Val(sys.SECCOMP_FILTER_SPEC_ALLOW), fprog)
	b.Note("run", "sh", spec.CommandLine)
	argv := b.Pointers([]Arg{b.Str("sh"), b.Str("-c"), b.Str("echo \"$A\"\n")})
	envp := b.Pointers([]Arg{b.Str("A=<b>"), b.Str("EMPTY=")})
	b.Call(sys.SYS_EXECVE, b.Str("/usr/bin/sh"), argv, envp).Tolerating(uint16(sys.ENOENT), uint16(sys.EACCES))
	b.Call(sys.SYS_EXECVE, b.Str("/bin/sh"), argv, envp)
	b.Call(sys.SYS_EXECVE, b.Str("/bin/true"), b.Pointers(nil), Null)
}

func sampleSupervise(b *Builder) {
	b.Note("wait", "for the payload", spec.Origin{})
	b.Call(sys.SYS_DUP3, From(SlotControl), Val(0), Val(sys.O_CLOEXEC)).Result = SlotControl
	b.Into(sys.SYS_SIGNALFD4, Val(-1), b.Words(1<<(sys.SIGCHLD-1)|1<<39), Val(8), Val(sys.SIGNALFD_NONBLOCK|sys.SIGNALFD_CLOEXEC))
	b.Call(sys.SYS_PPOLL, b.Buf(make([]byte, 16)), Val(2), b.Words(0, 10e6), b.Words(0), Val(8))
	b.Call(sys.SYS_WAIT4, Val(-1), Null, Val(1), Null)
	b.Call(sys.SYS_KILL, Val(-1), Val(sys.SIGKILL))
	b.Call(sys.SYS_SENDTO, From(SlotControl), b.Str("hi"), Val(2), Val(sys.MSG_NOSIGNAL), Null, Val(0))
	b.Call(sys.SYS_CLONE, Val(sys.CLONE_VM|sys.SIGCHLD), Null, Null, Null, Null)
	b.Call(sys.SYS_CLONE, Val(sys.CLONE_NEWUSER|sys.SIGCHLD)).Forking(2)
	b.Call(sys.SYS_CLONE3, b.Buf(make([]byte, 72)), Val(72))
	b.Call(sys.SYS_EXIT_GROUP, Val(125))
	sampleChecks(b)
}

// sampleChecks has the ways to take a result that the others lack.
func sampleChecks(b *Builder) {
	b.Note("look", "around", spec.Origin{})
	b.Call(sys.SYS_GETCWD, b.Buf(make([]byte, 16)), Val(16)).Any()
	b.Call(sys.SYS_FCHMODAT, FDCWD, b.Str("/proc/self/fd/500"), Val(0o1777))
	first := b.Buf(make([]byte, 256))
	b.Call(sys.SYS_STATX, Val(7), b.Str(""), Val(sys.AT_EMPTY_PATH), Val(0x7ff), first)
	b.Call(sys.SYS_STATX, Val(8), b.Str(""), Val(sys.AT_EMPTY_PATH), Val(0x7ff), b.Buf(make([]byte, 256))).SameAs(first)
	b.Call(sys.SYS_EXECVE, b.Str("/bin/sh"), b.Pointers(nil), b.Pointers(nil)).AfterNoExec()
	sampleTerminal(b)
	b.Section(Enter)
	b.Call(sys.SYS_SETNS, Val(9), Val(sys.CLONE_NEWUSER))
}

func sampleTerminal(b *Builder) {
	b.Note("make", "the terminal", spec.Origin{})
	master := b.Open(FDCWD, "/dev/pts/ptmx", sys.O_RDWR|sys.O_NOCTTY|sys.O_NONBLOCK)
	b.Call(sys.SYS_IOCTL, From(master), Val(sys.TIOCSPTLCK), b.Buf(make([]byte, 8)))
	peer := b.Into(sys.SYS_IOCTL, From(master), Val(sys.TIOCGPTPEER), Val(sys.O_RDWR|sys.O_NOCTTY))
	b.Call(sys.SYS_FCHOWN, From(peer), Val(5), Val(5))
	b.Call(sys.SYS_IOCTL, Val(2), Val(sys.TIOCGWINSZ), b.Buf(make([]byte, 8)))
	control := b.Words(24, uint64(sys.SOL_SOCKET)|uint64(sys.SCM_RIGHTS)<<32, 1<<32|700)
	message := b.Buf(make([]byte, 56))
	b.Relocate(message.Offset(16), b.Words(0, 0))
	b.Relocate(message.Offset(32), control)
	b.Call(sys.SYS_DUP3, From(peer), Val(7), Val(sys.O_CLOEXEC)).StoringAt(control.Offset(16))
	b.Call(sys.SYS_SENDMSG, From(SlotControl), message, Val(sys.MSG_NOSIGNAL))
	b.Call(sys.SYS_SENDMSG, From(SlotControl), b.Buf(make([]byte, 56)), Val(0))
	b.Call(sys.SYS_IOCTL, From(peer), Val(sys.TIOCSCTTY), Val(0))
}
