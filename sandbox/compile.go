// Package sandbox compiles a Spec into a Plan, starts it and waits for it. It
// is the one place that knows the order of things.
package sandbox

import (
	pid1 "github.com/lichen-sandbox/lichen/init"
	"github.com/lichen-sandbox/lichen/internal/feature"
	"github.com/lichen-sandbox/lichen/internal/plan"
	"github.com/lichen-sandbox/lichen/internal/sys"
	"github.com/lichen-sandbox/lichen/landlock"
	"github.com/lichen-sandbox/lichen/mount"
	"github.com/lichen-sandbox/lichen/spec"
	"github.com/lichen-sandbox/lichen/userns"
)

// Compile decides everything that happens after clone. It changes nothing on
// the host; the same Spec and the same Facts give the same Plan.
func Compile(s *spec.Spec, f *feature.Facts) (*plan.Plan, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	if s.Script != nil {
		return compileScript(s, f)
	}
	s = withSession(s)
	f, own := ownTerminal(s, f)
	f, err := relayed(s, f, own)
	if err != nil {
		return nil, err
	}
	c := &compiler{b: plan.NewBuilder(), s: s, f: f, terminal: terminal{own: own}}
	if err := c.prepare(); err != nil {
		return nil, err
	}
	c.setup()
	c.payload()
	c.supervise()
	p, err := c.b.Finish()
	if err != nil {
		return nil, &spec.Error{Op: "compile", Object: s.Name, Err: err}
	}
	p.CloneFlags = userns.CloneFlags(s.Namespaces)
	p.PayloadFlags = userns.PayloadFlags(s)
	p.IDMaps = c.ids.helped
	p.Linger = s.Process.Linger
	p.Relayed = s.Limits.Output > 0
	p.Terminal = s.Process.PTY
	p.KillStrays = !s.Namespaces.PID
	p.Join = c.joinable(p.CloneFlags)
	p.Dropped = c.domain.Dropped
	p.Remarks = c.remarks
	return p, nil
}

// compiler holds what the sections share. Everything that can be refused is
// in prepare, so that adding the ops cannot fail.
type compiler struct {
	b       *plan.Builder
	s       *spec.Spec
	f       *feature.Facts
	view    *mount.View
	domain  *landlock.Domain
	filters filters
	limits  []limit
	ids     ids
	remarks []string
	env     []string
	paths   []string // candidates for execve

	keepFiles bool // the filter keeps files that are passed on from truncation

	terminal terminal // with process.pty

	kept, keptFDs int // descriptors that PID 1 keeps besides its own

	proc  plan.Slot // the host's procfs
	umask plan.Slot // the caller's
}

func (c *compiler) prepare() (err error) {
	if err := checkDescriptors(c.s, c.f); err != nil {
		return err
	}
	if err := checkPIDs(c.s); err != nil {
		return err
	}
	if c.s.Namespaces.Nested && c.hostRoot() {
		return &spec.Error{Op: "enforce", Object: "namespaces.nested", Origin: c.s.OriginOf("namespaces.nested"),
			Reason: "root's payload gets /proc read-only, and a sandbox inside has to write its id maps there",
			Hint:   "start lichen as another user"}
	}
	if c.ids, err = compileIDs(c.s, c.f); err != nil {
		return err
	}
	var grants []landlock.Grant
	if c.namespaces() {
		if c.view, err = mount.NewView(c.s, c.f, mount.Owner{HostRoot: c.hostRoot(), Nested: c.s.Namespaces.Nested, FreeFD: freeFD(c.s)}); err != nil {
			return err
		}
		grants = viewGrants(c.view, c.hostRoot())
	} else if grants, err = c.pathGrants(); err != nil {
		return err
	}
	if err := c.checkTerminal(); err != nil {
		return err
	}
	if c.s.Landlock.Mode == spec.LandlockRules {
		grants = ruleGrants(c.s.Landlock.Rules)
	}
	if c.domain, err = landlock.New(c.s, grants, c.f); err != nil {
		return err
	}
	keepFiles, err := checkReadOnlyFiles(c.s, c.f, c.domain)
	if err != nil {
		return err
	}
	c.keepFiles = keepFiles
	c.ids.bits = c.setIDBits()
	if c.filters, err = c.compileFilters(keepFiles); err != nil {
		return err
	}
	if c.limits, err = compileLimits(c.s, c.f); err != nil {
		return err
	}
	c.env = environment(c.s.Env, c.f.Environ, c.payloadPID())
	c.paths = candidates(c.s.Process.Command[0], c.env)
	return nil
}

func (c *compiler) namespaces() bool {
	return c.s.Namespaces.Isolation == spec.IsolationNamespaces
}

// hostRoot reports whether the payload's files and processes belong to the
// host's uid 0 (or what a container calls so).
func (c *compiler) hostRoot() bool { return c.f.UID == 0 }

