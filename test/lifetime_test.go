package test

import (
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestLauncherKilled protects P7: whatever the payload has started ends with
// the launcher, however that ends.
func TestLauncherKilled(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		for _, options := range [][]string{nil, {"--linger"}, {"--nested"}, {"--new-session"}, {"-p", "landlock"}} {
			if !b.mayUse(options...) {
				continue
			}
			p := b.start(command{args: probeArgs(options, "spawn 3", "sleep 50", "spawn 1", "ids", "pause")})
			for !strings.Contains(p.line(), `"ids"`) {
			}
			p.kill()
			if left := b.survivors(); len(left) > 0 {
				t.Errorf("%v: left %s", options, left)
				b.noProcesses()
			}
		}
	})
}

// TestLauncherKilledAtRandom protects P7 at the points that no op marks.
func TestLauncherKilledAtRandom(t *testing.T) {
	const launches = 150
	forUsers(t, func(t *testing.T, b *box) {
		for i := range launches {
			options := [][]string{nil, {"-p", "landlock"}}[i%2]
			if !b.mayUse(options...) {
				continue
			}
			p := b.start(command{args: probeArgs(options, "spawn 1", "pause")})
			wait := time.Duration(rand.IntN(12_000)) * time.Microsecond
			time.Sleep(wait)
			p.kill()
			if i%10 == 9 {
				if left := b.survivors(); len(left) > 0 {
					t.Fatalf("killed after about %v: left %s", wait, left)
				}
			}
		}
	})
}

// TestBackgroundEndsWithPayload protects P7: a payload that ends leaves nothing
// behind.
func TestBackgroundEndsWithPayload(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		for _, options := range [][]string{nil, {"-p", "landlock"}, {"--nested"}} {
			if !b.mayUse(options...) {
				continue
			}
			o := b.do(command{args: probeArgs(options, "spawn 3", "sleep 50", "exit 7")})
			if o.code != 7 {
				t.Errorf("%v: status %d %s", options, o.code, o.stderr)
			}
			// At once: the launcher waits for the whole sandbox to be gone.
			if left := descendants(); len(left) > 0 {
				t.Errorf("%v: left %s", options, left)
			}
		}
		o := b.do(command{args: append(runArgs("--linger"), "sh", "-c", "(sleep 0.3; echo later) & echo now; exit 3")})
		if o.code != 3 || o.stdout != "now\nlater\n" {
			t.Errorf("linger: %+v", o)
		}
	})
}

// TestForwarding protects services and shells: signals to lichen reach the
// payload.
func TestForwarding(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		for _, options := range [][]string{nil, {"-p", "landlock"}} {
			if !b.mayUse(options...) {
				continue
			}
			p := b.start(command{args: probeArgs(options, "trap SIGTERM")})
			if got := p.line(); got != "ready" {
				t.Fatal(got)
			}
			for _, sig := range []syscall.Signal{unix.SIGHUP, unix.SIGINT, unix.SIGQUIT, unix.SIGUSR1, unix.SIGUSR2, unix.SIGWINCH, unix.SIGCONT, unix.SIGTERM} {
				b.check(p.cmd.Process.Signal(sig))
				if got := p.line(); got != unix.SignalName(sig) {
					t.Errorf("%v: sent %s, arrived %q", options, unix.SignalName(sig), got)
				}
			}
			if o := p.wait(); o.code != 42 || o.stderr != "" {
				t.Errorf("%v: %+v", options, o)
			}
		}
	})
}

// TestForwardedSignalsEnd protects scripts: a payload that does not handle a
// signal dies of it, and lichen says so in its status.
func TestForwardedSignalsEnd(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		for _, sig := range []syscall.Signal{unix.SIGHUP, unix.SIGINT, unix.SIGUSR1, unix.SIGUSR2, unix.SIGTERM} {
			p := b.start(command{args: append(runArgs(), "sh", "-c", "echo ready; exec sleep 60")})
			p.line()
			b.check(p.cmd.Process.Signal(sig))
			if o := p.wait(); o.code != 128+int(sig) || o.signal != 0 {
				t.Errorf("%s: %+v", unix.SignalName(sig), o)
			}
		}
	})
}

// TestTimeout protects P7 against a payload that does not want to end.
func TestTimeout(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		for _, profile := range []string{"default", "landlock"} {
			if !b.mayUse(profile) {
				continue
			}
			args := lichenArgs("run", "-p", profile, "--ro", binDir)
			o, _ := b.timedOut(args, "sh", "-c", "echo up; exec sleep 60")
			if o.code != 124 {
				t.Errorf("%s: %+v", profile, o)
			}
			o, _ = b.timedOut(append(args, "--kill-after", "100ms"), "sh", "-c", `"$0" "spawn 2" >/dev/null; trap "" TERM; echo up; exec "$0" "stray inner"`, binDir+"/probe")
			if o.code != 124 {
				t.Errorf("%s, a payload that ignores SIGTERM: %+v", profile, o)
			}
			o = b.do(command{args: append(runArgs("-p", profile, "--timeout", "10s"), "sh", "-c", "exit 5")})
			if o.code != 5 {
				t.Errorf("%s, in time: %+v", profile, o)
			}
		}
	})
}

// TestStoppedLauncher protects P7 against a launcher that is stopped and then
// killed.
func TestStoppedLauncher(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		p := b.start(command{args: probeArgs(nil, "spawn 2", "ids", "pause")})
		for !strings.Contains(p.line(), `"ids"`) {
		}
		b.check(p.cmd.Process.Signal(unix.SIGSTOP))
		p.kill()
		b.noProcesses()
	})
}
