package sandbox

import (
	"strings"

	"github.com/lichen-sandbox/lichen/internal/plan"
	"github.com/lichen-sandbox/lichen/internal/sys"
	"github.com/lichen-sandbox/lichen/spec"
	"github.com/lichen-sandbox/lichen/userns"
)

// payload is the way of the payload's process to execve; with direct it goes on
// where setup ends.
func (c *scripted) payload() {
	b, sc := c.b, c.sc
	b.Section(plan.Payload)
	b.Note("start", "the payload's process", spec.Origin{})
	b.Prctl(plan.Val(sys.PR_SET_PDEATHSIG), plan.Val(sys.SIGKILL), plan.Val(0), plan.Val(0), plan.Val(0))
	if c.direct && c.nested {
		b.Note("make", "the payload's user namespace", spec.Origin{})
		b.Call(sys.SYS_UNSHARE, plan.Val(c.payloadNamespaces()))
	}
	c.enterUser()
	if c.net {
		userns.Loopback(b, spec.Origin{})
	}
	if c.s.Process.NewSession && c.direct {
		c.newSession()
	}
	pwd := c.enterDir()
	c.setUmask()
	b.Note("drop capabilities", "of the payload", spec.Origin{})
	c.setSets()
	c.verifySets()
	b.Note("tie to", "the launcher", spec.Origin{})
	c.checkLauncher()
	c.restoreNoFile()
	b.Note("restore", "the caller's signal mask", spec.Origin{})
	b.Call(sys.SYS_RT_SIGPROCMASK, plan.Val(sys.SIG_SETMASK), c.mask, plan.Null, plan.Val(8))
	b.Call(sys.SYS_RT_SIGPROCMASK, plan.Val(sys.SIG_UNBLOCK), b.Words(1<<(sys.SIGCHLD-1)), plan.Null, plan.Val(8))
	if sc.ForbidUserns || sc.CheckUserns {
		b.Note("verify", "that user namespaces are refused", spec.Origin{})
		b.Call(sys.SYS_UNSHARE, plan.Val(sys.CLONE_NEWUSER)).MustFail(uint16(sys.ENOSPC), uint16(sys.EPERM), uint16(sys.EUSERS))
	}
	for _, f := range sc.Filters {
		b.Note("filter", "system calls", spec.Origin{})
		installFilter(b, f)
	}
	c.execScript(pwd)
}

// restoreNoFile takes back what the Go runtime has done to the limit on open
// files. It comes late: the descriptors of known numbers may lie above it.
func (c *scripted) restoreNoFile() {
	soft := c.sc.NoFile
	nofile, _ := sys.RlimitByName("nofile")
	if hard := c.f.HardLimit(nofile); soft != nil && *soft <= hard {
		c.b.Note("restore", "the limit on open files", spec.Origin{})
		c.b.Call(sys.SYS_PRLIMIT64, plan.Val(0), plan.Val(nofile), c.b.Words(*soft, hard), plan.Null)
	}
}

// enterUser gives the payload its ids.
func (c *scripted) enterUser() {
	b, sc := c.b, c.sc
	if c.nested {
		userns.MapPayload(b, c.proc, c.ids.uid, c.ids.gid)
		return
	}
	if sc.UserNS2 != spec.NoFD {
		b.Note("enter", "the second user namespace", spec.Origin{})
		b.Call(sys.SYS_SETNS, plan.Val(sc.UserNS2), plan.Val(sys.CLONE_NEWUSER))
		b.Prctl(plan.Val(sys.PR_SET_PDEATHSIG), plan.Val(sys.SIGKILL), plan.Val(0), plan.Val(0), plan.Val(0))
	}
	p := c.s.Process
	if p.UID == nil && p.GID == nil || sc.MapsGiven {
		return
	}
	// Leaving uid 0 would take the capabilities before their sets are made.
	b.Prctl(plan.Val(sys.PR_SET_SECUREBITS), plan.Val(sys.SECBIT_NO_SETUID_FIXUP), plan.Val(0), plan.Val(0), plan.Val(0))
	if p.GID != nil {
		b.Note("switch to gid", "of the payload", spec.Origin{})
		b.Call(sys.SYS_SETRESGID, plan.Val(*p.GID), plan.Val(*p.GID), plan.Val(*p.GID))
	}
	if p.UID != nil {
		b.Note("switch to uid", "of the payload", spec.Origin{})
		b.Call(sys.SYS_SETRESUID, plan.Val(*p.UID), plan.Val(*p.UID), plan.Val(*p.UID))
	}
	b.Prctl(plan.Val(sys.PR_SET_SECUREBITS), plan.Val(0), plan.Val(0), plan.Val(0), plan.Val(0))
	// A change of ids takes the parent-death signal back (commit_creds).
	b.Prctl(plan.Val(sys.PR_SET_PDEATHSIG), plan.Val(sys.SIGKILL), plan.Val(0), plan.Val(0), plan.Val(0))
}

