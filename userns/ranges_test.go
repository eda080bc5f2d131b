package userns

import (
	"slices"
	"testing"

	"github.com/lichen-sandbox/lichen/internal/feature"
	"github.com/lichen-sandbox/lichen/internal/plan"
	"github.com/lichen-sandbox/lichen/internal/subid"
	"github.com/lichen-sandbox/lichen/internal/sys"
	"github.com/lichen-sandbox/lichen/spec"
)

func mapping(t *testing.T, ranges ...subid.Range) subid.Mapping {
	t.Helper()
	m, err := subid.NewMap(1000, ranges)
	if err != nil {
		t.Fatal(err)
	}
	return subid.Mapping{UIDs: m, GIDs: m}
}

// TestIdentity: the kernel finds an extent of the inner map only where one of
// the outer has all of it.
func TestIdentity(t *testing.T) {
	m := mapping(t, subid.Range{First: 100000, Count: 10}, subid.Range{First: 300000, Count: 5})
	if got, want := identity(m.UIDs), "0 0 1\n1 1 10\n11 11 5\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestHelped(t *testing.T) {
	m := mapping(t, subid.Range{First: 100000, Count: 10})
	maps, err := Helped(m, func(path string) bool { return path == "/bin/newuidmap" || path == "/usr/local/bin/newgidmap" })
	if err != nil {
		t.Fatal(err)
	}
	if len(maps) != 2 || maps[0].Program != "/bin/newuidmap" || maps[0].File != "uid_map" || maps[1].Program != "/usr/local/bin/newgidmap" || maps[1].File != "gid_map" {
		t.Errorf("%+v", maps)
	}
	if want := []string{"0", "1000", "1", "1", "100000", "10"}; !slices.Equal(maps[0].Args, want) {
		t.Errorf("%q, want %q", maps[0].Args, want)
	}
	if _, err := Helped(m, func(path string) bool { return path == "/usr/bin/newuidmap" }); err == nil {
		t.Error("without newgidmap there are no groups")
	}
}

// TestInnerOrder protects what the trick rests on: the namespace is held before
// its process is killed, that process is reaped, and the payload's ids are set
// with its capabilities still there.
func TestInnerOrder(t *testing.T) {
	b := plan.NewBuilder()
	WaitForMaps(b)
	ns := MakeInner(b, mapping(t, subid.Range{First: 100000, Count: 10}))
	b.Section(plan.Payload)
	EnterInner(b, ns, 33, 44)
	p, err := b.Finish()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, o := range append(slices.Clone(p.Ops[plan.Setup]), p.Ops[plan.Payload]...) {
		names = append(names, plan.CallName(o.Nr))
	}
	want := []string{"close", "read", "close", "openat", "clone", "fsopen", "fsconfig", "fsmount", "close", "openat", "write", "close", "openat", "write", "close",
		"openat", "close", "kill", "wait4", "setns", "close", "prctl", "setgroups", "setresgid", "setresuid", "prctl"}
	if !slices.Equal(names, want) {
		t.Errorf("%q", names)
	}
	setup, payload := p.Ops[plan.Setup], p.Ops[plan.Payload]
	if o := setup[0]; o.Slots&1 == 0 || o.Args[0] != uint64(plan.SlotGatePeer) {
		t.Error("PID 1 waits while it has the other end of the pipe")
	}
	if o := setup[4]; o.Check != plan.CheckFork || o.Expect != firstChild || o.Args[0]&sys.CLONE_VM != 0 {
		t.Errorf("the process that makes the namespace: %+v", o)
	}
	if o := payload[4]; o.Args != [6]uint64{44, 44, 44} {
		t.Errorf("group ids %v", o.Args)
	}
	if o := payload[5]; o.Args != [6]uint64{33, 33, 33} {
		t.Errorf("user ids %v", o.Args)
	}
}

func TestIDs(t *testing.T) {
	f := factsOf(1000, 1001)
	set := uint32(7)
	for _, c := range []struct {
		ids      spec.IDs
		set      *uint32
		uid, gid uint32
	}{
		{spec.IDsSingle, nil, 1000, 1001}, {spec.IDsSubuid, nil, 0, 0}, {spec.IDsFake, nil, 0, 0},
		{spec.IDsSingle, &set, 7, 1001}, {spec.IDsSubuid, &set, 7, 0}, {spec.IDsFake, &set, 7, 0},
	} {
		s := &spec.Spec{}
		s.Rootfs.IDs, s.Process.UID = c.ids, c.set
		if uid, gid := IDs(s, f); uid != c.uid || gid != c.gid {
			t.Errorf("%+v: %d and %d", c, uid, gid)
		}
	}
}

func factsOf(uid, gid uint32) *feature.Facts { return &feature.Facts{UID: uid, GID: gid} }
