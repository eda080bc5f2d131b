// Package spec says what a sandbox is, as plain data.
//
// Front ends (the TOML profile, later bubblewrap's command line and an OCI
// image's configuration) make a [Spec]; package sandbox compiles it. A Spec
// holds no decision that depends on the kernel or on the state of the host:
// the same profile gives the same Spec on every machine.
//
// The package imports nothing of this module.
package spec

import "time"

// Spec describes one sandbox.
type Spec struct {
	Name       string // name of the profile, for messages only
	Process    Process
	Env        Env
	Rootfs     Rootfs
	Mounts     []Mount // in the order they were written
	Script     *Script // instead of Mounts; see Script
	NoExec     []Path  // paths at and below which nothing may be executed
	Namespaces Namespaces
	Network    Network
	Landlock   Landlock
	Seccomp    Seccomp
	Limits     Limits
	Service    Service

	// Origins tells where each scalar was set, by its key in the profile
	// ("process.cwd", "network.mode"). Entries of lists carry their own.
	Origins map[string]Origin
}

// OriginOf returns where key was set, or the zero Origin.
func (s *Spec) OriginOf(key string) Origin { return s.Origins[key] }

// OwnSession reports whether the payload has a session of its own: on request, with
// a terminal of its own, and where its output is counted, which the caller's
// terminal would go around (/dev/tty).
func (s *Spec) OwnSession() bool {
	return s.Process.NewSession || s.Process.PTY || s.Limits.Output > 0
}

// Process says what runs and how it ends.
type Process struct {
	Command    []string
	Cwd        string  // absolute, inside; "" means "/"
	Hostname   string  // "" keeps the caller's
	UID, GID   *uint32 // inside; nil means the caller's own
	Umask      *uint32 // permission bits; nil inherits the caller's
	NewSession bool    // setsid before exec; gives up the caller's terminal
	PTY        bool    // a terminal of the sandbox's own, in a session of its own
	Linger     bool    // wait for every process inside, not only the first
	// ExitBySignal has the launcher end by the signal that has ended the payload,
	// in place of an exit status of 128 and its number.
	ExitBySignal bool
	Timeout      time.Duration
	KillAfter    time.Duration // grace between StopSignal and SIGKILL at Timeout
	StopSignal   int           // what asks the payload to end; 0 means SIGTERM
	KeepFDs      []FD          // descriptors ≥ 3 that the payload inherits
}

// FD is one inherited descriptor.
type FD struct {
	FD     int
	Origin Origin
}

// Env is an allow-list: what it does not name does not get in.
type Env struct {
	Keep []Pattern // names or shell patterns ("LC_*") taken from the caller
	Set  []EnvVar  // explicit values; they win over Keep
	PIDs []string  // names whose value is the payload's process id inside
	Drop []string  // names that Keep does not take, whatever it says
}

// Pattern is a name or a path.Match pattern of environment names.
type Pattern struct {
	Pattern string
	Origin  Origin
}

// EnvVar is one variable with its value.
type EnvVar struct {
	Name, Value string
	Origin      Origin
}

// Path is one absolute path inside the sandbox.
type Path struct {
	Path     string
	Optional bool // a missing path is fine
	Layer    int  // see Mount.Layer
	Origin   Origin
}

// Isolation chooses how a sandbox is built.
type Isolation uint8

const (
	IsolationNamespaces Isolation = iota // namespaces, Landlock and seccomp
	IsolationLandlock                    // Landlock and seccomp alone: for hosts that forbid user namespaces
)

// Namespaces lists the namespaces the payload gets of its own.
type Namespaces struct {
	Isolation Isolation
	User      bool
	Mount     bool
	PID       bool
	IPC       bool
	UTS       bool
	Cgroup    bool
	Net       bool
	Time      bool
	// Nested lets the payload make user namespaces and mounts of its own
	// (bubblewrap, podman, a browser's sandbox). It gives up the Landlock
	// file-system rules, because any such rule set forbids mounting.
	Nested bool
}

// NetworkMode says which network the payload sees.
type NetworkMode uint8

const (
	NetworkNone NetworkMode = iota // its own namespace with only loopback, up
	NetworkHost                    // the host's network namespace
)

// Network describes the payload's network.
type Network struct{ Mode NetworkMode }

// LandlockMode says where the Landlock rules come from.
type LandlockMode uint8

const (
	LandlockAuto LandlockMode = iota // derived from the grants
	LandlockOff
	LandlockRules // the listed rules replace the derived ones
)

// Landlock describes the payload's Landlock domain.
type Landlock struct {
	Mode       LandlockMode
	Rules      []LandlockRule // with LandlockRules
	TCPBind    *[]Port        // nil: not restricted; empty: none allowed
	TCPConnect *[]Port
	// BestEffort accepts a kernel whose Landlock lacks something this
	// profile needs; the plan then lists what was dropped.
	BestEffort bool
	// NoScopeAbstract and NoScopeSignal lift the scopes that keep the
	// payload from abstract sockets and signals outside.
	NoScopeAbstract bool
	NoScopeSignal   bool
}

// LandlockRule grants rights beneath a path inside.
type LandlockRule struct {
	Path    string
	Write   bool // all rights; else read
	Execute bool
	Origin  Origin
}

// Port is one TCP port.
type Port struct {
	Port   uint16
	Origin Origin
}

// Limits bounds resources.
type Limits struct {
	Rlimits []Rlimit
	// Output is how many bytes the payload may write to its standard output and
	// standard error together; 0 for no limit.
	Output uint64
	// Cgroup are limits of the whole sandbox, by cgroup v2 (cgroups(7)).
	Cgroup []CgroupLimit
	// CgroupDir is the delegated directory below /sys/fs/cgroup in which the
	// sandbox's own is made; "" has the launcher find one.
	CgroupDir string
}

// CgroupLimit is one limit of the whole sandbox.
type CgroupLimit struct {
	File   string // below the cgroup's directory: "memory.max"
	Value  string // as that file takes it
	Origin Origin
}

// Service is what a service manager hands to a service and the payload gets, with
// numbers and paths as they are inside. See sd_listen_fds(3), sd_notify(3) and
// systemd.exec(5).
type Service struct {
	Listen      bool // sockets passed by LISTEN_FDS
	Notify      bool // NOTIFY_SOCKET, and the watchdog that goes with it
	Directories bool // RUNTIME_DIRECTORY and its kin, CREDENTIALS_DIRECTORY
}

// Rlimit is one resource limit; see getrlimit(2).
type Rlimit struct {
	Name       string // lower case without RLIMIT_: "nofile"
	Soft, Hard uint64 // RlimInfinity for none
	Origin     Origin
}

// RlimInfinity is RLIM_INFINITY.
const RlimInfinity = ^uint64(0)
