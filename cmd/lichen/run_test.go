package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// asLichen makes the test binary behave as lichen.
const asLichen = "TEST_BINARY_IS_LICHEN"

func TestMain(m *testing.M) {
	if os.Getenv(asLichen) != "" {
		main()
	}
	os.Exit(m.Run())
}

// plainUID is who runs the sandboxes when the tests run as root.
const plainUID = 1500

// lichenBinary is a copy of the test binary where a plain user finds it.
func lichenBinary(t *testing.T) (binary, home string) {
	t.Helper()
	self, err := os.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer self.Close()
	home, err = os.MkdirTemp("/tmp", "lichen-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(home) })
	if err := os.Chmod(home, 0o755); err != nil {
		t.Fatal(err)
	}
	binary = filepath.Join(home, "lichen")
	copied, err := os.OpenFile(binary, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(copied, self); err != nil {
		t.Fatal(err)
	}
	if err := copied.Close(); err != nil {
		t.Fatal(err)
	}
	return binary, home
}

// lichenCommand prepares lichen with arguments, as a plain user.
func lichenCommand(binary, home string, args ...string) *exec.Cmd {
	cmd := exec.Command(binary, args...)
	cmd.Dir = home
	cmd.Env = []string{asLichen + "=1", "HOME=/home/somebody", "PATH=/usr/bin:/bin"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if os.Getuid() == 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: plainUID, Gid: plainUID}
	}
	return cmd
}

// needSandbox skips where this host forbids sandboxes, but never where they
// are required to work.
func needSandbox(t *testing.T, binary, home string) {
	t.Helper()
	out, err := lichenCommand(binary, home, "run", "-p", "base", "--", "true").CombinedOutput()
	if err == nil {
		return
	}
	if os.Getenv("LICHEN_MUST_WORK") == "" && bytes.Contains(out, []byte("make the namespaces")) {
		t.Skipf("no sandboxes here: %s", out)
	}
	t.Fatalf("%v: %s", err, out)
}

func TestRun(t *testing.T) {
	binary, home := lichenBinary(t)
	needSandbox(t, binary, home)
	// On a slow machine it had not started at its timeout, else it ran longer.
	tests := []struct {
		name, args  string
		code        int
		out, errors string
	}{
		{"status 0", "-- true", 0, "", ""},
		{"status 7", "sh -c exit${IFS}7", 7, "", ""},
		{"signal", "-- sh -c kill${IFS}-9${IFS}$$", 137, "", ""},
		{"output", "-- echo hello", 0, "hello\n", ""},
		{"not found", "-- no-such-command", 127, "", "lichen: run no-such-command: no such file or directory (command line)\n"},
		{"not executable", "-- /etc/passwd", 126, "", "lichen: run /etc/passwd: permission denied (command line)\n"},
		{"missing bind", "--ro /no/such/path -- true", 125, "", "lichen: bind /no/such/path: "},
		{"timeout", "--timeout 100ms -- sleep 20", 124, "", "lichen: run sleep: it "},
		{"timeout, TERM taken", "--timeout 100ms -- sh -c trap${IFS}'exit'${IFS}TERM;while${IFS}:;do${IFS}sleep${IFS}.02;done", 124, "", "lichen: run sh: it "},
		{"timeout, TERM ignored", "--timeout 100ms --kill-after 100ms -- sh -c trap${IFS}''${IFS}TERM;while${IFS}:;do${IFS}sleep${IFS}.02;done", 124, "", "lichen: run sh: it "},
		{"environment", "--env A=b -- sh -c echo${IFS}$A$HOME$SECRET", 0, "b/home/somebody\n", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			args := append([]string{"run"}, strings.Fields(tt.args)...)
			for i := range args {
				args[i] = strings.ReplaceAll(args[i], "${IFS}", " ")
			}
			var out, errs bytes.Buffer
			cmd := lichenCommand(binary, home, args...)
			cmd.Env = append(cmd.Env, "SECRET=x")
			cmd.Stdout, cmd.Stderr = &out, &errs
			cmd.Run() // the status is looked at below
			if code := cmd.ProcessState.ExitCode(); code != tt.code || out.String() != tt.out {
				t.Errorf("%d, %q, %q", code, out.String(), errs.String())
			}
			if !strings.HasPrefix(errs.String(), tt.errors) || tt.errors == "" && errs.Len() > 0 {
				t.Errorf("standard error: %q", errs.String())
			}
		})
	}
}