// setup is PID 1's way from clone to the point where the payload is made. It
// runs with all capabilities in the outer user namespace.
func (c *compiler) setup() {
	b, s := c.b, c.s
	b.Section(plan.Setup)
	// PID 1 takes SIGCHLD from a descriptor, and nothing else.
	b.Note("block", "signals", spec.Origin{})
	b.Call(sys.SYS_RT_SIGPROCMASK, plan.Val(sys.SIG_SETMASK), b.Words(^uint64(0)), plan.Null, plan.Val(8))
	b.Note("tie to", "the launcher", spec.Origin{})
	// While PID 1 has a copy of the launcher's end, the socket never ends.
	b.Call(sys.SYS_CLOSE, plan.From(plan.SlotPeer))
	// The control socket tells PID 1's loop that the launcher is gone. Until
	// the loop runs, the parent-death signal does; it is not retroactive, so
	// the socket is asked as well.
	b.Prctl(plan.Val(sys.PR_SET_PDEATHSIG), plan.Val(sys.SIGKILL), plan.Val(0), plan.Val(0), plan.Val(0))
	c.checkLauncher()
	c.hideArguments("lichen-init")
	b.Note("keep", "the umask", spec.Origin{})
	c.umask = b.Into(sys.SYS_UMASK, plan.Val(0))
	if c.namespaces() {
		c.proc = c.mapIDs()
		c.view.Compile(b)
		if s.Namespaces.Net {
			userns.Loopback(b, s.OriginOf("network.mode"))
		}
		if s.Process.Hostname != "" {
			userns.Hostname(b, s.Process.Hostname, s.OriginOf("process.hostname"))
		}
		if !s.Namespaces.Nested {
			userns.ForbidNesting(b, c.proc, c.filters.payload != nil, s.OriginOf("namespaces.nested"))
		}
		c.makeTerminal()
	} else {
		b.Note("adopt", "orphans", spec.Origin{})
		b.Prctl(plan.Val(sys.PR_SET_CHILD_SUBREAPER), plan.Val(1), plan.Val(0), plan.Val(0), plan.Val(0))
	}
	b.Note("set", "no_new_privs", spec.Origin{})
	b.Prctl(plan.Val(sys.PR_SET_NO_NEW_PRIVS), plan.Val(1), plan.Val(0), plan.Val(0), plan.Val(0))
	if !c.namespaces() {
		landlock.Scopes(b, s.OriginOf("namespaces.isolation"))
	}
	b.Note("tie to", "the launcher", spec.Origin{})
	if !s.Namespaces.PID {
		// From here on PID 1 has to live to end what it starts. The payload's
		// process asks once more right before execve.
		b.Prctl(plan.Val(sys.PR_SET_PDEATHSIG), plan.Val(0), plan.Val(0), plan.Val(0), plan.Val(0))
	}
	c.checkLauncher()
}

// checkLauncher fails when the launcher's end of the control socket is closed:
// a peek sees nothing (EAGAIN), a signal to forward (1), or the end (0).
func (c *compiler) checkLauncher() {
	peek := c.b.Buf(make([]byte, 8))
	c.b.Call(sys.SYS_RECVFROM, plan.From(plan.SlotControl), peek, plan.Val(1),
		plan.Val(sys.MSG_PEEK|sys.MSG_DONTWAIT), plan.Null, plan.Null).Expecting(1).Tolerating(uint16(sys.EAGAIN))
}

// hideArguments overwrites PID 1's copy of the launcher's argument strings:
// /proc/1/cmdline is readable without any right over the process, and options
// like --env carry secrets.
func (c *compiler) hideArguments(name string) {
	b := c.b
	b.Note("clear", "the launcher's arguments", spec.Origin{})
	zero := b.Open(plan.FDCWD, "/dev/zero", sys.O_RDONLY)
	b.Call(sys.SYS_READ, plan.From(zero), plan.From(plan.SlotArgv), plan.From(plan.SlotArgvLen))
	b.Close(zero)
	b.Prctl(plan.Val(sys.PR_SET_NAME), b.Str(name), plan.Val(0), plan.Val(0), plan.Val(0))
}

// supervise turns PID 1 into what it stays: a process without capabilities,
// with two descriptors and six system calls.
func (c *compiler) supervise() {
	b := c.b
	b.Section(plan.Supervise)
	b.Note("close to inspection", "PID 1", spec.Origin{})
	// Not before the payload has called execve: until then they share one
	// memory, and the owner of its maps in /proc would be root.
	b.Prctl(plan.Val(sys.PR_SET_DUMPABLE), plan.Val(0), plan.Val(0), plan.Val(0), plan.Val(0))
	b.Note("drop capabilities", "of PID 1", spec.Origin{})
	setCapabilities(b, 0)
	b.Note("keep two descriptors", "in PID 1", spec.Origin{})
	moveFD(b, plan.SlotControl, pid1.ControlFD)
	b.Last().Result = plan.SlotControl // where a failure from here on is reported
	signals := b.Into(sys.SYS_SIGNALFD4, plan.Val(-1), b.Words(1<<(sys.SIGCHLD-1)), plan.Val(8), plan.Val(sys.SIGNALFD_NONBLOCK|sys.SIGNALFD_CLOEXEC))
	moveFD(b, signals, pid1.SignalFD)
	first := pid1.SignalFD + 1
	if c.keptFDs > 0 {
		b.Call(sys.SYS_CLOSE_RANGE, plan.Val(first), plan.Val(c.kept-1), plan.Val(0))
		first = c.kept + c.keptFDs
	}
	b.Call(sys.SYS_CLOSE_RANGE, plan.Val(first), plan.Val(sys.LAST_FD), plan.Val(0))
	b.Note("filter", "PID 1", spec.Origin{})
	installFilter(b, c.filters.pid1)
}

func moveFD(b *plan.Builder, from plan.Slot, to int) {
	b.Call(sys.SYS_DUP3, plan.From(from), plan.Val(to), plan.Val(sys.O_CLOEXEC))
}
