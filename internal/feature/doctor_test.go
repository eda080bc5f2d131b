package feature

import (
	"errors"
	"io/fs"
	"maps"
	"strings"
	"testing"

	"github.com/lichen-sandbox/lichen/internal/sys"
)

// healthy is a host without anything to find.
func healthy() (*Host, map[string]string) {
	files := map[string]string{
		"/proc/sys/kernel/osrelease":             "6.18.0-test\n",
		"/proc/sys/user/max_user_namespaces":     "1000\n",
		"/proc/sys/user/max_net_namespaces":      "1000\n",
		"/proc/sys/kernel/seccomp/actions_avail": "kill_process kill_thread trap errno user_notif trace log allow\n",
		"/proc/sys/dev/tty/legacy_tiocsti":       "0\n",
		"/proc/filesystems":                      "nodev\tproc\nnodev\toverlay\n\text4\n",
		"/proc/self/mountinfo":                   "22 1 0:20 / /proc rw - proc proc rw\n30 22 0:30 / /proc/sys/fs/binfmt_misc rw - autofs x rw\n",
		"/proc/self/status":                      "Name:\tx\nSeccomp:\t0\n",
		"/etc/subuid":                            "me:100000:65536\n",
		"/etc/subgid":                            "1000:100000:65536\n",
	}
	return &Host{
		UID: 1000, GID: 1000, Groups: []int{1000}, User: "me", LandlockABI: 9, Executable: "/usr/bin/lichen",
		ReadFile: func(path string) (string, error) {
			if text, ok := files[path]; ok {
				return text, nil
			}
			return "", fs.ErrNotExist
		},
		Access:   func(string, uint32) error { return nil },
		LookPath: func(name string) (string, error) { return "/usr/bin/" + name, nil },
	}, files
}

func find(t *testing.T, all []Finding, name string) Finding {
	t.Helper()
	for _, f := range all {
		if f.Name == name {
			return f
		}
	}
	t.Fatalf("no finding %q in %+v", name, all)
	return Finding{}
}

func TestDoctorHealthy(t *testing.T) {
	h, _ := healthy()
	for _, f := range Doctor(h) {
		if f.Status != OK || f.Detail == "" || f.Cause != "" || f.Fix != "" {
			t.Errorf("%+v", f)
		}
	}
}

