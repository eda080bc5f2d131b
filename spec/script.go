package spec

import (
	"strconv"
	"strings"
)

// Script makes a Spec one of bubblewrap's kind: what the payload sees is made
// by steps in order, each of which may change what those before it made, and
// the payload's environment, descriptors and system calls are the caller's but
// for what is named. A Spec has a Script or Mounts, not both.
//
// Of the rest of the Spec, only Process.Command, UID, GID, NewSession and Linger,
// and Namespaces (not User and Mount, which are always there) mean something
// beside a Script.
type Script struct {
	Steps []Step

	Argv0 *string  // what the program sees as its name; nil: the command
	Env   []string // the environment, "NAME=VALUE"; PWD is added
	// Cwd is where the payload starts. nil: the last of CwdTries that can be
	// entered, or "/".
	Cwd      *string
	CwdTries []string

	// Dir is the caller's working directory, where relative sources start; "" when
	// it has no name.
	Dir string

	Hostname *string // nil: the caller's

	// AsPID1 runs the payload as the first process of its pid namespace.
	AsPID1 bool
	// Capabilities is the set that the payload keeps, in its own user namespace.
	Capabilities uint64
	// ForbidUserns keeps the payload from making user namespaces; CheckUserns
	// fails where it could make one.
	ForbidUserns, CheckUserns bool
	// UserNS, UserNS2 and PIDNS are namespaces to enter, by descriptor, or NoFD:
	// before the set-up, after it, and for the processes.
	UserNS, UserNS2, PIDNS int
	// MapsGiven: somebody else writes the id maps, and the payload gets no user
	// namespace of its own.
	MapsGiven bool
	// Gated: the launcher has something to do between clone and the set-up.
	Gated bool
	// BlockFD is read before the payload starts, or NoFD.
	BlockFD   int
	LockFiles []string // paths inside, locked for reading while the sandbox lives
	Filters   [][]byte // classic BPF programs, loaded in this order
	// Terminal is the path of the caller's terminal, for /dev/console; may be
	// empty.
	Terminal string
	// NoFile is the payload's soft limit on open files; nil: the launcher's.
	NoFile *uint64
	// FreeFD is so far above every descriptor that is open that what the set-up
	// opens does not reach it; see FreeFDMargin.
	FreeFD int
}

// FreeFDMargin is what Script.FreeFD has to leave free above the highest open
// descriptor: the slots of a plan, and what the launcher opens.
const FreeFDMargin = 80

// NoFD stands for no descriptor.
const NoFD = -1

// StepKind says what a step does.
type StepKind uint8

const (
	StepBind       StepKind = iota // Source of the host at Target, with what is mounted below it
	StepTmpfs                      // an empty tree: Size, Mode
	StepProc                       // a procfs
	StepDev                        // a minimal /dev
	StepMqueue                     // POSIX message queues
	StepDir                        // a directory: Mode
	StepFile                       // a file with Content: Mode
	StepData                       // the same, mounted on Target: Mode, Write
	StepSymlink                    // a link whose text is Source
	StepRemountRO                  // makes the mount at Target read-only, nothing below it
	StepChmod                      // gives what is at Target the mode Mode
	StepOverlay                    // Lower under Upper
	StepTmpOverlay                 // Lower under a tmpfs that nobody else sees
	StepROOverlay                  // Lower alone
)

// Step is one operation on the sandbox's file system.
type Step struct {
	Kind   StepKind
	Source string // bind: a path of the host; symlink: the link's text
	// SourceFD is a descriptor open on Source, or NoFD: what is mounted has to be
	// the same file.
	SourceFD int
	Target   string // inside; where it is not absolute, below "/"

	Write    bool // bind, data: the payload may write
	Dev      bool // bind: device nodes work
	Optional bool // bind: a missing Source is fine

	Mode    *uint32 // nil: the kind's own
	Size    uint64  // tmpfs: bytes; 0: the kernel's default
	Content []byte

	Lower       []string // overlays: directories of the host, topmost first
	Upper, Work string

	Origin Origin
}

func (s *Spec) validateScript() error {
	if len(s.Process.Command) == 0 {
		return s.refuse("process.command", "there is no command to run", "")
	}
	if len(s.Mounts) > 0 {
		return &Error{Op: "compile", Object: "sandbox", Reason: "it has both a script and mounts"}
	}
	for i := range s.Script.Steps {
		st := &s.Script.Steps[i]
		for _, p := range append([]string{st.Source, st.Target, st.Upper, st.Work}, st.Lower...) {
			if strings.IndexByte(p, 0) >= 0 {
				return &Error{Op: "set up", Object: strconv.Quote(p), Reason: "contains a NUL byte", Origin: st.Origin}
			}
		}
		if st.Mode != nil && *st.Mode > 0o7777 {
			return &Error{Op: "set up", Object: st.Target, Reason: "a mode has at most four octal digits", Origin: st.Origin}
		}
	}
	return nil
}
