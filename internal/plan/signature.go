package plan

import "github.com/lichen-sandbox/lichen/internal/sys"

// kind says what an argument, or a field of a structure, means.
type kind uint8

const (
	none    kind = iota
	number       // decimal
	mode         // octal
	fd           // a descriptor, or AT_FDCWD
	lastFD       // the upper end of a range of descriptors
	size         // the length of what the argument before points to
	text         // pointer to a NUL-terminated string
	texts        // pointer to an array of such pointers
	data         // pointer to bytes; their number is the next argument
	buffer       // pointer to what the kernel writes, or to what is not decoded
	sigset       // pointer to a signal mask
	chars        // NUL-padded string inside a structure
	limit        // an rlimit value
	program      // pointer inside sock_fprog
	capSets      // the six words of capset(2)
	rights       // pointer inside msghdr to descriptors that are passed

	// Pointers to structures; see layouts.
	openHow
	mountAttr
	rulesetAttr
	pathBeneath
	netPort
	sockFprog
	rlimit
	capHeader
	capData
	ifreq
	cloneArgs
	timespec
	msgHdr
	integer
	endOfStructs

	// flags and enum are bases: a sys.FlagSet or a sys.Enum is added.
	flags kind = 64
	enum  kind = 128
)

// signature returns the kinds of an op's arguments and how many it takes.
// Where one argument decides what another means, that is settled here.
func (o *Op) signature() (kinds [6]kind, count int) {
	if c := lookup(o.Nr); c != nil {
		kinds = c.args
	}
	switch o.Nr {
	case sys.SYS_OPENAT:
		if o.plain(2)&sys.O_CREAT == 0 {
			kinds[3] = none // open(2) reads the mode for a new file only
		}
	case sys.SYS_PRCTL:
		kinds[1], kinds[2] = prctlKinds(o.plain(0), o.plain(1))
	case sys.SYS_FCNTL:
		kinds[2] = fcntlKind(o.plain(1))
	case sys.SYS_IOCTL:
		kinds[2] = ioctlKind(o.plain(1))
	case sys.SYS_SECCOMP:
		if o.plain(0) == sys.SECCOMP_SET_MODE_FILTER {
			kinds[2] = sockFprog
		}
	case sys.SYS_LANDLOCK_ADD_RULE:
		switch o.plain(1) {
		case sys.LANDLOCK_RULE_PATH_BENEATH:
			kinds[2] = pathBeneath
		case sys.LANDLOCK_RULE_NET_PORT:
			kinds[2] = netPort
		}
	}
	for count < len(kinds) && kinds[count] != none {
		count++
	}
	// Nothing that the kernel is passed stays out of sight.
	for i := len(kinds) - 1; i >= count; i-- {
		if o.Args[i] != 0 || (o.Slots|o.Pointers)>>i&1 != 0 {
			return kinds, i + 1
		}
	}
	return kinds, count
}

// plain returns argument i if it is a number, and a value that means nothing
// to any call otherwise.
func (o *Op) plain(i int) uint64 {
	if (o.Slots|o.Pointers)>>i&1 != 0 {
		return 1 << 63
	}
	return o.Args[i]
}

func prctlKinds(option, command uint64) (second, third kind) {
	switch option {
	case sys.PR_SET_PDEATHSIG:
		return enum + kind(sys.Signals), none
	case sys.PR_SET_NAME:
		return text, none
	case sys.PR_CAPBSET_DROP, sys.PR_CAPBSET_READ:
		return enum + kind(sys.Capabilities), none
	case sys.PR_CAP_AMBIENT:
		if command == sys.PR_CAP_AMBIENT_CLEAR_ALL {
			return enum + kind(sys.AmbientCommands), none
		}
		return enum + kind(sys.AmbientCommands), enum + kind(sys.Capabilities)
	case sys.PR_SET_SECUREBITS:
		return flags + kind(sys.SecurebitsFlags), none
	case sys.PR_GET_NO_NEW_PRIVS:
		return none, none
	}
	return number, none
}

func ioctlKind(request uint64) kind {
	switch request {
	case sys.SIOCSIFFLAGS:
		return ifreq
	case sys.TIOCSPTLCK:
		return integer
	case sys.TIOCGPTPEER:
		return flags + kind(sys.OpenFlags)
	case sys.TIOCGWINSZ, sys.TIOCSWINSZ, sys.TCGETS, sys.TCSETS:
		return buffer
	}
	return number
}

func fcntlKind(command uint64) kind {
	switch command {
	case sys.F_GETFD, sys.F_GETFL:
		return none
	case sys.F_SETFD:
		return flags + kind(sys.FDFlags)
	}
	return number
}
