package sandbox

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/lichen-sandbox/lichen/internal/feature"
	"github.com/lichen-sandbox/lichen/internal/plan"
	"github.com/lichen-sandbox/lichen/internal/subid"
	"github.com/lichen-sandbox/lichen/internal/sys"
	"github.com/lichen-sandbox/lichen/seccomp"
	"github.com/lichen-sandbox/lichen/spec"
	"github.com/lichen-sandbox/lichen/userns"
)

// withHelpers is a host that has newuidmap and newgidmap.
type withHelpers struct{ feature.HostFiles }

func (withHelpers) Stat(path string) (fs.FileMode, error) {
	if strings.HasSuffix(path, "map") {
		return 0o755, nil
	}
	return feature.HostFiles{}.Stat(path)
}

func rangeFacts() *feature.Facts {
	f := facts()
	f.Files = withHelpers{}
	f.SubIDs = func() (subid.Mapping, error) {
		m, err := subid.NewMap(1000, []subid.Range{{First: 100000, Count: 1000}})
		return subid.Mapping{UIDs: m, GIDs: m}, err
	}
	return f
}

func withIDs(ids spec.IDs, uid *uint32) *spec.Spec {
	s := small()
	s.Rootfs.IDs, s.Process.UID = ids, uid
	return s
}

// TestKeptCapabilities protects P3: a payload has capabilities only as uid 0 of
// a namespace that owns nothing, only those that are listed, and the kernel is
// asked whether it has no other.
func TestKeptCapabilities(t *testing.T) {
	user := uint32(33)
	shared := withIDs(spec.IDsSubuid, nil)
	shared.Mounts = append(shared.Mounts, spec.Mount{Type: spec.MountBind, Source: "/var/tmp", Target: "/data", Write: true})
	const fsetid = 1 << sys.CAP_FSETID
	for name, c := range map[string]struct {
		s    *spec.Spec
		want uint64
	}{
		"single": {small(), 0}, "root of ranges": {withIDs(spec.IDsSubuid, nil), rootCapabilities}, "user of ranges": {withIDs(spec.IDsSubuid, &user), 0},
		"root of ranges with files of the host's": {shared, rootCapabilities &^ fsetid},
		"root of one id": {withIDs(spec.IDsFake, nil), fakeRootCapabilities}, "user of one id": {withIDs(spec.IDsFake, &user), 0},
	} {
		p, err := Compile(c.s, rangeFacts())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		dropped, bounds, raised := uint64(0), 0, 0
		for _, o := range p.Ops[plan.Payload] {
			switch {
			case o.Nr == sys.SYS_PRCTL && o.Args[0] == sys.PR_CAPBSET_DROP && o.Check == plan.CheckOK:
				dropped |= 1 << o.Args[1]
			case o.Nr == sys.SYS_PRCTL && o.Args[0] == sys.PR_CAPBSET_READ && o.Check == plan.CheckEqual:
				if o.Expect != c.want>>o.Args[1]&1 {
					t.Errorf("%s: the bounding set may have %d: %d", name, o.Args[1], o.Expect)
				}
				bounds++
			case o.Nr == sys.SYS_CAPSET && o.Check == plan.CheckMustFail:
				raised++
			}
		}
		if dropped != ^c.want {
			t.Errorf("%s: drops all but %#x, want %#x", name, ^dropped, c.want)
		}
		if c.want != 0 && (bounds != 64 || raised < 30) {
			t.Errorf("%s: verifies %d and %d capabilities", name, bounds, raised)
		}
	}
}

// TestIDsAreRefused protects P10 where ids cannot be what the profile says.
func TestIDsAreRefused(t *testing.T) {
	tooHigh := uint32(1001)
	nested, off, inPlace := withIDs(spec.IDsFake, nil), withIDs(spec.IDsFake, nil), withIDs(spec.IDsSubuid, nil)
	nested.Namespaces.Nested = true
	off.Seccomp.Off = true
	inPlace.Namespaces = spec.Namespaces{Isolation: spec.IsolationLandlock}
	inPlace.Mounts = nil
	for name, s := range map[string]*spec.Spec{"an id above the ranges": withIDs(spec.IDsSubuid, &tooHigh), "nested": nested, "without a filter": off, "without namespaces": inPlace} {
		if _, err := Compile(s, rangeFacts()); err == nil {
			t.Errorf("%s: compiles", name)
		}
	}
	if _, err := userns.Helped(subid.Mapping{}, func(string) bool { return false }); err == nil || !strings.Contains(err.(*spec.Error).Hint, "uidmap") {
		t.Errorf("without newuidmap: %v", err)
	}
	f := rangeFacts()
	want := &spec.Error{Op: "read", Object: "/etc/subuid"}
	f.SubIDs = func() (subid.Mapping, error) { return subid.Mapping{}, want }
	if _, err := Compile(withIDs(spec.IDsSubuid, nil), f); err != error(want) {
		t.Errorf("without ranges: %v", err)
	}
}

