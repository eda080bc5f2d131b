package unpack

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// entries reads back the owners file.
func (a *arena) entries(t testing.TB) map[string]Entry {
	t.Helper()
	m := map[string]Entry{}
	for e, err := range ReadOwners(bytes.NewReader(a.owners), Limits{}) {
		must(t, err)
		m[e.Path] = *e
	}
	return m
}

func xattrsOf(t testing.TB, path string) []string {
	t.Helper()
	buf := make([]byte, 4096)
	n, err := unix.Llistxattr(path, buf)
	if err == unix.EOPNOTSUPP {
		return nil
	}
	must(t, err)
	names := slices.Sorted(strings.FieldsFuncSeq(string(buf[:n]), func(r rune) bool { return r == 0 }))
	return slices.DeleteFunc(names, func(n string) bool { return strings.HasPrefix(n, "security.selinux") })
}

// capNetRaw is cap_net_raw=ep, as setcap writes it.
const capNetRaw = "\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"

func xattr(name, value string) []string { return []string{xattrRecord + name, value} }

func TestXattrs(t *testing.T) {
	all := slices.Concat(xattr("user.keep", "1"), xattr("user.overlay.opaque", "y"), xattr("user.overlay", "y"), xattr("user.fuseoverlayfs.opaque", "y"),
		xattr("user.containers.override_stat", "0:0:0755"), xattr("user.lichen.x", "1"), xattr("trusted.overlay.opaque", "y"), xattr("trusted.x", "1"),
		xattr("security.selinux", "x"), xattr("security.ima", "x"), xattr("security.evm", "x"), xattr("system.posix_acl_access", "x"), xattr("user.", "x"),
		xattr("security.capability", capNetRaw))
	layers := [][]byte{layer(paxed(file("f", "x"), all...), paxed(dir("d"), all...), paxed(symlinkTo("l", "f"), all...)),
		layer(paxed(dir("d"), xattr("user.other", "2")...), hardlinkTo("h", "f"))}
	a := newArena(t, t.TempDir())
	must(t, a.unpack(t, Options{}, layers...))
	if unix.Setxattr(a.canary, "user.probe", nil, 0) == unix.EOPNOTSUPP {
		t.Skip("the file system of the tests has no user attributes")
	}
	if got := xattrsOf(t, a.tree+"/f"); !slices.Equal(got, []string{"user.keep"}) {
		t.Errorf("f has %q", got)
	}
	if got := xattrsOf(t, a.tree+"/d"); !slices.Equal(got, []string{"user.other"}) {
		t.Errorf("d has %q", got)
	}
	e := a.entries(t)
	for _, name := range []string{"f", "h"} {
		if x := e[name].Xattrs; len(x) != 1 || string(x["security.capability"]) != capNetRaw || !slices.Equal(e[name].Applied, []string{"user.keep"}) {
			t.Errorf("%s has %q, %q", name, x, e[name].Applied)
		}
	}
	if w := a.summary.Warnings; len(w) != 4 || slices.ContainsFunc(w, func(s string) bool { return !strings.HasPrefix(s, "left out attribute ") }) {
		t.Errorf("warnings %q: want one each of security, system, trusted, user", w)
	}
	// What an earlier layer put on a directory is gone when a later one sets it.
	b := newArena(t, t.TempDir())
	must(t, b.unpack(t, Options{}, layer(paxed(dir("d"), xattr("user.old", "1")...))))
	root := openDir(t, b.tree)
	tree := New(root, Options{})
	must(t, tree.Load(bytes.NewReader(b.owners)))
	must(t, tree.Apply(bytes.NewReader(layer(paxed(dir("d"), xattr("user.new", "2")...)))))
	if got := xattrsOf(t, b.tree+"/d"); !slices.Equal(got, []string{"user.new"}) {
		t.Errorf("d has %q", got)
	}
}

// TestXattrsNotTaken has a file system that keeps attributes in one small
// block, or none at all: they go to the owners file.
func TestXattrsNotTaken(t *testing.T) {
	a := newArena(t, t.TempDir())
	must(t, a.unpack(t, Options{}, layer(paxed(file("f", "x"), xattr("user.big", long(60000))...), paxed(file("g", "x"), xattr("user.big", long(60000))...))))
	e := a.entries(t)
	if len(e["f"].Applied) == 0 {
		if string(e["f"].Xattrs["user.big"]) != long(60000) || len(a.summary.Warnings) != 1 || !strings.Contains(a.summary.Warnings[0], `"user.big" of "f"`) {
			t.Errorf("%d bytes kept, warnings %q", len(e["f"].Xattrs["user.big"]), a.summary.Warnings)
		}
	}
}

