package test

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestForwardedOnce protects programs that count signals: each that is sent to
// lichen reaches a handler inside, and no more than once.
func TestForwardedOnce(t *testing.T) {
	signals := []syscall.Signal{unix.SIGTERM, unix.SIGINT, unix.SIGHUP, unix.SIGQUIT, unix.SIGUSR1, unix.SIGUSR2, unix.SIGWINCH, unix.SIGCONT, unix.SIGTSTP}
	forUsers(t, func(t *testing.T, b *box) {
		for _, options := range [][]string{nil, {"-p", "landlock"}, {"--linger"}, {"--timeout", "1h"}} {
			if !b.mayUse(options...) {
				continue
			}
			p := b.start(command{args: probeArgs(options, "trap SIGXFSZ")})
			if got := p.line(); got != "ready" {
				t.Fatal(got)
			}
			b.handles(p.cmd.Process.Pid, unix.SIGTSTP)
			for range 3 { // a second arrival would come instead of the next
				for _, sig := range signals {
					b.check(p.cmd.Process.Signal(sig))
					if got := p.line(); got != unix.SignalName(sig) {
						t.Fatalf("%v: sent %s, arrived %q", options, unix.SignalName(sig), got)
					}
				}
			}
			p.kill()
		}
	})
}

// job is lichen as a shell's job: in a process group of its own whose parent is
// in the same session, so that SIGTSTP stops it.
func (b *box) job(args ...string) *process {
	b.t.Helper()
	return b.start(command{args: args, attr: &syscall.SysProcAttr{Setpgid: true}})
}

// state returns the letter of proc_pid_stat(5), "" where there is no process.
func state(pid int) string {
	data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)) // it may be gone
	_, rest, _ := strings.Cut(string(data[strings.LastIndexByte(string(data), ')')+1:]), " ")
	letter, _, _ := strings.Cut(rest, " ")
	return letter
}

// becomes waits for a process to be stopped, or to be not.
func (b *box) becomes(pid int, stopped bool) {
	b.t.Helper()
	for end := time.Now().Add(deadline); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		now := state(pid)
		if now == "" {
			b.t.Fatalf("%d has ended", pid)
		}
		if (now == "T") == stopped {
			return
		}
	}
	b.t.Fatalf("%d is in state %q, stopped should be %v", pid, state(pid), stopped)
}

// payloadOf returns the process ids of PID 1 and of the payload.
func (b *box) payloadOf(p *process) (pid1, payload int) {
	b.t.Helper()
	pid1 = b.onlyChild(p.cmd.Process.Pid)
	return pid1, b.onlyChild(pid1)
}

// handles waits until a process has a handler for a signal. lichen has one for
// SIGTSTP from the moment that it knows of a payload, and none while it is stopped.
func (b *box) handles(pid int, sig syscall.Signal) {
	b.t.Helper()
	for end := time.Now().Add(deadline); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		_, rest, _ := strings.Cut(readFile(b, fmt.Sprintf("/proc/%d/status", pid)), "\nSigCgt:\t")
		line, _, _ := strings.Cut(rest, "\n")
		if set, err := strconv.ParseUint(line, 16, 64); err == nil && set>>(sig-1)&1 == 1 {
			return
		}
	}
	b.t.Fatalf("%d has no handler for %v", pid, sig)
}

const ticking = "echo up; read x; exit 6"

// TestStopAndContinue protects job control: SIGTSTP to lichen stops the payload
// and lichen, and SIGCONT to lichen resumes both.
func TestStopAndContinue(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		for _, options := range [][]string{nil, {"-p", "landlock"}, {"--new-session"}, {"--timeout", "1h"}, {"--linger"}} {
			if !b.mayUse(options...) {
				continue
			}
			r, w, err := os.Pipe()
			b.check(err)
			p := b.start(command{args: append(runArgs(options...), "sh", "-c", ticking), stdin: r, attr: &syscall.SysProcAttr{Setpgid: true}})
			r.Close()
			p.line()
			lichen := p.cmd.Process.Pid
			_, payload := b.payloadOf(p)
			b.handles(lichen, unix.SIGTSTP)
			for range 3 {
				b.check(unix.Kill(lichen, unix.SIGTSTP))
				b.becomes(payload, true)
				b.becomes(lichen, true)
				b.check(unix.Kill(lichen, unix.SIGCONT))
				b.becomes(payload, false)
				b.handles(lichen, unix.SIGTSTP)
			}
			_, err = w.WriteString("x\n")
			b.check(err)
			w.Close()
			if o := p.wait(); o.code != 6 || o.stderr != "" {
				t.Errorf("%v: %+v", options, o)
			}
		}
	})
}

