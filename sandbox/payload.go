package sandbox

import (
	"encoding/binary"
	"path"
	"strings"

	"github.com/lichen-sandbox/lichen/internal/plan"
	"github.com/lichen-sandbox/lichen/internal/sys"
	"github.com/lichen-sandbox/lichen/spec"
)

// payload is the payload's way from its clone to execve. It shares memory with
// PID 1, which waits.
func (c *compiler) payload() {
	b, s := c.b, c.s
	b.Section(plan.Payload)
	b.Note("start", "the payload's process", spec.Origin{})
	// The first op also stands for the clone itself in an error.
	b.Prctl(plan.Val(sys.PR_SET_PDEATHSIG), plan.Val(sys.SIGKILL), plan.Val(0), plan.Val(0), plan.Val(0))
	if c.namespaces() {
		c.enterIDs()
	}
	c.startSession()
	c.enterCwd()
	c.setUmask()
	c.domain.Enforce(b, s.OriginOf("landlock.mode"))
	b.Note("drop capabilities", "of the payload", spec.Origin{})
	kept := c.keptCapabilities()
	dropBounding(b, kept, !c.namespaces())
	setCapabilities(b, kept)
	c.verify(kept)
	c.verifyPID()
	c.takeOutput()
	c.replaceNull()
	c.finish()
}

// finish is the last of the way, for who starts a sandbox and for who joins one.
func (c *compiler) finish() {
	b := c.b
	c.passFDs()
	c.setLimits()
	b.Note("unblock", "signals", spec.Origin{})
	b.Call(sys.SYS_RT_SIGPROCMASK, plan.Val(sys.SIG_SETMASK), b.Words(0), plan.Null, plan.Val(8))
	b.Note("tie to", "the launcher", spec.Origin{})
	c.checkLauncher()
	if c.filters.payload != nil {
		b.Note("filter", "system calls", c.s.OriginOf("seccomp.default"))
		installFilter(b, c.filters.payload)
	}
	c.verifyNesting()
	c.exec()
}

// enterCwd changes to the working directory without following magic links: a
// path like /proc/self/fd/N leads out of the sandbox (CVE-2024-21626).
func (c *compiler) enterCwd() {
	b, cwd := c.b, c.s.Process.Cwd
	if cwd == "" || cwd == "/" && c.namespaces() {
		return
	}
	b.Note("enter", cwd, c.s.OriginOf("process.cwd"))
	fd := b.OpenResolve(plan.FDCWD, cwd, sys.O_DIRECTORY, sys.RESOLVE_NO_MAGICLINKS)
	b.Call(sys.SYS_FCHDIR, plan.From(fd))
	b.Close(fd)
}

func (c *compiler) setUmask() {
	mask := plan.From(c.umask)
	if c.s.Process.Umask != nil {
		mask = plan.Val(*c.s.Process.Umask)
	}
	c.b.Note("set", "the umask", c.s.OriginOf("process.umask"))
	c.b.Call(sys.SYS_UMASK, mask)
}

// verifyNesting tries to make a user namespace where the profile forbids it.
func (c *compiler) verifyNesting() {
	if c.s.Namespaces.Nested || !c.namespaces() && c.filters.payload == nil || c.filters.unshareKills {
		return
	}
	c.b.Note("verify", "that user namespaces are refused", c.s.OriginOf("namespaces.nested"))
	c.b.Call(sys.SYS_UNSHARE, plan.Val(sys.CLONE_NEWUSER)).
		MustFail(uint16(sys.EPERM), uint16(sys.ENOSPC), c.filters.unshareErrno)
}

// installFilter adds seccomp(2) with a program.
func installFilter(b *plan.Builder, program []byte) {
	const instructionSize = 8
	prog := b.Buf(program)
	var header [16]byte // struct sock_fprog
	binary.NativeEndian.PutUint16(header[:], uint16(len(program)/instructionSize))
	fprog := b.Buf(header[:])
	b.Relocate(fprog.Offset(8), prog)
	b.Call(sys.SYS_SECCOMP, plan.Val(sys.SECCOMP_SET_MODE_FILTER), plan.Val(0), fprog)
}

// exec tries the candidates in turn, as execvp(3) does: what is missing or may
// not be executed in one directory may be found in the next.
func (c *compiler) exec() {
	b, command := c.b, c.s.Process.Command
	b.Note("run", command[0], c.s.OriginOf("process.command"))
	argv, envp := stringArray(b, command), stringArray(b, c.env)
	for i, p := range c.paths {
		op := b.Call(sys.SYS_EXECVE, b.Str(p), argv, envp)
		if i < len(c.paths)-1 {
			op.Tolerating(uint16(sys.ENOENT), uint16(sys.EACCES), uint16(sys.ENOTDIR))
		}
	}
}

func stringArray(b *plan.Builder, list []string) plan.Arg {
	args := make([]plan.Arg, len(list))
	for i, s := range list {
		args[i] = b.Str(s)
	}
	return b.Pointers(args)
}

// defaultPath is searched where the payload has no PATH.
const defaultPath = "/usr/local/bin:/usr/bin:/bin"

// candidates lists the paths that command may mean. Relative directories in
// PATH are left out: they would mean a file the payload may have written.
func candidates(command string, env []string) []string {
	if strings.Contains(command, "/") {
		return []string{command}
	}
	search := defaultPath
	for _, e := range env {
		if v, ok := strings.CutPrefix(e, "PATH="); ok {
			search = v
		}
	}
	var paths []string
	for _, dir := range strings.Split(search, ":") {
		if path.IsAbs(dir) {
			paths = append(paths, path.Join(dir, command))
		}
	}
	if paths == nil {
		paths = []string{path.Join("/", command)}
	}
	return paths
}
