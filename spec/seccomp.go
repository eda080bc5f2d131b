package spec

// ActionKind is what a seccomp filter answers to a call.
type ActionKind uint8

const (
	ActionUnset ActionKind = iota
	ActionAllow
	ActionErrno       // fail with Action.Errno
	ActionKillProcess // SIGSYS to the whole process; never a single thread
	ActionLog         // allow, and log where the kernel audits
	ActionTrap        // SIGSYS that the program may handle
	ActionNotify      // wait for what a process outside answers; no launch has one
)

// Action is a verdict.
type Action struct {
	Kind  ActionKind
	Errno uint16 // with ActionErrno
}

// Seccomp is a policy: what Allow, Deny and Rules do not decide, Default does.
//
// Deny wins over Allow. A name with rules in Rules is decided by them alone:
// the call is let through when one of its rules holds, and gets the rule's
// action (or Default) when none does. Numbers above the newest known call
// answer ENOSYS whatever Default says, so that programs fall back to what they
// used before the call existed.
type Seccomp struct {
	Off     bool // no filter at all
	Default Action
	Allow   []SyscallEntry
	Deny    []SyscallEntry
	Rules   []SeccompRule
	// DenyAction answers the calls in Deny; ActionUnset means EPERM.
	DenyAction Action
	// DefaultOrigin and DenyActionOrigin are where the two are written.
	DefaultOrigin, DenyActionOrigin Origin
	// Compat keeps the 32-bit entry points (int 0x80 on amd64, AArch32 on
	// arm64) usable under the same policy. Without it, any call through them
	// kills the process.
	Compat bool
}

// SyscallEntry is a syscall name ("ptrace") or a group ("@mount").
type SyscallEntry struct {
	Name   string
	Origin Origin
}

// SeccompRule is one line of the rules list, still as text: package seccomp
// parses and checks it. Form: "NAME: EXPR [; return ACTION]".
type SeccompRule struct {
	Text   string
	Origin Origin
}
