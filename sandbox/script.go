package sandbox

import (
	pid1 "github.com/lichen-sandbox/lichen/init"
	"github.com/lichen-sandbox/lichen/internal/feature"
	"github.com/lichen-sandbox/lichen/internal/plan"
	"github.com/lichen-sandbox/lichen/internal/sys"
	"github.com/lichen-sandbox/lichen/mount"
	"github.com/lichen-sandbox/lichen/seccomp"
	"github.com/lichen-sandbox/lichen/spec"
	"github.com/lichen-sandbox/lichen/userns"
)

// scripted compiles a Spec that has a Script. What it shares with profiles is
// the frame: two user namespaces, the launcher's end, PID 1.
type scripted struct {
	*compiler
	sc *spec.Script
	// direct: the process that sets up becomes the payload.
	direct bool
	// nested: the payload gets a user namespace of its own.
	nested bool
	// net: the payload has capabilities over its network, which is made in its
	// own user namespace.
	net bool

	mask plan.Arg // the caller's signal mask
}

func compileScript(s *spec.Spec, f *feature.Facts) (*plan.Plan, error) {
	sc := s.Script
	given := sc.UserNS != spec.NoFD
	const network = 1<<sys.CAP_NET_ADMIN | 1<<sys.CAP_NET_RAW
	c := &scripted{compiler: &compiler{b: plan.NewBuilder(), s: s, f: f}, sc: sc,
		direct: sc.AsPID1 || !s.Namespaces.PID && len(sc.LockFiles) == 0,
		nested: !given && sc.UserNS2 == spec.NoFD && !sc.MapsGiven}
	c.net = c.nested && s.Namespaces.Net && sc.Capabilities&network != 0
	c.ids.uid, c.ids.gid = userns.IDs(s, f)
	c.enter()
	if err := c.setup(); err != nil {
		return nil, err
	}
	c.payload()
	if !c.direct {
		if err := c.watch(); err != nil {
			return nil, err
		}
	}
	p, err := c.b.Finish()
	if err != nil {
		return nil, &spec.Error{Op: "compile", Object: "sandbox", Err: err}
	}
	n := s.Namespaces
	n.User, n.Mount, n.Net = !given, true, n.Net && !c.net
	p.CloneFlags = userns.CloneFlags(n)
	p.PayloadFlags = sys.CLONE_VM | sys.CLONE_VFORK | c.payloadNamespaces()
	p.Direct, p.Gate, p.Linger = c.direct, sc.Gated, s.Process.Linger && !c.direct
	if len(p.Ops[plan.Enter]) > 0 {
		p.Moves = 1
		if sc.PIDNS != spec.NoFD && n.PID {
			p.Moves = 2
		}
	}
	return p, nil
}

// payloadNamespaces are those that belong to the payload's own user namespace.
// With CAP_SYS_ADMIN it may mount, in a copy of the mounts, where those that it
// has got are locked (mount_namespaces(7)).
func (c *scripted) payloadNamespaces() uint64 {
	if !c.nested {
		return 0
	}
	flags := uint64(sys.CLONE_NEWUSER)
	if c.sc.Capabilities&(1<<sys.CAP_SYS_ADMIN) != 0 {
		flags |= sys.CLONE_NEWNS
	}
	if c.net {
		flags |= sys.CLONE_NEWNET
	}
	return flags
}

// enter goes into the namespaces that the caller has given: they are to own what
// is made from there on.
func (c *scripted) enter() {
	b := c.b
	b.Section(plan.Enter)
	if c.sc.UserNS != spec.NoFD {
		b.Note("enter", "the user namespace", spec.Origin{})
		b.Call(sys.SYS_SETNS, plan.Val(c.sc.UserNS), plan.Val(sys.CLONE_NEWUSER))
	}
	if c.sc.PIDNS != spec.NoFD {
		b.Note("enter", "the pid namespace", spec.Origin{})
		b.Call(sys.SYS_SETNS, plan.Val(c.sc.PIDNS), plan.Val(sys.CLONE_NEWPID))
	}
}

