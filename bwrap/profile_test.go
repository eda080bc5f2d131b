package bwrap

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/lichen-sandbox/lichen/profile"
	"github.com/lichen-sandbox/lichen/spec"
)

// written parses a command line, writes its profile, and loads that.
func written(t *testing.T, args ...string) (string, *spec.Spec) {
	t.Helper()
	c, err := Parse(args, Options{})
	if err != nil {
		t.Fatal(err)
	}
	text := c.Profile(ProfileOptions{Dir: "/home/u/p", IsSocket: func(p string) bool { return p == "/run/sock" }})
	loader := &profile.Loader{Builtin: fstest.MapFS{"x.toml": {Data: []byte(text)}},
		Vars: profile.Vars{Dir: "/home/u/p", Env: func(string) (string, bool) { return "", false }}}
	p, err := loader.Load("x")
	if err != nil {
		t.Fatalf("%q: %v\n%s", args, err, text)
	}
	return text, p.Spec
}

func mountAt(s *spec.Spec, target string) *spec.Mount {
	for i := range s.Mounts {
		if s.Mounts[i].Target == target {
			return &s.Mounts[i]
		}
	}
	return nil
}

func TestProfileLoads(t *testing.T) {
	text, s := written(t, "--unshare-all", "--clearenv", "--setenv", "A", "x$y\n", "--setenv", "A", "$HOME",
		"--ro-bind", "/usr", "/usr", "--bind", "/home/u/p", "/home/u/p", "--bind", "data", "/srv/a:b?c", "--ro-bind-try", "/opt", "/opt",
		"--symlink", "usr/bin", "/bin", "--proc", "/proc", "--dev", "/dev", "--size", "65536", "--perms", "1777", "--tmpfs", "/tmp",
		"--dir", "/run", "--perms", "0700", "--dir", "/run/user", "--dev-bind", "/dev/dri", "/dev/dri", "--bind", "/run/sock", "/run/sock",
		"--mqueue", "/dev/mqueue", "--overlay-src", "/a", "--overlay-src", "/b", "--ro-overlay", "/o", "--hostname", "box", "--uid", "7",
		"--new-session", "--", "/usr/bin/env", "$X", "a b")
	if got := s.Process.Command; len(got) != 3 || got[1] != "$X" || got[2] != "a b" {
		t.Errorf("command %q", got)
	}
	if s.Process.Cwd != "/home/u/p" || s.Process.Hostname != "box" || *s.Process.UID != 7 || !s.Process.NewSession {
		t.Errorf("process %+v", s.Process)
	}
	if len(s.Env.Keep) != 0 || len(s.Env.Set) != 1 || s.Env.Set[0].Value != "$HOME" {
		t.Errorf("environment %+v", s.Env)
	}
	if s.Network.Mode != spec.NetworkNone || !s.Namespaces.IPC || !s.Namespaces.UTS || !s.Namespaces.Cgroup {
		t.Errorf("namespaces %+v %+v", s.Namespaces, s.Network)
	}
	for target, ok := range map[string]func(*spec.Mount) bool{
		"/usr":        func(m *spec.Mount) bool { return m.Source == "/usr" && !m.Write && !m.Optional },
		"/home/u/p":   func(m *spec.Mount) bool { return m.Write },
		"/srv/a:b?c":  func(m *spec.Mount) bool { return m.Source == "/home/u/p/data" && m.Write },
		"/opt":        func(m *spec.Mount) bool { return m.Optional && !m.Write },
		"/bin":        func(m *spec.Mount) bool { return m.Type == spec.MountSymlink && m.Source == "usr/bin" },
		"/proc":       func(m *spec.Mount) bool { return m.Type == spec.MountProc },
		"/dev":        func(m *spec.Mount) bool { return m.Type == spec.MountDev },
		"/tmp":        func(m *spec.Mount) bool { return m.Size == 65536 && *m.Mode == 0o1777 },
		"/run":        func(m *spec.Mount) bool { return m.Type == spec.MountDir },
		"/run/user":   func(m *spec.Mount) bool { return *m.Mode == 0o700 },
		"/dev/dri":    func(m *spec.Mount) bool { return m.Dev && m.Write },
		"/run/sock":   func(m *spec.Mount) bool { return m.Socket && m.Write },
		"/dev/mqueue": func(m *spec.Mount) bool { return m.Type == spec.MountMqueue },
		"/o":          func(m *spec.Mount) bool { return len(m.Lower) == 2 && m.Lower[0] == "/b" },
	} {
		if m := mountAt(s, target); m == nil || !ok(m) {
			t.Errorf("%s: %+v\n%s", target, m, text)
		}
	}
}

