package landlock

import (
	"strings"
	"testing"

	"github.com/lichen-sandbox/lichen/internal/feature"
	"github.com/lichen-sandbox/lichen/internal/plan"
	"github.com/lichen-sandbox/lichen/internal/sys"
	"github.com/lichen-sandbox/lichen/spec"
)

// inNamespaces is a profile whose namespaces do what old Landlock cannot.
func inNamespaces() *spec.Spec {
	return &spec.Spec{Namespaces: spec.Namespaces{User: true, Mount: true, PID: true, Net: true},
		Origins: map[string]spec.Origin{"landlock.mode": {File: "t.toml", Line: 7}}}
}

func alone() *spec.Spec {
	return &spec.Spec{Namespaces: spec.Namespaces{Isolation: spec.IsolationLandlock}}
}

func ports(p ...uint16) *[]spec.Port {
	list := []spec.Port{}
	for _, n := range p {
		list = append(list, spec.Port{Port: n})
	}
	return &list
}

// TestHandledByABI has one row per version of Landlock: what is handled, that
// is, denied unless a rule allows it.
func TestHandledByABI(t *testing.T) {
	const (
		v1      = 1<<13 - 1
		refer   = sys.LANDLOCK_ACCESS_FS_REFER
		trunc   = sys.LANDLOCK_ACCESS_FS_TRUNCATE
		ioctl   = sys.LANDLOCK_ACCESS_FS_IOCTL_DEV
		resolve = sys.LANDLOCK_ACCESS_FS_RESOLVE_UNIX
	)
	for abi, want := range map[int]Rights{
		1:  {FS: v1},
		2:  {FS: v1 | refer},
		3:  {FS: v1 | refer | trunc},
		4:  {FS: v1 | refer | trunc, Net: tcp},
		5:  {FS: v1 | refer | trunc | ioctl, Net: tcp},
		6:  {FS: v1 | refer | trunc | ioctl, Net: tcp, Scope: scopes},
		7:  {FS: v1 | refer | trunc | ioctl, Net: tcp, Scope: scopes},
		8:  {FS: v1 | refer | trunc | ioctl, Net: tcp, Scope: scopes},
		9:  {FS: v1 | refer | trunc | ioctl | resolve, Net: tcp, Scope: scopes},
		99: {FS: v1 | refer | trunc | ioctl | resolve, Net: tcp, Scope: scopes},
	} {
		s := inNamespaces()
		s.Landlock.TCPBind, s.Landlock.TCPConnect = ports(80), ports(443)
		s.Landlock.BestEffort = true
		d, err := New(s, nil, &feature.Facts{LandlockABI: abi})
		if err != nil {
			t.Fatalf("ABI %d: %v", abi, err)
		}
		if d.handled != want {
			t.Errorf("ABI %d handles %+v, want %+v", abi, d.handled, want)
		}
	}
}

// TestRequirements protects P10: what neither Landlock nor a namespace
// enforces stops the launch, and best_effort names what it dropped.
func TestRequirements(t *testing.T) {
	hostNet := inNamespaces()
	hostNet.Namespaces.Net = false
	withPorts := inNamespaces()
	withPorts.Landlock.TCPConnect = ports()
	unscoped := inNamespaces()
	unscoped.Namespaces.Net = false
	unscoped.Landlock.NoScopeAbstract = true
	nested := inNamespaces()
	nested.Namespaces.Nested = true
	aloneOnNet := alone()
	aloneOnNet.Network.Mode = spec.NetworkHost
	rules := inNamespaces()
	rules.Landlock.Mode = spec.LandlockRules
	unfiltered, session := inNamespaces(), inNamespaces()
	unfiltered.Seccomp.Off, session.Seccomp.Off = true, true
	session.Process.NewSession = true
	for _, c := range []struct {
		name    string
		spec    *spec.Spec
		enough  int    // first version that does
		missing string // key named by the version before
	}{
		{"namespaces and file rules", inNamespaces(), 1, "landlock.mode"},
		{"host network needs the abstract scope", hostNet, 6, "landlock.scope_abstract"},
		{"host network without the scope", unscoped, 1, "landlock.mode"},
		{"ports", withPorts, 4, "landlock.tcp_connect"},
		{"no namespaces", alone(), 6, "landlock.scope_abstract"},
		{"no namespaces, the host's network", aloneOnNet, 9, "namespaces.isolation"},
		{"rules of its own", rules, 3, "landlock.rules"},
		{"no filter", unfiltered, 6, "landlock.scope_signal"},
		{"no filter, a session of its own", session, 1, "landlock.mode"},
		{"nested asks for nothing", nested, 0, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := New(c.spec, nil, &feature.Facts{LandlockABI: c.enough}); err != nil {
				t.Errorf("ABI %d: %v", c.enough, err)
			}
			if c.enough == 0 {
				return
			}
			old := &feature.Facts{LandlockABI: c.enough - 1}
			_, err := New(c.spec, nil, old)
			if err == nil || !strings.Contains(err.Error(), c.missing) {
				t.Errorf("ABI %d: error %v does not name %s", c.enough-1, err, c.missing)
			}
			effort := *c.spec
			effort.Landlock.BestEffort = true
			d, err := New(&effort, nil, old)
			if err != nil || len(d.Dropped) == 0 || !strings.Contains(strings.Join(d.Dropped, "\n"), c.missing) {
				t.Errorf("ABI %d with best_effort: %v, dropped %q", c.enough-1, err, d.Dropped)
			}
		})
	}
}

