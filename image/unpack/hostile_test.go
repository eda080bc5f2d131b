package unpack

import (
	"os"
	"strings"
	"testing"
)

// hostile is a layer that tries something. CANARY in a name or a target stands
// for the absolute path of a directory beside the tree, UP for enough ".." to
// come to "/".
type hostile struct {
	name  string
	base  []item // a layer before
	layer []item
	raw   []byte   // after the items, in place of the end mark
	err   string   // part of the error; "" if the layer is harmless
	want  []string // the tree after, in part; "!path" is not there
	limit Limits
}

const up = "../../../../../../../../../../../.."

func long(n int) string { return strings.Repeat("n", n) }

var hostiles = []hostile{
	// Names.
	{name: "climbing name", layer: []item{file("../canary/file", "x")}, err: `".."`},
	{name: "climbing name inside", layer: []item{dir("a"), file("a/../b", "x")}, err: `".."`},
	{name: "climbing after slash", layer: []item{file("/../canary/new", "x")}, err: `".."`},
	{name: "name ends in dots", layer: []item{dir("a/..")}, err: `".."`},
	{name: "name is dots", layer: []item{file("..", "x")}, err: `".."`},
	{name: "absolute name", layer: []item{file("CANARY/new", "x")}, want: []string{"f 644 CANARY_REL/new \"x\""}},
	{name: "doubled slashes and dots", layer: []item{file("//.//a/./b", "x")}, want: []string{`f 644 a/b "x"`}},
	{name: "empty name", layer: []item{file("", "x")}, err: "name is empty"},
	{name: "NUL in a PAX name", layer: []item{paxed(file("a", "x"), "path", "a\x00b")}, err: "no valid tar header"},
	{name: "NUL in a PAX target", layer: []item{paxed(symlinkTo("a", "b"), "linkpath", "a\x00b")}, err: "no valid tar header"},
	{name: "newline and escapes", layer: []item{file("a\n\x1b[2Jb", "x"), file("a\n\x1b[2Jb/c", "x")}, err: `"a\n\x1b[2Jb": not a directory`},
	{name: "not UTF-8", layer: []item{file("\xff\xfe", "x")}, want: []string{"f 644 \xff\xfe \"x\""}},
	{name: "backslashes", layer: []item{file(`..\..\x`, "x")}, want: []string{`f 644 ..\..\x "x"`}},
	{name: "component too long", layer: []item{file(long(256), "x")}, err: "component is longer"},
	{name: "component just long enough", layer: []item{file(long(255), "x")}, want: []string{"f 644 " + long(255) + " \"x\""}},
	{name: "name too long", layer: []item{file(strings.Repeat("a/", 3000)+"b", "x")}, err: "name is longer"},
	{name: "GNU name too long", layer: []item{{name: strings.Repeat("a/", 3000) + "b", gnu: true}}, err: "name is longer"},
	{name: "too deep", layer: []item{file(strings.Repeat("a/", 600)+"b", "x")}, err: "directories deep"},
	{name: "too deep through a symlink", layer: []item{dir(strings.Repeat("a/", 400)), symlinkTo("l", strings.Repeat("a/", 400)),
		file("l/"+strings.Repeat("b/", 200)+"c", "x")}, err: "directories deep"},
	{name: "path too long through a symlink", layer: []item{dir(strings.Repeat(long(200)+"/", 15)), symlinkTo("l", strings.Repeat(long(200)+"/", 15)),
		file("l/"+strings.Repeat(long(200)+"/", 10)+"c", "x")}, err: "path is longer"},
	{name: "case", layer: []item{file("A", "1"), file("a", "2")}, want: []string{`f 644 A "1"`, `f 644 a "2"`}},
	{name: "regular file with a slash at its end", layer: []item{file("a/", "x")}, want: []string{`f 644 a "x"`}},
	{name: "stated size without data", layer: []item{{name: "a", size: "00000000010"}}, raw: []byte{}, err: "cut short"},

	// The root.
	{name: "root as a file", layer: []item{file("./", "x")}, err: "root of the tree"},
	{name: "root as a symlink", layer: []item{symlinkTo(".", "CANARY")}, err: "root of the tree"},
	{name: "root as a hard link", layer: []item{file("a", "x"), hardlinkTo("/", "a")}, err: "root of the tree"},
	{name: "root as a fifo", layer: []item{{kind: '6', name: "//"}}, err: "root of the tree"},
	{name: "root unreadable", layer: []item{moded(dir("./"), -1), file("a", "x")}, want: []string{"d 0 .", `f 644 a "x"`}},

	// Symlinks on the way.
	{name: "parent is an absolute symlink", layer: []item{symlinkTo("l", "CANARY"), file("l/new", "x")},
		want: []string{"l l -> CANARY", `f 644 CANARY_REL/new "x"`}},
	{name: "parent is a climbing symlink", layer: []item{symlinkTo("l", "../canary"), file("l/file", "x")}, want: []string{`f 644 canary/file "x"`}},
	{name: "parent is a chain of symlinks", layer: []item{symlinkTo("a", "b"), symlinkTo("b", "c"), symlinkTo("c", "UP/CANARY"), file("a/sub/file", "x")},
		want: []string{`f 644 CANARY_REL/sub/file "x"`}},
	{name: "parent made of symlinks step by step", layer: []item{dir("d"), symlinkTo("d/up", ".."), symlinkTo("d/upup", "up/.."), symlinkTo("e", "d/upup/.."), file("e/canary/file", "x")},
		want: []string{`f 644 canary/file "x"`}},
	{name: "file through a symlink to a file", layer: []item{symlinkTo("l", "CANARY/file"), file("l", "x")}, want: []string{`f 644 l "x"`}},
	{name: "file below a symlink to a file", layer: []item{file("f", "x"), symlinkTo("l", "f"), file("l/a", "x")}, err: "not a directory"},
	{name: "file below a file", layer: []item{file("f", "x"), file("f/a", "x")}, err: "not a directory"},
	{name: "directory in place of a symlink", layer: []item{symlinkTo("l", "CANARY"), moded(dir("l"), 0o777), file("l/new", "x")},
		want: []string{"d 777 l", `f 644 l/new "x"`}},
	{name: "directory replaced by a symlink, warm", layer: []item{dir("d"), dir("d/e"), file("d/e/1", "x"), symlinkTo("d", "CANARY"), file("d/e/2", "x"), file("d/sub/2", "x")},
		want: []string{"l d -> CANARY", `f 644 CANARY_REL/e/2 "x"`, `f 644 CANARY_REL/sub/2 "x"`}},
	{name: "directory above replaced, warm", layer: []item{file("a/b/c/1", "x"), file("a/b", "y"), file("a/b/c/2", "x")}, err: "not a directory"},
	{name: "symlink replaced by a directory, warm", base: []item{dir("r"), symlinkTo("l", "r")}, layer: []item{file("l/1", "x"), dir("l"), file("l/2", "y")},
		want: []string{`f 644 r/1 "x"`, `f 644 l/2 "y"`, "!l/1"}},
	{name: "symlink moved, warm", layer: []item{dir("r"), dir("s"), symlinkTo("l", "r"), file("l/1", "x"), symlinkTo("l", "s"), file("l/2", "y")},
		want: []string{`f 644 r/1 "x"`, `f 644 s/2 "y"`}},
	{name: "symlink loop", layer: []item{symlinkTo("a", "b"), symlinkTo("b", "a"), file("a/x", "x")}, err: "too many levels"},
	{name: "symlink to itself", layer: []item{symlinkTo("a", "a"), file("a/x", "x")}, err: "too many levels"},
	{name: "symlinks that multiply", layer: append(multiply(), file("l9/x", "x")), err: "too many"},
	{name: "symlink to the root", layer: []item{symlinkTo("l", "/"), file("l/l/l/x", "x")}, want: []string{`f 644 x "x"`}},
	{name: "proc fd", layer: []item{symlinkTo("proc/self/fd/3", "/"), symlinkTo("l", "/proc/self/fd/3"), file("l/x", "x")}, want: []string{`f 644 x "x"`}},
	{name: "proc cwd without a file", layer: []item{symlinkTo("l", "/proc/self/cwd"), file("l/x", "x")}, want: []string{`f 644 proc/self/cwd/x "x"`}},
	{name: "symlink to nowhere", layer: []item{symlinkTo("l", "")}, err: "symlink to nowhere"},
	{name: "symlink with a long target", layer: []item{symlinkTo("l", long(5000))}, err: "target of a symlink is too long"},
	{name: "long component in a target", layer: []item{symlinkTo("l", long(300)), file("l/x", "x")}, err: "file name too long"},

	// Metadata through links.
	{name: "mode of a symlink", layer: []item{moded(symlinkTo("l", "CANARY/file"), 0o7777), owned(timed(symlinkTo("m", "CANARY"), 5), 4, 4)}, want: []string{"l l -> CANARY/file"}},
	{name: "mode of a hard link", layer: []item{file("a", "x"), moded(owned(timed(hardlinkTo("b", "a"), 5), 7, 7), 0o7777)}, want: []string{`f 644 a "x"`, `f 644 b "x"`}},
	{name: "hard link to a symlink, then a file", layer: []item{symlinkTo("l", "CANARY/file"), hardlinkTo("h", "l"), moded(file("h", "x"), 0o777)},
		want: []string{`f 777 h "x"`, "l l -> CANARY/file"}},
	{name: "xattrs of a symlink", layer: []item{paxed(symlinkTo("l", "CANARY/file"), "SCHILY.xattr.user.a", "b")}, want: []string{"l l -> CANARY/file"}},

	// Hard links.
	{name: "hard link to an absolute path", layer: []item{hardlinkTo("h", "CANARY/file")}, err: "does not exist"},
	{name: "hard link to a climbing path", layer: []item{hardlinkTo("h", "../canary/file")}, err: `".."`},
	{name: "hard link through a symlink", layer: []item{symlinkTo("l", "CANARY"), hardlinkTo("h", "l/file"), file("h", "x")}, err: "does not exist"},
	{name: "hard link through a climbing symlink", layer: []item{symlinkTo("l", "UP"), hardlinkTo("h", "l/CANARY/file")}, err: "does not exist"},
	{name: "hard link into a symlinked parent", layer: []item{file("a", "x"), symlinkTo("l", "CANARY"), hardlinkTo("l/file", "a")}, want: []string{`f 644 CANARY_REL/file "x"`}},
	{name: "hard link to a symlink", layer: []item{symlinkTo("l", "CANARY/file"), hardlinkTo("h", "l")}, want: []string{"l h -> CANARY/file"}},
	{name: "hard link to a directory", layer: []item{dir("d"), hardlinkTo("h", "d")}, err: "is a directory"},
	{name: "hard link to the root", layer: []item{hardlinkTo("h", "/")}, err: "is a directory"},
	{name: "hard link to nothing", layer: []item{hardlinkTo("h", "a")}, err: "does not exist"},
	{name: "hard link without a target", layer: []item{hardlinkTo("h", "")}, err: "name is empty"},
	{name: "hard link to itself", layer: []item{file("a", "x"), hardlinkTo("a", "a"), hardlinkTo("./a", "/a")}, want: []string{`f 644 a "x"`}},
	{name: "hard link over its directory", layer: []item{file("d/a", "x"), hardlinkTo("d", "d/a")}, err: "holds its target"},
	{name: "hard link to a whiteout's file", base: []item{file("a", "x")}, layer: []item{file(".wh.a", ""), hardlinkTo("b", "a")}, err: "does not exist"},
	{name: "hard link to a device", layer: []item{device("null", '3', 1, 3), hardlinkTo("n", "null")}, want: []string{"!n", "!null"}},

	// Whiteouts.
	{name: "whiteout of ..", layer: []item{file(".wh...", "")}, err: `whiteout of ".."`},
	{name: "whiteout of .. below", layer: []item{file("a/.wh...", "")}, err: `whiteout of ".."`},
	{name: "whiteout of .", layer: []item{file(".wh..", "")}, err: `whiteout of "."`},
	{name: "whiteout of nothing", layer: []item{file(".wh.", "")}, err: `whiteout of ""`},
	{name: "whiteout with a path", layer: []item{file(".wh.a/b", "")}, err: "not a directory"},
	{name: "whiteout with a climbing path", layer: []item{file(".wh./../../canary", "")}, err: `".."`},
	{name: "whiteout as a directory", base: []item{file("a/b", "x")}, layer: []item{dir(".wh.a/")}, want: []string{"!a"}},
	{name: "whiteout as a symlink", base: []item{file("a", "x")}, layer: []item{symlinkTo(".wh.a", "CANARY")}, want: []string{"!a"}},
	{name: "whiteout through a symlink", base: []item{symlinkTo("l", "CANARY")}, layer: []item{file("l/.wh.file", ""), file("l/.wh.sub", "")}, want: []string{"l l -> CANARY"}},
	{name: "whiteout of a symlink", base: []item{symlinkTo("l", "CANARY")}, layer: []item{file(".wh.l", "")}, want: []string{"!l"}},
	{name: "whiteout below a file", base: []item{file("a", "x")}, layer: []item{file("a/.wh.b", "")}, want: []string{`f 644 a "x"`}},
	{name: "opaque through a symlink", base: []item{symlinkTo("l", "CANARY")}, layer: []item{file("l/.wh..wh..opq", "")}, want: []string{"l l -> CANARY"}},
	{name: "opaque root", base: []item{file("a", "x"), symlinkTo("l", "CANARY")}, layer: []item{file(".wh..wh..opq", ""), file("b", "y")}, want: []string{"!a", "!l", `f 644 b "y"`}},
	{name: "aufs's own", layer: []item{dir(".wh..wh.plnk"), file(".wh..wh.plnk/1.2", "x"), file(".wh..wh.aufs", "x"), symlinkTo(".wh..wh.orph", "CANARY")},
		want: []string{"!.wh..wh.plnk", "!.wh..wh.aufs"}},
	{name: "whiteout of a whiteout", layer: []item{file(".wh..wh.a", "x")}, want: []string{"!.wh..wh.a", "!.wh.a"}},

	// Special files.
	{name: "overlay's whiteout device", base: []item{file("a", "x")}, layer: []item{device("a", '3', 0, 0)}, want: []string{"!a"}},
	{name: "disk", layer: []item{device("dev/sda", '4', 8, 0)}, want: []string{"!dev/sda"}},
	{name: "device number that is none", layer: []item{device("d", '3', -1, 1<<40)}, err: "device number"},
	{name: "file below a device", layer: []item{device("d", '3', 1, 3), file("d/x", "x")}, err: "not a directory"},
	{name: "socket", layer: []item{{kind: 's', name: "sock"}}, want: []string{"!sock"}},
	{name: "unknown type", layer: []item{{kind: 'Z', name: "z", body: "x"}, file("a", "y")}, want: []string{"!z", `f 644 a "y"`}},
	{name: "fifo, then a file", layer: []item{moded(item{kind: '6', name: "p"}, 0o600), file("p", "x")}, want: []string{`f 644 p "x"`}},
	{name: "setuid through a hard link", layer: []item{moded(file("su", "x"), 0o4755), hardlinkTo("su2", "su")}, want: []string{`f 4755 su2 "x"`}},
	{name: "mode with bits of a type", layer: []item{moded(file("a", "x"), 0o120644)}, want: []string{`f 644 a "x"`}},

	// Numbers.
	{name: "negative size", layer: []item{{name: "a", size: "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"}}, err: "no valid tar header"},
	{name: "huge size", layer: []item{{name: "a", size: "\x80\x00\x00\x00\x7f\xff\xff\xff\xff\xff\xff\xff"}}, err: "more than"},
	{name: "negative PAX size", layer: []item{paxed(file("a", "x"), "size", "-1")}, err: "no valid tar header"},
	{name: "negative owner", layer: []item{owned(file("a", "x"), -1, 0)}, err: "user id -1 does not exist"},
	{name: "owner of 33 bits", layer: []item{owned(file("a", "x"), 0, 1<<32)}, err: "group id 4294967296 does not exist"},
	{name: "owner of all ones", layer: []item{owned(file("a", "x"), 1<<32-1, 0)}, err: "user id 4294967295 does not exist"},
	{name: "absurd times", layer: []item{timed(file("a", "x"), 1<<62), timed(file("b", "x"), -1<<62), timed(dir("d"), 1<<40),
		paxed(file("c", "x"), "mtime", "99999999999999999")}, want: []string{`f 644 a "x"`, `f 644 b "x"`, `f 644 c "x"`}},
	{name: "PAX time that is none", layer: []item{paxed(file("c", "x"), "mtime", "soon")}, err: "no valid tar header"},

	// Attributes.
	{name: "attribute too large", layer: []item{paxed(file("a", "x"), "SCHILY.xattr.user.a", long(70000))}, err: "attributes are too large"},
	{name: "attributes too many", layer: []item{paxed(file("a", "x"), "SCHILY.xattr.user.a", long(60000), "SCHILY.xattr.user.b", long(60000))},
		limit: Limits{XattrBytes: 100000}, err: "attributes are too large"},
	{name: "PAX records too many", layer: []item{paxed(file("a", "x"), "a", long(60000))}, limit: Limits{PAXBytes: 50000}, err: "PAX records of more than"},
	{name: "PAX header of megabytes", layer: []item{paxed(file("a", "x"), "a", long(2<<20))}, err: "read layer"},
	{name: "global header with a path", layer: []item{{kind: 'g', pax: pairs([]string{"path", "../canary/file", "uid", "5"})}, file("a", "x")}, want: []string{`f 644 a "x"`}},

	// Bombs.
	{name: "entries", layer: []item{file("a", "x"), file("a", "x"), file("a", "x"), file("a", "x")}, limit: Limits{Entries: 3}, err: "more than 3 entries"},
	{name: "bytes", layer: []item{file("a", long(4000))}, limit: Limits{Bytes: 2000}, err: "more than 2000 bytes"},
	{name: "bytes after the end", layer: []item{file("a", "x")}, raw: make([]byte, 1<<20), limit: Limits{Bytes: 600 << 10}, err: "more than 614400 bytes"},
	{name: "memory", layer: []item{symlinkTo("a", long(90)), symlinkTo("b", long(90))}, limit: Limits{Memory: 400}, err: "names and attributes"},
	{name: "sparse file", layer: []item{{kind: 'S', name: "a", real: 1 << 50}}, err: "sparse files of more than"},
	{name: "sparse files together", layer: []item{{kind: 'S', name: "a", real: 600}, {kind: 'S', name: "b", real: 600}}, limit: Limits{SparseBytes: 1000}, err: "sparse files of more than"},
	{name: "sparse map that overlaps", layer: []item{{kind: 'S', name: "a", real: 1000, body: long(20), sparse: [][2]int64{{10, 10}, {5, 10}}}}, err: "no valid tar header"},
	{name: "sparse map past the end", layer: []item{{kind: 'S', name: "a", real: 10, body: long(20), sparse: [][2]int64{{0, 20}}}}, err: "no valid tar header"},
	{name: "PAX sparse size", layer: []item{paxed(file("a", "x"), "GNU.sparse.map", "0,1", "GNU.sparse.size", "9000000000000000000", "GNU.sparse.numblocks", "1")}, err: "sparse files of more than"},

	// Order.
	{name: "last of duplicates", layer: []item{file("a", "1"), symlinkTo("a", "CANARY/file"), file("a", "2")}, want: []string{`f 644 a "2"`}},
	{name: "directory and file in turn", layer: []item{file("a/b", "1"), file("a", "2"), dir("a"), file("a/c", "3")}, want: []string{"!a/b", `f 644 a/c "3"`}},
	{name: "garbage for a header", layer: []item{file("a", "x")}, raw: []byte(long(1024)), err: "no valid tar header after entry 1"},
}

