package sandbox

import (
	"bytes"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/lichen-sandbox/lichen/internal/feature"
	"github.com/lichen-sandbox/lichen/internal/plan"
	"github.com/lichen-sandbox/lichen/internal/sys"
	"github.com/lichen-sandbox/lichen/landlock"
	"github.com/lichen-sandbox/lichen/spec"
)

func small() *spec.Spec {
	o := spec.Origin{File: "t.toml", Line: 1}
	return &spec.Spec{
		Namespaces: spec.Namespaces{User: true, Mount: true, PID: true, IPC: true, UTS: true, Cgroup: true, Net: true},
		Process:    spec.Process{Command: []string{"true"}, Cwd: "/tmp"},
		Mounts: []spec.Mount{
			{Type: spec.MountBind, Source: "/usr", Target: "/usr", Origin: o},
			{Type: spec.MountProc, Target: "/proc", Origin: o},
			{Type: spec.MountTmpfs, Target: "/tmp", Origin: o},
		},
		Seccomp: spec.Seccomp{Default: spec.Action{Kind: spec.ActionErrno, Errno: 1}, Allow: []spec.SyscallEntry{{Name: "@default"}}},
	}
}

func facts() *feature.Facts {
	return &feature.Facts{UID: 1000, GID: 1000, LandlockABI: 7, Files: feature.HostFiles{},
		HardLimit: func(int) uint64 { return 4096 }}
}