// TestRules protects what each kind of grant allows, and that a rule which
// adds nothing to the one above it is left out.
func TestRules(t *testing.T) {
	const abi9 = 9
	d, err := New(inNamespaces(), []Grant{
		{Path: "/", Dir: true, ListDir: true},
		{Path: "/dev/null", Write: true, Device: true},
		{Path: "/etc", Dir: true, Execute: true},
		{Path: "/etc/passwd", Execute: true},
		{Path: "/home/u", Dir: true, Write: true, Execute: true},
		{Path: "/home/u/sub", Dir: true, Execute: true},
		{Path: "/home/u-other", Dir: true},
		{Path: "/proc", Dir: true, Modify: true},
		{Path: "/run/bus", Connect: true},
	}, &feature.Facts{LandlockABI: abi9})
	if err != nil {
		t.Fatal(err)
	}
	want := []rule{
		{path: "/", rights: readDir},
		{path: "/dev/null", rights: readFile | writeFile | device | sys.LANDLOCK_ACCESS_FS_RESOLVE_UNIX},
		{path: "/etc", rights: read | execute},
		{path: "/home/u", rights: read | write | device | execute},
		{path: "/home/u-other", rights: read},
		{path: "/proc", rights: read | writeFile},
		{path: "/run/bus", rights: readFile | sys.LANDLOCK_ACCESS_FS_RESOLVE_UNIX},
	}
	if len(d.rules) != len(want) {
		t.Fatalf("%d rules, want %d: %+v", len(d.rules), len(want), d.rules)
	}
	for i, w := range want {
		if d.rules[i] != w {
			t.Errorf("rule %d: %+v, want %+v", i, d.rules[i], w)
		}
	}
}

// TestStdio protects that what the payload has open it may open again, in the
// same mode only.
func TestStdio(t *testing.T) {
	d, err := New(inNamespaces(), nil, &feature.Facts{LandlockABI: 5, Stdio: [3]feature.Descriptor{
		{Kind: feature.DescriptorFile, Readable: true},
		{Kind: feature.DescriptorFile, Writable: true},
		{Kind: feature.DescriptorCharDev, Readable: true, Writable: true},
	}})
	if err != nil {
		t.Fatal(err)
	}
	want := [3]uint64{readFile, writeFile, readFile | writeFile | device}
	if d.stdio != want {
		t.Errorf("rights %x, want %x", d.stdio, want)
	}
}

// TestNestedHasNoFileRules protects nested sandboxes: any file rule forbids
// them to mount.
func TestNestedHasNoFileRules(t *testing.T) {
	s := inNamespaces()
	s.Namespaces.Nested = true
	d, err := New(s, []Grant{{Path: "/usr", Dir: true}}, &feature.Facts{LandlockABI: 7, Stdio: [3]feature.Descriptor{{Kind: feature.DescriptorCharDev, Readable: true}}})
	if err != nil {
		t.Fatal(err)
	}
	b := plan.NewBuilder()
	d.Enforce(b, spec.Origin{})
	p, err := b.Finish()
	if err != nil {
		t.Fatal(err)
	}
	for _, op := range p.Ops[plan.Setup] {
		if op.Nr == sys.SYS_LANDLOCK_ADD_RULE {
			t.Error("a rule was added")
		}
	}
	if d.handled.FS != 0 || d.handled.Scope != scopes {
		t.Errorf("handles %+v, want the scopes alone", d.handled)
	}
}
