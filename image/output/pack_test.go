package output

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lichen-sandbox/lichen/image/ref"
	"github.com/lichen-sandbox/lichen/image/source"
	"github.com/lichen-sandbox/lichen/image/source/oci"
	"github.com/lichen-sandbox/lichen/image/store"
	"github.com/lichen-sandbox/lichen/internal/subid"
)

const packScript = `
cd "$1"; mkdir -p etc usr/bin a/b/c
echo x > usr/bin/x; ln usr/bin/x usr/bin/y; chmod 4711 usr/bin/x; ln -s usr/bin bin; mkfifo a/p
echo s > a/s; chmod 000 a/s; chmod 555 a/b; chmod 000 a/b/c
truncate -s 1M a/hole; printf end >> a/hole; mkdir ünï; echo > 'ünï/a
b'
echo root:x:0:0:root:/root:/bin/sh > etc/passwd
find . -exec touch -h -d '2020-01-02 03:04:05.123456789' {} +`

func newSource(t *testing.T) string {
	t.Helper()
	dir := tempDir(t)
	src := filepath.Join(dir, "src")
	check(t, os.Mkdir(src, 0o755))
	shell(t, packScript, src)
	check(t, unix.Setxattr(filepath.Join(src, "etc/passwd"), "user.color", []byte("green"), 0))
	return src
}

var packed = []string{
	`5 0755 0:0 "./"`,
	`5 0755 0:0 "a/"`,
	`5 0555 0:0 "a/b/"`,
	`5 0000 0:0 "a/b/c/"`,
	`0 0644 0:0 "a/hole" 1048579`,
	`6 0644 0:0 "a/p"`,
	`0 0000 0:0 "a/s" 2 "s\n"`,
	`2 0777 0:0 "bin" -> "usr/bin"`,
	`5 0755 0:0 "etc/"`,
	`0 0644 0:0 "etc/passwd" 30 "root:x:0:0:root:/root:/bin/sh\n" user.color="green"`,
	`5 0755 0:0 "usr/"`,
	`5 0755 0:0 "usr/bin/"`,
	`0 4711 0:0 "usr/bin/x" 2 "x\n"`,
	`1 4711 0:0 "usr/bin/y" -> "usr/bin/x"`,
	`5 0755 0:0 "ünï/"`,
	`0 0644 0:0 "ünï/a\nb" 1 "\n"`,
}

func export(t *testing.T, s *store.Store, r string) []byte {
	t.Helper()
	var b bytes.Buffer
	ids := subid.SingleMapping(uint32(os.Geteuid()), uint32(os.Getegid()))
	_, err := Export(t.Context(), ExportOptions{Store: s, Ref: name(t, r), IDs: ids}, &b)
	check(t, err)
	return b.Bytes()
}

// TestRoundTrip: a directory packed, unpacked into the store, exported,
// extracted by GNU tar, packed and exported again is the same to the byte.
func TestRoundTrip(t *testing.T) {
	if !have("tar") {
		skip(t, "no tar")
	}
	bothUsers(t, func(t *testing.T) {
		src, s := newSource(t), newStore(t)
		for _, c := range []Compression{Gzip, Zstd, Plain} {
			img, err := Pack(t.Context(), PackOptions{Store: s, Dir: src, Ref: name(t, "example/one:1"), Compression: c})
			check(t, err)
			same(t, c.mediaType(), layerOf(t, s, img), packed)
		}
		first := export(t, s, "example/one:1")
		same(t, "export", describe(t, bytes.NewReader(first)), packed)
		dir := tempDir(t)
		check(t, os.WriteFile(filepath.Join(dir, "tar"), first, 0o600))
		check(t, os.Mkdir(filepath.Join(dir, "tree"), 0o755))
		shell(t, `tar -xp --xattrs --xattrs-include='user.*' -C "$1/tree" -f "$1/tar"`, dir)
		_, err := Pack(t.Context(), PackOptions{Store: s, Dir: filepath.Join(dir, "tree"), Ref: name(t, "example/two:1")})
		check(t, err)
		if second := export(t, s, "example/two:1"); !bytes.Equal(first, second) {
			same(t, "second export", describe(t, bytes.NewReader(second)), packed)
			t.Error("the exports differ")
		}
	})
}