// enterDir changes to the working directory, never through a magic link: it
// would lead out of the sandbox. It returns the environment string that tells of
// it: a directory that was asked for has the name that it was asked for by.
func (c *scripted) enterDir() plan.Arg {
	b, sc := c.b, c.sc
	enter := func(dir string, must bool) {
		fd := b.OpenResolve(plan.FDCWD, dir, sys.O_DIRECTORY, sys.RESOLVE_NO_MAGICLINKS)
		if !must {
			b.Last().Any()
		}
		b.Call(sys.SYS_FCHDIR, plan.From(fd))
		if !must {
			b.Last().Any()
		}
		b.Close(fd)
		if !must {
			b.Last().Any()
		}
	}
	if sc.Cwd != nil {
		b.Note("chdir to", *sc.Cwd, spec.Origin{})
		enter(*sc.Cwd, true)
		return b.Str("PWD=" + *sc.Cwd)
	}
	for _, dir := range sc.CwdTries {
		b.Note("try to enter", dir, spec.Origin{})
		enter(dir, false)
	}
	const pathMax = 4096
	pwd := b.Buf(append([]byte("PWD="), make([]byte, pathMax+1)...))
	b.Note("tell", "the working directory", spec.Origin{})
	b.Call(sys.SYS_GETCWD, pwd.Offset(len("PWD=")), plan.Val(pathMax)).Any()
	return pwd
}

// setSets makes all five sets of capabilities what is kept.
func (c *scripted) setSets() {
	b, kept := c.b, c.sc.Capabilities
	for capability := range maxCap + 1 {
		if kept>>capability&1 == 0 {
			b.Prctl(plan.Val(sys.PR_CAPBSET_DROP), plan.Val(capability), plan.Val(0), plan.Val(0), plan.Val(0)).Tolerating(uint16(sys.EINVAL))
		}
	}
	capsetAll(b, kept, kept, kept)
	if kept == 0 {
		b.Prctl(plan.Val(sys.PR_CAP_AMBIENT), plan.Val(sys.PR_CAP_AMBIENT_CLEAR_ALL), plan.Val(0), plan.Val(0), plan.Val(0))
	}
	for capability := range maxCap + 1 {
		if kept>>capability&1 != 0 {
			b.Prctl(plan.Val(sys.PR_CAP_AMBIENT), plan.Val(sys.PR_CAP_AMBIENT_RAISE), plan.Val(capability), plan.Val(0), plan.Val(0)).Tolerating(uint16(sys.EINVAL))
		}
	}
}

func (c *scripted) verifySets() {
	b, kept := c.b, c.sc.Capabilities
	b.Note("verify", "no_new_privs", spec.Origin{})
	b.Prctl(plan.Val(sys.PR_GET_NO_NEW_PRIVS), plan.Val(0), plan.Val(0), plan.Val(0), plan.Val(0)).Expecting(1)
	if kept != 0 {
		b.Note("verify", "which capabilities are left", spec.Origin{})
		verifyCapabilities(b, kept)
		return
	}
	b.Note("verify", "that no capability is left", spec.Origin{})
	b.Call(sys.SYS_UNSHARE, plan.Val(sys.CLONE_NEWNS)).MustFail(uint16(sys.EPERM))
	b.Prctl(plan.Val(sys.PR_CAPBSET_DROP), plan.Val(0), plan.Val(0), plan.Val(0), plan.Val(0)).MustFail(uint16(sys.EPERM))
}

// shell runs what the kernel takes for no program, as execvp(3) has it.
const shell = "/bin/sh"

// execScript tries the candidates in turn, as execvp(3) does.
func (c *scripted) execScript(pwd plan.Arg) {
	b, command := c.b, c.s.Process.Command
	b.Note("execvp", command[0], spec.Origin{})
	args := append([]string(nil), command...)
	if c.sc.Argv0 != nil {
		args[0] = *c.sc.Argv0
	}
	argv := stringArray(b, args)
	env := make([]plan.Arg, 0, len(c.sc.Env)+1)
	for _, e := range c.sc.Env {
		env = append(env, b.Str(e))
	}
	envp := b.Pointers(append(env, pwd))
	tried := searched(command[0], c.sc.Env)
	for i, p := range tried {
		at := b.Str(p)
		op := b.Call(sys.SYS_EXECVE, at, argv, envp)
		op.Tolerating(uint16(sys.ENOEXEC))
		if i < len(tried)-1 {
			op.Tolerating(uint16(sys.ENOENT), uint16(sys.EACCES), uint16(sys.ENOTDIR), uint16(sys.ENOEXEC))
		}
		sh := b.Pointers(append([]plan.Arg{b.Str(args[0]), at}, argsOf(b, args[1:])...))
		b.Call(sys.SYS_EXECVE, b.Str(shell), sh, envp).AfterNoExec()
	}
}

func argsOf(b *plan.Builder, list []string) []plan.Arg {
	out := make([]plan.Arg, len(list))
	for i, s := range list {
		out[i] = b.Str(s)
	}
	return out
}

// searched lists the paths that command may mean to execvp(3). Relative
// directories in PATH are left out, as for profiles.
func searched(command string, env []string) []string {
	if command == "" || strings.Contains(command, "/") {
		return []string{command}
	}
	for _, e := range env {
		if strings.HasPrefix(e, "PATH=") {
			return candidates(command, env)
		}
	}
	return candidates(command, []string{"PATH=/bin:/usr/bin"})
}
