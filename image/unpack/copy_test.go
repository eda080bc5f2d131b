package unpack

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestCopyForLink is of a file system without hard links.
func TestCopyForLink(t *testing.T) {
	a := newArena(t, t.TempDir())
	tree := New(openDir(t, a.tree), Options{})
	must(t, tree.Apply(bytes.NewReader(layer(
		timed(moded(paxed(file("d/f", "content"), append(xattr("user.a", "1"), xattr(capability, capNetRaw)...)...), 0o4755), 77),
		symlinkTo("l", "CANARY"), moded(item{kind: '6', name: "p"}, 0o640), dir("to")))))
	for _, name := range []string{"d/f", "l", "p"} {
		p, err := tree.splitName(name)
		must(t, err)
		from, err := tree.find(p)
		must(t, err)
		fromfd, tofd, err := tree.dirs.pair(from.parent, tree.top.children["to"])
		must(t, err)
		must(t, tree.copyOf(from, fromfd, tree.top.children["to"], tofd, p.base))
	}
	var out bytes.Buffer
	s, err := tree.Finish(&out)
	must(t, err)
	a.owners = out.Bytes()
	a.wantTree(t, "d 755 d", `f 4755 d/f "content"`, "l l -> CANARY", "1 640 p", "d 755 to", `f 4755 to/f "content"`, "l to/l -> CANARY", "1 640 to/p")
	a.checkOwners(t)
	a.checkCanary(t)
	e := a.entries(t)
	if x, y := fmt.Sprint(e["d/f"].Xattrs, e["d/f"].Applied), fmt.Sprint(e["to/f"].Xattrs, e["to/f"].Applied); x != y {
		t.Errorf("attributes %s became %s", x, y)
	}
	if len(s.Warnings) != 1 || !strings.Contains(s.Warnings[0], "became a copy") {
		t.Errorf("warnings %q", s.Warnings)
	}
	var st unix.Stat_t
	must(t, unix.Lstat(a.tree+"/to/f", &st))
	if st.Nlink != 1 || st.Mtim.Sec != 77 {
		t.Errorf("%d links, time %v", st.Nlink, st.Mtim)
	}
	for _, err := range []error{unix.EPERM, unix.EOPNOTSUPP, unix.EMLINK} {
		if !noLinks(err) {
			t.Errorf("%v is not taken for a lack of links", err)
		}
	}
	if noLinks(unix.ENOSPC) || noLinks(nil) {
		t.Error("a full disk is taken for a lack of links")
	}
}

// TestManyDirectories has more of them than descriptors are kept, hard links
// between them, and modes that must be opened up on the way to a clone's.
func TestManyDirectories(t *testing.T) {
	var items []item
	deep := ""
	for i := range 3 * cachedDirs {
		items = append(items, moded(dir(fmt.Sprintf("d%d", i)), 0o500), file(fmt.Sprintf("d%d/f", i), fmt.Sprint(i)))
		if i > 0 {
			items = append(items, hardlinkTo(fmt.Sprintf("d%d/g", i), fmt.Sprintf("d%d/f", (i*7)%i)))
		}
		deep += "x/"
		items = append(items, moded(dir(deep), -1), hardlinkTo(deep+"l", fmt.Sprintf("d%d/f", i)))
	}
	a := newArena(t, t.TempDir())
	must(t, a.unpack(t, Options{}, layer(items...)))
	if os.Getuid() == 0 {
		a.checkOwners(t)
	}
	var later []item
	for i := range 3 * cachedDirs {
		later = append(later, hardlinkTo(fmt.Sprintf("%sm%d", deep, i), fmt.Sprintf("d%d/f", i)), file(fmt.Sprintf("d%d/.wh.f", i), ""))
	}
	b := a.next(t, Options{}, layer(later...))
	lines := strings.Join(b.listing(t), "\n")
	for i := range 3 * cachedDirs {
		if want := fmt.Sprintf("f 644 %sm%d %q", deep, i, fmt.Sprint(i)); !strings.Contains(lines, want) {
			t.Errorf("no %s", want)
		}
	}
}

// TestFullDisk needs a file system that is full: one clear line.
func TestFullDisk(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root mounts a small tmpfs without a namespace")
	}
	parent := t.TempDir()
	if err := unix.Mount("none", parent, "tmpfs", 0, "size=1M"); err != nil {
		t.Fatal(err)
	}
	defer func() { must(t, unix.Unmount(parent, unix.MNT_DETACH)) }()
	a := newArena(t, parent)
	err := a.unpack(t, Options{}, layer(file("d/f", long(2<<20))))
	if err == nil || err.Error() != `unpack "d/f": no space left on device` {
		t.Errorf("got %v", err)
	}
}