func TestForwarding(t *testing.T) {
	binary, home := lichenBinary(t)
	needSandbox(t, binary, home)
	for _, s := range []struct {
		name   string
		signal syscall.Signal
	}{
		{"TERM", syscall.SIGTERM}, {"INT", syscall.SIGINT}, {"HUP", syscall.SIGHUP}, {"QUIT", syscall.SIGQUIT},
		{"USR1", syscall.SIGUSR1}, {"USR2", syscall.SIGUSR2}, {"WINCH", syscall.SIGWINCH}, {"CONT", syscall.SIGCONT},
	} {
		cmd := lichenCommand(binary, home, "run", "--timeout", "10s", "--", "sh", "-c", "trap 'exit 3' "+s.name+"; echo; while :; do sleep 0.02; done")
		ready, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		io.ReadFull(ready, make([]byte, 1)) // an early end shows in the status
		if err := cmd.Process.Signal(s.signal); err != nil {
			t.Error(err)
		}
		cmd.Wait() // the status is looked at below
		if code := cmd.ProcessState.ExitCode(); code != 3 {
			t.Errorf("SIG%s: status %d", s.name, code)
		}
	}
}

// TestEarlySignal ends lichen at every moment of its start: it dies of the
// signal as long as there is no sandbox, and waits for the payload later.
func TestEarlySignal(t *testing.T) {
	binary, home := lichenBinary(t)
	needSandbox(t, binary, home)
	for i := range 30 {
		cmd := lichenCommand(binary, home, "run", "--timeout", "10s", "--", "sleep", "20")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(i) * 400 * time.Microsecond)
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		cmd.Wait() // the status is looked at below
		status := cmd.ProcessState.Sys().(syscall.WaitStatus)
		if status.ExitStatus() != 128+int(syscall.SIGTERM) && status.Signal() != syscall.SIGTERM {
			t.Errorf("after %d steps: %v", i, cmd.ProcessState)
		}
	}
}

// TestStatusEndToEnd tries again where the launcher was too late to read the
// namespaces of PID 1, which happens on a busy machine: see readNamespaces.
func TestStatusEndToEnd(t *testing.T) {
	binary, home := lichenBinary(t)
	needSandbox(t, binary, home)
	text := statusOf(t, binary, home)
	for tries := 0; strings.Contains(text, `"namespaces":{}`) && tries < 5; tries++ {
		text = statusOf(t, binary, home)
	}
	lines := strings.SplitAfter(text, "\n")
	if len(lines) != 3 || !strings.HasPrefix(lines[0], `{"event":"started","pid":`) || !strings.Contains(lines[0], `"namespaces":{"user":`) ||
		!strings.HasPrefix(lines[1], `{"event":"exited","status":5,"timed_out":false,`) {
		t.Errorf("%s", text)
	}
}

// statusOf runs a command that exits with 5 and returns what lichen said of it.
func statusOf(t *testing.T, binary, home string) string {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cmd := lichenCommand(binary, home, "run", "--status-fd", "3", "--", "sh", "-c", "test ! -e /dev/fd/3 && exit 5")
	cmd.ExtraFiles = []*os.File{w}
	cmd.Run() // the status is looked at below
	w.Close()
	text, err := io.ReadAll(r)
	if err != nil || cmd.ProcessState.ExitCode() != 5 {
		t.Fatalf("%v, %v", cmd.ProcessState, err)
	}
	return string(text)
}

func TestClosedStandardDescriptors(t *testing.T) {
	binary, home := lichenBinary(t)
	needSandbox(t, binary, home)
	for _, redirect := range []string{"<&-", ">&-", "2>&-", "<&- >&- 2>&-"} {
		cmd := lichenCommand(binary, home)
		cmd.Path, cmd.Args = "/bin/sh", []string{"sh", "-c", `exec "$0" run -- true ` + redirect, binary}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v, %s", redirect, err, out)
		}
	}
}

// skip leaves a test out for want of something, which must not happen where
// LICHEN_MUST_WORK says so.
func skip(t *testing.T, reason string) {
	t.Helper()
	if os.Getenv("LICHEN_MUST_WORK") == "1" {
		t.Fatal(reason)
	}
	t.Skip(reason)
}
