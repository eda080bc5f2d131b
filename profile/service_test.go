package profile

import (
	"strings"
	"testing"

	"github.com/lichen-sandbox/lichen/spec"
)

func loadService(t *testing.T, text string, env ...string) (*Profile, error) {
	t.Helper()
	l := builtins("x", text)
	l.Vars = testVars(env...)
	l.Dirs = []string{"/home/u/.config/lichen/profiles"}
	return l.Load("x")
}

// TestServiceDirectories: what the service manager has made for the service is
// granted at its own place, in its own way, and its variable is passed on.
func TestServiceDirectories(t *testing.T) {
	env := []string{
		"RUNTIME_DIRECTORY=/run/user/1000/a:/run/user/1000/b", "STATE_DIRECTORY=/home/u/.local/state/a", "CACHE_DIRECTORY=/home/u/.cache//a/",
		"LOGS_DIRECTORY=/home/u/.local/state/log/a", "CONFIGURATION_DIRECTORY=/home/u/.config/a:/home/u/.config/b", "CREDENTIALS_DIRECTORY=/run/user/1000/credentials/a:b",
	}
	p, err := loadService(t, "[service]\ndirectories = true\n[fs]\ntmpfs = ['/home/u:size=1M']\n", env...)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range p.Spec.Mounts[1:] {
		how := "ro "
		if m.Write {
			how = "rw "
		}
		if m.Type != spec.MountBind || m.Source != m.Target || m.Origin.Line != 3 || m.Variable == "" || m.Dev || m.Socket || m.Optional {
			t.Errorf("%+v", m)
		}
		got = append(got, how+m.Target)
	}
	want := `rw /run/user/1000/a, rw /run/user/1000/b, rw /home/u/.local/state/a, rw /home/u/.cache/a, rw /home/u/.local/state/log/a, ` +
		`ro /home/u/.config/a, ro /home/u/.config/b, ro /run/user/1000/credentials/a:b`
	if s := strings.Join(got, ", "); s != want {
		t.Errorf("granted are\n%s, want\n%s", s, want)
	}
	var kept []string
	for _, k := range p.Spec.Env.Keep {
		kept = append(kept, k.Pattern)
	}
	if s := strings.Join(kept, " "); s != "RUNTIME_DIRECTORY STATE_DIRECTORY CACHE_DIRECTORY LOGS_DIRECTORY CONFIGURATION_DIRECTORY CREDENTIALS_DIRECTORY" {
		t.Errorf("kept are %s", s)
	}
	for _, text := range []string{"[service]\ndirectories = false\n", "[service]\nlisten = true\n"} {
		p, err := loadService(t, text, env...)
		if err != nil || len(p.Spec.Mounts)+len(p.Spec.Env.Keep) != 0 {
			t.Errorf("%q: %+v, %v", text, p.Spec, err)
		}
	}
	if p, err := loadService(t, "[service]\ndirectories = true\n"); err != nil || len(p.Spec.Mounts)+len(p.Spec.Env.Keep) != 0 {
		t.Errorf("without variables: %+v, %v", p.Spec, err)
	}
}

// TestServiceDirectoriesAreGuarded: a variable cannot grant what a profile could
// not.
func TestServiceDirectoriesAreGuarded(t *testing.T) {
	for _, c := range []struct{ env, want, hint string }{
		{"STATE_DIRECTORY=/", "is not a work directory", "unset STATE_DIRECTORY"},
		{"STATE_DIRECTORY=/home/u", "is the home directory", "unset STATE_DIRECTORY"},
		{"STATE_DIRECTORY=/home", "is the home directory", "unset STATE_DIRECTORY"},
		{"CONFIGURATION_DIRECTORY=/home/u/", "is the home directory", "unset CONFIGURATION_DIRECTORY"},
		{"RUNTIME_DIRECTORY=/run/user/1000/a:/run", "sockets of other programs", "unset RUNTIME_DIRECTORY"},
		{"RUNTIME_DIRECTORY=/run/user/1000", "sockets of the user", "unset RUNTIME_DIRECTORY"},
		{"CREDENTIALS_DIRECTORY=/proc/1", "is not a work directory", "unset CREDENTIALS_DIRECTORY"},
		{"CACHE_DIRECTORY=cache", "is not an absolute path", ""},
		{"CACHE_DIRECTORY=/a:", "is not an absolute path", ""},
		{"LOGS_DIRECTORY=/a/../b", `".." in it`, ""},
	} {
		_, err := loadService(t, "[service]\ndirectories = true\n", c.env, "XDG_RUNTIME_DIR=/run/user/1000")
		name, _, _ := strings.Cut(c.env, "=")
		if err == nil {
			t.Errorf("%s is taken", c.env)
			continue
		}
		wantError(t, err, c.hint, "grant "+name, c.want)
	}
	for _, state := range []string{"/home/u/.config/lichen", "/home/u/.config/lichen/profiles/x"} {
		_, err := loadService(t, "[service]\ndirectories = true\n", "STATE_DIRECTORY="+state)
		if err == nil || !strings.Contains(err.Error(), "decides what the next run may do") {
			t.Errorf("%s: %v", state, err)
		}
	}
}
