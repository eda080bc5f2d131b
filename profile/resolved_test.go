package profile

import (
	"fmt"
	"path"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/lichen-sandbox/lichen/spec"
)

// checkSpec checks what the documentation of package spec promises.
func checkSpec(t *testing.T, s *spec.Spec) {
	t.Helper()
	clean := func(what, p string) {
		t.Helper()
		if !path.IsAbs(p) || path.Clean(p) != p || strings.IndexByte(p, 0) >= 0 {
			t.Errorf("%s %q is not absolute and clean", what, p)
		}
	}
	for _, m := range s.Mounts {
		clean("target", m.Target)
		if m.Type == spec.MountBind {
			clean("source", m.Source)
		}
		if m.Origin.IsZero() {
			t.Errorf("mount of %s has no origin", m.Target)
		}
	}
	for _, p := range s.NoExec {
		clean("noexec", p.Path)
	}
	if s.Process.Cwd != "" {
		clean("cwd", s.Process.Cwd)
	}
	for _, v := range s.Env.Set {
		if v.Name == "" || strings.ContainsAny(v.Name, "=\x00") || strings.IndexByte(v.Value, 0) >= 0 {
			t.Errorf("variable %q=%q", v.Name, v.Value)
		}
	}
	for _, l := range s.Limits.Rlimits {
		if l.Soft > l.Hard {
			t.Errorf("limit %s: %d above %d", l.Name, l.Soft, l.Hard)
		}
	}
	if n := s.Namespaces; n.Isolation == spec.IsolationNamespaces && (!n.User || !n.Mount || !n.PID) {
		t.Errorf("namespaces: %+v", n)
	}
	if !s.Seccomp.Off && s.Seccomp.Default.Kind == spec.ActionUnset {
		t.Error("seccomp has no default")
	}
}

// sameSpec compares what two Specs do: without origins and layers, and without
// the mounts that another replaces.
func sameSpec(t *testing.T, a, b *spec.Spec) {
	t.Helper()
	if x, y := strip(a), strip(b); !reflect.DeepEqual(x, y) {
		t.Errorf("the Specs differ:\n%+v\n%+v", x, y)
	}
}

func strip(s *spec.Spec) spec.Spec {
	c := *s
	c.Name, c.Origins = "", nil
	// Lists keep their order, and fs.ro, fs.rw, … are written together, so
	// mounts are compared as a set: one that stands there twice is one.
	c.Mounts, c.NoExec = nil, nil
	for _, m := range s.Mounts {
		if replaced(s, &m) {
			continue
		}
		m.Layer, m.Origin = 0, spec.Origin{}
		c.Mounts = append(c.Mounts, m)
	}
	slices.SortStableFunc(c.Mounts, func(a, b spec.Mount) int { return strings.Compare(mountKey(&a), mountKey(&b)) })
	c.Mounts = slices.CompactFunc(c.Mounts, func(a, b spec.Mount) bool { return reflect.DeepEqual(a, b) })
	for _, p := range s.NoExec {
		if path := (spec.Path{Path: p.Path, Optional: p.Optional}); !slices.Contains(c.NoExec, path) {
			c.NoExec = append(c.NoExec, path)
		}
	}
	c.Env.Keep, c.Env.Set = nil, nil
	for _, k := range s.Env.Keep {
		c.Env.Keep = append(c.Env.Keep, spec.Pattern{Pattern: k.Pattern})
	}
	for _, v := range s.Env.Set {
		c.Env.Set = append(c.Env.Set, spec.EnvVar{Name: v.Name, Value: v.Value})
	}
	c.Landlock.Rules = nil
	for _, r := range s.Landlock.Rules {
		r.Origin = spec.Origin{}
		c.Landlock.Rules = append(c.Landlock.Rules, r)
	}
	c.Landlock.TCPBind, c.Landlock.TCPConnect = stripPorts(s.Landlock.TCPBind), stripPorts(s.Landlock.TCPConnect)
	c.Seccomp.Allow, c.Seccomp.Deny = stripCalls(s.Seccomp.Allow), stripCalls(s.Seccomp.Deny)
	c.Seccomp.DefaultOrigin, c.Seccomp.DenyActionOrigin = spec.Origin{}, spec.Origin{}
	c.Seccomp.Rules = nil
	for _, r := range s.Seccomp.Rules {
		c.Seccomp.Rules = append(c.Seccomp.Rules, spec.SeccompRule{Text: r.Text})
	}
	c.Process.KeepFDs = nil
	for _, fd := range s.Process.KeepFDs {
		c.Process.KeepFDs = append(c.Process.KeepFDs, spec.FD{FD: fd.FD})
	}
	c.Limits.Rlimits = nil
	for _, l := range s.Limits.Rlimits {
		l.Origin = spec.Origin{}
		c.Limits.Rlimits = append(c.Limits.Rlimits, l)
	}
	slices.SortFunc(c.Limits.Rlimits, func(a, b spec.Rlimit) int { return strings.Compare(a.Name, b.Name) })
	return c
}

func replaced(s *spec.Spec, m *spec.Mount) bool {
	for i := range s.Mounts {
		if o := &s.Mounts[i]; o.Target == m.Target && o.Layer > m.Layer {
			return true
		}
	}
	return false
}

func stripPorts(list *[]spec.Port) *[]spec.Port {
	if list == nil {
		return nil
	}
	out := []spec.Port{}
	for _, p := range *list {
		out = append(out, spec.Port{Port: p.Port})
	}
	return &out
}

func stripCalls(list []spec.SyscallEntry) []spec.SyscallEntry {
	var out []spec.SyscallEntry
	for _, c := range list {
		out = append(out, spec.SyscallEntry{Name: c.Name})
	}
	return out
}

// mountKey orders mounts by all that they say.
func mountKey(m *spec.Mount) string {
	return fmt.Sprintf("%s %v %s %q %q %s %s %v %v %v %v %v %d", m.Target, m.Type, m.Source, m.Content, m.Lower, m.Upper, m.Work,
		m.Write, m.NoExec, m.Dev, m.Socket, m.Optional, m.Size)
}
