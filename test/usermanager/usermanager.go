// Package usermanager starts a real `systemd --user` for a test, on machines
// that run systemd and on machines that do not.
//
// What the manager finds on a machine that was booted with systemd and may
// miss elsewhere is made in a mount namespace of its own: /run/systemd/system,
// which sd_booted(3) asks for, and the cgroup v2 hierarchy alone at
// /sys/fs/cgroup, without which the manager wants to be root. It gets one
// delegated cgroup, owned by the user. Neither the machine's mounts nor any
// other cgroup change.
package usermanager

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// UID is the user that the manager runs as: lichen-test, which has ranges of
// subordinate ids.
const UID = 1501

// Patience is how long a test waits for the manager: a loaded machine is slow,
// and nothing is learnt from giving up early.
const Patience = 60 * time.Second

// A Manager is a running `systemd --user`.
type Manager struct {
	// Dir is the user's home, and everything below it is removed at the end.
	Dir string
	// RuntimeDir is its XDG_RUNTIME_DIR. Both have short names: a socket's
	// address has room for 108 bytes.
	RuntimeDir string
	// UnitDir is where the manager looks for units first.
	UnitDir string
	// Env is the environment of what Command starts, and, without the bus
	// address, of the manager.
	Env []string
	// Cgroup is the delegated cgroup as /proc/self/cgroup names it: the manager
	// has user@1501.service in it, and Command's processes session.scope.
	Cgroup string

	t      testing.TB
	holder *exec.Cmd
	logs   []string
}

// Start starts a manager, which ends with the test. It skips the test where it
// cannot work, unless the machine is known to have everything.
func Start(t testing.TB) *Manager {
	t.Helper()
	if reason := missing(); reason != "" {
		skip(t, reason)
	}
	m := &Manager{t: t}
	m.directories()
	if err := m.start(); err != nil {
		skip(t, "the namespace and the cgroup of a systemd --user cannot be made: "+err.Error())
	}
	m.wait("the manager to answer", func() bool {
		state, _ := m.Command("systemctl", "--user", "is-system-running").Output()
		return slices.Contains([]string{"running", "degraded"}, strings.TrimSpace(string(state)))
	})
	return m
}

func skip(t testing.TB, reason string) {
	t.Helper()
	if os.Getenv("LICHEN_MUST_WORK") == "1" {
		t.Fatal("must work here, but: " + reason)
	}
	t.Skip(reason)
}

// missing says what this machine lacks.
func missing() string {
	if os.Getuid() != 0 {
		return "a systemd --user needs root to make its namespace"
	}
	if managerPath() == "" {
		return "systemd is not installed"
	}
	for _, program := range []string{"systemctl", "dbus-daemon", "nsenter", "setpriv"} {
		if _, err := exec.LookPath(program); err != nil {
			return err.Error()
		}
	}
	if passwd, _ := os.ReadFile("/etc/passwd"); !strings.Contains(string(passwd), fmt.Sprintf(":x:%d:", UID)) {
		return fmt.Sprintf("no user with uid %d", UID)
	}
	return ""
}

func managerPath() string {
	for _, path := range []string{"/usr/lib/systemd/systemd", "/lib/systemd/systemd"} {
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	return ""
}

// Unit writes a unit file and has the manager read it. A name with a directory
// is a drop-in: "x.service.d/10.conf".
func (m *Manager) Unit(name, text string) {
	m.t.Helper()
	m.File(filepath.Join(".config/systemd/user", name), text)
	m.Systemctl("daemon-reload")
}

// File writes a file of the user's, below its home, and returns its path.
func (m *Manager) File(name, text string) string {
	m.t.Helper()
	path := filepath.Join(m.Dir, name)
	m.mkdir(filepath.Dir(path))
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		m.t.Fatal(err)
	}
	if err := os.Chown(path, UID, UID); err != nil {
		m.t.Fatal(err)
	}
	return path
}

// ServiceLog empties a file for StandardOutput=append:PATH, and shows it if the
// test fails.
// There is no journal.
func (m *Manager) ServiceLog(name string) string {
	m.t.Helper()
	path := m.File(name, "")
	if !slices.Contains(m.logs, path) {
		m.logs = append(m.logs, path)
	}
	return path
}

// Command is a command of the user's, in the manager's namespace and in
// Cgroup/session.scope, as a login shell would start it.
func (m *Manager) Command(name string, args ...string) *exec.Cmd {
	// The directory is changed to inside: a descriptor from outside has no name
	// there.
	cmd := exec.Command("nsenter", append([]string{fmt.Sprintf("--mount=/proc/%d/ns/mnt", m.holder.Process.Pid), "--",
		"sh", "-c", `echo 0 >"$0/cgroup.procs" && cd "$1" || exit 125; shift; exec "$@"`, m.Files("session.scope"), m.Dir,
		"setpriv", fmt.Sprintf("--reuid=%d", UID), fmt.Sprintf("--regid=%d", UID), "--clear-groups", "--", name}, args...)...)
	cmd.Env = slices.Clone(m.Env)
	return cmd
}

// Run runs a command of the user's, which must succeed, and returns its output.
func (m *Manager) Run(name string, args ...string) string {
	m.t.Helper()
	out, err := m.Command(name, args...).CombinedOutput()
	if err != nil {
		m.t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// Systemctl runs `systemctl --user`, which must succeed.
func (m *Manager) Systemctl(args ...string) string {
	m.t.Helper()
	return m.Run("systemctl", append([]string{"--user"}, args...)...)
}

// Show returns a property of a unit.
func (m *Manager) Show(unit, property string) string {
	m.t.Helper()
	return strings.TrimSpace(m.Systemctl("show", "--value", "--property="+property, unit))
}

// WaitFor waits until a unit's property has one of the values, and returns it.
func (m *Manager) WaitFor(unit, property string, values ...string) string {
	m.t.Helper()
	var got string
	m.wait(fmt.Sprintf("%s of %s to be %v", property, unit, values), func() bool {
		got = m.Show(unit, property)
		return slices.Contains(values, got)
	})
	return got
}

func (m *Manager) wait(what string, done func() bool) {
	m.t.Helper()
	for end := time.Now().Add(Patience); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			m.t.Fatalf("waited in vain for %s\n%s", what, m.Log())
		}
	}
}

// Files is the path of a directory below Cgroup, as the user's processes see it.
func (m *Manager) Files(name string) string { return filepath.Join("/sys/fs/cgroup", m.Cgroup, name) }

// HostFiles is the same directory for the test's own process, which is outside
// of the namespace.
func (m *Manager) HostFiles(name string) string {
	return fmt.Sprintf("/proc/%d/root%s", m.holder.Process.Pid, m.Files(name))
}

// Controllers are the cgroup controllers that the user can use. There are none
// where the machine has them in cgroup v1 hierarchies.
func (m *Manager) Controllers() []string {
	data, err := os.ReadFile(m.HostFiles("cgroup.controllers"))
	if err != nil {
		m.t.Fatal(err)
	}
	return strings.Fields(string(data))
}

// Log is what the manager has said, and the logs of services.
func (m *Manager) Log() string {
	var b strings.Builder
	for _, path := range append([]string{filepath.Join(m.Dir, "manager.log")}, m.logs...) {
		if data, err := os.ReadFile(path); err == nil {
			fmt.Fprintf(&b, "== %s\n%s", filepath.Base(path), data)
		}
	}
	return b.String()
}
