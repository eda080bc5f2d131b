package unpack_test

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lichen-sandbox/lichen/internal/subid"
	"github.com/lichen-sandbox/lichen/test/images"
	"github.com/lichen-sandbox/lichen/test/images/owners"
	"github.com/lichen-sandbox/lichen/test/images/reference"
)

// The users that unpack: one without an entry in /etc/passwd or subordinate
// ids, and the one that test/setup/setup.sh makes.
const (
	plainUID  = 1500
	rangesUID = 1501
)

type mode struct {
	name   string
	uid    int
	ranges bool
}

var modes = []mode{{"single", plainUID, false}, {"subuid", rangesUID, true}}

func skip(t *testing.T, reason string) {
	t.Helper()
	if os.Getenv("LICHEN_MUST_WORK") == "1" {
		t.Fatal("must work here, but: " + reason)
	}
	t.Skip(reason)
}

// bench is a scratch directory with this program in it, for all users.
type bench struct {
	*testing.T
	dir, program string
}

func newBench(t *testing.T) bench {
	t.Helper()
	if os.Getuid() != 0 {
		skip(t, "only root reads all of other users' trees")
	}
	dir, err := os.MkdirTemp("", "lichen-unpack-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	b := bench{t, dir, dir + "/unpack.test"}
	if err := os.WriteFile(b.program, self, 0o755); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b bench) staging(m mode) string {
	b.Helper()
	parent, err := os.MkdirTemp(b.dir, "of-user-")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { os.RemoveAll(parent) })
	dir := filepath.Join(parent, "staging")
	if err := os.Mkdir(dir, 0o755); err != nil {
		b.Fatal(err)
	}
	for _, d := range []string{parent, dir} {
		if err := os.Chown(d, m.uid, m.uid); err != nil {
			b.Fatal(err)
		}
	}
	return dir
}

// TestTrees compares, for all kinds of image, compressions and id modes.
func TestTrees(t *testing.T) {
	b := newBench(t)
	for _, name := range []string{"busybox", "debian-odd", "python", "static"} {
		want := meaning(t, images.Make(t, name, images.Plain).Layers)
		for _, c := range images.Compressions {
			image := images.Make(t, name, c)
			layout := images.Dir(t, image)
			for _, m := range modes {
				t.Run(name+"/"+string(c)+"/"+m.name, func(t *testing.T) {
					b := bench{t, b.dir, b.program}
					dir := b.staging(m)
					as(t, m.uid, b.program, order{Layout: layout, Image: name, Staging: dir, Ranges: m.ranges, DiffIDs: diffIDs(image)})
					compare(t, want, dir, m)
				})
			}
		}
	}
}

// TestAsRoot unpacks as root, who has no privileges over the tree either.
func TestAsRoot(t *testing.T) {
	b := newBench(t)
	image := images.Make(t, "debian-odd", images.Gzip)
	dir := b.staging(mode{})
	as(t, 0, b.program, order{Layout: images.Dir(t, image), Image: image.Name, Staging: dir, DiffIDs: diffIDs(image)})
	compare(t, meaning(t, image.Layers), dir, mode{})
}

// TestPrefixes compares the odd image with its upper layers missing, so that
// what an upper layer hides is looked at too.
func TestPrefixes(t *testing.T) {
	b := newBench(t)
	whole := images.Make(t, "debian-odd", images.Gzip)
	for n := 2; n < len(whole.Layers); n++ {
		image := whole
		image.Layers = whole.Layers[:n]
		layout := images.Dir(t, image)
		want := meaning(t, image.Layers)
		for _, m := range modes {
			t.Run(string(rune('0'+n))+"/"+m.name, func(t *testing.T) {
				b := bench{t, b.dir, b.program}
				dir := b.staging(m)
				as(t, m.uid, b.program, order{Layout: layout, Image: image.Name, Staging: dir, Ranges: m.ranges, DiffIDs: diffIDs(image)})
				compare(t, want, dir, m)
			})
		}
	}
}

