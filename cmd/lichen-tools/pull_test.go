package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPull(t *testing.T) {
	forUsers(t, func(t *testing.T, u account) {
		s, b := newServer(t), newBox(t, u)
		ref := s.push(t, "demo/app:1", testImage(t, 300_000))
		out := b.ok("pull", ref)
		if !strings.HasPrefix(out, ref+"@sha256:") {
			t.Errorf("printed %q", out)
		}
		tree := b.tree()
		if got := mustRead(t, filepath.Join(tree, "srv/big")); got != noise(300_000, 11) {
			t.Errorf("srv/big has %d other bytes", len(got))
		}
		if _, err := os.Lstat(filepath.Join(tree, "etc/shadow")); !os.IsNotExist(err) {
			t.Errorf("etc/shadow is there in spite of its whiteout: %v", err)
		}
		b.empty("partial", "staging", "locks")
		if blobs := s.asked("/blobs/"); blobs != 4 {
			t.Errorf("%d blobs were fetched, not 4", blobs)
		}

		// The second time: what it is called is asked, and nothing fetched.
		b.ok("pull", ref)
		if blobs := s.asked("/blobs/"); blobs > 1 { // the config
			t.Errorf("the second pull fetched %d blobs", blobs)
		}
		b.ok("pull", "--pull", "missing", ref)
		if n := s.asked(""); n != 0 {
			t.Errorf("--pull missing asked the registry %d times for an image that is there", n)
		}
		b.ok("pull", "--pull", "never", ref)

		var all []inspected
		if err := json.Unmarshal([]byte(b.ok("inspect", "--json", ref)), &all); err != nil || len(all) != 1 {
			t.Fatal(all, err)
		}
		l := all[0].Launch
		if l.UID == nil || *l.UID != 33 || *l.GID != 50 || l.Home != "/srv" || l.Cwd != "/srv" || l.StopSignal != "SIGINT" ||
			strings.Join(l.Command, ",") != "/bin/tool,a b" || strings.Join(l.ExposedPorts, " ") != "443/tcp 80/tcp" || len(all[0].Layers) != 3 || len(all[0].Trees) != 1 {
			t.Errorf("%+v", all[0])
		}
		if out := b.ok("verify"); out != "all is as it should be\n" {
			t.Errorf("verify: %q", out)
		}
		if out := b.ok("prune"); out != "freed 0 B of blobs\n" {
			t.Errorf("prune after a pull: %q", out)
		}
	})
}
