package profile

import (
	"reflect"
	"testing"
	"time"

	"github.com/lichen-sandbox/lichen/spec"
)

// TestEveryKey loads a profile that uses every key and compares the Spec.
func TestEveryKey(t *testing.T) {
	p := loadText(t, `description = "all"
[process]
command = ["sh", "-c", "echo $$1 ${USER}"]
cwd = "${PWD}/sub"
hostname = "h-${UID}"
uid = 0
gid = 7
umask = "027"
new_session = true
pty = true
linger = true
timeout = "30m"
kill_after = "3s"
keep_fds = [3, 5]
[env]
keep = ["LANG", "LC_*"]
set = { HOME = "${HOME}", EMPTY = "" }
[fs]
ro = ["/usr", "/opt?", "/src:/dst"]
rw = ["${PWD}"]
noexec = ["/dst?"]
hide = ["${PWD}/.env"]
tmpfs = ["/tmp:size=64M,mode=1777,noexec"]
host = ["/lost"]
[rootfs]
image = "oci:${PWD}/img:v1"
platform = "linux/arm64"
pull = "never"
ids = "subuid"
entrypoint = ["/init", "-u${UID}"]
write = "${HOME}/kept"
[namespaces]
isolation = "namespaces"
nested = true
user = true
cgroup = false
time = true
[network]
mode = "host"
[landlock]
mode = "auto"
tcp_bind = []
tcp_connect = [443]
best_effort = true
scope_abstract = false
scope_signal = true
[seccomp]
mode = "filter"
default = "errno:ENOSYS"
allow = ["@default"]
deny = ["@mount"]
deny_action = "kill"
rules = ["ioctl: arg1 != TIOCSTI"]
compat = true
[limits]
nofile = 4096
core = "0:64M"
cpu = "90s"
stack = "unlimited"
[[mount]]
type = "overlay"
lower = ["/l1", "/l2"]
upper = "/u"
work = "/w"
target = "/o"
options = ["rw"]
[[mount]]
type = "file"
target = "/etc/motd"
content = "hello ${USER}\n"
options = ["mode=0600"]
[[mount]]
type = "symlink"
source = "../run"
target = "/var/run"
[[mount]]
type = "bind"
source = "/s"
options = ["rw", "dev", "socket", "noexec", "optional"]
`)
	s := strip(p.Spec)
	u32 := func(n uint32) *uint32 { return &n }
	want := spec.Spec{
		Process: spec.Process{
			Command: []string{"sh", "-c", "echo $1 u"}, Cwd: "/work/p/sub", Hostname: s.Process.Hostname,
			UID: u32(0), GID: u32(7), Umask: u32(0o27), NewSession: true, PTY: true, Linger: true,
			Timeout: 30 * time.Minute, KillAfter: 3 * time.Second, KeepFDs: []spec.FD{{FD: 3}, {FD: 5}},
		},
		Env: spec.Env{
			Keep: []spec.Pattern{{Pattern: "LANG"}, {Pattern: "LC_*"}},
			Set:  []spec.EnvVar{{Name: "HOME", Value: "/home/u"}, {Name: "EMPTY"}},
		},
		Rootfs: spec.Rootfs{
			Image: "oci:/work/p/img:v1", Platform: "linux/arm64", Pull: spec.PullNever, IDs: spec.IDsSubuid,
			Entrypoint: []string{"/init", s.Rootfs.Entrypoint[1]}, Write: spec.WriteKeep, Keep: "/home/u/kept",
		},
		Mounts: []spec.Mount{
			{Source: "/src", Target: "/dst"},
			{Type: spec.MountFile, Target: "/etc/motd", Content: []byte("hello u\n"), Mode: u32(0o600)},
			{Type: spec.MountOverlay, Target: "/o", Lower: []string{"/l1", "/l2"}, Upper: "/u", Work: "/w", Write: true},
			{Source: "/opt", Target: "/opt", Optional: true},
			{Source: "/s", Target: "/s", Write: true, Dev: true, Socket: true, NoExec: true, Optional: true},
			{Type: spec.MountTmpfs, Target: "/tmp", Size: 64 << 20, Mode: u32(0o1777), NoExec: true},
			{Source: "/usr", Target: "/usr"},
			{Type: spec.MountSymlink, Source: "../run", Target: "/var/run"},
			{Source: "/work/p", Target: "/work/p", Write: true},
			{Type: spec.MountHide, Target: "/work/p/.env"},
		},
		NoExec: []spec.Path{{Path: "/dst", Optional: true}},
		Namespaces: spec.Namespaces{
			User: true, Mount: true, PID: true, IPC: true, UTS: true, Time: true, Nested: true,
		},
		Network:  spec.Network{Mode: spec.NetworkHost},
		Landlock: spec.Landlock{TCPBind: &[]spec.Port{}, TCPConnect: &[]spec.Port{{Port: 443}}, BestEffort: true, NoScopeAbstract: true},
		Seccomp: spec.Seccomp{
			Default: spec.Action{Kind: spec.ActionErrno, Errno: 38}, DenyAction: spec.Action{Kind: spec.ActionKillProcess},
			Allow: []spec.SyscallEntry{{Name: "@default"}}, Deny: []spec.SyscallEntry{{Name: "@mount"}},
			Rules: []spec.SeccompRule{{Text: "ioctl: arg1 != TIOCSTI"}}, Compat: true,
		},
		Limits: spec.Limits{Rlimits: []spec.Rlimit{
			{Name: "core", Soft: 0, Hard: 64 << 20}, {Name: "cpu", Soft: 90, Hard: 90},
			{Name: "nofile", Soft: 4096, Hard: 4096}, {Name: "stack", Soft: spec.RlimInfinity, Hard: spec.RlimInfinity},
		}},
	}
	for _, part := range []struct {
		name      string
		got, want any
	}{
		{"process", s.Process, want.Process}, {"env", s.Env, want.Env}, {"rootfs", s.Rootfs, want.Rootfs}, {"mounts", s.Mounts, want.Mounts},
		{"noexec", s.NoExec, want.NoExec}, {"namespaces", s.Namespaces, want.Namespaces}, {"network", s.Network, want.Network},
		{"landlock", s.Landlock, want.Landlock}, {"seccomp", s.Seccomp, want.Seccomp}, {"limits", s.Limits, want.Limits},
	} {
		if !reflect.DeepEqual(part.got, part.want) {
			t.Errorf("%s:\n%+v\nwant\n%+v", part.name, part.got, part.want)
		}
	}
	if o := p.Spec.OriginOf("process.cwd"); o.String() != "built-in x:5" {
		t.Errorf("process.cwd is from %v", o)
	}
}

