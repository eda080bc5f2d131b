package sandbox

import (
	"strconv"

	"github.com/lichen-sandbox/lichen/internal/feature"
	"github.com/lichen-sandbox/lichen/internal/plan"
	"github.com/lichen-sandbox/lichen/internal/sys"
	"github.com/lichen-sandbox/lichen/seccomp"
	"github.com/lichen-sandbox/lichen/spec"
)

// Command is what is to run in a sandbox that is there already.
type Command struct {
	Args []string
	Cwd  string   // "": the sandbox's
	Env  []string // over the sandbox's own, "NAME=VALUE"
}

// Join decides everything that happens in the process that joins. It is confined by
// what confines the payload; standard descriptors, limits on open files and umask
// are its caller's where the profile says nothing.
func (j *Joinable) Join(t *Target, command Command, f *feature.Facts) (*plan.Plan, error) {
	s := &spec.Spec{Name: "join"}
	s.Process = spec.Process{Command: command.Args, Cwd: j.cwd, Umask: j.umask, NewSession: j.session}
	if command.Cwd != "" {
		s.Process.Cwd = command.Cwd
	}
	s.Namespaces = spec.Namespaces{User: true, Mount: true, PID: true, Nested: j.nested}
	c := &compiler{b: plan.NewBuilder(), s: s, f: f, domain: j.domain, filters: j.filters, limits: j.limits}
	if err := j.checkDescriptors(c); err != nil {
		return nil, err
	}
	c.domain.WithStdio(f.Stdio)
	c.env = j.environ(command.Env)
	c.paths = candidates(command.Args[0], c.env)
	c.enter(t)
	c.arrive()
	c.joinedPayload(j)
	p, err := c.b.Finish()
	if err != nil {
		return nil, &spec.Error{Op: "compile", Object: "the command", Err: err}
	}
	p.Direct, p.Moves = true, 1
	return p, nil
}

// checkDescriptors refuses to pass on what the filter and the domain of the sandbox
// were not made for.
func (j *Joinable) checkDescriptors(c *compiler) error {
	if err := checkDescriptors(c.s, c.f); err != nil {
		return err
	}
	if len(j.filters.payload) == 0 {
		c.s.Seccomp.Off = true
	}
	needed, err := checkReadOnlyFiles(c.s, c.f, c.domain)
	if err != nil {
		return err
	}
	for fd, d := range c.f.Stdio {
		if d.Kind != feature.DescriptorFile {
			continue
		}
		switch {
		case needed && !j.keepFiles && d.Readable && !d.Writable:
			return &spec.Error{Op: "pass", Object: "descriptor " + strconv.Itoa(fd), Reason: "it is a file opened for reading, and the sandbox's filter was not made to keep it from truncation", Hint: "pass it through a pipe: cat FILE | lichen exec …"}
		case j.bits == seccomp.SetIDAllowed:
			return &spec.Error{Op: "pass", Object: "descriptor " + strconv.Itoa(fd), Reason: "it is a file of the host's, and the sandbox may set setuid bits on what it writes", Hint: "pass it through a pipe: … | cat"}
		}
	}
	return nil
}

// enter is the way of the launcher's child into the sandbox. Whoever it makes
// there is seen by the payload, and from the moment on that it is in the payload's
// user namespace it has no other protection against it than being closed to
// inspection: not dumpable, with memory that belongs to the launcher's user
// namespace, over which the payload has no right (__ptrace_may_access). execve ends
// that, once all descriptors of the launcher's are closed (begin_new_exec; compare
// CVE-2016-9962).
//
// A change of credentials makes a process dumpable where fs.suid_dumpable says so,
// unless the new ones are a subset of the old, as those of a namespace of one's
// own are (commit_creds, cred_cap_issubset). So it is set again and asked.
func (c *compiler) enter(t *Target) {
	b := c.b
	b.Section(plan.Enter)
	b.Note("tie to", "the launcher", spec.Origin{})
	// Here, not in the process that is made: this one may take a while to end.
	b.Call(sys.SYS_CLOSE, plan.From(plan.SlotPeer))
	c.closeToInspection()
	c.hideArguments("lichen-exec")
	b.Note("enter", "the user namespace of PID 1", spec.Origin{})
	b.Call(sys.SYS_SETNS, plan.Val(t.outer), plan.Val(sys.CLONE_NEWUSER))
	c.closeToInspection()
	for i, n := range joined {
		if t.others[i] <= 0 {
			continue
		}
		b.Note("enter", "the "+n.name+" namespace", spec.Origin{})
		b.Call(sys.SYS_SETNS, plan.Val(t.others[i]), plan.Val(n.flag))
	}
	b.Note("enter", "the payload's user namespace", spec.Origin{})
	b.Call(sys.SYS_SETNS, plan.Val(t.inner), plan.Val(sys.CLONE_NEWUSER))
	c.closeToInspection()
	// The last op also stands for the clone that follows in an error.
	b.Note("start a process in", "the sandbox", spec.Origin{})
	c.verifyClosed()
}

func (c *compiler) verifyClosed() {
	c.b.Prctl(plan.Val(sys.PR_GET_DUMPABLE), plan.Val(0), plan.Val(0), plan.Val(0), plan.Val(0)).Expecting(0)
}

func (c *compiler) closeToInspection() {
	c.b.Note("close to inspection", "the process that joins", spec.Origin{})
	c.b.Prctl(plan.Val(sys.PR_SET_DUMPABLE), plan.Val(0), plan.Val(0), plan.Val(0), plan.Val(0))
}

// arrive is what PID 1 does first; see setup.
func (c *compiler) arrive() {
	b := c.b
	b.Section(plan.Setup)
	b.Note("block", "signals", spec.Origin{})
	b.Call(sys.SYS_RT_SIGPROCMASK, plan.Val(sys.SIG_SETMASK), b.Words(^uint64(0)), plan.Null, plan.Val(8))
	b.Note("tie to", "the launcher", spec.Origin{})
	b.Prctl(plan.Val(sys.PR_SET_PDEATHSIG), plan.Val(sys.SIGKILL), plan.Val(0), plan.Val(0), plan.Val(0))
	c.checkLauncher()
	b.Note("set", "no_new_privs", spec.Origin{})
	b.Prctl(plan.Val(sys.PR_SET_NO_NEW_PRIVS), plan.Val(1), plan.Val(0), plan.Val(0), plan.Val(0))
}

// joinedPayload is compiler.payload for a process that is in its namespaces.
func (c *compiler) joinedPayload(j *Joinable) {
	b, s := c.b, c.s
	b.Section(plan.Payload)
	b.Note("start", "the command's process", spec.Origin{})
	b.Prctl(plan.Val(sys.PR_SET_PDEATHSIG), plan.Val(sys.SIGKILL), plan.Val(0), plan.Val(0), plan.Val(0))
	if s.Process.NewSession {
		b.Note("start", "a new session", spec.Origin{})
		b.Call(sys.SYS_SETSID)
	}
	c.enterCwd()
	if s.Process.Umask != nil {
		c.setUmask()
	}
	c.domain.Enforce(b, spec.Origin{})
	b.Note("drop capabilities", "of the command", spec.Origin{})
	dropBounding(b, j.kept, false)
	setCapabilities(b, j.kept)
	c.verify(j.kept)
	if j.ownNull {
		c.exchangeNull()
	}
	b.Note("verify", "that the process is closed to inspection", spec.Origin{})
	c.verifyClosed()
	c.finish()
}
