package profile

import (
	"slices"
	"strings"
	"testing"

	"github.com/lichen-sandbox/lichen/profiles"
	"github.com/lichen-sandbox/lichen/spec"
)

func shipped() *Loader {
	env := testEnv("XDG_RUNTIME_DIR=/run/user/1000", "WAYLAND_DISPLAY=wayland-0")
	return &Loader{Builtin: profiles.FS, Dirs: DefaultDirs(env), Vars: Vars{Dir: "/home/u/src", Env: env}}
}

// TestShipped: all of them load, say what they are for, have no line that
// another profile makes useless, and survive being written out.
func TestShipped(t *testing.T) {
	l := shipped()
	list, err := l.List()
	if err != nil {
		t.Fatal(err)
	}
	if len(list) < 8 {
		t.Errorf("%d profiles", len(list))
	}
	for _, e := range list {
		p, err := l.Load(e.Name)
		if err != nil {
			t.Errorf("%s: %v", e.Name, err)
			continue
		}
		if len(p.Description) < 20 || e.Description != p.Description {
			t.Errorf("%s: description %q, listed %q", e.Name, p.Description, e.Description)
		}
		checkSpec(t, p.Spec)
		path := write(t, t.TempDir(), "x.toml", p.Resolved())
		again, err := (&Loader{Vars: l.Vars}).Load(path)
		if err != nil {
			t.Errorf("%s, resolved: %v\n%s", e.Name, err, p.Resolved())
			continue
		}
		sameSpec(t, p.Spec, again.Spec)
	}
}

func find(s *spec.Spec, target string) *spec.Mount {
	for i := range s.Mounts {
		if m := &s.Mounts[i]; m.Target == target && !replaced(s, m) {
			return m
		}
	}
	return nil
}

// TestShippedPromises holds the profiles to what their comments say.
func TestShippedPromises(t *testing.T) {
	writable := map[string]string{"build": "/home/u/src", "landlock": "/home/u/src /dev/null /dev/tty", "desktop": "/run/user/1000/wayland-0 /dev/dri"}
	writable["x11"] = writable["desktop"]
	for _, name := range []string{"nginx", "redis", "postgresql"} {
		writable[name] = "/home/u/.local/state/" + name
	}
	writable["sshd"] = "/home/u/.local/share/sshd"
	onHost := []string{"service", "nginx", "redis", "postgresql", "python-http", "sshd"}
	l := shipped()
	for _, name := range l.names() {
		p, err := l.Load(name)
		if err != nil {
			t.Fatal(err)
		}
		s := p.Spec
		var rw []string
		for _, m := range s.Mounts {
			if m.Write {
				rw = append(rw, m.Target)
			}
			if m.Type == spec.MountTmpfs && m.Size == 0 {
				t.Errorf("%s: the tmpfs on %s has no size", name, m.Target)
			}
		}
		if got := strings.Join(rw, " "); got != writable[name] {
			t.Errorf("%s: writable are %q, want %q", name, got, writable[name])
		}
		if s.Seccomp.Off || s.Landlock.Mode == spec.LandlockOff || s.Namespaces.Nested {
			t.Errorf("%s: a protection is off", name)
		}
		host := slices.Contains(onHost, name)
		if (s.Network.Mode == spec.NetworkHost) != host {
			t.Errorf("%s: network %v", name, s.Network.Mode)
		}
		if l := s.Landlock; host && name != "service" && (l.TCPConnect == nil || len(*l.TCPConnect) > 0 || l.TCPBind == nil) {
			t.Errorf("%s: it connects, or listens anywhere", name)
		}
		if name == "base" || name == "script" || name == "landlock" || name == "image" {
			continue
		}
		if h := find(s, "/home/u"); h == nil || h.Type != spec.MountTmpfs {
			t.Errorf("%s: the home is %+v", name, h)
		}
	}
}

// TestHomeStaysHidden: started from the home directory, nothing of it shows.
func TestHomeStaysHidden(t *testing.T) {
	for _, dir := range []string{"/home/u", "/home", "/"} {
		l := shipped()
		l.Vars.Dir = dir
		p, err := l.Load("default")
		if err != nil {
			t.Fatal(err)
		}
		if h := find(p.Spec, "/home/u"); h == nil || h.Type != spec.MountTmpfs {
			t.Errorf("from %s the home is %+v", dir, h)
		}
		if len(p.Skipped) != 1 || !strings.Contains(p.Skipped[0].Text, "PWD") {
			t.Errorf("from %s, skipped: %+v", dir, p.Skipped)
		}
		for _, name := range []string{"build", "script", "landlock"} {
			_, err := l.Load(name)
			wantError(t, err, "change to a project directory", "built-in "+name)
		}
	}
}

func TestResolved(t *testing.T) {
	l := builtins(
		"base", "[fs]\nro = ['/usr', '/tmp', '${XDG_RUNTIME_DIR}/x?']\nnoexec = ['/tmp']\n[process]\ncwd = '${PWD}'\n",
		"x", "extends = ['base']\ndescription = \"a \\\"b\\\"\"\n[process]\ncommand = ['echo', '$$x']\nlinger = true\n[fs]\ntmpfs = ['/tmp:size=1M']\n"+
			"[env]\nset = { A = '${HOME}' }\n[landlock]\ntcp_bind = []\n[limits]\ncore = 0\n[[mount]]\ntype = 'bind'\nsource = '/a:b'\noptions = ['rw']\n",
	)
	p, err := l.LoadWith("x", &Overrides{ReadOnly: []string{`/a\:b`}})
	if err != nil {
		t.Fatal(err)
	}
	const want = `# x, merged from:
#   built-in base
#   built-in x
#   command line
version = 1
description = "a \"b\""

[process]
command = ["echo", "$$x"]  # built-in x:5
cwd = "/work/p"  # built-in base:6
linger = true  # built-in x:6

[fs]
ro = [
  "/usr",  # built-in base:3
  # "/tmp",  # built-in base:3: replaced by built-in x:8
  # "${XDG_RUNTIME_DIR}/x?",  # built-in base:3: left out: the variable XDG_RUNTIME_DIR is not set
  "/a\\:b",  # command line
]
noexec = [
  "/tmp",  # built-in base:4
]
tmpfs = [
  "/tmp:size=1048576",  # built-in x:8
]

[landlock]
tcp_bind = [
  # empty  # built-in x:12
]

[limits]
core = "0"  # built-in x:14

[env.set]
"A" = "/home/u"  # built-in x:10

# [[mount]]  # built-in x:15: replaced by command line
# type = "bind"
# target = "/a:b"
# source = "/a:b"
# options = ["rw"]
`
	if got := p.Resolved(); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func BenchmarkLoadDefault(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := shipped().Load("default"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkScan(b *testing.B) {
	text, err := profiles.FS.ReadFile("base.toml")
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := scan(string(text)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	text, err := profiles.FS.ReadFile("base.toml")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := decode("base", string(text)); err != nil {
			b.Fatal(err)
		}
	}
}