// TestSetIDBits protects P8: setuid bits are let through only where nothing that
// the payload writes can be executed by others.
func TestSetIDBits(t *testing.T) {
	file := feature.Descriptor{Kind: feature.DescriptorFile}
	kept := func(mode fs.FileMode) *spec.Spec {
		dir := filepath.Join(t.TempDir(), "kept")
		for _, d := range []string{dir, dir + "/upper", dir + "/work", dir + "/image"} {
			if err := os.Mkdir(d, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
		s := withIDs(spec.IDsSubuid, nil)
		s.Rootfs.Write, s.Rootfs.Keep = spec.WriteKeep, dir
		s.Mounts = []spec.Mount{{Type: spec.MountImage, Source: dir + "/image", Target: "/", Write: true, Upper: dir + "/upper", Work: dir + "/work"}}
		return s
	}
	bind := func(m spec.Mount) *spec.Spec {
		s := withIDs(spec.IDsFake, nil)
		m.Type, m.Target = spec.MountBind, "/data"
		s.Mounts = append(s.Mounts, m)
		return s
	}
	for name, c := range map[string]struct {
		s       *spec.Spec
		descr   feature.Descriptor
		want    seccomp.SetIDBits
		keepsFD bool
	}{
		"single":                      {small(), feature.Descriptor{}, seccomp.SetIDRefused, false},
		"nothing of the host's":       {withIDs(spec.IDsSubuid, nil), feature.Descriptor{}, seccomp.SetIDAllowed, false},
		"pretended ids":               {withIDs(spec.IDsFake, nil), feature.Descriptor{}, seccomp.SetIDAllowed, false},
		"a file as standard output":   {withIDs(spec.IDsSubuid, nil), file, seccomp.SetIDPretended, false},
		"a file that is kept":         {withIDs(spec.IDsSubuid, nil), file, seccomp.SetIDPretended, true},
		"a directory to read":         {bind(spec.Mount{Source: "/var/tmp"}), feature.Descriptor{}, seccomp.SetIDAllowed, false},
		"a directory to write":        {bind(spec.Mount{Source: "/var/tmp", Write: true}), feature.Descriptor{}, seccomp.SetIDPretended, false},
		"one with devices, to write":  {bind(spec.Mount{Source: "/var/tmp", Write: true, Dev: true}), feature.Descriptor{}, seccomp.SetIDPretended, false},
		"a device":                    {bind(spec.Mount{Source: "/dev/null", Write: true, Dev: true}), feature.Descriptor{}, seccomp.SetIDAllowed, false},
		"a layer that nobody reaches": {kept(0o700), feature.Descriptor{}, seccomp.SetIDAllowed, false},
		"a layer that others reach":   {kept(0o711), feature.Descriptor{}, seccomp.SetIDPretended, false},
	} {
		f := rangeFacts()
		if c.keepsFD {
			c.s.Process.KeepFDs = []spec.FD{{FD: 7}}
			f.Descriptor = func(int) feature.Descriptor { return c.descr }
		} else {
			f.Stdio[1] = c.descr
		}
		compiled := &compiler{b: plan.NewBuilder(), s: c.s, f: f}
		if err := compiled.prepare(); err != nil {
			t.Errorf("%s: %v", name, err)
		} else if compiled.ids.bits != c.want {
			t.Errorf("%s: %d, want %d", name, compiled.ids.bits, c.want)
		}
	}
}

// gated is a plan without namespaces that waits for id maps, which program says
// it has written.
func gated(program string) *plan.Plan {
	b := plan.NewBuilder()
	b.Close(userns.WaitForMaps(b))
	b.Section(plan.Payload)
	b.Call(sys.SYS_EXIT_GROUP, plan.Val(0))
	p, _ := b.Finish()
	p.PayloadFlags = sys.CLONE_VM | sys.CLONE_VFORK
	p.IDMaps = []plan.IDMap{{File: "uid_map", Program: program, Args: []string{"0", "1000", "1"}}}
	return p
}

// TestGate protects that PID 1 goes on only once its maps are written, that the
// programs' own words are in the error, and that nobody is left.
func TestGate(t *testing.T) {
	dir := t.TempDir()
	script := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, c := range []struct{ program, want string }{
		{script("refuses", "echo 'write to uid_map failed: no' >&2; exit 1"), `refuses: "write to uid_map failed: no"`},
		{script("silent", "exit 3"), "silent: exit status 3"},
		{script("killed", "kill -9 $$"), "killed: signal: killed"},
		{filepath.Join(dir, "missing"), "start " + dir + "/missing: no such file or directory"},
		{script("environment", `test -z "$HOME$LICHEN" && test "$1" -gt 1 && test "$2 $3 $4" = "0 1000 1" || exit 4; kill -0 $1 || exit 5; exit 6`), "exit status 6"},
		{script("loud", "head -c 100000 /dev/zero | tr '\\0' x; exit 1"), `loud: "xxxx`},
	} {
		before := descriptors(t)
		_, err := Start(gated(c.program), Options{})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.program, err)
		}
		if after := descriptors(t); !slices.Equal(before, after) {
			t.Errorf("%s: descriptors %v became %v", c.program, before, after)
		}
		var status syscall.WaitStatus
		if pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil); err != syscall.ECHILD {
			t.Errorf("%s: left %d, %v", c.program, pid, err)
		}
	}
	p, err := Start(gated("/bin/true"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	// It gets as far as its payload, which makes no execve.
	if err := p.Started(); err == nil || !strings.Contains(err.Error(), "the payload's process was killed there") {
		t.Errorf("through the gate: %v", err)
	}
}

func descriptors(t *testing.T) (names []string) {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}
