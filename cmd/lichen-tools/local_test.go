package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

func TestLayout(t *testing.T) {
	forUsers(t, func(t *testing.T, u account) {
		s, b := newServer(t), newBox(t, u)
		first := s.push(t, "demo/app:1", imageOf(t, v1.Config{User: "web"}, baseLayer(t)))
		second := s.push(t, "demo/app:2", imageWith(t, 1))
		b.ok("copy", first, "oci:layout:app")
		s.down.Store(true)
		one := b.ok("pull", "--pull", "missing", "oci:layout:app")
		if again := b.ok("pull", "--pull", "missing", "oci:"+filepath.Join(b.dir, "layout")+":app"); again != one {
			t.Errorf("%q, then %q", one, again)
		}
		s.down.Store(false)
		time.Sleep(10 * time.Millisecond) // the stamp has the time of change
		b.ok("copy", second, "oci:layout:app")
		s.down.Store(true)
		if never := b.ok("pull", "--pull", "never", "oci:layout:app"); never != one {
			t.Errorf("--pull never: %q, was %q", never, one)
		}
		two := b.ok("pull", "--pull", "missing", "oci:layout:app")
		if two == one {
			t.Errorf("the layout has changed, and still %q", two)
		}
		// The layout goes: what is in the store stays of use.
		if err := os.RemoveAll(filepath.Join(b.dir, "layout")); err != nil {
			t.Fatal(err)
		}
		b.ok("pull", "--pull", "never", "oci:layout:app")
		b.fails("layout/index.json", "pull", "oci:layout:app")
		b.fails("a directory is used as it is", "pull", "dir:"+b.dir)
		b.ok("verify")
	})
}

func TestCopyArchives(t *testing.T) {
	forUsers(t, func(t *testing.T, u account) {
		s, b := newServer(t), newBox(t, u)
		ref := s.push(t, "demo/app:1", testImage(t, 100_000))
		b.ok("copy", ref, "oci-archive:app.tar:x")
		digest := strings.TrimSpace(b.ok("copy", "oci-archive:app.tar:x", s.host+"/demo/back:1"))
		if want := strings.TrimSpace(b.ok("pull", ref)); digest[strings.Index(digest, "@"):] != want[strings.Index(want, "@"):] {
			t.Errorf("%q came back as %q", want, digest)
		}
		b.ok("copy", ref, "docker-archive:docker.tar:demo/app:1")
		b.ok("pull", "docker-archive:docker.tar")
		if errs := mustSay(b, "copy", ref, "oci-archive:app2.tar"); !strings.Contains(errs, "blob 4 ") {
			t.Errorf("progress: %q", errs)
		}
		b.ok("verify")
	})
}

// mustSay is ok with what is said on standard error.
func mustSay(b *box, args ...string) string {
	b.t.Helper()
	code, _, errs := b.run(args...)
	if code != exitOK {
		b.t.Fatalf("%d: %s", code, errs)
	}
	return errs
}

func TestUnpack(t *testing.T) {
	forUsers(t, func(t *testing.T, u account) {
		s, b := newServer(t), newBox(t, u)
		shut := imageOf(t, v1.Config{}, baseLayer(t), layerOf(t, file{name: "./", mode: 0o555}))
		ref := s.push(t, "demo/app:1", shut)
		b.ok("unpack", ref, "tree", "--owners", "tree.owners")
		info, err := os.Stat(filepath.Join(b.dir, "tree"))
		if err != nil || info.Mode().Perm() != 0o555 {
			t.Errorf("%v, %v", info, err)
		}
		if got := mustRead(t, filepath.Join(b.dir, "tree/usr/bin/tool")); got != noise(100_000, 7) {
			t.Error("usr/bin/tool has other bytes")
		}
		if mustRead(t, filepath.Join(b.dir, "tree.owners")) == "" {
			t.Error("no owners")
		}
		b.fails("it is not empty", "unpack", ref, "tree")
		b.fails("no such file", "unpack", ref, "nowhere/tree")
		if err := os.Symlink(".", filepath.Join(b.dir, "link")); err != nil {
			t.Fatal(err)
		}
		b.fails("it is a symbolic link", "unpack", ref, "link")
		if left, _ := filepath.Glob(filepath.Join(b.dir, ".lichen-unpack-*")); len(left) > 0 {
			t.Errorf("left: %q", left)
		}
		b.empty("trees", "records", "staging")
	})
}