// TestPackSame: neither the place nor the time makes a difference, and
// SOURCE_DATE_EPOCH bounds the times.
func TestPackSame(t *testing.T) {
	src, s := newSource(t), newStore(t)
	other := filepath.Join(tempDir(t), "elsewhere")
	if out, err := exec.Command("cp", "-a", src, other).CombinedOutput(); err != nil && os.Geteuid() == 0 {
		t.Fatalf("%v\n%s", err, out)
	}
	one, err := Pack(t.Context(), PackOptions{Store: s, Dir: src, Ref: name(t, "example/one:1")})
	check(t, err)
	two, err := Pack(t.Context(), PackOptions{Store: newStore(t), Dir: other, Ref: name(t, "example/two:1")})
	check(t, err)
	if one.Manifest.Digest != two.Manifest.Digest {
		t.Errorf("%s here, %s there", one.Manifest.Digest, two.Manifest.Digest)
	}
	epoch := int64(1_000_000_000)
	early, err := Pack(t.Context(), PackOptions{Store: s, Dir: src, Ref: name(t, "example/early:1"), Epoch: &epoch})
	check(t, err)
	check(t, os.Chtimes(filepath.Join(src, "etc/passwd"), time.Now(), time.Now()))
	again, err := Pack(t.Context(), PackOptions{Store: s, Dir: src, Ref: name(t, "example/early:2"), Epoch: &epoch})
	check(t, err)
	if early.Manifest.Digest != again.Manifest.Digest || early.Manifest.Digest == one.Manifest.Digest {
		t.Errorf("with an epoch: %s, %s; without: %s", early.Manifest.Digest, again.Manifest.Digest, one.Manifest.Digest)
	}
}

func TestPackOwners(t *testing.T) {
	if os.Geteuid() != 0 {
		skip(t, "only root has files of several owners")
	}
	dir, s := tempDir(t), newStore(t)
	src := filepath.Join(dir, "src")
	check(t, os.Mkdir(src, 0o755))
	check(t, os.WriteFile(filepath.Join(src, "f"), nil, 0o644))
	check(t, os.Chown(filepath.Join(src, "f"), 1000, 3000000))
	for keepOwners, want := range map[bool]string{false: `0 0644 0:0 "f" 0 ""`, true: `0 0644 1000:3000000 "f" 0 ""`} {
		img, err := Pack(t.Context(), PackOptions{Store: s, Dir: src, Ref: name(t, "example/o:1"), KeepOwners: keepOwners})
		check(t, err)
		same(t, "layer", layerOf(t, s, img), []string{`5 0755 0:0 "./"`, want})
		same(t, "export", describe(t, bytes.NewReader(export(t, s, "example/o:1"))), []string{`5 0755 0:0 "./"`, want})
	}
	// What an owners file says comes first, devices included.
	owners := filepath.Join(dir, "owners")
	check(t, os.WriteFile(owners, []byte("lichen-owners 1\nd 755 0 0 5.0 \".\"\nc 600 0 5 7.0 \"dev\" 1 3\nf 4755 7 8 5.0 \"f\"\nx \"security.capability\" \"cap\"\nend 3\n"), 0o600))
	img, err := Pack(t.Context(), PackOptions{Store: s, Dir: src, Owners: owners, Ref: name(t, "example/o:2")})
	check(t, err)
	want := []string{`5 0755 0:0 "./"`, `3 0600 0:5 "dev" 1,3`, `0 4755 7:8 "f" 0 "" security.capability="cap"`}
	same(t, "layer", layerOf(t, s, img), want)
	same(t, "export", describe(t, bytes.NewReader(export(t, s, "example/o:2"))), want)
}

func TestPackRefusals(t *testing.T) {
	s, dir := newStore(t), tempDir(t)
	pack := func(dir string) error {
		_, err := Pack(t.Context(), PackOptions{Store: s, Dir: dir, Ref: name(t, "example/x:1")})
		return err
	}
	check(t, pack(dir))
	wantError(t, pack(filepath.Join(dir, "none")), "none", "no such file")
	link := filepath.Join(t.TempDir(), "link")
	check(t, os.Symlink(dir, link))
	wantError(t, pack(link), "link")
	pipe := filepath.Join(t.TempDir(), "pipe") // that nobody writes to
	check(t, unix.Mkfifo(pipe, 0o600))
	_, err := Pack(t.Context(), PackOptions{Store: s, Dir: dir, Owners: pipe, Ref: name(t, "example/x:1")})
	wantError(t, err, "pipe", "not a regular file")
	check(t, os.WriteFile(filepath.Join(dir, ".wh.x"), nil, 0o600))
	wantError(t, pack(dir), `".wh.x": a name that begins with .wh.`)
	check(t, os.Remove(filepath.Join(dir, ".wh.x")))
	if os.Geteuid() == 0 {
		check(t, unix.Mknod(filepath.Join(dir, "gone"), unix.S_IFCHR|0o600, 0))
		wantError(t, pack(dir), `"gone": it is an overlay's mark`)
	}
}

