package unpack

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"golang.org/x/sys/unix"
)

var merges = []struct {
	name   string
	layers [][]item
	want   []string // all of the tree but the root
}{
	{"every type", [][]item{{dir("./"), dir("d"), file("d/f", "x"), symlinkTo("l", "d/f"), hardlinkTo("h", "d/f"), moded(item{kind: '6', name: "p"}, 0o622),
		device("dev/null", '3', 1, 3), {kind: '7', name: "cont", body: "y"}}},
		[]string{"d 755 d", `f 644 d/f "x"`, "l l -> d/f", `f 644 h "x"`, "1 622 p", "d 755 dev", `f 644 cont "y"`}},
	{"implicit parents", [][]item{{file("a/b/c", "x")}}, []string{"d 755 a", "d 755 a/b", `f 644 a/b/c "x"`}},
	{"implicit parents of lower layers", [][]item{{moded(dir("a"), 0o710)}, {file("a/b/c", "x")}}, []string{"d 710 a", "d 755 a/b", `f 644 a/b/c "x"`}},
	{"merged usr", [][]item{{dir("usr/lib"), symlinkTo("lib", "usr/lib"), file("lib/a", "1")}, {file("lib/a", "2"), file("lib/.wh.b", ""), file("usr/lib/b", "3")}},
		[]string{"d 755 usr", "d 755 usr/lib", "l lib -> usr/lib", `f 644 usr/lib/a "2"`, `f 644 usr/lib/b "3"`}},
	{"symlink to a directory that is yet to come", [][]item{{symlinkTo("lib", "usr/lib"), file("lib/a", "1"), moded(dir("usr/lib"), 0o700)}},
		[]string{"d 755 usr", "d 700 usr/lib", "l lib -> usr/lib", `f 644 usr/lib/a "1"`}},
	{"directory onto directory", [][]item{{dir("d"), file("d/a", "1")}, {moded(dir("d"), 0o1777), file("d/b", "2")}},
		[]string{"d 1777 d", `f 644 d/a "1"`, `f 644 d/b "2"`}},
	{"directory onto symlink", [][]item{{dir("r"), symlinkTo("d", "r"), file("d/a", "1")}, {dir("d"), file("d/b", "2")}},
		[]string{"d 755 r", `f 644 r/a "1"`, "d 755 d", `f 644 d/b "2"`}},
	{"types change", [][]item{{file("a", "1"), dir("b"), file("b/x", "1"), symlinkTo("c", "a"), dir("e")}, {dir("a"), file("b", "2"), file("c", "3"), symlinkTo("e", "a")}},
		[]string{"d 755 a", `f 644 b "2"`, `f 644 c "3"`, "l e -> a"}},
	{"whiteout", [][]item{{file("a", "1"), file("d/x/y", "1"), file("d/z", "1")}, {file(".wh.a", ""), file("d/.wh.x", ""), file(".wh.never", ""), file("no/.wh.such", "")}},
		[]string{"d 755 d", `f 644 d/z "1"`}},
	{"whiteout and again, in either order", [][]item{{file("a", "1"), file("b", "1")}, {file(".wh.a", ""), file("a", "2"), file("b", "2"), file(".wh.b", "")}},
		[]string{`f 644 a "2"`, `f 644 b "2"`}},
	{"whiteout of a directory that is made again before", [][]item{{moded(dir("d"), 0o700), file("d/a", "1"), file("d/e/f", "1")}, {dir("d"), file("d/e/g", "2"), file(".wh.d", "")}},
		[]string{"d 755 d", "d 755 d/e", `f 644 d/e/g "2"`}},
	{"whiteout of a directory with a new file and no entry", [][]item{{moded(dir("d"), 0o700), file("d/a", "1")}, {file("d/b", "2"), file(".wh.d", "")}},
		[]string{"d 755 d", `f 644 d/b "2"`}},
	{"whiteout of a name that is a link elsewhere", [][]item{{file("a", "1"), hardlinkTo("b", "a")}, {file(".wh.a", "")}}, []string{`f 644 b "1"`}},
	{"whiteout of a device", [][]item{{device("n", '3', 1, 3), dir("d"), device("d/n", '3', 1, 3)}, {file(".wh.n", ""), file(".wh.d", "")}}, nil},
	{"opaque first", [][]item{{file("d/a", "1"), moded(dir("d/e"), 0o700), file("d/e/b", "1")}, {file("d/.wh..wh..opq", ""), file("d/e/c", "2")}},
		[]string{"d 755 d", "d 755 d/e", `f 644 d/e/c "2"`}},
	{"opaque last", [][]item{{file("d/a", "1"), moded(dir("d/e"), 0o700), file("d/e/b", "1")}, {file("d/e/c", "2"), file("d/.wh..wh..opq", "")}},
		[]string{"d 755 d", "d 755 d/e", `f 644 d/e/c "2"`}},
	{"opaque keeps explicit modes", [][]item{{dir("d/e"), file("d/e/b", "1")}, {moded(dir("d/e"), 0o711), file("d/.wh..wh..opq", "")}}, []string{"d 755 d", "d 711 d/e"}},
	{"opaque before the directory that replaces a symlink", [][]item{{file("r/a", "1"), symlinkTo("d", "r")}, {file("d/.wh..wh..opq", ""), dir("d"), file("d/b", "2")}},
		[]string{"d 755 r", `f 644 r/a "1"`, "d 755 d", `f 644 d/b "2"`}},
	{"opaque through a symlink that stays", [][]item{{file("r/a", "1"), symlinkTo("d", "r")}, {file("d/.wh..wh..opq", ""), file("d/b", "2")}},
		[]string{"d 755 r", "l d -> r", `f 644 r/b "2"`}},
	{"opaque does not outlive its layer", [][]item{{file("d/a", "1")}, {file("d/.wh..wh..opq", "")}, {file("d/c", "3")}, {file("d/e", "4")}},
		[]string{"d 755 d", `f 644 d/c "3"`, `f 644 d/e "4"`}},
	{"opaque of what is not there", [][]item{{file("x/.wh..wh..opq", "")}}, nil},
	{"hard link to a lower layer", [][]item{{file("a", "1")}, {hardlinkTo("b", "a")}, {file(".wh.a", ""), file("c", "3")}}, []string{`f 644 b "1"`, `f 644 c "3"`}},
	{"directories of mode 0 and 0555", [][]item{{moded(dir("a"), -1), file("a/x", "1"), moded(dir("a/b"), 0o555), file("a/b/y", "1"), moded(file("z", "1"), -1)},
		{file("a/b/y", "2"), file("a/b/c/w", "2"), file("a/.wh.x", "")}},
		[]string{"d 0 a", "d 555 a/b", `f 644 a/b/y "2"`, "d 755 a/b/c", `f 644 a/b/c/w "2"`, zMode0()}},
	{"long names", [][]item{{file(strings.Repeat("long/", 60)+"x", "1"), {name: strings.Repeat("long/", 60) + "y", body: "2", gnu: true},
		{kind: '1', name: strings.Repeat("long/", 60) + "z", link: strings.Repeat("long/", 60) + "x", gnu: true}}}, longNames()},
}

