package seccomp

import (
	"github.com/lichen-sandbox/lichen/spec"
)

// Options is what a filter depends on beside the policy.
type Options struct {
	// Arch is the machine's architecture; see Native.
	Arch Arch
	// Nested lets the payload make namespaces and mounts of its own: it lifts
	// the guards against them and that of openat2, which container runtimes need,
	// and allows @namespaces and @mount. A deny list still wins.
	Nested bool
	// UnixOnly refuses every socket family but AF_UNIX, with everything that a
	// filter cannot look into: 32-bit socketcall and io_uring. It is the network
	// "none" of a sandbox without a net namespace, and nothing lifts it.
	UnixOnly bool
	// NoSockets refuses sockets of every family, and pairs that can send to a
	// path: only SOCK_STREAM and SOCK_SEQPACKET pairs of AF_UNIX remain. It is
	// UnixOnly for a Landlock before ABI 9, which cannot keep the payload from
	// sockets that it finds in the file system; nothing lifts it.
	NoSockets bool
	// NoFastOpen refuses to connect by sending (MSG_FASTOPEN), which goes past
	// Landlock's rules for TCP ports, with everything that a filter cannot look
	// into. Nothing lifts it.
	NoFastOpen bool
	// NoGroupSignals refuses kill(0, …), which reaches the process group of the
	// caller of a sandbox, for kernels whose Landlock has no signal scope (before
	// ABI 6). Nothing lifts it.
	NoGroupSignals bool
	// KeepFiles refuses to truncate a file by its name, and to open one with
	// O_TRUNC unless for writing. It keeps what the payload has open for reading
	// from being truncated through /proc/self/fd, for kernels whose Landlock has
	// no right for that (before ABI 3). Nothing lifts it.
	KeepFiles bool
	// InPlace is for a sandbox without namespaces of its own, confined by
	// Landlock alone. It refuses what Landlock has no right for: owners, modes,
	// times and attributes of files, System V IPC and message queues, and the
	// scheduling of other processes. It binds whatever lets a call through, the
	// default included; only the call's own name in the allow list lifts it.
	InPlace bool
	// FakeIDs has the calls that change owners and ids say that they succeeded,
	// and do nothing: for a payload that takes itself for root and has one id
	// only. It holds whether the policy lets them through or refuses them by
	// default; the deny list and the rules on a call still win.
	FakeIDs bool
	// SetIDBits says what becomes of setuid and setgid bits.
	SetIDBits SetIDBits
	// GuardDefault has the guards hold for calls that only a default of "allow"
	// or "log" lets through as well: a policy that names what it refuses has
	// hardly thought of TIOCSTI.
	GuardDefault bool
	// Notify promises that a process outside listens to the filter
	// (SECCOMP_FILTER_FLAG_NEW_LISTENER, Linux 5.0), and lets the policy have the
	// action "notify". Such a call is refused as far as this package knows: no
	// guard is asked, and what the listener lets go on is its own affair.
	Notify bool
	// Frequency holds how often calls are made, by name and in any unit; those it
	// does not hold count as made once. It decides how near to the program's
	// start the answer of a call is, and nothing else. An empty one takes some
	// more time to find the best program for calls that are all alike; nil does
	// not.
	Frequency map[string]uint64
}

// SetIDBits is what a filter does about calls that give a file S_ISUID or
// S_ISGID, where a guard is against them.
type SetIDBits uint8

const (
	// SetIDRefused answers EPERM.
	SetIDRefused SetIDBits = iota
	// SetIDPretended has the calls that change a mode succeed without doing
	// anything: a program that cannot go on otherwise does, and the file keeps
	// the mode that it had. Calls that make a file are refused.
	SetIDPretended
	// SetIDAllowed lifts the guards, for a payload that has no files which
	// anybody outside could execute.
	SetIDAllowed
)

// Compile returns the program of a policy; nil when the policy is off. Actions
// that are not set mean EPERM. The errors it returns are of type *spec.Error.
func Compile(p *spec.Seccomp, o Options) ([]Instruction, error) {
	if p.Off && (o.UnixOnly || o.NoSockets) {
		return nil, &spec.Error{Op: "seccomp", Reason: "without a net namespace only the filter can keep the network away, and the policy is off"}
	}
	if p.Off {
		return nil, nil
	}
	if o.Arch >= numArches {
		return nil, unknownArch()
	}
	a, err := assemble(p, o)
	if err != nil {
		return nil, err
	}
	if len(a.rev) > MaxInstructions {
		return nil, tooLong(p, o, len(a.rev))
	}
	return a.program(), nil
}

// assemble writes the program, however long it gets.
func assemble(p *spec.Seccomp, o Options) (*assembler, error) {
	r, err := resolve(p, o)
	if err != nil {
		return nil, err
	}
	a := &assembler{rev: make([]Instruction, 0, 512)}
	entry := answering(RetKillProcess)
	if compat, ok := o.Arch.Compat(); ok && p.Compat {
		if entry, err = r.section(a, compat, entry); err != nil {
			return nil, err
		}
	}
	if entry, err = r.section(a, o.Arch, entry); err != nil {
		return nil, err
	}
	a.word(offArch, allBits, entry) // which the first section tests
	return a, nil
}

func unknownArch() error {
	return &spec.Error{Op: "seccomp", Reason: "no system call tables for this architecture"}
}

// section writes the part of one architecture and the test that leads into it;
// other is where the remaining ones go.
func (r *policy) section(a *assembler, arch Arch, other label) (label, error) {
	d, err := r.decide(arch)
	if err != nil {
		return label{}, err
	}
	w := treeWriter{assembler: a, decisions: d, narrow: arch.is32(), written: make([]label, len(d.list)+1)}
	tree := w.search(arch, spans(arch, d, RetErrno|enosys), r.opts.Frequency)
	return a.jump(opJEq, arch.AuditArch(), a.word(offNr, allBits, tree), other), nil
}

// Check finds what is wrong with a policy's names, groups, actions and rules,
// for all architectures. Nobody listens to the filter; see [Options].Notify.
func Check(p *spec.Seccomp) error { return check(p, Options{}) }

func check(p *spec.Seccomp, o Options) error {
	r, err := resolve(p, o)
	if err != nil {
		return err
	}
	for a := range Arch(numArches) {
		if _, err := r.bindRules(a); err != nil {
			return err
		}
	}
	return nil
}

// AllowOnly returns the program that lets through the named calls of arch and
// kills the process at anything else: other numbers, unknown ones and other
// architectures included.
func AllowOnly(arch Arch, names []string) ([]Instruction, error) {
	if arch >= numArches {
		return nil, unknownArch()
	}
	d := &decisions{list: []decision{{final: RetKillProcess}, {final: RetAllow}}}
	for _, name := range names {
		if _, ok := Number(arch, name); !ok {
			return nil, &spec.Error{Op: "seccomp allow", Object: name, Reason: "no such system call on " + arch.Name(), Hint: suggestEntry(name)}
		}
		id, _ := callNamed(name)
		d.of[id] = 1
	}
	a := &assembler{}
	w := treeWriter{assembler: a, decisions: d, written: make([]label, len(d.list)+1)}
	tree := w.search(arch, spans(arch, d, RetKillProcess), nil)
	a.word(offArch, allBits, a.jump(opJEq, arch.AuditArch(), a.word(offNr, allBits, tree), answering(RetKillProcess)))
	return a.program(), nil // two instructions a name: far from the kernel's limit
}