func TestSeccompOrigins(t *testing.T) {
	s := loadText(t, "[seccomp]\ndefault = 'notify'\nallow = ['@default']\ndeny_action = 'allow'\n").Spec.Seccomp
	if s.Default.Kind != spec.ActionNotify || s.DefaultOrigin.IsZero() || s.DenyActionOrigin.Line != s.DefaultOrigin.Line+2 {
		t.Errorf("%+v", s)
	}
}

func TestDefaults(t *testing.T) {
	s := loadText(t, "").Spec
	n := s.Namespaces
	if !n.User || !n.Mount || !n.PID || !n.IPC || !n.UTS || !n.Cgroup || !n.Net || n.Time || n.Nested {
		t.Errorf("namespaces: %+v", n)
	}
	if s.Network.Mode != spec.NetworkNone || s.Landlock.Mode != spec.LandlockAuto || s.Landlock.NoScopeSignal {
		t.Errorf("%+v %+v", s.Network, s.Landlock)
	}
	if c := s.Seccomp; c.Off || c.Default.Kind != spec.ActionErrno || c.Default.Errno != 1 || len(c.Allow) != 1 || c.Allow[0].Name != "@default" {
		t.Errorf("seccomp: %+v", c)
	}
	if n := loadText(t, "[network]\nmode = 'host'").Spec.Namespaces; n.Net {
		t.Error("the host's network comes with a namespace")
	}
	if m := loadText(t, "[landlock]\nmode = 'auto'\nrules = [{ path = '/usr', execute = true }]").Spec.Landlock; m.Mode != spec.LandlockRules {
		t.Errorf("landlock: %+v", m)
	}
}