func zMode0() string {
	if os.Getuid() == 0 {
		return `f 0 z "1"`
	}
	return `f 0 z "(unreadable)"`
}

func longNames() []string {
	var want []string
	p := strings.Repeat("long/", 60)
	for i := 4; i < len(p); i += 5 {
		want = append(want, "d 755 "+p[:i])
	}
	return append(want, "f 644 "+p+`x "1"`, "f 644 "+p+`y "2"`, "f 644 "+p+`z "1"`)
}

// TestMerge applies layers at once, and with a clone of the tree in between,
// which must be the same.
func TestMerge(t *testing.T) {
	for _, c := range merges {
		t.Run(c.name, func(t *testing.T) {
			a := newArena(t, t.TempDir())
			var layers [][]byte
			for _, l := range c.layers {
				layers = append(layers, layer(l...))
			}
			must(t, a.unpack(t, Options{}, layers...))
			a.wantTree(t, c.want...)

			b := newArena(t, t.TempDir())
			must(t, b.unpack(t, Options{}, layers[0]))
			for _, l := range layers[1:] {
				b = b.next(t, Options{}, l)
			}
			b.wantTree(t, c.want...)
			if !bytes.Equal(a.owners, b.owners) {
				t.Errorf("owners files differ:\n%s\n%s", a.owners, b.owners)
			}
		})
	}
}

