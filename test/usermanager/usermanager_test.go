package usermanager

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestManager shows that what the tests stand on is real: units start, run in
// the delegated cgroup as the user, the bus answers, and nothing is left.
func TestManager(t *testing.T) {
	var dir, cgroup string
	t.Run("run", func(t *testing.T) {
		m := Start(t)
		dir, cgroup = m.Dir, m.HostFiles("")
		log := m.ServiceLog("x.log")
		m.Unit("x.service", "[Service]\nType=exec\nExecStart=/bin/sh -c 'id -u; grep ^0: /proc/self/cgroup; exec sleep 1000'\nStandardOutput=append:"+log+"\n")
		m.Systemctl("start", "x.service")
		m.wait("the service's answer", func() bool { return strings.Count(m.Log(), "x.service\n") > 0 })
		if got, want := read(t, log), "1501\n0::"+m.Cgroup+"/user@1501.service/app.slice/x.service\n"; got != want {
			t.Errorf("the service says %q, want %q", got, want)
		}
		// The processes themselves are the machine's: not in a pid namespace.
		if _, err := os.Stat(filepath.Join("/proc", m.Show("x.service", "MainPID"))); err != nil {
			t.Error(err)
		}
		out := m.Run("systemd-run", "--user", "--scope", "--quiet", "grep", "^0:", "/proc/self/cgroup")
		if !strings.Contains(out, m.Cgroup+"/user@1501.service/app.slice/run-") {
			t.Errorf("a scope made over the bus is %q", out)
		}
		if out := m.Run("/bin/pwd"); out != m.Dir+"\n" {
			t.Errorf("a command's directory is %q", out)
		}
		if out := m.Run("grep", "^0:", "/proc/self/cgroup"); out != "0::"+m.Cgroup+"/session.scope\n" {
			t.Errorf("a command's cgroup is %q", out)
		}
	})
	if dir == "" {
		t.SkipNow()
	}
	for _, path := range []string{dir, cgroup} {
		if _, err := os.Stat(path); err == nil {
			t.Errorf("%s is left", path)
		}
	}
	if mounts := read(t, "/proc/self/mountinfo"); strings.Contains(mounts, filepath.Base(cgroup)) {
		t.Errorf("a mount is left:\n%s", mounts)
	}
}

// TestKilled: a test that ends without its cleanup leaves no process and no
// cgroup.
func TestKilled(t *testing.T) {
	const child = "LICHEN_TEST_KILLED"
	if os.Getenv(child) == "1" {
		m := Start(t)
		m.Unit("x.service", "[Service]\nType=exec\nExecStart=/bin/sleep 1000\n")
		m.Systemctl("start", "x.service")
		fmt.Println("\nrunning", m.Show("x.service", "MainPID"), m.holder.Process.Pid, m.Dir, m.Cgroup)
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestKilled$")
	cmd.Env = append(os.Environ(), child+"=1")
	out, err := cmd.CombinedOutput()
	_, line, ok := strings.Cut(string(out), "\nrunning ")
	if !ok && err == nil {
		skip(t, string(out)) // the other's skip
	}
	words := strings.Fields(line)
	if len(words) != 4 || err == nil {
		t.Fatalf("%v\n%s", err, out)
	}
	defer os.RemoveAll(words[2])
	gone := []string{"/proc/" + words[0], "/proc/" + words[1]}
	for _, mount := range strings.Split(read(t, "/proc/self/mountinfo"), "\n") {
		if before, _, ok := strings.Cut(mount, " - cgroup2 "); ok {
			gone = append(gone, strings.Fields(before)[4]+words[3])
		}
	}
	for _, path := range gone {
		for end := time.Now().Add(Patience); ; time.Sleep(20 * time.Millisecond) {
			if _, err := os.Stat(path); err != nil {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("%s is left", path)
			}
		}
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
