package profile

import (
	"os"
	"path/filepath"
	"testing"
)

// TestRunningIsGuarded: the error says what the directory is there for.
func TestRunningIsGuarded(t *testing.T) {
	l := builtins("x", "[fs]\nrw = ['/srv']", "y", "[fs]\nrw = ['/srv/app']")
	l.Running = []string{"/srv/lichen"}
	_, err := l.Load("x")
	wantError(t, err, "cover it", "could write /srv/lichen, where lichen ps, kill and exec look", "built-in x:3")
	if _, err := l.Load("y"); err != nil {
		t.Error(err)
	}
}

func TestWorkDir(t *testing.T) {
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	home := filepath.Join(root, "data/u")
	for _, d := range []string{"data/u/src", "home", "run/u"} {
		if err := os.MkdirAll(filepath.Join(root, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	link := filepath.Join(root, "home/u")
	if err := os.Symlink(home, link); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		home, dir string
		ok        bool
	}{
		{home, home + "/src", true},
		{home, home, false},
		{home, filepath.Dir(home), false},
		{home, root, false},
		{link, link, false},
		{link, home, false},               // the same directory by its other name
		{link, filepath.Dir(home), false}, // and the one above it
		{link, filepath.Dir(link), false},
		{link, home + "/src", true},
		{home, filepath.Join(root, "run/u"), false},
		{home, filepath.Join(root, "run"), false},
		{home, "/", false},
		{home, "/proc", false},
		{home, "/proc/self", false},
		{home, "/sys/kernel", false},
		{home, "/dev", false},
		{home, "/tmp", false},
		{home, "/run", false},
		{home, "/etc", true},
		{"/nonexistent/home", "/nonexistent", false},
		{"/nonexistent/home", "/etc", true},
		{"", "/etc", true},
		{"", "/", false},
	}
	for _, tt := range tests {
		l := builtins("x", "[fs]\nrw = ['${PWD}']", "opt", "[fs]\nro = ['${PWD}?']")
		l.Vars = Vars{Dir: tt.dir, Env: testEnv("HOME="+tt.home, "XDG_RUNTIME_DIR="+filepath.Join(root, "run/u"))}
		_, err := l.Load("x")
		if (err == nil) != tt.ok {
			t.Errorf("home %s, work directory %s: %v", tt.home, tt.dir, err)
		}
		if err != nil {
			wantError(t, err, "change to a project directory", "fs.rw", tt.dir, "built-in x:3")
		}
		p, err := l.Load("opt")
		if err != nil || (len(p.Spec.Mounts) == 1) != tt.ok {
			t.Errorf("optional, home %s, work directory %s: %v", tt.home, tt.dir, err)
		}
	}
}

func TestProfilesStayOutside(t *testing.T) {
	const dir = "/home/u/.config/lichen/profiles"
	tests := []struct {
		fs string
		ok bool
	}{
		{"rw = ['/home/u']", false},
		{"rw = ['/']", false},
		{"rw = ['/home/u/.config/lichen']", false},
		{"rw = ['/home/u/.config/lichen/profiles/x.d']", false},
		{"rw = ['/home/u:/h']", false},
		{"ro = ['/home/u']", true},
		{"rw = ['/home/u/src']", true},
		{"rw = ['/home/user2']", true},
		{"rw = ['/home/u']\nro = ['/home/u/.config/lichen']", true},
		{"rw = ['/home/u']\nhide = ['/home/u/.config']", true},
		{"rw = ['/home/u']\nhide = ['/home/u/.config?']", false},
		{"rw = ['/home/u']\nhide = ['/home']", false},
		{"rw = ['/home/u:/h']\nro = ['/home/u/.config:/h/.config']", true},
		{"rw = ['/home/u', '/home/u/.config']", false},
		{"rw = ['/home/u']\nro = ['/home/u']", true}, // a tie: the more restrictive wins
	}
	for _, tt := range tests {
		l := builtins("x", "[fs]\n"+tt.fs)
		l.Dirs = []string{dir}
		_, err := l.Load("x")
		if (err == nil) != tt.ok {
			t.Errorf("%s: %v", tt.fs, err)
		}
		if err != nil {
			wantError(t, err, "read-only or hide it", "the payload could write "+dir)
		}
	}
}

// TestOwnFileStaysOutside: a profile in the work tree it makes writable.
func TestOwnFileStaysOutside(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	l := builtins()
	l.Vars = Vars{Dir: dir, Env: testEnv()}
	t.Chdir(dir)
	write(t, dir, "p.toml", "version = 1\n[fs]\nrw = ['${PWD}']\n")
	_, err = l.Load("./p.toml")
	wantError(t, err, "read-only or hide it", "the payload could write "+dir+"/p.toml")
	write(t, dir, "p.toml", "version = 1\n[fs]\nrw = ['${PWD}']\nro = ['${PWD}/p.toml']\n")
	if _, err := l.Load("./p.toml"); err != nil {
		t.Error(err)
	}
}