// next clones the tree of a by hard links, applies a layer to the clone, and
// checks that the tree of a is as it was.
func (a *arena) next(t testing.TB, o Options, l []byte) *arena {
	t.Helper()
	b := newArena(t, t.TempDir())
	before := a.stats(t)
	must(t, os.Remove(b.tree))
	clone(t, a.tree, b.tree)
	root, err := os.Open(b.tree)
	must(t, err)
	defer root.Close()
	tree := New(root, o)
	must(t, tree.Load(bytes.NewReader(a.owners)))
	must(t, tree.Apply(bytes.NewReader(l)))
	var out bytes.Buffer
	b.summary, err = tree.Finish(&out)
	must(t, err)
	b.owners = out.Bytes()
	if after := a.stats(t); after != before {
		t.Errorf("the tree below changed:\n%s\nwas:\n%s", after, before)
	}
	b.checkCanary(t)
	return b
}

// clone is a stand-in for package image/tree.
func clone(t testing.TB, from, to string) {
	t.Helper()
	var st unix.Stat_t
	must(t, unix.Lstat(from, &st))
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		must(t, unix.Linkat(unix.AT_FDCWD, from, unix.AT_FDCWD, to, 0))
		return
	}
	if st.Mode&0o500 != 0o500 {
		must(t, os.Chmod(from, 0o700))
		defer func() {
			must(t, unix.Chmod(from, st.Mode&0o7777))
			must(t, unix.UtimesNanoAt(unix.AT_FDCWD, from, []unix.Timespec{st.Mtim, st.Mtim}, 0))
		}()
	}
	must(t, os.Mkdir(to, 0o700))
	names, err := os.ReadDir(from)
	must(t, err)
	for _, n := range names {
		clone(t, filepath.Join(from, n.Name()), filepath.Join(to, n.Name()))
	}
	must(t, unix.Chmod(to, st.Mode&0o7777))
}

// stats is what a later layer may not change: everything but link counts.
func (a *arena) stats(t testing.TB) string {
	var b strings.Builder
	for e, err := range ReadOwners(bytes.NewReader(a.owners), Limits{}) {
		must(t, err)
		var st unix.Stat_t
		if unix.Lstat(filepath.Join(a.tree, e.Path), &st) == nil {
			fmt.Fprintf(&b, "%s ino %d mode %o size %d owner %d:%d mtime %d.%d\n", e.Path, st.Ino, st.Mode, st.Size, st.Uid, st.Gid, st.Mtim.Sec, st.Mtim.Nsec)
		}
	}
	return b.String()
}

// TestNeverInPlace has later layers do all that could reach a file which the
// tree shares with another.
func TestNeverInPlace(t *testing.T) {
	a := newArena(t, t.TempDir())
	must(t, a.unpack(t, Options{}, layer(moded(dir("d"), 0o555), file("d/f", "one"), file("g", "one"), moded(item{kind: '6', name: "p"}, 0o644), symlinkTo("l", "g"))))
	b := a.next(t, Options{}, layer(
		moded(file("d/f", "two"), 0o777), hardlinkTo("h", "g"), moded(timed(hardlinkTo("h2", "g"), 7), 0o4777), moded(file("l", "through"), 0o600),
		paxed(file("p", "x"), "SCHILY.xattr.user.a", "b"), file("h", "again")))
	b.wantTree(t, "d 555 d", `f 777 d/f "two"`, `f 644 g "one"`, `f 644 h2 "one"`, `f 600 l "through"`, `f 644 p "x"`, `f 644 h "again"`)
	a.wantTree(t, "d 555 d", `f 644 d/f "one"`, `f 644 g "one"`, "1 644 p", "l l -> g")
}

func TestMetadata(t *testing.T) {
	a := newArena(t, t.TempDir())
	must(t, a.unpack(t, Options{}, layer(
		timed(dir("./"), 111), timed(dir("d"), 222), timed(dir("d/e"), 333), paxed(file("d/e/f", "x"), "mtime", "444.123456789", "uid", "77"),
		timed(symlinkTo("d/l", "f"), 555), timed(item{kind: '6', name: "d/p"}, 666), timed(file("old", "x"), -5), timed(file("far", "x"), 1<<50), file("implicit/f", "x")),
		// A layer that writes into a directory leaves its time alone.
		layer(file("d/e/new", "x"), file("d/e/.wh.f", ""), file("d/e/f", "y"), timed(hardlinkTo("d/e/h", "old"), 1))))
	for path, want := range map[string]string{".": "111.0", "d": "222.0", "d/e": "333.0", "d/l": "555.0", "d/p": "666.0", "old": "-5.0", "d/e/h": "-5.0",
		"far": "15032385535.0", "d/e/f": "1000000000.0", "implicit": "0.0"} {
		var st unix.Stat_t
		must(t, unix.Lstat(filepath.Join(a.tree, path), &st))
		if got := fmt.Sprintf("%d.%d", st.Mtim.Sec, st.Mtim.Nsec); got != want {
			t.Errorf("time of %s is %s, want %s", path, got, want)
		}
	}
	b := newArena(t, t.TempDir())
	must(t, b.unpack(t, Options{}, layer(paxed(file("f", "x"), "mtime", "444.123456789"))))
	var st unix.Stat_t
	must(t, unix.Lstat(b.tree+"/f", &st))
	if st.Mtim.Sec != 444 || st.Mtim.Nsec != 123456789 {
		t.Errorf("nanoseconds are lost: %v", st.Mtim)
	}
}

