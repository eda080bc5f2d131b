package spec

// MountType says what a mount brings into the sandbox.
type MountType uint8

const (
	MountBind    MountType = iota // Source of the host
	MountTmpfs                    // an empty, bounded, writable tree
	MountOverlay                  // Lower under Upper
	MountProc                     // a procfs of the sandbox's own pid namespace
	MountDev                      // a minimal /dev
	MountDevpts                   // a devpts instance of its own
	MountMqueue                   // the sandbox's POSIX message queues
	MountSymlink                  // a link whose text is Source
	MountDir                      // an empty directory
	MountFile                     // a file with Content
	MountHide                     // covers what is there with something empty
	MountImage                    // Source, a root file system, at "/"; no type of a profile's [[mount]]
)

var mountTypes = [...]string{"bind", "tmpfs", "overlay", "proc", "dev", "devpts", "mqueue", "symlink", "dir", "file", "hide", "image"}

// String returns the type's name in a profile.
func (t MountType) String() string {
	if int(t) < len(mountTypes) {
		return mountTypes[t]
	}
	return "unknown"
}

// ParseMountType returns the type that a profile calls name.
func ParseMountType(name string) (MountType, bool) {
	for i, n := range MountTypeNames() {
		if n == name {
			return MountType(i), true
		}
	}
	return 0, false
}

// MountTypeNames lists the names a profile may use.
func MountTypeNames() []string { return mountTypes[:MountImage] }

// Mount is one grant, or one thing made for the payload.
//
// When two mounts have the same Target, the one of the later Layer replaces
// the other; within one layer the more restrictive wins (hide, then
// read-only, then writable).
type Mount struct {
	Type   MountType
	Source string // bind: absolute host path; symlink: the link's text
	Target string // absolute and clean, inside

	Write  bool // bind, overlay, image: the payload may write
	NoExec bool
	Dev    bool // bind: device nodes work (nodev is not set)
	// Socket allows a bind whose source is a socket or a fifo: a door to
	// whoever listens outside, so it must be asked for by name.
	Socket bool
	// Variable is the environment variable that a service manager gives Source
	// in, or "".
	Variable string
	Optional bool // a missing Source (hide: Target) is fine. In an image: a dir only where nothing is, a file only in a directory that is there

	Size    uint64  // tmpfs: bytes; 0 means DefaultTmpfsSize. image: of what is written to memory
	Mode    *uint32 // tmpfs, dir, file: permission bits
	Content []byte  // file

	Lower       []string // overlay: host directories, topmost first
	Upper, Work string   // overlay: host directories; "" for a read-only overlay. image: those of a kept layer

	// Layer counts the profiles and drop-ins in the order they are merged;
	// the command line is the last.
	Layer  int
	Origin Origin
}

// DefaultTmpfsSize bounds a tmpfs whose size the profile does not give. The
// kernel's own default is half of the memory (tmpfs(5)).
const DefaultTmpfsSize = 256 << 20