// TestOnABase starts from a tree that has the first layers: the result is the
// same, and the base stays what it was, though they share files.
func TestOnABase(t *testing.T) {
	b := newBench(t)
	image := images.Make(t, "debian-odd", images.Zstd)
	want := meaning(t, image.Layers)
	for _, lower := range []int{1, 3} {
		base := image
		base.Layers = image.Layers[:lower]
		wantBase := meaning(t, base.Layers)
		baseLayout, layout := images.Dir(t, base), images.Dir(t, image)
		for _, m := range modes {
			t.Run(string(rune('0'+lower))+"/"+m.name, func(t *testing.T) {
				b := bench{t, b.dir, b.program}
				below, dir := b.staging(m), b.staging(m)
				as(t, m.uid, b.program, order{Layout: baseLayout, Image: base.Name, Staging: below, Ranges: m.ranges, DiffIDs: diffIDs(base)})
				as(t, m.uid, b.program, order{Layout: layout, Image: image.Name, Staging: dir, Base: below, BaseLayers: lower, Ranges: m.ranges, DiffIDs: diffIDs(image)})
				compare(t, want, dir, m)
				// Links of the other tree are not names in this one.
				compare(t, wantBase, below, m)
				as(t, m.uid, b.program, order{Staging: dir, Ranges: m.ranges, Remove: true})
				if _, err := os.Lstat(dir); !os.IsNotExist(err) {
					t.Errorf("removed, but: %v", err)
				}
				compare(t, wantBase, below, m)
			})
		}
	}
}

// TestCompareSees changes a tree that was right, one way at a time.
func TestCompareSees(t *testing.T) {
	b := newBench(t)
	image := images.Make(t, "busybox", images.Gzip)
	want := meaning(t, image.Layers)
	m := modes[0]
	dir := b.staging(m)
	as(t, m.uid, b.program, order{Layout: images.Dir(t, image), Image: "busybox", Staging: dir, DiffIDs: diffIDs(image)})
	compare(t, want, dir, m)
	root := dir + "/rootfs"
	for kind, change := range map[string]func() error{
		"extra":         func() error { return os.WriteFile(root+"/etc/new", nil, 0o644) },
		"missing":       func() error { return os.Remove(root + "/etc/group") },
		"content":       func() error { return os.WriteFile(root+"/etc/passwd", []byte("x"), 0o644) },
		"hard links":    func() error { return os.Link(root+"/etc/shadow", root+"/etc/shadow2") },
		"owner on disk": func() error { return os.Lchown(root+"/bin/ls", 7, 7) },
		"mtime":         func() error { return os.Chtimes(root+"/tmp", images.Epoch.Add(1), images.Epoch.Add(1)) },
	} {
		if err := change(); err != nil {
			t.Fatal(err)
		}
		lines, err := reference.Diff(want, root, options(t, dir, m))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains("\n"+strings.Join(lines, "\n"), "\n"+kind+" of ") {
			t.Errorf("%s: not seen in %q", kind, lines)
		}
	}
}

func diffIDs(image images.Image) []string {
	var ids []string
	for _, l := range image.Layers {
		ids = append(ids, l.DiffID())
	}
	return ids
}

func meaning(t *testing.T, layers []images.Layer) *reference.Tree {
	t.Helper()
	tree, err := meaningOf(layers)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func meaningOf(layers []images.Layer) (*reference.Tree, error) {
	var readers []io.Reader
	for _, l := range layers {
		r, err := l.Open()
		if err != nil {
			return nil, err
		}
		defer r.Close()
		readers = append(readers, r)
	}
	return reference.Of(readers...)
}

// compare takes what is written down with what is on disk; where ids are real,
// it also takes the disk alone.
func compare(t *testing.T, want *reference.Tree, dir string, m mode) {
	t.Helper()
	got, err := reference.Read(filepath.Join(dir, "rootfs"))
	if err != nil {
		t.Fatal(err)
	}
	o := options(t, dir, m)
	reference.CompareTrees(t, want, got, o)
	if m.ranges {
		o.Owners, o.Ignore = nil, []string{"xattr"}
		reference.CompareTrees(t, want, got, o)
	}
}

func options(t *testing.T, dir string, m mode) reference.Options {
	t.Helper()
	written, err := owners.Read(filepath.Join(dir, "owners"))
	if err != nil {
		t.Fatal(err)
	}
	o := reference.Options{Owners: written, Single: !m.ranges, Self: [2]uint32{uint32(m.uid), uint32(m.uid)}}
	if m.ranges {
		ids, err := subid.ReadMapping(subid.Caller(uint32(m.uid)), uint32(m.uid))
		if err != nil {
			t.Fatal(err)
		}
		o.UIDs, o.GIDs = ranges(ids.UIDs), ranges(ids.GIDs)
	}
	return o
}

func ranges(m subid.Map) []reference.Range {
	var all []reference.Range
	for _, e := range m.Extents {
		all = append(all, reference.Range{Inside: e.Inside, Outside: e.Outside, Count: e.Count})
	}
	return all
}
