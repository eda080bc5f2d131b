package test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestExitBySignal protects shells and supervisors that look at how their child
// has ended: with --exit-by-signal lichen dies of what the payload died of, for
// every signal that ends a process, and dumps no core of its own.
func TestExitBySignal(t *testing.T) {
	// Those that do not end one.
	others := []int{0, int(unix.SIGCHLD), int(unix.SIGCONT), int(unix.SIGURG), int(unix.SIGWINCH),
		int(unix.SIGSTOP), int(unix.SIGTSTP), int(unix.SIGTTIN), int(unix.SIGTTOU)}
	forUsers(t, func(t *testing.T, b *box) {
		each(65, func(sig int) {
			if slices.Contains(others, sig) || ignored(t, sig) {
				return
			}
			options := []string{"--exit-by-signal"}
			if sig%3 == 0 && b.mayUse("landlock") {
				options = append(options, "-p", "landlock")
			}
			die := append([]string{"sh", "-c", `ulimit -c unlimited 2>/dev/null; exec "$@"`, "sh"}, runArgs(options...)...)
			p := b.start(command{args: append(die, "sh", "-c", fmt.Sprintf("kill -%d $$; exit 1", sig))})
			o := p.wait()
			if o.signal != syscall.Signal(sig) || o.stderr != "" {
				t.Errorf("signal %d: %+v", sig, o)
			}
			if p.cmd.ProcessState.Sys().(syscall.WaitStatus).CoreDump() {
				t.Errorf("signal %d: lichen has dumped core", sig)
			}
		})
		for _, c := range []struct {
			command string
			code    int
			options []string
		}{
			{"exit 3", 3, nil}, {"exit 137", 137, nil},
			{"(sleep 0.1) & kill -9 $$", -9, []string{"--linger"}},
		} {
			o := b.do(command{args: append(runArgs(append(c.options, "--exit-by-signal")...), "sh", "-c", c.command)})
			if c.code < 0 && o.signal != syscall.Signal(-c.code) || c.code >= 0 && (o.code != c.code || o.signal != 0) {
				t.Errorf("%s: %+v", c.command, o)
			}
		}
		for _, command := range []string{"echo up; sleep 60", "trap '' TERM; echo up; sleep 60"} {
			o, _ := b.timedOut(lichenArgs("run", "--exit-by-signal", "--kill-after", "10ms"), "sh", "-c", command)
			if o.code != 124 || o.signal != 0 || o.stdout != "up\n" {
				t.Errorf("%s: %+v", command, o)
			}
		}
		if o := b.do(command{args: append(runArgs("--exit-by-signal"), "/nonexistent")}); o.code != 127 || o.signal != 0 {
			t.Errorf("no payload: %+v", o)
		}
		// A signal that was ignored when lichen started, and blocked.
		o := b.do(command{args: append(append([]string{"env", "--ignore-signal=HUP", "--block-signal=USR1"}, runArgs("--exit-by-signal")...), binDir+"/probe", "die 1")})
		if o.signal != unix.SIGHUP {
			t.Errorf("ignored: %+v", o)
		}
	})
}

// TestExitBySignalIsLast protects who reads the status descriptor: the last line
// is there when lichen has died.
func TestExitBySignalIsLast(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		r, w, err := os.Pipe()
		b.check(err)
		o := b.do(command{args: append(lichenArgs("run", "--exit-by-signal", "--status-fd", "3", "--"), "sh", "-c", "kill -15 $$"), extra: []*os.File{w}})
		w.Close()
		buf := make([]byte, 64<<10)
		n, _ := r.Read(buf)
		r.Close()
		if text := string(buf[:n]); o.signal != unix.SIGTERM || !strings.Contains(text, `"event":"exited","signal":15`) {
			t.Errorf("%+v, %s", o, text)
		}
	})
}

// TestScriptStopsAtInterrupt protects a script at a terminal. bash goes on after
// ^C unless what it waits for has died of SIGINT.
func TestScriptStopsAtInterrupt(t *testing.T) {
	bash := needs(t, "bash")
	forUsers(t, func(t *testing.T, b *box) {
		for option, goesOn := range map[string]bool{"--exit-by-signal": false, "--linger": true} {
			master, slave := newTerminal(b)
			b.check(os.Chown(slave.Name(), b.user.uid, -1))
			script := strings.Join(runArgs(option), " ") + " sh -c 'echo up; exec sleep 60'; echo on"
			p := b.start(command{args: []string{bash, "-c", script}, stdin: slave, attr: &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 0}})
			if got := p.line(); got != "up" {
				t.Fatalf("%s: %q", option, got)
			}
			_, err := master.Write([]byte{3}) // ^C
			b.check(err)
			if o := p.wait(); (o.stdout == "on") != goesOn || goesOn != (o.signal != unix.SIGINT) {
				t.Errorf("%s: %+v", option, o)
			}
		}
	})
}
