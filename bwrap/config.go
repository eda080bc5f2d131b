package bwrap

// Config is what a command line asks for.
type Config struct {
	Action Action

	Ops       []Op     // in order
	Env       []EnvOp  // in order
	LockFiles []string // paths inside, locked for reading while the sandbox lives
	Caps      []CapOp  // in order
	Command   []string // with its arguments; never empty for ActionRun
	Argv0     *string  // what the program sees as its name

	Unshare Unshare
	// UserNS, UserNS2 and PIDNS are descriptors of namespaces to enter, or
	// NoFD: before the set-up, after it, and for the processes.
	UserNS, UserNS2, PIDNS int
	DisableUserns          bool // no user namespaces inside
	AssertUsernsDisabled   bool // fail where they can be made

	UID, GID  *uint32 // inside; nil: the caller's
	Hostname  *string
	Chdir     *string // nil: the caller's, $HOME or "/", whichever is there first
	ExecLabel *string
	FileLabel *string

	SyncFD        int   // held open by PID 1 as long as it lives
	BlockFD       int   // a byte from it starts the program
	UsernsBlockFD int   // a byte from it tells that the id maps are written
	InfoFD        int   // gets one JSON object
	StatusFD      int   // gets JSON objects, one a line
	ArgFDs        []int // lists of arguments that were read
	SeccompFDs    []int // filters, loaded in this order

	NewSession    bool
	DieWithParent bool
	AsPID1        bool
	LevelPrefix   bool // messages begin with "<3>" or "<4>"

	// Warnings are lines for stderr that stop nothing, in order.
	Warnings []string
}

// Action is what to do with a Config.
type Action uint8

const (
	ActionRun     Action = iota // run Command
	ActionHelp                  // print Usage, exit 0
	ActionVersion               // print VersionText, exit 0
)

// NoFD stands for a descriptor that no option names.
const NoFD = -1

// Unshare lists the namespaces that the sandbox gets of its own. A mount
// namespace is one of them always.
type Unshare struct {
	User      bool // asked for, or needed because the caller is not root
	UserTry   bool // do without, where the kernel refuses
	IPC       bool
	PID       bool
	Net       bool
	UTS       bool
	Cgroup    bool
	CgroupTry bool
}

// OpKind says what an operation does.
type OpKind uint8

const (
	OpBind       OpKind = iota // Source, or FD, of the host on Dest, with what is mounted below it
	OpProc                     // a procfs
	OpDev                      // a minimal /dev
	OpTmpfs                    // an empty tree; Size, Perms
	OpMqueue                   // POSIX message queues
	OpDir                      // an empty directory; Perms
	OpFile                     // a file with what FD holds; Perms
	OpBindData                 // the same, mounted on Dest; Perms, ReadOnly
	OpSymlink                  // a link with the text Source
	OpRemountRO                // makes the mount at Dest read-only, nothing below it
	OpChmod                    // Perms of an existing Dest
	OpOverlay                  // Lower under Upper
	OpTmpOverlay               // Lower under a tmpfs nobody sees
	OpROOverlay                // Lower alone
)

// Op is one operation on the file system.
type Op struct {
	Kind   OpKind
	Option string // its name, without dashes
	Source string // bind: path of the host, may be relative; symlink: its text
	Dest   string // as written; relative to "/"
	FD     int    // NoFD, or where the source or the content comes from

	ReadOnly bool
	Dev      bool // bind: device nodes work
	Try      bool // bind: a missing source is fine

	Perms *uint32 // permission bits up to 07777; nil: the operation's own default
	Size  uint64  // tmpfs: bytes; 0: no limit

	Lower       []string // overlays: as written, so the last is on top
	Upper, Work string
}

// EnvKind says what happens to the environment.
type EnvKind uint8

const (
	EnvSet EnvKind = iota
	EnvUnset
	EnvClear // all but PWD
)

// EnvOp is one change of the environment.
type EnvOp struct {
	Kind        EnvKind
	Name, Value string
}

// CapOp adds or drops a capability.
type CapOp struct {
	Drop bool
	All  bool
	Cap  uint8 // its number; see capabilities(7)
}

// Effective returns the set that ops leave of start, a bit for each
// capability, and whether any option spoke of capabilities at all.
func Effective(start, all uint64, ops []CapOp) (set uint64, asked bool) {
	set = start
	for _, op := range ops {
		bits := uint64(1) << op.Cap
		if op.All {
			bits = all
		}
		if op.Drop {
			set &^= bits
		} else {
			set |= bits
		}
	}
	return set, len(ops) > 0
}