// multiply is what takes 2^n steps to follow.
func multiply() []item {
	items := []item{dir("d"), symlinkTo("l0", strings.Repeat("d/../", 400)+"d")}
	for i := range 9 {
		l := "l" + string(rune('0'+i))
		items = append(items, symlinkTo("l"+string(rune('1'+i)), strings.Repeat(l+"/../", 20)+l))
	}
	return items
}

func TestHostile(t *testing.T) {
	for _, c := range hostiles {
		t.Run(c.name, func(t *testing.T) {
			a := newArena(t, t.TempDir())
			var layers [][]byte
			if c.base != nil {
				layers = append(layers, layer(a.fill(c.base)...))
			}
			last := open(a.fill(c.layer)...)
			if c.raw != nil {
				last = append(last, c.raw...)
			} else {
				last = append(last, endOfTar...)
			}
			err := a.unpack(t, Options{Limits: c.limit}, append(layers, last)...)
			switch {
			case c.err == "" && err != nil:
				t.Fatal(err)
			case c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)):
				t.Fatalf("got %v, want an error with %q", err, c.err)
			case c.err == "":
				a.wantSome(t, c.want)
			}
		})
	}
	if len(hostiles) < 100 {
		t.Errorf("%d cases", len(hostiles))
	}
}

// fill puts the paths of the arena into items.
func (a *arena) fill(items []item) []item {
	filled := make([]item, len(items))
	for i, item := range items {
		item.name, item.link = a.subst(item.name), a.subst(item.link)
		filled[i] = item
	}
	return filled
}

func (a *arena) subst(s string) string {
	s = strings.ReplaceAll(s, "CANARY_REL", a.canary[1:])
	return strings.ReplaceAll(strings.ReplaceAll(s, "CANARY", a.canary), "UP", up)
}

// wantSome checks that lines are in the listing, or names are not.
func (a *arena) wantSome(t testing.TB, want []string) {
	t.Helper()
	lines := a.listing(t)
	for _, w := range want {
		w = a.subst(w)
		if gone, ok := strings.CutPrefix(w, "!"); ok {
			if _, err := os.Lstat(a.tree + "/" + gone); err == nil {
				t.Errorf("%q is there", gone)
			}
			continue
		}
		found := false
		for _, l := range lines {
			found = found || l == w
		}
		if !found {
			t.Errorf("no %q in\n\t%s", w, strings.Join(lines, "\n\t"))
		}
	}
}