func compile(t *testing.T, s *spec.Spec) *plan.Plan {
	t.Helper()
	p, err := Compile(s, facts())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestCompileIsDeterministic protects reviews and golden tests: a plan is a
// function of the Spec and the Facts.
func TestCompileIsDeterministic(t *testing.T) {
	a, b := compile(t, small()), compile(t, small())
	if !reflect.DeepEqual(a, b) {
		t.Error("two compilations differ")
	}
}

// TestOrder protects the order that the promises rest on.
func TestOrder(t *testing.T) {
	p := compile(t, small())
	find := func(section plan.Section, nr uint64, match func(plan.Op) bool) int {
		t.Helper()
		i := slices.IndexFunc(p.Ops[section], func(o plan.Op) bool { return o.Nr == nr && (match == nil || match(o)) })
		if i < 0 {
			t.Fatalf("no %s in %s", plan.CallName(nr), section)
		}
		return i
	}
	arg := func(v uint64) func(plan.Op) bool { return func(o plan.Op) bool { return o.Args[0] == v } }
	before := func(what string, a, b int) {
		t.Helper()
		if a >= b {
			t.Errorf("%s: op %d does not come before op %d", what, a, b)
		}
	}

	setup := plan.Setup
	before("signals are blocked before anything else", find(setup, sys.SYS_RT_SIGPROCMASK, nil), 1)
	before("mounts are private before a tree is cloned", find(setup, sys.SYS_MOUNT, nil), find(setup, sys.SYS_OPEN_TREE, nil))
	before("the old root is gone before the payload exists", find(setup, sys.SYS_PIVOT_ROOT, nil), find(setup, sys.SYS_UMOUNT2, nil))
	before("no_new_privs is the payload's from the start", find(setup, sys.SYS_PRCTL, arg(sys.PR_SET_NO_NEW_PRIVS)), len(p.Ops[setup]))

	payload := plan.Payload
	idMap := slices.IndexFunc(p.Ops[payload], func(o plan.Op) bool { return p.Notes[o.Note].Op == "map group ids" })
	restrict := find(payload, sys.SYS_LANDLOCK_RESTRICT_SELF, nil)
	filter := find(payload, sys.SYS_SECCOMP, nil)
	exec := find(payload, sys.SYS_EXECVE, nil)
	before("ids are mapped before Landlock closes /proc", idMap, restrict)
	before("capabilities go before the filter", find(payload, sys.SYS_CAPSET, nil), filter)
	before("no_new_privs is verified", find(payload, sys.SYS_PRCTL, arg(sys.PR_GET_NO_NEW_PRIVS)), filter)
	before("Landlock comes before the filter", restrict, filter)
	before("descriptors are closed before exec", find(payload, sys.SYS_CLOSE_RANGE, nil), exec)
	for _, o := range p.Ops[payload][filter+1:] {
		if o.Nr != sys.SYS_EXECVE && o.Nr != sys.SYS_UNSHARE {
			t.Errorf("%s after the filter: it may not be allowed there", plan.CallName(o.Nr))
		}
	}

	supervise := plan.Supervise
	if first := p.Ops[supervise][0]; first.Nr != sys.SYS_PRCTL || first.Args[0] != sys.PR_SET_DUMPABLE {
		t.Error("PID 1 is not closed to inspection at once")
	}
	before("PID 1 has no capability when its filter starts", find(supervise, sys.SYS_CAPSET, nil), find(supervise, sys.SYS_SECCOMP, nil))
}

// TestEnvironment protects P4: what the profile does not name does not get in.
func TestEnvironment(t *testing.T) {
	e := spec.Env{
		Keep: []spec.Pattern{{Pattern: "LANG"}, {Pattern: "LC_*"}, {Pattern: "PATH"}},
		Set:  []spec.EnvVar{{Name: "PATH", Value: "/usr/bin"}, {Name: "EMPTY", Value: ""}},
	}
	got := environment(e, []string{"LANG=C", "LC_ALL=C", "PATH=/evil", "TOKEN=secret", "LANGUAGE=de", "broken", "=x", "LC_=y"}, 2)
	want := []string{"EMPTY=", "LANG=C", "LC_=y", "LC_ALL=C", "PATH=/usr/bin"}
	if !slices.Equal(got, want) {
		t.Errorf("environment %q, want %q", got, want)
	}
}

// TestCandidates protects that a bare command is never looked up in the
// working directory, which the payload may write.
func TestCandidates(t *testing.T) {
	for _, c := range []struct {
		command string
		env     []string
		want    []string
	}{
		{"/bin/sh", nil, []string{"/bin/sh"}},
		{"./x", nil, []string{"./x"}},
		{"sh", []string{"PATH=/a:/b"}, []string{"/a/sh", "/b/sh"}},
		{"sh", []string{"PATH=:.:bin:/a::"}, []string{"/a/sh"}},
		{"sh", []string{"PATH="}, []string{"/sh"}},
		{"sh", nil, []string{"/usr/local/bin/sh", "/usr/bin/sh", "/bin/sh"}},
	} {
		if got := candidates(c.command, c.env); !slices.Equal(got, c.want) {
			t.Errorf("candidates(%q, %q) = %q, want %q", c.command, c.env, got, c.want)
		}
	}
}

// TestLimits protects that a limit which cannot be set is refused before
// anything starts.
func TestLimits(t *testing.T) {
	s := small()
	s.Limits.Rlimits = []spec.Rlimit{{Name: "nofile", Soft: 100, Hard: 100}}
	compile(t, s)
	for name, limit := range map[string]spec.Rlimit{
		"above the hard limit": {Name: "nofile", Soft: 1, Hard: 5000, Origin: spec.Origin{File: "t.toml", Line: 9}},
		"unlimited":            {Name: "nofile", Soft: 1, Hard: spec.RlimInfinity, Origin: spec.Origin{File: "t.toml", Line: 9}},
		"unknown":              {Name: "files", Origin: spec.Origin{File: "t.toml", Line: 9}},
		"soft above hard":      {Name: "nofile", Soft: 2, Hard: 1, Origin: spec.Origin{File: "t.toml", Line: 9}},
	} {
		s := small()
		s.Limits.Rlimits = []spec.Rlimit{limit}
		if _, err := Compile(s, facts()); err == nil || !strings.Contains(err.Error(), "(t.toml:9)") {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

// TestOpenFiles protects the caller's limit on open files: where the Go runtime
// has raised it, the payload's process takes that back, unless the profile has a
// limit of its own. Where nothing was raised, there is nothing to do.
func TestOpenFiles(t *testing.T) {
	for _, c := range []struct {
		name   string
		limit  feature.Limit
		own    bool
		counts int
	}{
		{"raised", feature.Limit{Soft: 512, Hard: 4096}, false, 1},
		{"raised, and the profile's own", feature.Limit{Soft: 512, Hard: 4096}, true, 1},
		{"not raised", feature.Limit{Soft: 4096, Hard: 4096}, false, 0},
		{"unknown", feature.Limit{}, false, 0},
	} {
		s, f := small(), facts()
		f.NoFile = c.limit
		if c.own {
			s.Limits.Rlimits = []spec.Rlimit{{Name: "nofile", Soft: 100, Hard: 100}}
		}
		p, err := Compile(s, f)
		if err != nil {
			t.Fatal(err)
		}
		var text bytes.Buffer
		if err := p.WriteText(&text); err != nil {
			t.Fatal(err)
		}
		if got := strings.Count(text.String(), "prlimit64("); got != c.counts {
			t.Errorf("%s: %d calls, want %d", c.name, got, c.counts)
		}
		if restored := strings.Contains(text.String(), "restore the limit on open files"); restored != (c.counts > 0 && !c.own) {
			t.Errorf("%s: restored %v", c.name, restored)
		}
	}
}

// TestFilterThatCannotStart protects against a sandbox that dies silently.
func TestFilterThatCannotStart(t *testing.T) {
	s := small()
	s.Seccomp.Deny = []spec.SyscallEntry{{Name: "execve"}}
	if _, err := Compile(s, facts()); err == nil || !strings.Contains(err.Error(), "refuses execve") {
		t.Errorf("error %v", err)
	}
}

// TestDoors protects P1: an open directory or path among what the payload
// inherits would lead out of the sandbox.
func TestDoors(t *testing.T) {
	kinds := map[feature.DescriptorKind]bool{
		feature.DescriptorOther: true, feature.DescriptorFile: true, feature.DescriptorCharDev: true, feature.DescriptorNull: true,
		feature.DescriptorDir: false, feature.DescriptorPath: false,
	}
	for kind, fine := range kinds {
		f := facts()
		f.Stdio[1].Kind = kind
		if _, err := Compile(small(), f); (err == nil) != fine {
			t.Errorf("standard output of kind %d: %v", kind, err)
		}
		s := small()
		s.Process.KeepFDs = []spec.FD{{FD: 7}}
		f = facts()
		f.Descriptor = func(int) feature.Descriptor { return feature.Descriptor{Kind: kind} }
		if _, err := Compile(s, f); (err == nil) != fine {
			t.Errorf("kept descriptor of kind %d: %v", kind, err)
		}
	}
	s, f := small(), facts()
	s.Process.KeepFDs = []spec.FD{{FD: 7}}
	f.Descriptor = func(int) feature.Descriptor { return feature.Descriptor{Kind: feature.DescriptorClosed} }
	if _, err := Compile(s, f); err == nil {
		t.Error("a closed descriptor was passed on")
	}
}

// TestReadOnlyFiles protects a file that the payload gets opened for reading:
// where Landlock does not keep it so, the filter has to, or it is refused.
func TestReadOnlyFiles(t *testing.T) {
	const refused, filtered, plain = "refused", "filtered", "plain"
	off, nested, unfiltered := small(), small(), small()
	off.Landlock.Mode = spec.LandlockOff
	nested.Namespaces.Nested = true
	unfiltered.Seccomp.Off = true
	unfiltered.Process.NewSession = true
	for name, c := range map[string]struct {
		s    *spec.Spec
		abi  int
		want string
	}{
		"Landlock 3": {small(), 3, plain}, "Landlock 2": {small(), 2, filtered}, "off": {off, 7, refused}, "nested": {nested, 7, refused},
		"Landlock 3, no filter": {unfiltered, 3, plain}, "Landlock 2, no filter": {unfiltered, 2, refused},
	} {
		for _, kept := range []bool{false, true} {
			f, s := facts(), *c.s
			file := feature.Descriptor{Kind: feature.DescriptorFile, Readable: true}
			f.LandlockABI = c.abi
			if kept {
				s.Process.KeepFDs = []spec.FD{{FD: 7}}
				f.Descriptor = func(int) feature.Descriptor { return file }
			} else {
				f.Stdio[0] = file
			}
			got := plain
			if _, err := Compile(&s, f); err != nil {
				got = refused
			} else if d, err := landlock.New(&s, nil, f); err != nil {
				t.Fatal(err)
			} else if needed, _ := checkReadOnlyFiles(&s, f, d); needed {
				got = filtered
			}
			if got != c.want {
				t.Errorf("%s, kept %v: %s, want %s", name, kept, got, c.want)
			}
		}
	}
}

// TestRoot protects what is different when root starts lichen: limits that the
// kernel does not hold root to, and isolation that would be none.
func TestRoot(t *testing.T) {
	root := facts()
	root.UID, root.GID = 0, 0
	s := small()
	s.Limits.Rlimits = []spec.Rlimit{{Name: "nproc", Soft: 10, Hard: 10}}
	if _, err := Compile(s, root); err == nil || !strings.Contains(err.Error(), "nproc") {
		t.Errorf("nproc: %v", err)
	}
	s = &spec.Spec{Process: spec.Process{Command: []string{"/bin/true"}}, Seccomp: small().Seccomp,
		Namespaces: spec.Namespaces{Isolation: spec.IsolationLandlock}}
	if _, err := Compile(s, root); err == nil || !strings.Contains(err.Error(), "namespaces.isolation") {
		t.Errorf("isolation: %v", err)
	}
	if _, err := Compile(s, facts()); err != nil {
		t.Errorf("the same as a user: %v", err)
	}
}

// TestNestingIsVerified protects the last check before exec: it is there
// unless the filter would kill for trying, or the profile allows nesting.
func TestNestingIsVerified(t *testing.T) {
	tries := func(s *spec.Spec) bool {
		return slices.ContainsFunc(compile(t, s).Ops[plan.Payload], func(o plan.Op) bool {
			return o.Nr == sys.SYS_UNSHARE && o.Args[0] == sys.CLONE_NEWUSER && o.Check == plan.CheckMustFail
		})
	}
	nested, kills, off := small(), small(), small()
	nested.Namespaces.Nested = true
	kills.Seccomp.Deny = []spec.SyscallEntry{{Name: "unshare"}}
	kills.Seccomp.DenyAction = spec.Action{Kind: spec.ActionKillProcess}
	off.Seccomp.Off = true
	for name, c := range map[string]struct {
		s    *spec.Spec
		want bool
	}{"plain": {small(), true}, "nested": {nested, false}, "filter kills": {kills, false}, "no filter": {off, true}} {
		if got := tries(c.s); got != c.want {
			t.Errorf("%s: verified %v, want %v", name, got, c.want)
		}
	}
}
