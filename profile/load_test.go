package profile

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lichen-sandbox/lichen/spec"
)

// targets lists the mounts as "TARGET@FILE:LINE/LAYER".
func targets(p *Profile) string {
	var out []string
	for _, m := range p.Spec.Mounts {
		out = append(out, m.Target+"@"+m.Origin.String()+"/"+string(rune('0'+m.Layer)))
	}
	return strings.Join(out, " ")
}

func TestMergeOrder(t *testing.T) {
	l := builtins(
		"base", "[fs]\nro = ['/base']\n[process]\numask = '001'\nhostname = 'base'",
		"a", "extends = ['base']\n[fs]\nro = ['/a']\n[process]\numask = '002'",
		"b", "extends = ['base']\n[fs]\nro = ['/b']",
		"x", "extends = ['a', 'b']\n[fs]\nro = ['/x', '/base']",
	)
	p, err := l.Load("x")
	if err != nil {
		t.Fatal(err)
	}
	// base is merged once, before a, so b does not bring its umask back.
	const want = "/base@built-in base:3/0 /a@built-in a:4/1 /b@built-in b:4/2 /x@built-in x:4/3 /base@built-in x:4/3"
	if got := targets(p); got != want {
		t.Errorf("mounts:\n%s\nwant:\n%s", got, want)
	}
	if *p.Spec.Process.Umask != 2 || p.Spec.Process.Hostname != "base" {
		t.Errorf("umask %o, hostname %q", *p.Spec.Process.Umask, p.Spec.Process.Hostname)
	}
	if o := p.Spec.OriginOf("process.umask"); o.String() != "built-in a:6" {
		t.Errorf("umask is from %v", o)
	}
	if len(p.Sources) != 4 || p.Sources[3].File != "built-in x" {
		t.Errorf("sources: %+v", p.Sources)
	}
}