// TestSetgid has the directory above hand down its group, and an image whose
// directories would.
func TestSetgid(t *testing.T) {
	a := newArena(t, t.TempDir())
	must(t, unix.Chmod(a.tree, 0o2755))
	must(t, a.unpack(t, Options{}, layer(moded(dir("g"), 0o2755), file("g/a", "x"), dir("g/d"), moded(file("sg", "x"), 0o2755))))
	b := a.next(t, Options{}, layer(moded(dir("g/new"), 0o700), file("g/b", "y")))
	b.wantTree(t, "d 2755 g", `f 644 g/a "x"`, "d 755 g/d", `f 2755 sg "x"`, "d 700 g/new", `f 644 g/b "y"`)
}

// TestStreams reads layers of odd ends and broken ones, at every size of read.
func TestStreams(t *testing.T) {
	whole := layer(file("a", "x"), file("b", long(2000)))
	for _, c := range []struct {
		name, err string
		b         []byte
	}{
		{"nothing", "", nil},
		{"only the end mark", "", endOfTar},
		{"no end mark", "", open(file("a", "x"))},
		{"one zero block", "", append(open(file("a", "x")), make([]byte, 512)...)},
		{"padding", "", append(bytes.Clone(whole), make([]byte, 20<<10)...)},
		{"garbage after the end", "", append(bytes.Clone(whole), long(3333)...)},
		{"cut in a header", "cut short", whole[:1300]},
		{"cut in a file", "cut short", whole[:2200]},
		{"cut in a header that is skipped", "cut short", open(paxed(file("a", "x"), "k", long(900)))[:700]},
		{"cut in padding", "cut short", whole[:3600]},
		{"one zero block, then garbage", "no valid tar header", append(open(file("a", "x")), append(make([]byte, 512), long(512)...)...)},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, wrapped := range []func(io.Reader) io.Reader{func(r io.Reader) io.Reader { return r }, iotest.OneByteReader, iotest.DataErrReader} {
				a := newArena(t, t.TempDir())
				root, err := os.Open(a.tree)
				must(t, err)
				src := bytes.NewReader(c.b)
				err = New(root, Options{}).Apply(wrapped(src))
				must(t, root.Close())
				if c.err == "" && (err != nil || src.Len() > 0) || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
					t.Errorf("got %v with %d bytes left, want %q", err, src.Len(), c.err)
				}
				if err != nil {
					checkError(t, err)
				}
				a.checkCanary(t)
			}
		})
	}
	t.Run("failing source", func(t *testing.T) {
		a := newArena(t, t.TempDir())
		root, err := os.Open(a.tree)
		must(t, err)
		defer root.Close()
		cause := errors.New("connection lost")
		for _, cut := range []int{100, 600, 1100, 2500, len(whole)} {
			err := New(root, Options{}).Apply(io.MultiReader(bytes.NewReader(whole[:cut]), iotest.ErrReader(cause)))
			if !errors.Is(err, cause) {
				t.Errorf("at byte %d: %v", cut, err)
			}
			must(t, os.RemoveAll(a.tree))
			must(t, os.Mkdir(a.tree, 0o755))
			root, err = os.Open(a.tree)
			must(t, err)
			defer root.Close()
		}
	})
}

