package test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lichen-sandbox/lichen/test/usermanager"
)

// What lichen asks of a user's service manager where it needs a cgroup, with a
// real one. Limits in such a scope are tested in test/guest.

// tools runs lichen-tools in the manager's session.
func tools(m *usermanager.Manager, env []string, args ...string) (code int, out string) {
	c := m.Command(suiteDir+"/libexec/lichen/lichen-tools", args...)
	c.Env = append(c.Env, env...)
	text, err := c.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return -1, err.Error()
	}
	return c.ProcessState.ExitCode(), string(text)
}

// ways are the environments in which a manager is reached by its bus, and by its
// own socket.
func ways(t *testing.T, m *usermanager.Manager) map[string][]string {
	t.Helper()
	lone := filepath.Join(m.Dir, "lone")
	if err := errors.Join(os.Mkdir(lone, 0o755), os.Symlink(m.RuntimeDir+"/systemd", lone+"/systemd")); err != nil {
		t.Fatal(err)
	}
	return map[string][]string{
		"address": {"XDG_RUNTIME_DIR=/nonexistent"},
		"bus":     {"DBUS_SESSION_BUS_ADDRESS="},
		"socket":  {"DBUS_SESSION_BUS_ADDRESS=", "XDG_RUNTIME_DIR=" + lone},
	}
}

// TestScope protects the way into a scope of one's own.
func TestScope(t *testing.T) {
	m := usermanager.Start(t)
	for name, env := range ways(t, m) {
		sleeper := m.Command("sleep", "1000")
		if err := sleeper.Start(); err != nil {
			t.Fatal(err)
		}
		pid, unit := strconv.Itoa(sleeper.Process.Pid), "lichen-"+name+".scope"
		awaitProgram(t, pid, "sleep")
		if code, out := tools(m, env, "scope", "user", unit, pid, "lichen run x"); code != 0 || out != "" {
			t.Errorf("%s: status %d: %s", name, code, out)
		}
		// The answer comes when it is done.
		scope := m.HostFiles("user@1501.service/app.slice/" + unit)
		procs, err := os.ReadFile(scope + "/cgroup.procs")
		if err != nil || !strings.Contains("\n"+string(procs), "\n"+pid+"\n") {
			t.Errorf("%s: in the scope is %q, want %s: %v", name, procs, pid, err)
		}
		if got := m.Show(unit, "Delegate") + m.Show(unit, "Description") + m.Show(unit, "CollectMode"); got != "yeslichen run xinactive-or-failed" {
			t.Errorf("%s: %s", name, got)
		}
		if code, out := tools(m, env, "scope", "user", unit, pid, "again"); code != 125 || !strings.HasPrefix(out, "lichen: start "+unit+": ") {
			t.Errorf("%s, again: status %d: %s", name, code, out)
		}
		if err := sleeper.Process.Kill(); err != nil {
			t.Error(err)
		}
		_ = sleeper.Wait() // it was killed
		m.WaitFor(unit, "LoadState", "not-found")
	}
}

// awaitProgram waits until a command of the manager's session has become what it
// is to run: before that it moves itself into the session.
func awaitProgram(t *testing.T, pid, name string) {
	t.Helper()
	for end := time.Now().Add(usermanager.Patience); ; time.Sleep(5 * time.Millisecond) {
		comm, err := os.ReadFile("/proc/" + pid + "/comm")
		if err != nil || time.Now().After(end) {
			t.Fatalf("%s is %q, not yet %s: %v", pid, comm, name, err)
		}
		if strings.TrimSpace(string(comm)) == name {
			return
		}
	}
}

// TestScopeFails protects the errors of lichen-tools scope.
func TestScopeFails(t *testing.T) {
	m := usermanager.Start(t)
	for _, c := range []struct {
		args []string
		env  []string
		want string
	}{
		{[]string{"scope", "user", "x.scope", "4194304", "x"}, nil, "lichen: start x.scope: "},
		{[]string{"scope", "user", "x.scope", "1", "x"}, nil, "lichen: start x.scope: "},
		{[]string{"scope", "user", "x.scope", "0", "x"}, nil, `"0" is no process`},
		{[]string{"scope", "user", "x.scope"}, nil, "scope takes"},
		{[]string{"scope", "other", "x.scope", "1", "x"}, nil, "scope takes"},
		{[]string{"delegated", "user"}, nil, "delegated takes"},
		{[]string{"delegated", "user", "none.service"}, nil, "lichen: ask about none.service: "},
		{[]string{"delegated", "user", "x.service"}, []string{"XDG_RUNTIME_DIR=/none", "DBUS_SESSION_BUS_ADDRESS="}, "lichen: ask about x.service: dial unix /none/bus: "},
		{[]string{"delegated", "user", "x.service"}, []string{"XDG_RUNTIME_DIR=/none", "DBUS_SESSION_BUS_ADDRESS=unix:path=/none/x"}, "lichen: ask about x.service: dial unix /none/x: "},
	} {
		if code, out := tools(m, c.env, c.args...); code != 125 || !strings.Contains(out, c.want) {
			t.Errorf("%q: status %d: %s, want %q", c.args, code, out, c.want)
		}
	}
}

// TestDelegated protects the question whether a service's cgroup is its own.
func TestDelegated(t *testing.T) {
	m := usermanager.Start(t)
	over := ways(t, m)
	for name, c := range map[string]struct {
		setting string
		code    int
	}{"with.service": {"Delegate=yes\n", 0}, "without.service": {"", 1}} {
		m.Unit(name, "[Service]\nType=exec\nExecStart=/bin/sleep 1000\n"+c.setting)
		m.Systemctl("start", name)
		for way, env := range over {
			for range 5 {
				if code, out := tools(m, env, "delegated", "user", name); code != c.code || out != "" {
					t.Errorf("%s over %s: status %d, want %d: %s", name, way, code, c.code, out)
				}
			}
		}
	}
}