func TestOwnersRecord(t *testing.T) {
	a := newArena(t, t.TempDir())
	must(t, a.unpack(t, Options{}, layer(owned(dir("./"), 1, 2), owned(moded(file("su", "x"), 0o4755), 3, 4), owned(symlinkTo("l", "su"), 5, 6), hardlinkTo("h", "su"),
		owned(file("big", "x"), 1<<32-2, 2097152), moded(owned(device("dev/null", '3', 1, 3), 0, 5), 0o666), device("dev/sda", '4', 8, 17), device("dev/wh", '3', 0, 0))))
	e := a.entries(t)
	want := map[string]Entry{
		".":        {Kind: KindDir, Mode: 0o755, UID: 1, GID: 2},
		"su":       {Kind: KindFile, Mode: 0o4755, UID: 3, GID: 4},
		"h":        {Kind: KindFile, Mode: 0o4755, UID: 3, GID: 4},
		"l":        {Kind: KindSymlink, Mode: 0o777, UID: 5, GID: 6, Target: "su"},
		"big":      {Kind: KindFile, Mode: 0o644, UID: 1<<32 - 2, GID: 2097152},
		"dev":      {Kind: KindDir, Mode: 0o755},
		"dev/null": {Kind: KindChar, Mode: 0o666, GID: 5, Major: 1, Minor: 3},
		"dev/sda":  {Kind: KindBlock, Mode: 0o644, Major: 8, Minor: 17},
	}
	if len(e) != len(want) {
		t.Errorf("%d entries, want %d", len(e), len(want))
	}
	for path, w := range want {
		g := e[path]
		if g.Kind != w.Kind || g.Mode != w.Mode || g.UID != w.UID || g.GID != w.GID || g.Target != w.Target || g.Major != w.Major || g.Minor != w.Minor {
			t.Errorf("%s is %+v, want %+v", path, g, w)
		}
	}
	if w := a.summary.Warnings; len(w) != 3 || w[0] != `left out device "dev/null" (c 1:3)` {
		t.Errorf("warnings %q", w)
	}
	var st unix.Stat_t
	must(t, unix.Lstat(a.tree+"/su", &st))
	if int(st.Uid) != os.Getuid() {
		t.Errorf("owner on disk is %d", st.Uid)
	}
}

// TestOwnersChown needs a range of ids: as root, or as root of a user
// namespace.
func TestOwnersChown(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("a plain user has one id")
	}
	ranges := []Range{{0, 1}, {1, 999}, {1000, 1000}}
	o := Options{Owners: OwnersChown, UIDs: ranges, GIDs: ranges}
	a := newArena(t, t.TempDir())
	must(t, a.unpack(t, o, layer(owned(moded(dir("d"), 0o2550), 33, 44), owned(moded(paxed(file("d/su", "x"), xattr("security.capability", capNetRaw)...), 0o6755), 1999, 7),
		owned(symlinkTo("d/l", "CANARY"), 5, 6), owned(item{kind: '6', name: "p"}, 8, 9), file("i/x", ""))))
	b := a.next(t, o, layer(owned(file("d/n", "x"), 1, 2), owned(dir("i"), 3, 3)))
	for path, want := range map[string][3]uint32{"d": {33, 44, 0o2550}, "d/su": {1999, 7, 0o6755}, "d/l": {5, 6, 0o777}, "p": {8, 9, 0o644}, "d/n": {1, 2, 0o644}, "i": {3, 3, 0o755}, "i/x": {0, 0, 0o644}} {
		var st unix.Stat_t
		must(t, unix.Lstat(b.tree+"/"+path, &st))
		if got := [3]uint32{st.Uid, st.Gid, st.Mode & 0o7777}; got != want {
			t.Errorf("%s has %v, want %v", path, got, want)
		}
	}
	e := a.entries(t)["d/su"]
	if !slices.Equal(e.Applied, []string{capability}) || !slices.Contains(xattrsOf(t, b.tree+"/d/su"), capability) {
		t.Errorf("capabilities: %+v", e)
	}
	for _, c := range []struct {
		i   item
		err string
	}{
		{owned(file("f", ""), 2000, 0), `unpack "f": user id 2000 is not mapped: there are 0, 1-999, 1000-1999`},
		{owned(file("f", ""), 0, 1<<32-2), `unpack "f": group id 4294967294 is not mapped: there are 0, 1-999, 1000-1999`},
	} {
		a := newArena(t, t.TempDir())
		if err := a.unpack(t, o, layer(c.i)); err == nil || err.Error() != c.err {
			t.Errorf("got %v, want %s", err, c.err)
		}
	}
}
