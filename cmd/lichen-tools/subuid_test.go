package main

import (
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// rangeUser is an account that /etc/subuid gives ids to; ok is false where the
// tests cannot be one.
func rangeUser(t *testing.T) (name string, uid int, ok bool) {
	t.Helper()
	lines, err := os.ReadFile("/etc/subuid")
	if err != nil || os.Getuid() != 0 {
		return "", 0, false
	}
	for line := range strings.Lines(string(lines)) {
		name, _, _ := strings.Cut(line, ":")
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		if uid, err := strconv.Atoi(u.Uid); err == nil && uid != 0 {
			return name, uid, true
		}
	}
	return "", 0, false
}

func TestSubuid(t *testing.T) {
	name, uid, ok := rangeUser(t)
	if !ok {
		if os.Getenv("LICHEN_MUST_WORK") != "" {
			t.Fatal("no account with a range in /etc/subuid, or this is not root")
		}
		t.Skip("needs root, and an account with a range in /etc/subuid")
	}
	t.Logf("as %s", name)
	s, b := newServer(t), newBox(t, account{name, uid})
	ref := s.push(t, "demo/app:1", imageOf(t, configOf("web"), baseLayer(t)))
	child := s.push(t, "demo/child:1", imageWith(t, 1))
	b.ok("pull", "--ids", "subuid", ref)
	info, err := os.Stat(filepath.Join(b.tree(), "etc/shadow"))
	if err != nil {
		t.Fatal(err)
	}
	if owner := info.Sys().(*syscall.Stat_t).Uid; owner < 1000 || int(owner) == uid {
		t.Errorf("etc/shadow, which is of uid 42, belongs to %d", owner)
	}
	b.ok("pull", "--ids", "subuid", child)
	b.ok("pull", ref) // with a single id: another tree
	if trees, _ := filepath.Glob(b.store("trees/*")); len(trees) != 3 {
		t.Errorf("trees: %q", trees)
	}
	if out := b.ok("verify", "-q"); out != "all is as it should be\n" {
		t.Errorf("verify: %s", out)
	}
	shadow, err := filepath.Glob(b.store("trees/*.subuid-*/rootfs/etc/shadow"))
	if err != nil || len(shadow) != 2 {
		t.Fatal(shadow, err)
	}
	if err := flip(shadow[0], 2); err != nil {
		t.Fatal(err)
	}
	code, out, errs := b.run("verify", "-q")
	if code != exitFailed || !strings.Contains(out, `"etc/shadow": other content, from byte 2`) {
		t.Errorf("verify: %d, %s%s", code, out, errs)
	}
	b.ok("verify", "-q", "--repair")
	b.ok("verify")
	b.ok("unpack", "--ids", "subuid", ref, "tree")
	b.ok("rm", ref)
	b.ok("prune", "--all")
	b.empty("trees", "staging", "blobs/sha256", "partial")
}
