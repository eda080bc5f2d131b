package spec

import (
	"path"
	"strconv"
	"strings"
)

// Validate checks what holds for every Spec, whichever front end made it. What
// depends on the host is checked when the Spec is compiled.
func (s *Spec) Validate() error {
	if s.Script != nil {
		return s.validateScript()
	}
	for _, check := range []func() error{s.validateProcess, s.validateEnv, s.validateMounts, s.ValidateIsolation, s.validateLimits} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

// ValidateIsolation checks what namespaces are needed for, and refuses what a
// sandbox without them could not enforce.
func (s *Spec) ValidateIsolation() error {
	if s.Namespaces.Isolation == IsolationLandlock {
		return s.validateInPlace()
	}
	return s.validateNamespaces()
}

func (s *Spec) refuse(key, reason, hint string) error {
	return &Error{Op: "profile", Object: key, Reason: reason, Origin: s.OriginOf(key), Hint: hint}
}

func (s *Spec) validateProcess() error {
	p := s.Process
	if len(p.Command) == 0 || p.Command[0] == "" {
		return s.refuse("process.command", "there is no command to run",
			"give one after --, or set command in the profile's [process]")
	}
	for _, arg := range p.Command {
		if strings.IndexByte(arg, 0) >= 0 {
			return s.refuse("process.command", "an argument contains a NUL byte", "")
		}
	}
	if p.Cwd != "" {
		if reason := badPath(p.Cwd); reason != "" {
			return s.refuse("process.cwd", reason, "")
		}
	}
	if len(p.Hostname) > 64 || strings.IndexByte(p.Hostname, 0) >= 0 {
		return s.refuse("process.hostname", "a host name has at most 64 bytes and no NUL (sethostname(2))", "")
	}
	if p.Umask != nil && *p.Umask > 0o777 {
		return s.refuse("process.umask", "a umask has permission bits only", "")
	}
	if p.Timeout < 0 || p.KillAfter < 0 {
		return s.refuse("process.timeout", "a duration cannot be negative", "")
	}
	for _, fd := range p.KeepFDs {
		if fd.FD < 3 || fd.FD > 1<<20 {
			return &Error{Op: "pass", Object: "descriptor " + strconv.Itoa(fd.FD), Reason: "not between 3 and 1048576; 0 to 2 are always passed", Origin: fd.Origin}
		}
	}
	return nil
}

func (s *Spec) validateEnv() error {
	for _, v := range s.Env.Set {
		if v.Name == "" || strings.ContainsAny(v.Name, "=\x00") || strings.IndexByte(v.Value, 0) >= 0 {
			return &Error{Op: "set", Object: "environment variable " + strconv.Quote(v.Name),
				Reason: "a name is not empty and has no '='; neither name nor value has a NUL byte", Origin: v.Origin}
		}
	}
	for _, p := range s.Env.Keep {
		if _, err := path.Match(p.Pattern, ""); err != nil || p.Pattern == "" {
			return &Error{Op: "keep", Object: "environment variable " + strconv.Quote(p.Pattern), Reason: "not a name or a shell pattern", Origin: p.Origin}
		}
	}
	return nil
}

func (s *Spec) validateMounts() error {
	for i := range s.Mounts {
		m := &s.Mounts[i]
		bad := func(what, value, reason string) error {
			return &Error{Op: m.Type.String(), Object: what + " " + strconv.Quote(value), Reason: reason, Origin: m.Origin}
		}
		if reason := badPath(m.Target); reason != "" {
			return bad("target", m.Target, reason)
		}
		switch m.Type {
		case MountBind:
			if reason := badPath(m.Source); reason != "" {
				return bad("source", m.Source, reason)
			}
		case MountSymlink:
			if m.Source == "" || strings.IndexByte(m.Source, 0) >= 0 {
				return bad("source", m.Source, "a link leads somewhere, and its text has no NUL byte")
			}
		case MountOverlay:
			if len(m.Lower) == 0 || (m.Upper == "") != (m.Work == "") || m.Upper == "" && len(m.Lower) < 2 {
				return bad("target", m.Target, "an overlay has upper, work and at least one lower directory, or at least two lower ones")
			}
			for _, d := range append([]string{m.Upper, m.Work}, m.Lower...) {
				if reason := badPath(d); d != "" && reason != "" {
					return bad("directory", d, reason)
				}
			}
		}
		if m.Mode != nil && *m.Mode > 0o7777 {
			return bad("target", m.Target, "a mode has at most four octal digits")
		}
	}
	for _, p := range s.NoExec {
		if reason := badPath(p.Path); reason != "" {
			return &Error{Op: "noexec", Object: p.Path, Reason: reason, Origin: p.Origin}
		}
	}
	return nil
}

// badPath says what is wrong with a path, or "".
func badPath(p string) string {
	switch {
	case p == "":
		return "empty"
	case strings.IndexByte(p, 0) >= 0:
		return "contains a NUL byte"
	case p[0] != '/':
		return "not an absolute path"
	case len(p) >= 4096:
		return "longer than 4095 bytes"
	case path.Clean(p) != p:
		return "not a clean path (no '..', '.', double or trailing slash)"
	}
	return ""
}

func (s *Spec) validateNamespaces() error {
	n := s.Namespaces
	for _, ns := range []struct {
		key string
		on  bool
		why string
	}{
		{"namespaces.user", n.User, "without a user namespace an unprivileged user can make none of the others"},
		{"namespaces.mount", n.Mount, "grants are mounts in a namespace of their own"},
		{"namespaces.pid", n.PID, "the pid namespace is what ends every process of the sandbox with it"},
	} {
		if !ns.on {
			return s.refuse(ns.key, ns.why, `use isolation = "landlock" to run without namespaces`)
		}
	}
	switch {
	case s.Network.Mode == NetworkNone && !n.Net:
		return s.refuse("namespaces.net", `network mode "none" is a network namespace`, `say [network] mode = "host" to use the host's`)
	case s.Network.Mode == NetworkHost && n.Net:
		return s.refuse("namespaces.net", `network mode "host" means no network namespace`, "remove one of the two")
	case s.Process.Hostname != "" && !n.UTS:
		return s.refuse("process.hostname", "it would change the host's own name: namespaces.uts is off", "remove one of the two")
	}
	for i := range s.Mounts {
		if s.Mounts[i].Type == MountMqueue && !n.IPC {
			return &Error{Op: "mqueue", Object: s.Mounts[i].Target, Reason: "it would show the host's queues: namespaces.ipc is off", Origin: s.Mounts[i].Origin}
		}
	}
	return nil
}

func (s *Spec) validateLimits() error {
	for _, l := range s.Limits.Rlimits {
		if l.Soft > l.Hard {
			return &Error{Op: "limit", Object: l.Name, Reason: "the soft limit is above the hard one", Origin: l.Origin}
		}
	}
	return nil
}
