package output

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/lichen-sandbox/lichen/image/keep"
	"github.com/lichen-sandbox/lichen/image/ref"
	"github.com/lichen-sandbox/lichen/image/store"
)

// baseScript makes the tree below the kept layers of these tests.
const baseScript = `
cd "$1"; mkdir -p etc usr/bin usr/share/old/deep var/empty home secret
echo root:x:0:0:root:/root:/bin/sh > etc/passwd
echo root:x:0: > etc/group
echo one > etc/one; echo two > etc/two; echo same > etc/same; echo mode > etc/mode; echo gone > etc/gone
echo tool > usr/bin/tool; chmod 4755 usr/bin/tool; ln -s usr/bin bin
echo a > usr/share/old/a; echo b > usr/share/old/deep/b
echo s > secret/s; chmod 000 secret/s; chmod 700 secret
ln etc/two etc/two.link
find . -exec touch -h -d '2020-01-02 03:04:05' {} +`

// kept is a kept layer over an image of a store.
type kept struct {
	s    *store.Store
	base keep.Base
	tree string
	dir  string
}

func newKept(t *testing.T) *kept {
	t.Helper()
	dir := tempDir(t)
	src := filepath.Join(dir, "src")
	check(t, os.Mkdir(src, 0o755))
	shell(t, baseScript, src)
	k := &kept{s: newStore(t), dir: filepath.Join(dir, "keep")}
	_, err := Pack(t.Context(), PackOptions{Store: k.s, Dir: src, Ref: name(t, "example/base:1")})
	check(t, err)
	rec, err := k.s.Record(name(t, "example/base:1"), "")
	check(t, err)
	key, err := store.Key(rec.ChainID, store.Single)
	check(t, err)
	lease, err := k.s.Lease(key)
	check(t, err)
	t.Cleanup(func() { lease.Close() })
	k.tree = lease.Rootfs
	k.base = keep.Base{Reference: rec.Reference, Manifest: rec.Manifest, ChainID: rec.ChainID, IDs: string(store.Single)}
	l, err := keep.Open(k.dir, k.base, 0o755)
	check(t, err)
	check(t, l.Close())
	return k
}

func (k *kept) upper(parts ...string) string {
	return filepath.Join(append([]string{k.dir, "upper"}, parts...)...)
}

func (k *kept) commit(t *testing.T, to string) (*Image, error) {
	t.Helper()
	return Commit(t.Context(), CommitOptions{Store: k.s, Keep: k.dir, Ref: name(t, to)})
}

const listing = `find . -mindepth 1 -printf '%p %y %m %s %T@ %l\n' | grep -v '^[^ ]* d' | sort; find . -mindepth 1 -type d -printf '%p d %m %T@\n' | sort; find . -type f -exec md5sum {} + | sort`

