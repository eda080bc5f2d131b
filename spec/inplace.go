package spec

// validateInPlace refuses, by key, what Landlock and seccomp cannot enforce
// without namespaces. A profile that asks for it must not start with less.
func (s *Spec) validateInPlace() error {
	const onlyNamespaces = `isolation = "landlock" cannot enforce it`
	n := s.Namespaces
	for _, k := range []struct {
		key string
		set bool
		why string
	}{
		{"namespaces.user", n.User, "it makes no namespaces"},
		{"namespaces.mount", n.Mount, "it makes no namespaces"},
		{"namespaces.pid", n.PID, "it makes no namespaces"},
		{"namespaces.ipc", n.IPC, "it makes no namespaces"},
		{"namespaces.uts", n.UTS, "it makes no namespaces"},
		{"namespaces.cgroup", n.Cgroup, "it makes no namespaces"},
		{"namespaces.net", n.Net, "it makes no namespaces"},
		{"namespaces.time", n.Time, "it makes no namespaces"},
		{"namespaces.nested", n.Nested, "the Landlock rules that it rests on forbid mounting"},
		{"process.uid", s.Process.UID != nil, "ids inside need a user namespace"},
		{"process.gid", s.Process.GID != nil, "ids inside need a user namespace"},
		{"process.hostname", s.Process.Hostname != "", "a host name needs a uts namespace"},
		{"landlock.mode", s.Landlock.Mode == LandlockOff, "nothing would be left"},
		{"landlock.scope_signal", s.Landlock.NoScopeSignal, "the scope is what ends stray processes"},
		{"network.mode", s.Network.Mode == NetworkNone && s.Seccomp.Off, `without a network namespace, "none" is up to the system call filter, which is off`},
	} {
		if k.set {
			origin := s.OriginOf(k.key)
			if origin.IsZero() {
				origin = s.OriginOf("namespaces.isolation") // the key has its default
			}
			return &Error{Op: "profile", Object: k.key, Reason: onlyNamespaces + ": " + k.why, Origin: origin,
				Hint: `remove the key, or use isolation = "namespaces"`}
		}
	}
	for i := range s.Mounts {
		m := &s.Mounts[i]
		if m.Type == MountBind && m.Source == m.Target {
			continue
		}
		key, why := "mount", "it makes no mounts"
		switch {
		case m.Type == MountHide:
			key, why = "fs.hide", "Landlock cannot take away what a grant above gives"
		case m.Type == MountTmpfs:
			key = "fs.tmpfs"
		case m.Type == MountBind:
			key, why = "fs", "a path cannot appear at another place"
		}
		return &Error{Op: "profile", Object: key + " " + m.Target, Reason: onlyNamespaces + ": " + why, Origin: m.Origin,
			Hint: `remove the entry, or use isolation = "namespaces"`}
	}
	return nil
}