func TestRemove(t *testing.T) {
	const base = "[fs]\nro = ['/etc', '/opt?', '/src:/dst', '${HOME}/x']\nhide = ['/etc']\n" +
		"[env]\nkeep = ['LC_*', 'TZ']\n[env.set]\nA = '1'\nB = '2'\n[process]\ntimeout = '1m'\n" +
		"[seccomp]\nallow = ['@default', 'ptrace']\n[landlock]\ntcp_bind = []\ntcp_connect = [80, 443]\n[limits]\ncore = 0\n" +
		"[[mount]]\ntype = 'dir'\ntarget = '/run'\n"
	tests := []struct {
		remove, gone, want, hint string
	}{
		{"fs.ro:/etc", "fs.ro:/etc", "", ""},
		{"/etc", "", "is in more than one list", `"fs.`},
		{"/opt", "fs.ro:/opt?", "", ""},
		{"/opt?", "fs.ro:/opt?", "", ""},
		{"/dst", "fs.ro:/src:/dst", "", ""},
		{"/src:/dst", "fs.ro:/src:/dst", "", ""},
		{"${HOME}/x", "fs.ro:${HOME}/x", "", ""},
		{"fs.hide", "fs.hide:/etc", "", ""},
		{"mount:/run", "mount:/run", "", ""},
		{"env.keep:LC_*", "env.keep:LC_*", "", ""},
		{"env.set:A", "env.set:1", "", ""},
		{"ptrace", "seccomp.allow:ptrace", "", ""},
		{"landlock.tcp_bind", "landlock.tcp_bind:", "", ""},
		{"landlock.tcp_connect:80", "landlock.tcp_connect:80", "", ""},
		{"process.timeout", "process.timeout:1m", "", ""},
		{"limits.core", "limits.core:0", "", ""},
		{"process.cwd", "", "removes nothing", "name an entry"},
		{"fs.rw:/etc", "", "removes nothing", ""},
		{"/ect", "", "removes nothing", `did you mean "/etc"?`},
		{"fs.ro:/src", "", "removes nothing", ""},
		{"version", "", "removes nothing", ""},
		{"fs.ro:", "", "removes nothing", ""},
	}
	for _, tt := range tests {
		t.Run(tt.remove, func(t *testing.T) {
			l := builtins("base", base, "x", "extends = ['base']\nremove = ['"+tt.remove+"']")
			before, err := l.Load("base")
			if err != nil {
				t.Fatal(err)
			}
			p, err := l.Load("x")
			if tt.want != "" {
				if tt.hint == "" {
					tt.hint = err.(*spec.Error).Hint
				}
				wantError(t, err, tt.hint, tt.want, "(built-in x:3)")
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if gone := lost(before, p); gone != tt.gone {
				t.Errorf("removed %q, want %q", gone, tt.gone)
			}
		})
	}
}

// lost names the entries of a that b has not.
func lost(a, b *Profile) string {
	has := map[string]bool{}
	for _, e := range b.merged.entries {
		has[keys[e.key].name+":"+e.text] = true
	}
	var out []string
	for _, e := range a.merged.entries {
		if s := keys[e.key].name + ":" + e.text; !has[s] {
			out = append(out, s)
		}
	}
	return strings.Join(out, " ")
}

func TestRemoveThenAdd(t *testing.T) {
	l := builtins("base", "[seccomp]\nallow = ['@default']", "x", "extends = ['base']\nremove = ['seccomp.allow']\n[seccomp]\nallow = ['read']")
	p, err := l.Load("x")
	if err != nil {
		t.Fatal(err)
	}
	if a := p.Spec.Seccomp.Allow; len(a) != 1 || a[0].Name != "read" {
		t.Errorf("allow: %+v", a)
	}
}

func TestKeepAndSet(t *testing.T) {
	l := builtins(
		"a", "[env]\nkeep = ['A']\n[env.set]\nA = '1'\nB = '2'\nC = '3'",
		"x", "extends = ['a']\n[env]\nkeep = ['B', 'C*']\n[env.set]\nA = '4'",
	)
	p, err := l.Load("x")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, v := range p.Spec.Env.Set {
		got = append(got, v.Name+"="+v.Value)
	}
	if s := strings.Join(got, " "); s != "A=4 C=3" {
		t.Errorf("set: %s", s)
	}
}

func TestExtendsErrors(t *testing.T) {
	deep := []string{}
	for i := range maxExtends + 2 {
		deep = append(deep, "d"+string(rune('a'+i)), "extends = ['d"+string(rune('a'+i+1))+"']")
	}
	tests := []struct {
		name       string
		l          *Loader
		load       string
		want, hint string
	}{
		{"itself", builtins("x", "extends = ['x']"), "x", "built-in x → built-in x (built-in x:2)", "NAME.d"},
		{"in a ring", builtins("x", "extends = ['y']", "y", "\nextends = ['z']", "z", "extends = ['y']"), "x", "built-in y → built-in z → built-in y (built-in z:2)", "NAME.d"},
		{"too deep", builtins(deep...), "da", "the chain of extends is too long", ""},
		{"unknown", builtins("x", "extends = ['bsae']", "base", ""), "x", "load profile bsae: there is no such profile (built-in x:2)", `did you mean "base"?`},
		{"unknown name", builtins(), "nothing", "load profile nothing: there is no such profile (command line)", "lichen profile list"},
		{"with a suffix", builtins(), "x.toml", "a name has no suffix", "./x.toml"},
		{"no name", builtins(), "-p", "not a name of a profile", "a path has a slash"},
		{"hidden name", builtins(), ".x", "not a name of a profile", "a path has a slash"},
		{"twice", builtins("x", "extends = ['a',\n'a']", "a", ""), "x", `"a" is listed twice (built-in x:3)`, "line 2"},
		{"path in a built-in", builtins("x", "extends = ['/etc/x.toml']"), "x", "a built-in profile extends built-in ones (built-in x:2)", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := tt.l.Load(tt.load)
			wantError(t, err, tt.hint, tt.want)
		})
	}
}