// TestPublishFails: a name that cannot become the new image stays what it was.
func TestPublishFails(t *testing.T) {
	s, r := newStore(t), name(t, "example/x:1")
	ids := subid.SingleMapping(uint32(os.Geteuid()), uint32(os.Getegid()))
	target := &storeTarget{s: s, ref: r, platform: oci.Host(), ids: ids, chainID: oci.Digest(nil)}
	lost := oci.Descriptor{MediaType: oci.TypeConfig, Digest: oci.Digest([]byte("lost")), Size: 4}
	raw, err := newManifest(lost, nil, "")
	check(t, err)
	manifest := oci.Descriptor{MediaType: oci.TypeManifest, Digest: oci.Digest(raw), Size: int64(len(raw))}
	_, err = target.publish(t.Context(), raw, manifest, lost)
	wantError(t, err, lost.Digest)
	if _, err := s.Record(r, ""); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a record without an image: %v", err)
	}
	img, err := Pack(t.Context(), PackOptions{Store: s, Dir: tempDir(t), Ref: r})
	check(t, err)
	_, err = target.publish(t.Context(), raw, manifest, lost)
	wantError(t, err, lost.Digest)
	if rec, err := s.Record(r, ""); err != nil || rec.Manifest != img.Manifest.Digest || rec.UID == nil {
		t.Errorf("the old image: %+v, %v", rec, err)
	}
}

// TestOthersRead has the tools that people use read what lichen made.
func TestOthersRead(t *testing.T) {
	if !have("skopeo") || !have("umoci") {
		skip(t, "no skopeo and umoci")
	}
	bothUsers(t, func(t *testing.T) {
		src, s, dir := newSource(t), newStore(t), tempDir(t)
		r := ref.Ref{Kind: ref.Layout, Path: filepath.Join(dir, "layout"), Tag: "1"}
		_, err := Pack(t.Context(), PackOptions{Dir: src, Ref: r, Sources: &source.Config{}})
		check(t, err)
		_, err = Pack(t.Context(), PackOptions{Store: s, Dir: src, Ref: name(t, "example/x:1"), Compression: Zstd})
		check(t, err)
		rec, err := s.Record(name(t, "example/x:1"), "")
		check(t, err)
		var b bytes.Buffer
		check(t, ExportArchive(t.Context(), s, rec, "2", &b))
		check(t, os.WriteFile(filepath.Join(dir, "archive"), b.Bytes(), 0o600))
		check(t, ExportTo(t.Context(), s, rec, ref.Ref{Kind: ref.Layout, Path: filepath.Join(dir, "exported"), Tag: "3"}, &source.Config{}))
		run := func(args ...string) {
			t.Helper()
			cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
			cmd.Dir = dir
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%q: %v\n%s", args, err, out)
			}
		}
		run("skopeo", "copy", "--insecure-policy", "oci:layout:1", "oci:copy1:1")
		run("skopeo", "copy", "--insecure-policy", "oci-archive:archive:2", "oci:copy2:2")
		run("skopeo", "copy", "--insecure-policy", "oci:exported:3", "oci:copy3:3")
		run("umoci", "unpack", "--rootless", "--image", "layout:1", "bundle")
		const list = "cd \"$1\"; find . -mindepth 1 -printf '%p %y %m %s %T@ %l\\n' | grep -v ' d ' | sort"
		got, want := shell(t, list, filepath.Join(dir, "bundle/rootfs")), shell(t, list, src)
		if got != want {
			t.Errorf("umoci:\n%s\nwant:\n%s", got, want)
		}
		if strings.Count(want, "\n") < 8 {
			t.Errorf("the list is %q", want)
		}
	})
}
