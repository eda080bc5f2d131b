package reference

import (
	"archive/tar"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// Compare reports every difference between the tree that want means and the
// one at dir.
func Compare(tb testing.TB, want *Tree, dir string, o Options) {
	tb.Helper()
	got, err := Read(dir)
	if err != nil {
		tb.Fatal(err)
	}
	CompareTrees(tb, want, got, o)
}

// CompareTrees is Compare of a tree that was read before.
func CompareTrees(tb testing.TB, want, got *Tree, o Options) {
	tb.Helper()
	differences := DiffTrees(want, got, o)
	const most = 40
	for i, d := range differences {
		if i == most {
			tb.Errorf("and %d more differences", len(differences)-most)
			return
		}
		tb.Error(d)
	}
}

// Diff is Compare for those who are no test. Each difference is one line, that
// begins with its kind.
func Diff(want *Tree, dir string, o Options) ([]string, error) {
	got, err := Read(dir)
	if err != nil {
		return nil, err
	}
	return DiffTrees(want, got, o), nil
}

// DiffTrees is Diff of a tree that was read before.
func DiffTrees(want, got *Tree, o Options) []string {
	d := differ{Options: o}
	all, found := want.expected(o), got.Paths()
	for _, path := range slices.Sorted(maps.Keys(all)) {
		if found[path] == nil {
			d.report("missing", path, fmt.Sprintf("type %q", all[path].Type), "nothing")
			continue
		}
		d.node(path, all[path], found[path])
	}
	for _, path := range slices.Sorted(maps.Keys(found)) {
		if all[path] == nil {
			d.report("extra", path, "nothing", fmt.Sprintf("type %q", found[path].Type))
		}
	}
	d.groups(links(all), links(found), found)
	d.devices(want)
	return d.lines
}

// expected is the tree without what an unpacker without privileges leaves out:
// device nodes, and attributes that mean something to the kernel.
func (t *Tree) expected(o Options) map[string]*Node {
	all := t.Paths()
	maps.DeleteFunc(all, func(_ string, n *Node) bool { return !o.Devices && isDevice(n) })
	return all
}

func isDevice(n *Node) bool { return n.Type == tar.TypeChar || n.Type == tar.TypeBlock }

// dropped are attributes that an image may not bring: they steer the overlay
// that the tree is used under, or are the host's own.
func dropped(name string) bool {
	return strings.HasPrefix(name, "user.overlay.") || strings.HasPrefix(name, "trusted.") ||
		strings.HasPrefix(name, "security.") && name != capability
}

type differ struct {
	Options
	lines []string
}

func (d *differ) report(kind, path string, want, got any) {
	if !slices.Contains(d.Ignore, kind) {
		d.lines = append(d.lines, fmt.Sprintf("%s of %q: want %v, got %v", kind, path, want, got))
	}
}

func check[T comparable](d *differ, kind, path string, want, got T) {
	if want != got {
		d.report(kind, path, want, got)
	}
}

func (d *differ) node(path string, want, got *Node) {
	if want.Type != got.Type {
		d.report("type", path, fmt.Sprintf("%q", want.Type), fmt.Sprintf("%q", got.Type))
		return
	}
	d.attributes(path, want, got)
	check(d, "size", path, want.Size, got.Size)
	check(d, "content", path, want.Hash, got.Hash)
	check(d, "target", path, want.Target, got.Target)
	if want.Holes && !got.Holes {
		d.report("holes", path, "some", "none")
	}
	if !want.Implicit && !want.ModTime.Equal(got.ModTime) {
		d.report("mtime", path, want.ModTime.UTC(), got.ModTime.UTC())
	}
	if isDevice(want) {
		check(d, "device", path, [2]uint32{want.Major, want.Minor}, [2]uint32{got.Major, got.Minor})
	}
}

// attributes compares mode, owner and extended attributes, of which parts may
// be written down elsewhere.
func (d *differ) attributes(path string, want, got *Node) {
	mode, owner, attrs := got.Mode, d.owner(path, got), maps.Clone(got.Xattrs)
	if value, ok := attrs[capability]; ok {
		attrs[capability] = d.withoutRoot(value)
	}
	if d.Single {
		check(d, "owner on disk", path, d.Self, [2]uint32{got.UID, got.GID})
	}
	if o, ok := d.recorded(path); ok {
		owner = [2]uint32{o.UID, o.GID}
		if o.HasMode {
			mode = o.Mode
		}
		maps.Copy(attrs, o.Xattrs)
	}
	if !d.Single || d.Owners != nil {
		check(d, "owner", path, [2]uint32{want.UID, want.GID}, owner)
	}
	if want.Type != tar.TypeSymlink && want.Mode != mode {
		d.report("mode", path, fmt.Sprintf("%#o", want.Mode), fmt.Sprintf("%#o", mode))
	}
	for _, name := range slices.Sorted(maps.Keys(want.Xattrs)) {
		value, ok := attrs[name]
		switch {
		case dropped(name) && ok:
			d.report("xattr", path, "no "+name, fmt.Sprintf("%q", value))
		case !dropped(name) && (!ok || value != want.Xattrs[name]):
			d.report("xattr", path, fmt.Sprintf("%s %q", name, want.Xattrs[name]), fmt.Sprintf("%q (there: %v)", value, ok))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(attrs)) {
		if _, ok := want.Xattrs[name]; !ok && name != d.OwnXattr {
			d.report("xattr", path, "no "+name, fmt.Sprintf("%q", attrs[name]))
		}
	}
}

const capability = "security.capability"

// withoutRoot takes from file capabilities the id of the namespace's root that
// the kernel adds when they are set in a user namespace: revision 3 of the
// format becomes revision 2. See capabilities(7), "File capability extended
// attribute versioning".
func (d *differ) withoutRoot(value string) string {
	if len(value) != 24 || value[3] != 3 {
		return value
	}
	root := binary.LittleEndian.Uint32([]byte(value[20:]))
	if id, known := inside(d.UIDs, root); !known || id != 0 {
		return value
	}
	return value[:3] + "\x02" + value[4:20]
}

func (d *differ) recorded(path string) (Owner, bool) {
	if o, ok := d.Owners[path]; ok {
		return o, true
	}
	if d.Owners != nil && d.OwnersDefault != nil {
		return *d.OwnersDefault, true
	}
	return Owner{}, false
}

func (d *differ) owner(path string, n *Node) [2]uint32 {
	uid, known := inside(d.UIDs, n.UID)
	gid, knownToo := inside(d.GIDs, n.GID)
	if !known || !knownToo {
		d.report("owner", path, "an id of the map", [2]uint32{n.UID, n.GID})
	}
	return [2]uint32{uid, gid}
}

func inside(ranges []Range, id uint32) (uint32, bool) {
	for _, r := range ranges {
		if id >= r.Outside && id-r.Outside < r.Count {
			return id - r.Outside + r.Inside, true
		}
	}
	return id, len(ranges) == 0
}

// groups compares which names are names of one file. A name that is missing
// was reported.
func (d *differ) groups(want, got map[string]string, found map[string]*Node) {
	paths := maps.Clone(want)
	maps.Copy(paths, got)
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		if found[path] != nil {
			check(d, "hard links", path, want[path], got[path])
		}
	}
}

// devices checks that devices which were not made were written down.
func (d *differ) devices(want *Tree) {
	if d.Devices || d.Owners == nil {
		return
	}
	all := want.Paths()
	for _, path := range slices.Sorted(maps.Keys(all)) {
		n, o := all[path], d.Owners[path]
		if isDevice(n) && (o.Type != n.Type || o.Major != n.Major || o.Minor != n.Minor || o.UID != n.UID || o.GID != n.GID) {
			d.report("device", path, fmt.Sprintf("%q %d:%d of %d:%d", n.Type, n.Major, n.Minor, n.UID, n.GID), fmt.Sprintf("%+v", o))
		}
	}
}
