package sys

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// Enum is a family of values of which one argument or field holds one.
type Enum uint8

const (
	PrctlOptions Enum = iota
	AmbientCommands
	FcntlCommands
	FsconfigCommands
	IoctlRequests
	SeccompOperations
	LandlockRuleTypes
	AddressFamilies
	SigmaskHows
	CapabilityVersions
	Capabilities
	Signals
	Resources
	NumEnums
)

// enumTables holds what is not derived in Name.
var enumTables = [NumEnums][]flag{
	PrctlOptions: {
		{"PR_SET_PDEATHSIG", unix.PR_SET_PDEATHSIG}, {"PR_SET_DUMPABLE", unix.PR_SET_DUMPABLE}, {"PR_SET_NAME", unix.PR_SET_NAME},
		{"PR_SET_KEEPCAPS", unix.PR_SET_KEEPCAPS}, {"PR_SET_NO_NEW_PRIVS", unix.PR_SET_NO_NEW_PRIVS},
		{"PR_GET_NO_NEW_PRIVS", unix.PR_GET_NO_NEW_PRIVS}, {"PR_SET_CHILD_SUBREAPER", unix.PR_SET_CHILD_SUBREAPER},
		{"PR_CAPBSET_DROP", unix.PR_CAPBSET_DROP}, {"PR_CAPBSET_READ", unix.PR_CAPBSET_READ}, {"PR_CAP_AMBIENT", unix.PR_CAP_AMBIENT},
		{"PR_SET_SECUREBITS", unix.PR_SET_SECUREBITS}, {"PR_GET_SECUREBITS", unix.PR_GET_SECUREBITS},
	},
	AmbientCommands: {
		{"PR_CAP_AMBIENT_IS_SET", unix.PR_CAP_AMBIENT_IS_SET}, {"PR_CAP_AMBIENT_RAISE", unix.PR_CAP_AMBIENT_RAISE},
		{"PR_CAP_AMBIENT_LOWER", unix.PR_CAP_AMBIENT_LOWER}, {"PR_CAP_AMBIENT_CLEAR_ALL", unix.PR_CAP_AMBIENT_CLEAR_ALL},
	},
	FcntlCommands: {
		{"F_GETFD", unix.F_GETFD}, {"F_SETFD", unix.F_SETFD}, {"F_GETFL", unix.F_GETFL}, {"F_SETFL", unix.F_SETFL},
		{"F_DUPFD_CLOEXEC", unix.F_DUPFD_CLOEXEC}, {"F_OFD_SETLK", unix.F_OFD_SETLK},
	},
	FsconfigCommands: {
		{"FSCONFIG_SET_FLAG", unix.FSCONFIG_SET_FLAG}, {"FSCONFIG_SET_STRING", unix.FSCONFIG_SET_STRING},
		{"FSCONFIG_SET_BINARY", unix.FSCONFIG_SET_BINARY}, {"FSCONFIG_SET_PATH", unix.FSCONFIG_SET_PATH},
		{"FSCONFIG_SET_PATH_EMPTY", unix.FSCONFIG_SET_PATH_EMPTY}, {"FSCONFIG_SET_FD", unix.FSCONFIG_SET_FD},
		{"FSCONFIG_CMD_CREATE", unix.FSCONFIG_CMD_CREATE}, {"FSCONFIG_CMD_RECONFIGURE", unix.FSCONFIG_CMD_RECONFIGURE},
	},
	IoctlRequests: {
		{"SIOCSIFFLAGS", unix.SIOCSIFFLAGS}, {"SIOCGIFFLAGS", unix.SIOCGIFFLAGS}, {"TIOCSCTTY", unix.TIOCSCTTY},
		{"TIOCGPTPEER", unix.TIOCGPTPEER}, {"TIOCSPTLCK", unix.TIOCSPTLCK}, {"TIOCGWINSZ", unix.TIOCGWINSZ}, {"TIOCSWINSZ", unix.TIOCSWINSZ},
		{"TCGETS", unix.TCGETS}, {"TCSETS", unix.TCSETS},
	},
	SeccompOperations: {
		{"SECCOMP_SET_MODE_STRICT", unix.SECCOMP_SET_MODE_STRICT}, {"SECCOMP_SET_MODE_FILTER", unix.SECCOMP_SET_MODE_FILTER},
		{"SECCOMP_GET_ACTION_AVAIL", unix.SECCOMP_GET_ACTION_AVAIL},
	},
	LandlockRuleTypes:  {{"LANDLOCK_RULE_PATH_BENEATH", LANDLOCK_RULE_PATH_BENEATH}, {"LANDLOCK_RULE_NET_PORT", LANDLOCK_RULE_NET_PORT}},
	AddressFamilies:    {{"AF_UNIX", unix.AF_UNIX}, {"AF_INET", unix.AF_INET}, {"AF_INET6", unix.AF_INET6}, {"AF_NETLINK", unix.AF_NETLINK}},
	SigmaskHows:        {{"SIG_BLOCK", unix.SIG_BLOCK}, {"SIG_UNBLOCK", unix.SIG_UNBLOCK}, {"SIG_SETMASK", unix.SIG_SETMASK}},
	CapabilityVersions: {{"_LINUX_CAPABILITY_VERSION_3", unix.LINUX_CAPABILITY_VERSION_3}},
}

