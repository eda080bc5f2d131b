package profile

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func TestVars(t *testing.T) {
	tests := []struct{ env, template, want, err string }{
		{"", "${HOME}/x", "/home/u/x", ""},
		{"HOME=/home//u/", "${HOME}/x", "/home/u/x", ""},
		{"", "${PWD}", "/work/p", ""},
		{"", "${USER}", "u", ""},
		{"", "${UID}:${GID}", strconv.Itoa(os.Getuid()) + ":" + strconv.Itoa(os.Getgid()), ""},
		{"", "${XDG_CONFIG_HOME}", "/home/u/.config", ""},
		{"", "${XDG_CACHE_HOME}", "/home/u/.cache", ""},
		{"", "${XDG_DATA_HOME}", "/home/u/.local/share", ""},
		{"", "${XDG_STATE_HOME}", "/home/u/.local/state", ""},
		{"XDG_CACHE_HOME=/c", "${XDG_CACHE_HOME}/x", "/c/x", ""},
		{"", "$$HOME $$$$${HOME}", "$HOME $$/home/u", ""},
		{"USER=$HOME${PWD}", "${USER}", "$HOME${PWD}", ""},
		{"USER=", "${USER}", "", "variable USER is not set"},
		{"LOGNAME=l", "${USER}", "u", ""},
		{"", "${XDG_RUNTIME_DIR}", "", "XDG_RUNTIME_DIR is not set"},
		{"HOME=", "${XDG_CONFIG_HOME}", "", "variable HOME is not set"},
		{"HOME=home", "${HOME}", "", `variable HOME is no use: "home" is not an absolute path`},
		{"HOME=/home/../etc", "${HOME}", "", `variable HOME is no use: "/home/../etc" has ".."`},
		{"HOME=/", "${HOME}", "", `variable HOME is "/"`},
		{"HOME=/./", "${HOME}", "", `variable HOME is "/"`},
		{"XDG_CACHE_HOME=c", "${XDG_CACHE_HOME}", "", "variable XDG_CACHE_HOME is no use"},
		{"USER=a/b", "${USER}", "", "variable USER is no use"},
		{"USER=..", "${USER}", "", "variable USER is no use"},
		{"WAYLAND_DISPLAY=/run/w", "${WAYLAND_DISPLAY}", "", "WAYLAND_DISPLAY is no use"},
	}
	for _, tt := range tests {
		v := testVars(tt.env)
		got, err := v.expand(tt.template)
		if tt.err != "" {
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%s %s: error %v, want %s", tt.env, tt.template, err, tt.err)
			}
			continue
		}
		if err != nil || got != tt.want {
			t.Errorf("%s %s: %q, %v; want %q", tt.env, tt.template, got, err, tt.want)
		}
	}
}

func TestWorkingDirectory(t *testing.T) {
	for _, dir := range []string{"relative", "(unreachable)/x", "/a/../b"} {
		v := Vars{Dir: dir}
		if _, err := v.Lookup("PWD"); err == nil {
			t.Errorf("working directory %q is accepted", dir)
		}
	}
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	v := Vars{}
	if got, err := v.Lookup("PWD"); got != dir || err != nil {
		t.Errorf("PWD is %q, %v; want %q", got, err, dir)
	}
}

func TestExpandPath(t *testing.T) {
	tests := []struct{ template, env, want, err string }{
		{"/a//b/./c/", "", "/a/b/c", ""},
		{"/", "", "/", ""},
		{"/home/${USER}", "USER=x:y?", "/home/x:y?", ""},
		{"/.${USER}", "USER=.x", "/..x", ""},
		{"/x/${USER}.", "USER=a", "/x/a.", ""},
		{"${UID}", "", "", "is not an absolute path"},
	}
	for _, tt := range tests {
		v := testVars(tt.env)
		got, err := v.expandPath(tt.template)
		if (err != nil) != (tt.err != "") || err != nil && !strings.Contains(err.Error(), tt.err) || got != tt.want {
			t.Errorf("%s: %q, %v", tt.template, got, err)
		}
	}
}

func TestProject(t *testing.T) {
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	deep := filepath.Join(root, "a/b/c")
	if err := os.MkdirAll(deep, 0o755); err != nil {
		t.Fatal(err)
	}
	v := Vars{Dir: deep, Env: testEnv()}
	if _, err := v.Lookup("PROJECT"); !isAbsent(err) {
		t.Errorf("without .git: %v", err)
	}
	write(t, root, "a/.git", "gitdir: elsewhere\n") // a worktree's .git is a file
	if got, err := v.Lookup("PROJECT"); got != filepath.Join(root, "a") || err != nil {
		t.Errorf("PROJECT is %q, %v", got, err)
	}
	if os.Getuid() != 0 {
		return
	}
	if err := os.Lchown(filepath.Join(root, "a/.git"), 12345, -1); err != nil {
		t.Fatal(err)
	}
	if _, err := v.Lookup("PROJECT"); err == nil || !strings.Contains(err.Error(), "another user") {
		t.Errorf("a .git of another user: %v", err)
	}
}

// TestValuesAreNotSyntax: what a variable holds is never taken for a colon, a
// question mark or a variable of the profile.
func TestValuesAreNotSyntax(t *testing.T) {
	l := builtins("x", "[fs]\nro = ['${PWD}']\ntmpfs = ['/t${USER}']\n")
	l.Vars = Vars{Dir: "/work/a:b?${HOME}$$", Env: testEnv("USER=:size=1,x")}
	p, err := l.Load("x")
	if err != nil {
		t.Fatal(err)
	}
	m := p.Spec.Mounts
	if m[0].Source != "/work/a:b?${HOME}$$" || m[0].Target != m[0].Source || m[0].Optional || m[1].Target != "/t:size=1,x" {
		t.Errorf("mounts: %+v", m)
	}
}
