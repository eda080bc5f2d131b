package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/lichen-sandbox/lichen/cgroup"
	"github.com/lichen-sandbox/lichen/internal/feature"
	"github.com/lichen-sandbox/lichen/spec"
)

// TestLimitsFinding compares what doctor says with hosts made of files.
func TestLimitsFinding(t *testing.T) {
	const mounts = "25 1 0:22 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
	own := map[string]string{
		"/proc/self/mountinfo": mounts, "/proc/self/cgroup": "0::/u\n", "/sys/fs/cgroup/cgroup.procs": "", "/sys/fs/cgroup/u/cgroup.type": "domain\n",
		"/sys/fs/cgroup/u/cgroup.controllers": "pids memory\n", "/sys/fs/cgroup/u/cgroup.subtree_control": "", "/sys/fs/cgroup/u/cgroup.procs": strconv.Itoa(os.Getpid()) + "\n",
	}
	login := map[string]string{"/proc/self/mountinfo": mounts, "/proc/self/cgroup": "0::/session-1.scope\n", "/run/systemd/private": "", "/run/user/1500/systemd/private": ""}
	for _, c := range []struct {
		name  string
		files map[string]string
		want  feature.Finding
	}{
		{"some", own, feature.Finding{Status: feature.OK, Detail: "memory pids", Cause: "there is no cpu controller here: /sys/fs/cgroup/cgroup.controllers does not list it"}},
		{"a login", login, feature.Finding{Status: feature.OK, Detail: "in a scope of the service manager's, with the controllers that it has"}},
		{"no cgroup2", map[string]string{"/proc/self/cgroup": "", "/proc/self/mountinfo": ""}, feature.Finding{Status: feature.Warn, Detail: "none", Cause: "cgroup v2 is not mounted here"}},
	} {
		h := &cgroup.Host{Root: t.TempDir(), UID: 1500, Getenv: func(string) string { return "" }}
		for name, text := range c.files {
			if err := os.MkdirAll(filepath.Dir(h.Root+name), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(h.Root+name, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		c.want.Name = "limits by cgroup"
		if got := limitsFinding(h); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

// TestCheckNamedCgroup: a cgroup that the profile names is looked at without a limit
// too, as it is at the start.
func TestCheckNamedCgroup(t *testing.T) {
	origin := spec.Origin{File: "x.toml", Line: 5}
	s := &spec.Spec{Limits: spec.Limits{CgroupDir: "x"}, Origins: map[string]spec.Origin{"limits.cgroup": origin}}
	if err := checkCgroup(s); err == nil || !strings.Contains(err.Error(), "(x.toml:5)") {
		t.Error(err)
	}
	if err := checkCgroup(&spec.Spec{}); err != nil {
		t.Error(err)
	}
}

// TestToolsForCgroup protects the error where lichen-tools is needed and missing.
func TestToolsForCgroup(t *testing.T) {
	t.Setenv("LICHEN_LIBEXEC", t.TempDir())
	_, err := askManager(&spec.Spec{}, &cgroup.Ask{})
	if err == nil || !strings.Contains(err.Error(), "lichen-tools") || hint(err) == "" {
		t.Error(err)
	}
}