// TestSparse keeps the holes of each of GNU tar's formats.
func TestSparse(t *testing.T) {
	const size = 3<<20 + 5
	data := strings.Repeat("d", 4096)
	want := make([]byte, size)
	copy(want[1<<20:], data)
	for _, i := range []item{
		{kind: 'S', name: "f", body: data, sparse: [][2]int64{{1 << 20, 4096}, {size, 0}}, real: size},
		paxed(file("f", data), "GNU.sparse.map", fmt.Sprintf("%d,4096,%d,0", 1<<20, size), "GNU.sparse.size", fmt.Sprint(size), "GNU.sparse.numblocks", "2"),
		paxed(file("GNUSparseFile.0/f", fmt.Sprintf("%-512s", fmt.Sprintf("2\n%d\n4096\n%d\n0\n", 1<<20, size))+data),
			"GNU.sparse.major", "1", "GNU.sparse.minor", "0", "GNU.sparse.name", "f", "GNU.sparse.realsize", fmt.Sprint(size)),
	} {
		i.body = strings.ReplaceAll(i.body, " ", "\x00")
		a := newArena(t, t.TempDir())
		must(t, a.unpack(t, Options{}, layer(i)))
		got, err := os.ReadFile(a.tree + "/f")
		must(t, err)
		if !bytes.Equal(got, want) {
			t.Errorf("content differs: %d bytes", len(got))
		}
		var st unix.Stat_t
		must(t, unix.Lstat(a.tree+"/f", &st))
		if st.Blocks*512 > 64<<10 {
			t.Errorf("%d bytes on disk", st.Blocks*512)
		}
	}
	// A file of zeros that is not sparse stays one without holes.
	a := newArena(t, t.TempDir())
	must(t, a.unpack(t, Options{}, layer(file("f", string(make([]byte, 1<<20))))))
	var st unix.Stat_t
	must(t, unix.Lstat(a.tree+"/f", &st))
	if st.Blocks*512 < 1<<20 {
		t.Errorf("%d bytes on disk", st.Blocks*512)
	}
}

// TestDefaultACL has the directory above hand down rights for a stranger.
func TestDefaultACL(t *testing.T) {
	a := newArena(t, t.TempDir())
	acl := []byte{2, 0, 0, 0} // version; then tag, rights and id of each entry
	for _, e := range [][3]uint32{{1, 7, 1<<32 - 1}, {2, 7, 1234}, {4, 5, 1<<32 - 1}, {16, 7, 1<<32 - 1}, {32, 5, 1<<32 - 1}} {
		acl = binary.LittleEndian.AppendUint16(acl, uint16(e[0]))
		acl = binary.LittleEndian.AppendUint16(acl, uint16(e[1]))
		acl = binary.LittleEndian.AppendUint32(acl, e[2])
	}
	if err := unix.Setxattr(a.tree, "system.posix_acl_default", acl, 0); err == unix.EOPNOTSUPP {
		t.Skip("the file system of the tests has no ACLs")
	} else if err != nil {
		t.Fatal(err)
	}
	must(t, a.unpack(t, Options{}, layer(dir("d"), file("d/f", "x"))))
	for _, name := range []string{".", "d", "d/f"} {
		if got := xattrsOf(t, filepath.Join(a.tree, name)); len(got) > 0 {
			t.Errorf("%s has %q", name, got)
		}
	}
}

// TestNoSetID: the bits go to the owners file, not to the tree. Directories keep
// theirs, which make nothing run as anybody.
func TestNoSetID(t *testing.T) {
	l := layer(moded(file("su", "x"), 0o4755), moded(file("wall", "x"), 0o2711), hardlinkTo("sudo", "su"), moded(dir("mail"), 0o2775), moded(file("plain", "x"), 0o640))
	kept, without := newArena(t, t.TempDir()), newArena(t, t.TempDir())
	must(t, kept.unpack(t, Options{}, l))
	kept.wantTree(t, `f 4755 su "x"`, `f 4755 sudo "x"`, `f 2711 wall "x"`, "d 2775 mail", `f 640 plain "x"`)
	must(t, without.unpack(t, Options{NoSetID: true}, l))
	without.wantTree(t, `f 755 su "x"`, `f 755 sudo "x"`, `f 711 wall "x"`, "d 2775 mail", `f 640 plain "x"`)
	if !bytes.Equal(kept.owners, without.owners) {
		t.Errorf("owners files differ:\n%s\n%s", kept.owners, without.owners)
	}
	if n := len(without.summary.Warnings); n != len(kept.summary.Warnings)+1 {
		t.Errorf("warnings: %q", without.summary.Warnings)
	}
}