// capabilities is indexed by number; see linux/capability.h.
var capabilities = [...]string{
	"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETGID", "CAP_SETUID",
	"CAP_SETPCAP", "CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST", "CAP_NET_ADMIN", "CAP_NET_RAW",
	"CAP_IPC_LOCK", "CAP_IPC_OWNER", "CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_CHROOT", "CAP_SYS_PTRACE", "CAP_SYS_PACCT",
	"CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE", "CAP_SYS_RESOURCE", "CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG", "CAP_MKNOD",
	"CAP_LEASE", "CAP_AUDIT_WRITE", "CAP_AUDIT_CONTROL", "CAP_SETFCAP", "CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG",
	"CAP_WAKE_ALARM", "CAP_BLOCK_SUSPEND", "CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE",
}

// Name returns the name of v, or "" when it has none.
func (e Enum) Name(v uint64) string {
	switch {
	case e == Signals && v < 64:
		return unix.SignalName(syscall.Signal(v))
	case e == Resources && v < uint64(len(rlimits)):
		return resourceNames[v]
	case e == Capabilities && v < uint64(len(capabilities)):
		return capabilities[v]
	case e >= NumEnums:
		return ""
	}
	for _, f := range enumTables[e] {
		if f.value == v {
			return f.name
		}
	}
	return ""
}

// resourceNames is rlimits in the kernel's spelling.
var resourceNames = [len(rlimits)]string{
	unix.RLIMIT_CPU: "RLIMIT_CPU", unix.RLIMIT_FSIZE: "RLIMIT_FSIZE", unix.RLIMIT_DATA: "RLIMIT_DATA", unix.RLIMIT_STACK: "RLIMIT_STACK",
	unix.RLIMIT_CORE: "RLIMIT_CORE", unix.RLIMIT_RSS: "RLIMIT_RSS", unix.RLIMIT_NPROC: "RLIMIT_NPROC", unix.RLIMIT_NOFILE: "RLIMIT_NOFILE",
	unix.RLIMIT_MEMLOCK: "RLIMIT_MEMLOCK", unix.RLIMIT_AS: "RLIMIT_AS", unix.RLIMIT_LOCKS: "RLIMIT_LOCKS",
	unix.RLIMIT_SIGPENDING: "RLIMIT_SIGPENDING", unix.RLIMIT_MSGQUEUE: "RLIMIT_MSGQUEUE", unix.RLIMIT_NICE: "RLIMIT_NICE",
	unix.RLIMIT_RTPRIO: "RLIMIT_RTPRIO", unix.RLIMIT_RTTIME: "RLIMIT_RTTIME",
}

// ErrnoName returns a name like "EPERM", or "" when e has none.
func ErrnoName(e uint16) string { return unix.ErrnoName(syscall.Errno(e)) }
