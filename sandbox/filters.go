package sandbox

import (
	pid1 "github.com/lichen-sandbox/lichen/init"
	"github.com/lichen-sandbox/lichen/internal/feature"
	"github.com/lichen-sandbox/lichen/landlock"
	"github.com/lichen-sandbox/lichen/seccomp"
	"github.com/lichen-sandbox/lichen/spec"
)

// filters are the compiled seccomp programs, as the kernel reads them.
type filters struct {
	payload []byte // nil: no filter
	pid1    []byte
	// unshareKills: trying unshare(CLONE_NEWUSER) would end the process.
	unshareKills bool
	// unshareErrno is what the filter answers to it otherwise.
	unshareErrno uint16
}

// FilterOptions returns what Compile hands to the compiler of system call filters
// beside the policy of s. Where Compile refuses a kernel for its Landlock, the
// answer is that of best_effort.
func FilterOptions(s *spec.Spec, f *feature.Facts) (seccomp.Options, error) {
	s = withSession(s)
	lenient := *s
	lenient.Landlock.BestEffort = true
	d, err := landlock.New(&lenient, nil, f) // grants decide nothing about scopes
	if err != nil {
		return seccomp.Options{}, err
	}
	// The descriptors are the launch's own, and so is what is mounted, which
	// decides on setuid bits.
	c := compiler{s: s, f: f, domain: d}
	if s.Rootfs.IDs != spec.IDsSingle {
		c.ids.bits = seccomp.SetIDPretended
	}
	return c.filterOptions(false)
}

func (c *compiler) filterOptions(keepFiles bool) (seccomp.Options, error) {
	s, d := c.s, c.domain
	arch, err := seccomp.Native()
	if err != nil {
		return seccomp.Options{}, &spec.Error{Op: "compile", Object: "system call filter", Err: err}
	}
	noNetwork := s.Network.Mode == spec.NetworkNone && !s.Namespaces.Net
	return seccomp.Options{
		Arch:           arch,
		Nested:         s.Namespaces.Nested,
		UnixOnly:       noNetwork,
		NoSockets:      noNetwork && !d.ScopesPaths(),
		NoFastOpen:     s.Landlock.TCPConnect != nil,
		NoGroupSignals: !d.ScopesSignals() && !s.Process.NewSession,
		KeepFiles:      keepFiles,
		InPlace:        s.Namespaces.Isolation == spec.IsolationLandlock,
		FakeIDs:        s.Rootfs.IDs == spec.IDsFake,
		SetIDBits:      c.ids.bits,
		GuardDefault:   true,
	}, nil
}

func (c *compiler) compileFilters(keepFiles bool) (filters, error) {
	s := c.s
	opts, err := c.filterOptions(keepFiles)
	if err != nil {
		return filters{}, err
	}
	own, err := seccomp.AllowOnly(opts.Arch, pid1.Calls())
	if err != nil {
		return filters{}, err
	}
	out := filters{pid1: seccomp.Bytes(own)}
	if s.Seccomp.Off {
		return out, checkUnfiltered(s)
	}
	program, err := seccomp.Compile(&s.Seccomp, opts)
	if err != nil {
		return filters{}, err
	}
	out.payload = seccomp.Bytes(program)
	return out, out.inspect(s, opts.Arch, program)
}

// checkUnfiltered refuses what only a filter could enforce.
func checkUnfiltered(s *spec.Spec) error {
	if s.Landlock.TCPBind == nil && s.Landlock.TCPConnect == nil {
		return nil
	}
	key := "landlock.tcp_bind"
	if s.Landlock.TCPBind == nil {
		key = "landlock.tcp_connect"
	}
	return &spec.Error{Op: "enforce", Object: key, Reason: "Landlock does not see multipath TCP, which the system call filter has to refuse, and the filter is off",
		Origin: s.OriginOf("seccomp.mode"), Hint: `leave seccomp.mode = "off" out`}
}

// inspect runs the program on the calls that starting the payload makes.
func (o *filters) inspect(s *spec.Spec, arch seccomp.Arch, program []seccomp.Instruction) error {
	for _, call := range [...]struct{ name, why string }{
		{"execve", "so that the command could not even start"},
		{"exit_group", "so that a command that cannot start could not end"},
	} {
		if kind, _ := verdict(arch, program, call.name); kind != seccomp.RetAllow && kind != seccomp.RetLog {
			return &spec.Error{Op: "compile", Object: "system call filter",
				Reason: "it refuses " + call.name + ", " + call.why, Origin: s.OriginOf("seccomp.default"),
				Hint: `add "` + call.name + `" to seccomp.allow, or take it out of seccomp.deny`}
		}
	}
	if s.Landlock.TCPBind != nil || s.Landlock.TCPConnect != nil {
		const inet, stream, mptcp = 2, 1, 262
		if kind, _ := verdict(arch, program, "socket", inet, stream, mptcp); kind == seccomp.RetAllow || kind == seccomp.RetLog {
			return &spec.Error{Op: "compile", Object: "system call filter", Reason: "it allows multipath TCP, which Landlock's rules for TCP ports do not see",
				Origin: s.OriginOf("seccomp.default"), Hint: `allow "@network-io" instead of "socket"`}
		}
	}
	kind, errno := verdict(arch, program, "unshare", cloneNewUser)
	o.unshareKills = kind == seccomp.RetKillProcess || kind == seccomp.RetTrap
	if kind == seccomp.RetErrno {
		o.unshareErrno = errno
	}
	return nil
}

const cloneNewUser = 0x10000000 // CLONE_NEWUSER

// verdict returns the action and the data that program answers to a call.
func verdict(arch seccomp.Arch, program []seccomp.Instruction, name string, args ...uint64) (kind uint32, data uint16) {
	nr, ok := seccomp.Number(arch, name)
	if !ok {
		return seccomp.RetKillProcess, 0
	}
	d := seccomp.Data{Nr: int32(nr), Arch: arch.AuditArch()}
	copy(d.Args[:], args)
	ret, _ := seccomp.Run(program, d)
	return ret &^ 0xffff, uint16(ret)
}