// TestPayloadStopsItself protects a shell whose job suspends itself, as editors
// do: the job is stopped for the shell too. But a payload cannot stop the clock
// of its timeout in this way, and in a session without a shell it stops nobody.
func TestPayloadStopsItself(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		for _, sig := range []string{"TSTP", "TTIN", "TTOU", "STOP"} {
			p := b.job(append(runArgs(), "sh", "-c", "kill -"+sig+" $$; echo on; exit 9")...)
			lichen := p.cmd.Process.Pid
			b.becomes(lichen, true)
			b.check(unix.Kill(-lichen, unix.SIGCONT))
			if o := p.wait(); o.code != 9 || o.stdout != "on" {
				t.Errorf("%s: %+v", sig, o)
			}
		}
		patiently(200*time.Millisecond, func(timeout string) bool {
			o := b.job(append(runArgs("--timeout", timeout, "--kill-after", "10ms"), "sh", "-c", "echo up; kill -STOP $$; exit 9")...).wait()
			if o.code != 124 {
				t.Errorf("with a timeout: %+v", o)
			}
			return o.stdout == "up"
		})
		p := b.start(command{args: append(runArgs(), "sh", "-c", "kill -STOP $$; exit 9")})
		_, payload := b.payloadOf(p)
		b.becomes(payload, true)
		b.check(p.cmd.Process.Signal(unix.SIGCONT)) // a stopped launcher would forward it too
		if o := p.wait(); o.code != 9 {
			t.Errorf("without a shell: %+v", o)
		}
	})
}

// TestStopWithoutShell protects services: no SIGTSTP stops a process group that
// nobody would resume, and none that is ignored.
func TestStopWithoutShell(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		for what, c := range map[string]command{
			"a session of its own": {args: append(runArgs(), "sh", "-c", "echo up; sleep 0.3; exit 5")},
			"ignored": {args: append([]string{"sh", "-c", `trap "" TSTP; exec "$@"`, "sh"}, append(runArgs(), "sh", "-c", "echo up; sleep 0.3; exit 5")...),
				attr: &syscall.SysProcAttr{Setpgid: true}},
		} {
			p := b.start(c)
			p.line()
			b.check(p.cmd.Process.Signal(unix.SIGTSTP))
			if o := p.wait(); o.code != 5 {
				t.Errorf("%s: %+v", what, o)
			}
		}
	})
}

// TestKilledWhileStopped protects P7 at a point where nobody inside can run.
func TestKilledWhileStopped(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		for _, options := range [][]string{nil, {"-p", "landlock"}, {"--new-session"}} {
			if !b.mayUse(options...) {
				continue
			}
			p := b.job(append(runArgs(options...), "sh", "-c", "echo up; sleep 60")...)
			p.line()
			_, payload := b.payloadOf(p)
			b.handles(p.cmd.Process.Pid, unix.SIGTSTP)
			b.check(unix.Kill(p.cmd.Process.Pid, unix.SIGTSTP))
			b.becomes(payload, true)
			b.becomes(p.cmd.Process.Pid, true)
			p.kill()
			b.noProcesses()
		}
	})
}

// TestLingerSignals protects --linger: once the payload has ended, signals go to
// what it has left, and the status stays the payload's.
func TestLingerSignals(t *testing.T) {
	const left = `(trap "echo got; exit 0" TERM; while kill -0 $$ 2>/dev/null; do sleep 0.01; done; echo alone; while :; do sleep 0.02; done) & exit 3`
	forUsers(t, func(t *testing.T, b *box) {
		for _, options := range [][]string{{"--linger"}, {"--linger", "-p", "landlock"}} {
			if !b.mayUse(options...) {
				continue
			}
			p := b.start(command{args: append(runArgs(options...), "sh", "-c", left)})
			if got := p.line(); got != "alone" {
				t.Fatalf("%v: %q", options, got)
			}
			b.check(p.cmd.Process.Signal(unix.SIGTERM))
			if o := p.wait(); o.code != 3 || o.stdout != "got" {
				t.Errorf("%v: %+v", options, o)
			}
			// The payload's exit does not stop the clock.
			o, _ := b.timedOut(append(lichenArgs("run", "--kill-after", "10ms"), options...), "sh", "-c", `(trap "" TERM; echo up; sleep 60) & exit 3`)
			if o.code != 124 {
				t.Errorf("%v, with a timeout: %+v", options, o)
			}
			o = b.do(command{args: append(runArgs(append(options, "--timeout", "1h")...), "sh", "-c", "sleep 0.2 & exit 3")})
			if o.code != 3 {
				t.Errorf("%v, in time: %+v", options, o)
			}
		}
	})
}