// setup is the child's way to the point where the payload starts.
func (c *scripted) setup() error {
	b, s, sc := c.b, c.s, c.sc
	b.Section(plan.Setup)
	b.Note("block", "signals", spec.Origin{})
	c.mask = b.Buf(make([]byte, 8))
	b.Call(sys.SYS_RT_SIGPROCMASK, plan.Val(sys.SIG_SETMASK), b.Words(^uint64(0)), c.mask, plan.Val(8))
	b.Note("tie to", "the launcher", spec.Origin{})
	b.Call(sys.SYS_CLOSE, plan.From(plan.SlotPeer))
	c.tie()
	if !c.direct {
		c.hideArguments("lichen-init")
	}
	b.Note("keep", "the umask", spec.Origin{})
	c.umask = b.Into(sys.SYS_UMASK, plan.Val(0))
	if sc.Gated {
		userns.WaitForLauncher(b)
	}
	if sc.UserNS == spec.NoFD && !sc.MapsGiven {
		c.proc = userns.MapOuter(b, c.f)
	} else {
		c.proc = userns.OpenProc(b)
	}
	if err := mount.Script(b, sc, mount.ScriptOptions{Files: c.f.Files, Dir: sc.Dir, HostRoot: c.hostRoot(), OwnProcesses: s.Namespaces.PID || sc.PIDNS != spec.NoFD, Late: sc.Gated}); err != nil {
		return err
	}
	if s.Namespaces.Net && !c.net {
		userns.Loopback(b, spec.Origin{})
	}
	if sc.Hostname != nil {
		userns.Hostname(b, *sc.Hostname, spec.Origin{})
	}
	if sc.ForbidUserns {
		userns.ForbidNesting(b, c.proc, false, spec.Origin{})
	}
	c.lockFiles()
	b.Note("set", "no_new_privs", spec.Origin{})
	b.Prctl(plan.Val(sys.PR_SET_NO_NEW_PRIVS), plan.Val(1), plan.Val(0), plan.Val(0), plan.Val(0))
	if sc.BlockFD != spec.NoFD {
		b.Note("wait for", "the caller", spec.Origin{})
		b.Call(sys.SYS_READ, plan.Val(sc.BlockFD), b.Buf(make([]byte, 8)), plan.Val(1)).Any()
	}
	if s.Process.NewSession && !c.direct {
		c.newSession()
	}
	if !c.nested && !c.direct {
		// The payload is in the same user namespace as PID 1, perhaps with
		// capabilities, and has no id maps to write.
		b.Note("close to inspection", "PID 1", spec.Origin{})
		b.Prctl(plan.Val(sys.PR_SET_DUMPABLE), plan.Val(0), plan.Val(0), plan.Val(0), plan.Val(0))
	}
	b.Note("tie to", "the launcher", spec.Origin{})
	c.checkLauncher()
	return nil
}

// tie ends the process with the launcher; see compiler.setup.
func (c *scripted) tie() {
	c.b.Prctl(plan.Val(sys.PR_SET_PDEATHSIG), plan.Val(sys.SIGKILL), plan.Val(0), plan.Val(0), plan.Val(0))
	c.checkLauncher()
}

func (c *scripted) newSession() {
	c.b.Note("start", "a new session", spec.Origin{})
	c.b.Call(sys.SYS_SETSID)
}

// lockFiles takes the locks, which go with the descriptors: they stay in PID 1
// alone. Locks of open files conflict with those of processes (fcntl_locking(2)).
func (c *scripted) lockFiles() {
	b := c.b
	for i, p := range c.sc.LockFiles {
		b.Note("open lock file", p, spec.Origin{})
		fd := b.Open(plan.FDCWD, p, sys.O_RDONLY)
		b.Note("lock", p, spec.Origin{})
		// All zeros are a lock for reading of the whole file.
		b.Call(sys.SYS_FCNTL, plan.From(fd), plan.Val(sys.F_OFD_SETLK), b.Buf(make([]byte, 32)))
		moveFD(b, fd, c.sc.FreeFD+i)
		b.Close(fd)
	}
}

// watch is compiler.supervise for a PID 1 that may hold locks.
func (c *scripted) watch() error {
	arch, err := seccomp.Native()
	if err != nil {
		return &spec.Error{Op: "compile", Object: "system call filter", Err: err}
	}
	own, err := seccomp.AllowOnly(arch, pid1.Calls())
	if err != nil {
		return err
	}
	c.filters.pid1 = seccomp.Bytes(own)
	c.kept, c.keptFDs = c.sc.FreeFD, len(c.sc.LockFiles)
	c.supervise()
	return nil
}
