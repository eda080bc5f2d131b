package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/lichen-sandbox/lichen/image/upkeep"
)

func TestParentChain(t *testing.T) {
	forUsers(t, func(t *testing.T, u account) {
		s, b := newServer(t), newBox(t, u)
		parent, child := s.push(t, "demo/parent:1", imageWith(t, 0)), s.push(t, "demo/child:1", imageWith(t, 1))
		b.ok("pull", parent)
		base := b.tree()
		s.asked("")
		b.ok("pull", child)
		if n := s.asked("/blobs/"); n != 2 { // the config and the one new layer
			t.Errorf("%d blobs were fetched, not 2", n)
		}
		var all []inspected
		if err := json.Unmarshal([]byte(b.ok("inspect", "--json", child)), &all); err != nil || len(all) != 1 || len(all[0].Trees) != 1 {
			t.Fatal(all, err)
		}
		tree := all[0].Trees[0].Path
		if !sameFile(t, filepath.Join(base, "usr/bin/tool"), filepath.Join(tree, "usr/bin/tool")) {
			t.Error("the file of the common layers is there twice")
		}
		if _, err := os.Lstat(filepath.Join(base, "opt/common")); err != nil {
			t.Errorf("the whiteout of the child took it from the parent: %v", err)
		}
		b.ok("verify")
		// Each goes without the other.
		b.ok("rm", parent)
		b.ok("verify")
		if out := mustRead(t, filepath.Join(tree, "opt/own")); out != noise(500_000, 21) {
			t.Error("the child is damaged")
		}
	})
}

func sameFile(t *testing.T, a, b string) bool {
	t.Helper()
	x, err := os.Lstat(a)
	if err != nil {
		t.Fatal(err)
	}
	y, err := os.Lstat(b)
	if err != nil {
		t.Fatal(err)
	}
	return os.SameFile(x, y)
}

func TestRemove(t *testing.T) {
	forUsers(t, func(t *testing.T, u account) {
		s, b := newServer(t), newBox(t, u)
		ref, other := s.push(t, "demo/app:1", testImage(t, 10_000)), s.push(t, "demo/same:1", testImage(t, 10_000))
		b.fails("not in the image store", "rm", ref)
		b.ok("pull", ref, other)
		b.ok("rm", other)
		b.tree() // of the one that is left
		b.fails("not in the image store", "rm", other)

		lock, err := os.Open(filepath.Join(filepath.Dir(b.tree()), "lock"))
		if err != nil {
			t.Fatal(err)
		}
		defer lock.Close()
		if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_SH); err != nil { // as a sandbox does
			t.Fatal(err)
		}
		b.fails("a sandbox uses it", "rm", ref)
		if out := b.ok("prune", "--all"); !strings.Contains(out, "kept image "+ref) {
			t.Errorf("prune: %q", out)
		}
		b.ok("verify")
		b.ok("inspect", ref)
		lock.Close()
		b.ok("rm", ref)
		b.empty("trees", "records", "blobs/sha256", "staging", "partial", "locks")
		if out := b.ok("ls"); strings.Count(out, "\n") != 1 {
			t.Errorf("ls: %q", out)
		}
	})
}

func TestPrune(t *testing.T) {
	forUsers(t, func(t *testing.T, u account) {
		s, b := newServer(t), newBox(t, u)
		if out := b.ok("prune"); out != "freed 0 B of blobs\n" {
			t.Errorf("without a store: %q", out)
		}
		ref := s.push(t, "demo/app:1", testImage(t, 10_000))
		b.ok("pull", ref)
		s.push(t, "demo/app:1", testImage(t, 20_000)) // the name moves on
		b.ok("pull", ref)
		dry := b.ok("prune", "--dry-run")
		if !strings.Contains(dry, "would remove tree ") || !strings.Contains(dry, "would remove blob ") {
			t.Errorf("prune --dry-run: %q", dry)
		}
		if got := b.ok("prune"); strings.Count(got, "\n") != strings.Count(dry, "\n") {
			t.Errorf("prune: %q after %q", got, dry)
		}
		b.tree()
		b.ok("verify")
		var list []upkeep.Pruned
		if err := json.Unmarshal([]byte(b.ok("prune", "--all", "--json")), &list); err != nil || len(list) != 6 {
			t.Errorf("%+v, %v", list, err) // the image, its manifest, its config, three layers
		}
		b.empty("trees", "records", "blobs/sha256")
	})
}

