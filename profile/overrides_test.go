package profile

import (
	"strings"
	"testing"
	"time"

	"github.com/lichen-sandbox/lichen/spec"
)

func TestOverrides(t *testing.T) {
	l := builtins("x", "[fs]\nro = ['/usr', '/opt']\n[env.set]\nPATH = '/bin'\nA = '1'\n[network]\nmode = 'none'\n[process]\ncommand = ['make']\n[limits]\nnofile = 5\n[seccomp]\nallow = ['@default']")
	p, err := l.LoadWith("x", &Overrides{
		Remove:   []string{"/opt"},
		ReadOnly: []string{"data", "..", "../../x:/y", "/a$b", "/opt2?"}, ReadWrite: []string{"."}, Hide: []string{"./.env"},
		NoExec: []string{"data"}, Tmpfs: []string{"/tmp:size=1G"},
		Env: []string{"PATH", "A=${HOME}", "B=x=y"}, Limits: []string{"nofile=10:20", "as=1G"}, KeepFDs: []int{4},
		AllowSys: []string{"ptrace"}, DenySys: []string{"@mount"}, Net: "host", Cwd: "sub", Hostname: "box", Umask: "077",
		Timeout: "1m", KillAfter: "1s", NewSession: true, Linger: true, Nesting: true, Command: []string{"echo", "$HOME", "${HOME}"},
	})
	if err != nil {
		t.Fatal(err)
	}
	s := p.Spec
	var got []string
	for _, m := range s.Mounts {
		got = append(got, m.Source+">"+m.Target)
		if m.Target != "/usr" && (m.Layer != 1 || m.Origin != spec.CommandLine) {
			t.Errorf("%s: layer %d, origin %v", m.Target, m.Layer, m.Origin)
		}
	}
	const want = "/usr>/usr /work/p/data>/work/p/data /work>/work /x>/y /a$b>/a$b /opt2>/opt2 /work/p>/work/p >/work/p/.env >/tmp"
	if s := strings.Join(got, " "); s != want {
		t.Errorf("mounts:\n%s\nwant\n%s", s, want)
	}
	got = nil
	for _, v := range s.Env.Set {
		got = append(got, v.Name+"="+v.Value)
	}
	if e := strings.Join(got, " "); e != "A=${HOME} B=x=y" || s.Env.Keep[0].Pattern != "PATH" {
		t.Errorf("env: %s, %+v", e, s.Env.Keep)
	}
	pr := s.Process
	if strings.Join(pr.Command, " ") != "echo $HOME ${HOME}" || pr.Cwd != "/work/p/sub" || pr.Hostname != "box" || *pr.Umask != 0o77 ||
		pr.Timeout != time.Minute || pr.KillAfter != time.Second || !pr.NewSession || !pr.Linger || pr.KeepFDs[0].FD != 4 {
		t.Errorf("process: %+v", pr)
	}
	if s.Network.Mode != spec.NetworkHost || s.Namespaces.Net || !s.Namespaces.Nested {
		t.Errorf("network %v, %+v", s.Network.Mode, s.Namespaces)
	}
	if r := s.Limits.Rlimits; len(r) != 2 || r[0].Soft != 10 || r[0].Hard != 20 || r[1].Soft != 1<<30 {
		t.Errorf("limits: %+v", r)
	}
	if len(s.Seccomp.Allow) != 2 || s.Seccomp.Deny[0].Name != "@mount" {
		t.Errorf("seccomp: %+v", s.Seccomp)
	}
	if p.Sources[1].File != "command line" {
		t.Errorf("sources: %+v", p.Sources)
	}
}

func TestOverridesErrors(t *testing.T) {
	tests := []struct {
		o          Overrides
		want, hint string
	}{
		{Overrides{ReadOnly: []string{""}}, "fs.ro: the path is empty", ""},
		{Overrides{ReadOnly: []string{"a/../b"}}, `".." in it`, ""},
		{Overrides{ReadWrite: []string{"a:b:c"}}, "more than one colon", `\:`},
		{Overrides{Hide: []string{"a:b"}}, "fs.hide takes one path", `\:`},
		{Overrides{Tmpfs: []string{"/t:big"}}, `"big" is not an option`, ""},
		{Overrides{ReadOnly: []string{"/a\x00b"}}, "has a NUL byte", ""},
		{Overrides{Env: []string{"=x"}}, "the name is empty", ""},
		{Overrides{Env: []string{"A=\x00"}}, "has a NUL byte", ""},
		{Overrides{Net: "hots"}, "network.mode: \"hots\" is not a value", "none or host"},
		{Overrides{Timeout: "1"}, "process.timeout: \"1\" is not a duration", "30s"},
		{Overrides{Limits: []string{"nofile"}}, `--limit: "nofile" has no value`, "NAME=VALUE"},
		{Overrides{Limits: []string{"nofil=1"}}, `--limit: there is no limit "nofil"`, "nofile"},
		{Overrides{Limits: []string{"memory=64M"}}, `--limit: there is no limit "memory"`, "[limits] in lichen-profile(5)"},
		{Overrides{Limits: []string{"as=x"}}, `limits.as: "x" is not a size`, "64M"},
		{Overrides{KeepFDs: []int{1}}, "1 is always kept", "from 3 up"},
		{Overrides{Remove: []string{"/nothing"}}, `remove: "/nothing" removes nothing`, "name an entry"},
		{Overrides{Command: []string{""}}, "the command is empty", ""},
		{Overrides{Image: "x", IDs: "two"}, `rootfs.ids: "two" is not a value`, "single"},
		{Overrides{Write: "tmpfs"}, "rootfs.write: there is no image", "--image"},
		{Overrides{Image: "x", Write: "Tmpfs"}, "is neither none nor tmpfs, and no path", "./Tmpfs"},
		{Overrides{Image: "x", Size: "1M"}, "rootfs.size: the image is read-only", "tmpfs"},
		{Overrides{Image: "x", Write: "a/../b"}, `".." in it`, ""},
		{Overrides{Command: []string{"a", "\x00"}}, "has a NUL byte", ""},
	}
	for _, tt := range tests {
		_, err := builtins("x", "").LoadWith("x", &tt.o)
		wantError(t, err, tt.hint, tt.want, "(command line)")
	}
}