func TestContradictions(t *testing.T) {
	const landlock = "[namespaces]\nisolation = 'landlock'\n"
	tests := []struct{ name, text, want, hint string }{
		{"no user namespace", "[namespaces]\nuser = false", "namespaces.user: without a user namespace an unprivileged user can make none (built-in x:3)", "landlock"},
		{"no mount namespace", "[namespaces]\nmount = false", "namespaces.mount: grants are mounts", "landlock"},
		{"no pid namespace", "[namespaces]\npid = false", "namespaces.pid: the pid namespace is what ends", "landlock"},
		{"net without", "[namespaces]\nnet = false", `namespaces.net: network mode "none" is a network namespace`, `mode = "host"`},
		{"net with", "[namespaces]\nnet = true\n[network]\nmode = 'host'", `namespaces.net: network mode "host" means no network namespace`, "remove"},
		{"host name", "[namespaces]\nuts = false\n[process]\nhostname = 'x'", "process.hostname: it would change the host's own name: namespaces.uts is off", "remove"},
		{"bad host name", "[process]\nhostname = 'a b'", `"a b" is not a host name (built-in x:3)`, "letters"},
		{"landlock off, ports", "[landlock]\nmode = 'off'\ntcp_connect = [80]", "landlock.mode: the mode is \"off\", but there is landlock.tcp_connect", "landlock.tcp_connect"},
		{"landlock off, no port", "[landlock]\nmode = 'off'\ntcp_bind = []", "landlock.mode: the mode is \"off\", but there is landlock.tcp_bind", "landlock.tcp_bind"},
		{"landlock off", "[landlock]\nmode = 'off'\nrules = [{ path = '/' }]", "landlock.mode: the mode is \"off\", but there are rules", "landlock.rules"},
		{"nothing allowed", "[seccomp]\ndefault = 'kill'", "seccomp.default: every call is denied", "@default"},
		{"unset in a path", "[fs]\nro = ['/usr',\n'${XDG_RUNTIME_DIR}/x']", "fs.ro: the variable XDG_RUNTIME_DIR is not set (built-in x:4)", "set XDG_RUNTIME_DIR"},
		{"unset in env", "[env.set]\nA = '${XDG_RUNTIME_DIR}'", "env.set: the variable XDG_RUNTIME_DIR is not set (built-in x:3)", "set XDG"},

		{"rootfs without an image", "[rootfs]\nwrite = 'tmpfs'", "rootfs.write: there is no image that it could be about (built-in x:3)", "--image"},
		{"rootfs, kept with a size", "[rootfs]\nimage = 'x'\nwrite = '/k'\nsize = '1G'", "rootfs.size: a kept layer is bounded by its file system", "remove"},
		{"rootfs, no room", "[rootfs]\nimage = 'x'\nwrite = 'tmpfs'\nsize = '0'", "rootfs.size: a layer needs some room", "1G"},
		{"rootfs, fake and read-only", "[rootfs]\nimage = 'x'\nids = 'fake'", `rootfs.ids: "fake" is for writing`, "tmpfs"},
		{"rootfs, no reference", "[rootfs]\nimage = ''", "rootfs.image: the reference is empty (built-in x:3)", "debian"},
		{"rootfs, relative", "[rootfs]\nimage = 'dir:x'", `rootfs.image: "dir:x" has a relative path (built-in x:3)`, "absolute"},
		{"isolation, image", landlock + "[rootfs]\nimage = 'x'\n[network]\nmode = 'host'", `rootfs.image: isolation = "landlock" cannot enforce it`, "namespaces"},
		{"isolation, no network and no filter", landlock + "[seccomp]\nmode = 'off'", "network.mode: isolation = \"landlock\" cannot enforce it", "namespaces"},
		{"isolation, namespace", landlock + "ipc = true\n[network]\nmode = 'host'", "namespaces.ipc: isolation = \"landlock\" cannot enforce it", "namespaces"},
		{"isolation, user namespace", landlock + "user = true\n[network]\nmode = 'host'", "namespaces.user: isolation = \"landlock\" cannot enforce it", "namespaces"},
		{"isolation, host name", landlock + "[network]\nmode = 'host'\n[process]\nhostname = 'x'", "process.hostname: isolation = \"landlock\" cannot enforce it", "namespaces"},
		{"isolation, uid", landlock + "[network]\nmode = 'host'\n[process]\nuid = 0", "process.uid: isolation = \"landlock\" cannot enforce it", "namespaces"},
		{"isolation, gid", landlock + "[network]\nmode = 'host'\n[process]\ngid = 0", "process.gid: isolation = \"landlock\" cannot enforce it", "namespaces"},
		{"isolation, nested", landlock + "nested = true\n[network]\nmode = 'host'", "namespaces.nested: isolation = \"landlock\" cannot enforce it", "namespaces"},
		{"isolation, off", landlock + "[network]\nmode = 'host'\n[landlock]\nmode = 'off'", "landlock.mode: isolation = \"landlock\" cannot enforce it", "namespaces"},
		{"isolation, tmpfs", landlock + "[network]\nmode = 'host'\n[fs]\ntmpfs = ['/tmp']", "fs.tmpfs /tmp: isolation = \"landlock\" cannot enforce it", "namespaces"},
		{"isolation, elsewhere", landlock + "[network]\nmode = 'host'\n[fs]\nro = ['/a:/b']", "fs /b: isolation = \"landlock\" cannot enforce it", "namespaces"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := builtins("x", tt.text).Load("x")
			want := tt.want
			if i := len(want) - len(" (built-in x:3)"); i > 0 && want[i:] == " (built-in x:3)" {
				wantError(t, err, tt.hint, want[:i], want[i+1:])
				return
			}
			wantError(t, err, tt.hint, want)
		})
	}
}