// inOverlay runs a script in the mounted overlay, and returns what the merged
// tree then is.
func (k *kept) inOverlay(t *testing.T, script string) string {
	t.Helper()
	out, err := tryShell(t, `mkdir m; mount -t overlay -o userxattr,lowerdir="$1",upperdir="$2",workdir="$3" none m || exit 77
cd m
`+script+"\n"+listing, k.tree, k.upper(), filepath.Join(k.dir, "work"))
	if e, ok := err.(*exec.ExitError); ok && e.ExitCode() == 77 {
		skip(t, "no overlay in a user namespace: "+out)
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return out
}

func treeOf(t *testing.T, s *store.Store, to string) string {
	t.Helper()
	rec, err := s.Record(name(t, to), "")
	check(t, err)
	key, err := store.Key(rec.ChainID, store.Single)
	check(t, err)
	lease, err := s.Lease(key)
	check(t, err)
	t.Cleanup(func() { lease.Close() })
	return lease.Rootfs
}

// TestCommit makes real changes through a real overlay: the new image is the
// tree that the payload had.
func TestCommit(t *testing.T) {
	bothUsers(t, func(t *testing.T) {
		k := newKept(t)
		merged := k.inOverlay(t, `
echo changed > etc/one
: >> etc/same          # copied up, and not changed
rm etc/gone
chmod 600 etc/mode
rm -r usr/share/old; mkdir usr/share/old; echo new > usr/share/old/new
rm -r var/empty; echo file > var/empty
rm bin; mkdir bin; echo x > bin/x
ln etc/two etc/third
mkdir -p home/u/dir; echo h > home/u/f; chmod 000 home/u/f; ln -s /etc/passwd home/u/l; mkfifo home/u/p
echo t >> usr/bin/tool
touch -h -d '2021-05-06 07:08:09.123456789' home/u/l
find etc usr bin home var -newer secret -exec touch -h -d '2022-01-01 00:00:00.5' {} +`)
		img, err := k.commit(t, "example/new:1")
		check(t, err)
		got := shell(t, "cd \"$1\"\n"+listing, treeOf(t, k.s, "example/new:1"))
		same(t, "the tree", strings.Split(got, "\n"), strings.Split(merged, "\n"))
		same(t, "the layer", layerOf(t, k.s, img), []string{
			`5 0755 0:0 "bin/"`,
			`0 0644 0:0 "bin/x" 2 "x\n"`,
			`5 0755 0:0 "etc/"`,
			`0 0000 0:0 "etc/.wh.gone" 0 ""`,
			`0 0600 0:0 "etc/mode" 5 "mode\n"`,
			`0 0644 0:0 "etc/one" 8 "changed\n"`,
			`0 0644 0:0 "etc/third" 4 "two\n"`,
			`1 0644 0:0 "etc/two" -> "etc/third"`,
			`5 0755 0:0 "home/"`,
			`5 0755 0:0 "home/u/"`,
			`5 0755 0:0 "home/u/dir/"`,
			`0 0000 0:0 "home/u/f" 2 "h\n"`,
			`2 0777 0:0 "home/u/l" -> "/etc/passwd"`,
			`6 0644 0:0 "home/u/p"`,
			`5 0755 0:0 "usr/"`,
			`5 0755 0:0 "usr/bin/"`,
			`0 0755 0:0 "usr/bin/tool" 7 "tool\nt\n"`,
			`5 0755 0:0 "usr/share/"`,
			`5 0755 0:0 "usr/share/old/"`,
			`0 0000 0:0 "usr/share/old/.wh..wh..opq" 0 ""`,
			`0 0644 0:0 "usr/share/old/new" 4 "new\n"`,
			`5 0755 0:0 "var/"`,
			`0 0644 0:0 "var/empty" 5 "file\n"`,
		})
		again, err := k.commit(t, "example/again:1")
		check(t, err)
		if again.Manifest.Digest != img.Manifest.Digest {
			t.Errorf("the same layer made %s, then %s", img.Manifest.Digest, again.Manifest.Digest)
		}
	})
}

// TestCommitNothing: a layer of what was only copied up is empty.
func TestCommitNothing(t *testing.T) {
	bothUsers(t, func(t *testing.T) {
		k := newKept(t)
		k.inOverlay(t, `: >> etc/same; chmod 600 etc/mode; chmod 644 etc/mode; : >> usr/bin/tool`)
		img, err := k.commit(t, "example/new:1")
		check(t, err)
		same(t, "the layer", layerOf(t, k.s, img), nil)
	})
}

func TestCommitRefusals(t *testing.T) {
	k := newKept(t)
	if _, err := k.commit(t, "example/ok:1"); err != nil {
		t.Fatal(err)
	}
	_, err := k.commit(t, "example/ok@sha256:"+strings.Repeat("0", 64))
	wantError(t, err, "a digest follows from what the image is")
	_, err = Commit(t.Context(), CommitOptions{Store: k.s, Keep: k.dir, Ref: ref.Ref{Kind: ref.Layout, Path: "/x", Tag: "1"}})
	wantError(t, err, "the new image is one of the store")

	l, err := keep.OpenExisting(k.dir)
	check(t, err)
	_, err = k.commit(t, "example/busy:1")
	wantError(t, err, "another sandbox runs on it")
	check(t, l.Close())

	note := filepath.Join(k.dir, "base")
	good, err := os.ReadFile(note)
	check(t, err)
	for from, want := range map[string]string{
		k.base.Manifest: "the store does not have the image below",
		k.base.ChainID:  "are of two images",
		`"single"`:      "unknown mode of ids",
	} {
		to := "sha256:" + strings.Repeat("1", 64)
		if from == `"single"` {
			to = `"other"`
		}
		check(t, os.WriteFile(note, []byte(strings.Replace(string(good), from, to, 1)), 0o600))
		_, err = k.commit(t, "example/bad:1")
		wantError(t, err, want)
	}
	if _, err := k.s.Record(name(t, "example/bad:1"), ""); err == nil {
		t.Error("a refused commit left a record")
	}
}

// TestHostileUpper has what a payload can leave, and then some.
func TestHostileUpper(t *testing.T) {
	tests := []struct {
		name, script string
		layer        []string
		err          string
		xattrs       [][3]string
	}{
		{"links to the host", `ln -s /etc/shadow a; ln -s ../../../../canary b; mkdir etc; ln -s / etc/root`,
			[]string{`2 0777 0:0 "a" -> "/etc/shadow"`, `2 0777 0:0 "b" -> "../../../../canary"`, `5 0755 0:0 "etc/"`, `2 0777 0:0 "etc/root" -> "/"`}, "", nil},
		{"link in place of a directory of the base", `ln -s /tmp usr`, []string{`2 0777 0:0 "usr" -> "/tmp"`}, "", nil},
		{"names", "echo x > 'a\nb'; mkdir 'c d'; echo y > \"$(printf 'e\\377')\"",
			[]string{`0 0644 0:0 "a\nb" 2 "x\n"`, `5 0755 0:0 "c d/"`, `0 0644 0:0 "e\xff" 2 "y\n"`}, "", nil},
		{"root", `chmod 750 .`, []string{`5 0750 0:0 "./"`}, "", nil},
		{"fifo", `mkfifo f`, []string{`6 0644 0:0 "f"`}, "", nil},
		{"modes", `mkdir d; echo x > d/f; chmod 000 d/f d; echo y > s; chmod 6755 s`,
			[]string{`5 0000 0:0 "d/"`, `0 0000 0:0 "d/f" 2 "x\n"`, `0 6755 0:0 "s" 2 "y\n"`}, "", nil},
		{"hard links", `echo x > b; ln b a; mkdir c; ln a c/d`,
			[]string{`0 0644 0:0 "a" 2 "x\n"`, `1 0644 0:0 "b" -> "a"`, `5 0755 0:0 "c/"`, `1 0644 0:0 "c/d" -> "a"`}, "", nil},
		{"sparse", `truncate -s 20G big`, []string{`0 0644 0:0 "big" 21474836480`}, "", nil},
		{"huge", `truncate -s 4P big || truncate -s 15T big`, nil, `"big": it is larger than what is taken`, nil},
		{"overlay's own", `mkdir d o`,
			[]string{`5 0755 0:0 "d/" user.color="red"`, `5 0755 0:0 "o/"`}, "", [][3]string{{"d", "user.overlay.origin", "x"}, {"d", "user.overlay.impure", "y"}, {"d", "user.color", "red"}, {"o", "user.overlay.opaque", "y"}}},
		{"whiteouts by attribute", `mkdir etc; : > etc/one; : > etc/none; : > etc/two`,
			[]string{`5 0755 0:0 "etc/"`, `0 0000 0:0 "etc/.wh.one" 0 ""`, `0 0644 0:0 "etc/two" 0 ""`}, "", [][3]string{{"etc", "user.overlay.opaque", "x"}, {"etc/one", "user.overlay.whiteout", "y"}, {"etc/none", "user.overlay.whiteout", "y"}}},
		{"attribute without its directory", `: > f`, []string{`0 0644 0:0 "f" 0 ""`}, "", [][3]string{{"f", "user.overlay.whiteout", "y"}}},
		{"redirect", `mkdir d`, nil, `"d": a layer cannot say what the overlay's attribute user.overlay.redirect says`, [][3]string{{"d", "user.overlay.redirect", "/etc"}}},
		{"metacopy", `: > f`, nil, "user.overlay.metacopy", [][3]string{{"f", "user.overlay.metacopy", ""}}},
		{"a whiteout's name", `: > .wh.etc`, nil, `".wh.etc": a name that begins with .wh. means a removed file`, nil},
		{"an opaque name", `mkdir d; : > d/.wh..wh..opq`, nil, `"d/.wh..wh..opq": a name that begins with .wh.`, nil},
		{"deep", `i=0; while [ $i -lt 600 ]; do mkdir d; cd d; i=$((i+1)); done`, nil, "directories are more than 512 deep", nil},
		{"socket", `python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("s")'; echo x > f`, []string{`0 0644 0:0 "f" 2 "x\n"`}, "", nil},
		{"same size and time", `mkdir etc; echo ONE > etc/one; touch -d '2020-01-02 03:04:05' etc/one etc`,
			[]string{`5 0755 0:0 "etc/"`, `0 0644 0:0 "etc/one" 4 "ONE\n"`}, "", nil},
	}
	bothUsers(t, func(t *testing.T) {
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				k := newKept(t)
				canary := filepath.Join(filepath.Dir(k.dir), "canary")
				check(t, os.WriteFile(canary, []byte("canary"), 0o600))
				if out, err := tryShell(t, "cd \"$1\"\n"+tt.script, k.upper()); err != nil {
					t.Fatalf("%v\n%s", err, out)
				}
				for _, x := range tt.xattrs {
					check(t, unix.Setxattr(k.upper(x[0]), x[1], []byte(x[2]), 0))
				}
				img, err := k.commit(t, "example/hostile:1")
				if tt.err != "" {
					wantError(t, err, tt.err)
					if _, err := k.s.Record(name(t, "example/hostile:1"), ""); err == nil {
						t.Error("a failed commit left a record")
					}
					return
				}
				check(t, err)
				same(t, "the layer", layerOf(t, k.s, img), tt.layer)
				if text, err := os.ReadFile(canary); err != nil || string(text) != "canary" {
					t.Errorf("canary: %q, %v", text, err)
				}
				if tt.name == "socket" && !strings.Contains(strings.Join(img.Warnings, " "), `"s": a socket`) {
					t.Errorf("warnings %q", img.Warnings)
				}
			})
		}
	})
}

// TestUpperDevices needs root: a device is kept as its number, and never read.
func TestUpperDevices(t *testing.T) {
	if os.Geteuid() != 0 {
		skip(t, "only root makes devices")
	}
	k := newKept(t)
	out, err := exec.Command("sh", "-ec", `cd "$1"; mknod zero c 1 5; mknod disk b 7 0; mkdir etc; mknod etc/gone c 0 0; mknod etc/never c 0 0`, "sh", k.upper()).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	img, err := k.commit(t, "example/dev:1")
	check(t, err)
	same(t, "the layer", layerOf(t, k.s, img), []string{`4 0644 0:0 "disk" 7,0`, `5 0755 0:0 "etc/"`, `0 0000 0:0 "etc/.wh.gone" 0 ""`, `3 0644 0:0 "zero" 1,5`})
}

func have(program string) bool {
	_, err := exec.LookPath(program)
	return err == nil
}