func TestSearchOrderAndDropIns(t *testing.T) {
	root := t.TempDir()
	user, etc, share := filepath.Join(root, "user"), filepath.Join(root, "etc"), filepath.Join(root, "share")
	l := builtins("base", "description = 'built in'\n[fs]\nro = ['/base']")
	l.Dirs = []string{user, etc, share}
	ro := func(p string) string { return "version = 1\n[fs]\nro = ['" + p + "']\n" }
	write(t, root, "share/base.d/10.toml", ro("/share"))
	write(t, root, "etc/base.d/20-b.toml", ro("/etc-b"))
	write(t, root, "etc/base.d/20-a.toml", ro("/etc-a"))
	write(t, root, "etc/base.d/.hidden.toml", "not read")
	write(t, root, "etc/base.d/readme.txt", "not read")
	write(t, root, "user/base.d/00.toml", "version = 1\nremove = ['/base', '/share']\n[fs]\nro = ['/user']\n")
	write(t, root, "user/x.toml", "version = 1\nextends = ['base']\ndescription = 'mine'\n[fs]\nro = ['/x']\n")
	write(t, root, "etc/x.toml", "version = 1\ndescription = 'shadowed'\n")

	p, err := l.Load("x")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range p.Spec.Mounts {
		got = append(got, m.Target)
	}
	if s := strings.Join(got, " "); s != "/etc-a /etc-b /user /x" {
		t.Errorf("mounts: %s", s)
	}
	if p.Description != "mine" {
		t.Errorf("description %q", p.Description)
	}

	list, err := l.List()
	if err != nil || len(list) != 2 {
		t.Fatalf("List: %+v, %v", list, err)
	}
	if list[0].Name != "base" || list[0].Where != "built-in base" || list[0].Description != "built in" {
		t.Errorf("base: %+v", list[0])
	}
	if list[1].Name != "x" || list[1].Where != filepath.Join(user, "x.toml") || list[1].Description != "mine" {
		t.Errorf("x: %+v", list[1])
	}

	write(t, root, "etc/x.d/a.toml", "version = 1\nextends = ['base']\n")
	_, err = l.Load("x")
	wantError(t, err, "in the profile itself", "a drop-in extends nothing", "a.toml:2")
}

func TestPaths(t *testing.T) {
	root := t.TempDir()
	l := builtins()
	write(t, root, "sub/common.toml", "version = 1\n[fs]\nro = ['/common']\n")
	p := write(t, root, "p.toml", "version = 1\nextends = ['./sub/common.toml']\n[fs]\nro = ['/p']\n")
	write(t, root, "p.d/x.toml", "version = 1\n[fs]\nrw = ['/never']\n")
	got, err := l.Load(p)
	if err != nil {
		t.Fatal(err)
	}
	// No drop-ins: the file may lie where the payload writes.
	if len(got.Spec.Mounts) != 2 || got.Spec.Mounts[0].Target != "/common" || got.Spec.Mounts[1].Target != "/p" {
		t.Errorf("mounts: %s", targets(got))
	}
	if o := got.Spec.Mounts[1].Origin; o.File != p || o.Line != 4 {
		t.Errorf("origin: %v", o)
	}
	text, path, err := l.Show(p)
	if err != nil || path != p || !strings.HasPrefix(string(text), "version = 1\nextends") {
		t.Errorf("Show: %q, %q, %v", text, path, err)
	}

	up := write(t, root, "up.toml", "version = 1\nextends = ['../x.toml']\n")
	_, err = l.Load(up)
	wantError(t, err, "begin it", "is not an absolute path", "up.toml:2")
}

// TestNotInWorkDir: a bare name never finds a file of the working directory.
func TestNotInWorkDir(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "x.toml", "version = 1\n")
	t.Chdir(dir)
	l := builtins()
	for _, dirs := range [][]string{nil, DefaultDirs(testEnv("HOME=" + dir + "/none"))} {
		l.Dirs = dirs
		_, err := l.Load("x")
		wantError(t, err, "lichen profile list", "there is no such profile")
	}
	if _, err := l.Load("./x.toml"); err != nil {
		t.Errorf("by path: %v", err)
	}
}

func TestDefaultDirs(t *testing.T) {
	const system = "/etc/lichen/profiles /usr/share/lichen/profiles"
	tests := []struct{ env, want string }{
		{"HOME=/home/u", "/home/u/.config/lichen/profiles " + system},
		{"XDG_CONFIG_HOME=/c/", "/c/lichen/profiles " + system},
		{"XDG_CONFIG_HOME=relative", system},
		{"XDG_CONFIG_HOME=/a/../b", system},
		{"HOME=", system},
		{"HOME=.", system},
	}
	for _, tt := range tests {
		if got := strings.Join(DefaultDirs(testEnv(tt.env)), " "); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.env, got, tt.want)
		}
	}
}

func TestListBroken(t *testing.T) {
	dir := t.TempDir()
	l := builtins()
	l.Dirs = []string{dir}
	write(t, dir, "broken.toml", "nonsense\n")
	if err := os.Mkdir(filepath.Join(dir, "folder.toml"), 0o755); err != nil {
		t.Fatal(err)
	}
	list, err := l.List()
	if err != nil || len(list) != 2 {
		t.Fatalf("%+v, %v", list, err)
	}
	for _, e := range list {
		if e.Err == nil {
			t.Errorf("%s has no error", e.Name)
		}
	}
}