func TestDoctor(t *testing.T) {
	write := func(path, text string) func(*Host, map[string]string) {
		return func(_ *Host, files map[string]string) { files[path] = text }
	}
	tests := []struct {
		name   string
		change func(h *Host, files map[string]string)
		check  string
		status Status
		text   string // in the detail, the cause or the fix
	}{
		{"old kernel", write("/proc/sys/kernel/osrelease", "5.4.0-150\n"), "kernel", Warn, "5.13"},
		{"no /proc", func(_ *Host, f map[string]string) { clear(f) }, "kernel", Fail, "mount -t proc"},
		{"missing calls", func(h *Host, _ map[string]string) { h.Missing = []sys.Probe{{Name: "openat2", Linux: "5.6"}} }, "system calls", Fail, "openat2 (Linux 5.6)"},
		{"hidden calls", func(h *Host, f map[string]string) {
			h.Missing = []sys.Probe{{Name: "clone3", Linux: "5.3"}}
			f["/proc/self/status"] = "Name:\tx\nSeccomp:\t2\n"
		}, "system calls", Fail, "seccomp=unconfined"},
		{"confined", write("/proc/self/status", "Name:\tx\nSeccomp:\t2\n"), "confinement", OK, "under a seccomp filter"},
		{"limits", func(_ *Host, f map[string]string) {
			f["/proc/sys/user/max_user_namespaces"], f["/proc/sys/user/max_net_namespaces"] = "0\n", "0\n"
		}, "namespace limits", Fail, "sysctl user.max_user_namespaces=10000 user.max_net_namespaces=10000"},
		{"Debian's switch", write("/proc/sys/kernel/unprivileged_userns_clone", "0\n"), "user namespaces", Fail, "sysctl kernel.unprivileged_userns_clone=1"},
		{"Debian's switch, on", write("/proc/sys/kernel/unprivileged_userns_clone", "1\n"), "user namespaces", OK, "= 1"},
		{"AppArmor", func(_ *Host, f map[string]string) {
			f["/proc/sys/kernel/apparmor_restrict_unprivileged_userns"] = "1\n"
			f["/proc/self/attr/current"] = "unconfined\n"
		}, "AppArmor", Warn, `"unconfined"`},
		{"AppArmor, open", write("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "0\n"), "AppArmor", OK, "does not"},
		{"masked /proc", write("/proc/self/mountinfo", "22 1 0:20 / /proc rw - proc proc rw\n23 22 0:21 / /proc/kcore rw - tmpfs tmpfs rw\n"), "/proc", Warn, "/proc/kcore"},
		{"unreadable binary", func(h *Host, _ map[string]string) { h.Access = func(string, uint32) error { return sys.EACCES } }, "lichen's file", Fail, "chmod +r /usr/bin/lichen"},
		{"old Landlock", func(h *Host, _ map[string]string) { h.LandlockABI = 3 }, "Landlock", OK, "scopes for signals and abstract sockets (Linux 6.12)"},
		{"no Landlock", func(h *Host, f map[string]string) {
			h.LandlockABI = 0
			f["/sys/kernel/security/lsm"] = "capability,yama\n"
		}, "Landlock", Warn, "capability,yama"},
		{"no seccomp", func(_ *Host, f map[string]string) { delete(f, "/proc/sys/kernel/seccomp/actions_avail") }, "seccomp", Fail, "CONFIG_SECCOMP_FILTER"},
		{"old seccomp", write("/proc/sys/kernel/seccomp/actions_avail", "kill trap errno trace allow\n"), "seccomp", Warn, "no action kill_process"},
		{"no overlay", write("/proc/filesystems", "nodev\tproc\n"), "overlay", OK, "modprobe overlay"},
		{"TIOCSTI", write("/proc/sys/dev/tty/legacy_tiocsti", "1\n"), "terminal injection", OK, "refuses it"},
		{"groups", func(h *Host, _ map[string]string) { h.Groups = []int{1000, 27, 998} }, "groups", Warn, "27, 998"},
		{"root", func(h *Host, _ map[string]string) { h.UID = 0 }, "user", Warn, "as root"},
		{"no newuidmap", func(h *Host, _ map[string]string) {
			h.LookPath = func(string) (string, error) { return "", errors.New("no") }
		}, "id ranges", OK, "newuidmap is not installed"},
		{"no ranges", write("/etc/subgid", "you:1:1\n"), "id ranges", OK, "none in /etc/subuid"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h, files := healthy()
			tt.change(h, files)
			f := find(t, Doctor(h), tt.check)
			if f.Status != tt.status || !strings.Contains(f.Detail+"\n"+f.Cause+"\n"+f.Fix, tt.text) {
				t.Errorf("%+v", f)
			}
			if f.Status != OK && (f.Cause == "" || f.Fix == "") {
				t.Errorf("no cause or no fix: %+v", f)
			}
		})
	}
}

func TestAtLeast(t *testing.T) {
	for release, want := range map[string]bool{"5.13.0": true, "5.12.19": false, "6.0": true, "10.1": true, "5.4": false, "4.19.0-26-amd64": false, "odd": true, "": true} {
		if got := atLeast(release, 5, 13); got != want {
			t.Errorf("%q: %v", release, got)
		}
	}
}

// TestProbes: this kernel runs the tests of the sandbox, so that it has all
// of the calls.
func TestProbes(t *testing.T) {
	seen := maps.Collect(func(yield func(string, bool) bool) {
		for _, p := range sys.Probes() {
			if !yield(p.Name, p.Missing()) {
				return
			}
		}
	})
	if seen["clone3"] && Examine().filtered() {
		t.Skip("a seccomp filter hides clone3")
	}
	for name, missing := range seen {
		if missing {
			t.Errorf("%s is missing", name)
		}
	}
}