func TestVerify(t *testing.T) {
	damage := []struct {
		name, path, want string
		do               func(path string) error
	}{
		{"flipped byte", "usr/bin/tool", "other content, from byte 500", func(p string) error { return flip(p, 500) }},
		{"longer", "srv/data", "size 200001, not 200000", func(p string) error {
			return keepingTime(p, func() error { return writeAt(p, []byte("x"), 200_000) })
		}},
		{"missing", "etc/group", "missing", os.Remove},
		{"missing directory", "srv", "missing", os.RemoveAll},
		{"extra", "etc/extra", "no part of the image", func(p string) error { return os.WriteFile(p, nil, 0o600) }},
		{"mode", "etc/passwd", "mode 04755, not 0644", func(p string) error { return os.Chmod(p, 0o755|os.ModeSetuid) }},
		{"directory mode", "usr", "mode 0700, not 0755", func(p string) error { return os.Chmod(p, 0o700) }},
		{"type", "etc/group", "type directory, not file", func(p string) error { os.Remove(p); return os.Mkdir(p, 0o755) }},
		{"link", "bin", `a link to "/", not to "usr/bin"`, func(p string) error { os.Remove(p); return os.Symlink("/", p) }},
		{"time", "etc/group", "another time of change", func(p string) error { return os.Chtimes(p, time0, time0) }},
		{"hard link", "etc/group", `a hard link of "etc/copy"`, func(p string) error { return os.Link(p, filepath.Dir(p)+"/copy") }},
		{"unreadable", "etc/shut", "other content, from byte 3", func(p string) error {
			return keepingTime(p, func() error { return writeAt(p, []byte("X"), 3) })
		}},
		{"owners", "../owners", "other owners are recorded", func(p string) error { return flip(p, 30) }},
	}
	forUsers(t, func(t *testing.T, u account) {
		s, b := newServer(t), newBox(t, u)
		ref := s.push(t, "demo/app:1", testImage(t, 10_000))
		b.ok("pull", ref, s.push(t, "demo/other:1", testImage(t, 10_000))) // of one tree
		for _, tt := range damage {
			path := filepath.Join(b.tree(), tt.path)
			if err := tt.do(path); err != nil {
				t.Fatalf("%s: %v", tt.name, err)
			}
			code, out, errs := b.run("verify", "-q")
			name := `"` + tt.path + `": `
			if tt.path == "../owners" {
				name = ""
			}
			if code != exitFailed || strings.Count(out, name+tt.want) != 1 {
				t.Errorf("%s: %d, want %q once in\n%s%s", tt.name, code, name+tt.want, out, errs)
			}
			if _, out, _ := b.run("verify", "-q", "--repair", ref); !strings.Contains(out, "(mended)") {
				t.Errorf("%s: not mended: %s", tt.name, out)
			}
			if out := b.ok("verify", "-q"); out != "all is as it should be\n" {
				t.Errorf("%s: after the repair: %s", tt.name, out)
			}
		}
	})
}

func TestVerifyBlobs(t *testing.T) {
	forUsers(t, func(t *testing.T, u account) {
		s, b := newServer(t), newBox(t, u)
		ref := s.push(t, "demo/app:1", testImage(t, 10_000))
		b.ok("pull", ref)
		blobs, err := filepath.Glob(b.store("blobs/sha256/*"))
		if err != nil || len(blobs) != 5 {
			t.Fatal(blobs, err)
		}
		for _, blob := range blobs {
			if err := flip(blob, 100); err != nil {
				t.Fatal(err)
			}
			code, out, errs := b.run("verify", "-q")
			if code != exitFailed || !strings.Contains(out, "damaged blob sha256:"+filepath.Base(blob)) {
				t.Errorf("%d, %s%s", code, out, errs)
			}
			s.asked("")
			out = b.ok("verify", "-q", "--repair")
			if !strings.Contains(out, "(mended)") || s.asked("") == 0 {
				t.Errorf("repair: %s", out)
			}
			if out := b.ok("verify", "-q"); out != "all is as it should be\n" {
				t.Errorf("after the repair: %s", out)
			}
		}
		// A damaged blob does not keep the next pull from its tree.
		for _, blob := range blobs {
			if err := flip(blob, 100); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.RemoveAll(filepath.Dir(b.tree())); err != nil {
			t.Fatal(err)
		}
		b.ok("pull", ref)
		b.ok("verify")
	})
}

func TestOffline(t *testing.T) {
	forUsers(t, func(t *testing.T, u account) {
		s, b := newServer(t), newBox(t, u)
		ref := s.push(t, "demo/app:1", testImage(t, 10_000))
		b.fails("hint: lichen image pull --pull missing", "pull", "--pull", "never", ref)
		b.ok("pull", ref)
		s.down.Store(true)
		b.ok("pull", "--pull", "missing", ref)
		b.fails("hint: the store has this image from before: --pull missing uses it", "pull", ref)
		// The tree is made again from what is there.
		if err := os.RemoveAll(filepath.Dir(b.tree())); err != nil {
			t.Fatal(err)
		}
		b.ok("pull", "--pull", "never", ref)
		b.tree()
		b.ok("verify")
	})
}

// TestOddImages pulls what is legal and rare.
func TestOddImages(t *testing.T) {
	forUsers(t, func(t *testing.T, u account) {
		s, b := newServer(t), newBox(t, u)
		twice := layerOf(t, file{name: "a", content: noise(50_000, 3)})
		for name, img := range map[string]v1.Image{
			"none:1":  imageOf(t, v1.Config{}),
			"empty:1": imageOf(t, v1.Config{User: "nobody"}, layerOf(t)),
			"twice:1": imageOf(t, v1.Config{User: "1234:5"}, twice, layerOf(t, file{name: ".wh.a"}), twice, twice, twice, twice),
		} {
			ref := s.push(t, "demo/"+name, img)
			b.ok("pull", ref)
			b.ok("inspect", ref)
			b.ok("config", ref)
		}
		if out := b.ok("inspect", s.host+"/demo/empty:1"); !strings.Contains(out, `no user "nobody"`) {
			t.Errorf("inspect: %s", out)
		}
		b.ok("verify")
	})
}

func flip(path string, at int64) error {
	return keepingTime(path, func() error {
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return writeAt(path, []byte{b[at] ^ 1}, at)
	})
}

func writeAt(path string, b []byte, at int64) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	if _, err := f.WriteAt(bytes.Clone(b), at); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Chmod(path, info.Mode())
}

func keepingTime(path string, f func() error) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if err := f(); err != nil {
		return err
	}
	return os.Chtimes(path, info.ModTime(), info.ModTime())
}