func TestProfileOrder(t *testing.T) {
	tests := []struct {
		args string
		want string // "TARGET=rw|ro|tmpfs|dir|symlink|overlay", all that is left
		note string
	}{
		{"--bind /a /x/y --tmpfs /x", "/x=tmpfs", "--bind /x/y: covered by the later --tmpfs /x"},
		{"--tmpfs /x --bind /a /x/y", "/x=tmpfs /x/y=rw", ""},
		{"--bind /a /x --ro-bind /b /x", "/x=ro", "covered by the later --ro-bind /x"},
		{"--ro-bind / / --bind /a /a", "/=ro /a=rw", ""},
		{"--bind /a /x --remount-ro /x", "/x=ro", ""},
		{"--tmpfs /x --remount-ro /x", "/x=tmpfs", "--remount-ro /x: only binds and overlays"},
		{"--remount-ro /", "", "--remount-ro /: the new root"},
		{"--remount-ro /x", "", "--remount-ro /x: nothing was mounted there"},
		{"--bind /a /x --dir /x/new --symlink q /x/l", "/x=rw", "--dir /x/new: bwrap makes this on the host"},
		{"--tmpfs /x --dir /x/new", "/x=tmpfs /x/new=dir", ""},
		{"--tmpfs /x --dir /x --dir /y --dir /y", "/x=tmpfs /y=dir", ""},
		{"--dir /x --chmod 700 /x", "/x=dir", ""},
		{"--chmod 700 /", "", "--chmod /: a profile sets the mode"},
		{"--file 5 /x --bind-data 6 /y", "", "--file /x: what the descriptor holds"},
		{"--bind-fd 5 /x", "", "--bind-fd /x: what a descriptor is open on"},
		{"--overlay-src /a --tmp-overlay /x", "", "--tmp-overlay /x: a profile has no overlay"},
		{"--overlay-src /a --overlay /u /w /x", "/x=overlay", ""},
		{"--bind /a x/../y/", "/y=rw", ""},
		{"--tmpfs /", "/=none", "--tmpfs /: the new root is an empty tmpfs anyway"},
	}
	for _, tt := range tests {
		text, s := written(t, append(strings.Fields(tt.args), "true")...)
		want := strings.Fields(tt.want)
		if tt.want == "/=none" {
			want = nil
		}
		for _, w := range want {
			target, kind, _ := strings.Cut(w, "=")
			m := mountAt(s, target)
			got := "missing"
			if m != nil {
				got = map[bool]string{true: "rw", false: "ro"}[m.Write]
				if m.Type != spec.MountBind {
					got = m.Type.String()
				}
			}
			if got != kind {
				t.Errorf("%s: %s is %s, want %s\n%s", tt.args, target, got, kind, text)
			}
		}
		if len(s.Mounts) != len(want) {
			t.Errorf("%s: %d mounts, want %d\n%s", tt.args, len(s.Mounts), len(want), text)
		}
		if tt.note != "" && !strings.Contains(text, tt.note) {
			t.Errorf("%s: no %q in\n%s", tt.args, tt.note, text)
		}
	}
}

// TestProfileNamesTheRest: what cannot be carried over is said, by its name.
func TestProfileNamesTheRest(t *testing.T) {
	for args, want := range map[string]string{
		"--userns 3":                   "# --userns: ",
		"--userns2 3":                  "# --userns2: ",
		"--pidns 3":                    "# --pidns: ",
		"--block-fd 3":                 "# --block-fd: ",
		"--sync-fd 3":                  "# --sync-fd: ",
		"--info-fd 3":                  "# --info-fd: ",
		"--json-status-fd 3":           "# --json-status-fd: ",
		"--seccomp 3":                  "# --seccomp: ",
		"--cap-add ALL":                "# --cap-add, --cap-drop: ",
		"--lock-file /x":               "# --lock-file: ",
		"--argv0 x":                    "# --argv0: ",
		"--unshare-pid --as-pid-1":     "# --as-pid-1: ",
		"--unsetenv X":                 "# --unsetenv X: ",
		"--unshare-uts --hostname a/b": "# --hostname: ",
	} {
		if text, _ := written(t, append(strings.Fields(args), "true")...); !strings.Contains(text, "\n"+want) {
			t.Errorf("%s: no %q in\n%s", args, want, text)
		}
	}
}

// TestProfileIsNotInjected: no argument ends a comment or a string.
func TestProfileIsNotInjected(t *testing.T) {
	evil := "x\"\n[seccomp]\nmode = \"off\"\n#"
	_, s := written(t, "--setenv", evil[:1]+"Y", evil, "--symlink", evil, "/l", "--unsetenv", evil[:8]+"z", "--bind", "/"+evil, "/"+evil,
		"--file", "3", "/"+evil, "--remount-ro", "/"+evil+"z", "--chdir", "/tmp", "--", "c", evil)
	if s.Seccomp.Off {
		t.Error("the filter went off")
	}
	text, bytes := written(t, "--bind", "/\xff", "/a", "--setenv", "A", "\xff", "--chdir", "/\xff", "--", "c", "\xff")
	if len(bytes.Mounts) != 0 || len(bytes.Process.Command) != 0 || strings.Count(text, notUTF8) != 3 {
		t.Errorf("bytes that are not UTF-8:\n%s", text)
	}
	if s.Process.Command[1] != evil {
		t.Errorf("command %q", s.Process.Command)
	}
}