func TestIsolationLandlock(t *testing.T) {
	s := loadText(t, "[namespaces]\nisolation = 'landlock'\npid = false\n[network]\nmode = 'host'\n[fs]\nro = ['/usr']").Spec
	if n := s.Namespaces; n != (spec.Namespaces{Isolation: spec.IsolationLandlock}) {
		t.Errorf("namespaces: %+v", n)
	}
}

// TestOptionalVariable: an optional grant goes without a variable that is not
// set, and says so; a misspelt variable stays an error.
func TestOptionalVariable(t *testing.T) {
	p := loadText(t, "[fs]\nro = ['${XDG_RUNTIME_DIR}/a?', '/usr']\n[[mount]]\ntype = 'bind'\nsource = '${XDG_RUNTIME_DIR}/${WAYLAND_DISPLAY}'\noptions = ['optional']")
	if len(p.Spec.Mounts) != 1 || len(p.Skipped) != 2 {
		t.Errorf("mounts %s, skipped %+v", targets(p), p.Skipped)
	}
	if s := p.Skipped[0]; s.Text != "${XDG_RUNTIME_DIR}/a?" || s.Origin.Line != 3 || s.Reason == "" {
		t.Errorf("skipped: %+v", s)
	}
	_, err := builtins("x", "[fs]\nro = ['${XDG_RUNTIMEDIR}?']").Load("x")
	wantError(t, err, "XDG_RUNTIME_DIR", "unknown variable")
}
