package test

import (
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestTimeoutEndsEverything: SIGTERM first, SIGKILL after the grace, and nothing is
// left inside, whoever ignores what.
func TestTimeoutEndsEverything(t *testing.T) {
	const stubborn = `trap "" TERM; (trap "" TERM; echo up; while :; do sleep 1; done) & while :; do sleep 1; done`
	const polite = `trap "echo bye; exit 3" TERM; echo up; while :; do sleep 0.1; done`
	forUsers(t, func(t *testing.T, b *box) {
		for _, options := range [][]string{nil, {"--linger"}, {"-p", "landlock"}} {
			if !b.mayUse(options...) {
				continue
			}
			args := append(lichenArgs("run"), options...)
			o, timeout := b.timedOut(append(args, "--kill-after", "200ms"), "sh", "-c", stubborn)
			if o.code != 124 || o.stderr != "lichen: run sh: it ran longer than process.timeout = "+timeout+" (command line)\n" {
				t.Errorf("%v: %+v", options, o)
			}
			b.noProcesses()
			// Who ends on SIGTERM has its grace, and the status is the timeout's.
			o, _ = b.timedOut(append(args, "--kill-after", "20s"), "sh", "-c", polite)
			if o.code != 124 || o.stdout != "up\nbye\n" {
				t.Errorf("%v, in its grace: %+v", options, o)
			}
		}
		// A process that lingers is asked to end as the payload is.
		o, _ := b.timedOut(lichenArgs("run", "--linger", "--kill-after", "20s"), "sh", "-c", "("+polite+") & exit 3")
		if o.code != 124 || o.stdout != "up\nbye\n" {
			t.Errorf("what lingers: %+v", o)
		}
		b.fails(b.lichen("run", "--timeout", "-1s", "--", "true"), 125, "timeout")
		if o := b.lichen("run", "--timeout", "0", "--", "sh", "-c", "sleep 0.2; exit 3"); o.code != 3 {
			t.Errorf("no timeout: %+v", o)
		}
	})
}

// timedOut runs a payload that says "up" once it is ready for the end of its time.
func (b *box) timedOut(args []string, payload ...string) (o output, timeout string) {
	b.t.Helper()
	patiently(200*time.Millisecond, func(time string) bool {
		timeout = time
		o = b.do(command{args: slices.Concat(args, []string{"--timeout", time, "--"}, payload)})
		return strings.HasPrefix(o.stdout, "up\n")
	})
	return o, timeout
}

// TestTimeoutOfTheStopped: time goes on for a program that is stopped, which is
// woken to hear of its end, and for a launcher that is.
func TestTimeoutOfTheStopped(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		o, _ := b.timedOut(lichenArgs("run", "--kill-after", "20s"), "sh", "-c", `trap "echo bye; exit" TERM; echo up; kill -STOP $$; while :; do sleep 0.1; done`)
		if o.code != 124 || o.stdout != "up\nbye\n" {
			t.Errorf("stopped: %+v", o)
		}
		const timeout = 2 * time.Second
		p := b.start(command{args: lichenArgs("run", "--timeout", timeout.String(), "--kill-after", "20s", "--", "sh", "-c", "echo ready; exec sleep 60")})
		p.line()
		b.check(p.cmd.Process.Signal(syscall.SIGSTOP))
		time.Sleep(timeout)
		b.check(p.cmd.Process.Signal(syscall.SIGCONT))
		if o := p.wait(); o.code != 124 {
			t.Errorf("a stopped launcher: %+v", o)
		}
	})
}

// TestTimeoutBeforeTheStart: time goes on while a sandbox is being set up.
func TestTimeoutBeforeTheStart(t *testing.T) {
	strace := needs(t, "strace")
	b := newBox(t, users()[0]) // takes long, and does not depend on who asks
	args := []string{strace, "-f", "-qq", "-o", "/dev/null", "-e", "trace=pivot_root", "-e", "inject=pivot_root:delay_enter=3s"}
	o := b.do(command{args: append(args, lichenArgs("run", "--timeout", "100ms", "--kill-after", "100ms", "--", "true")...)})
	if o.code != 124 || !strings.Contains(o.stderr, "lichen: run true: it had not started after process.timeout = 100ms (command line)\n") {
		t.Errorf("%+v", o)
	}
	b.noProcesses()
}

// TestVerdicts: the line of the end tells which limit it was.
func TestVerdicts(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		for _, c := range []struct{ options, script, want string }{
			{"--timeout TIME", "echo up; sleep 60", `"timed_out":true,"limit":"timeout"`},
			{"--limit output=10", "yes", `"signal":9,"name":"SIGKILL","timed_out":false,"limit":"output"`},
			{"--limit cpu=1:50", "while :; do :; done", `"signal":24,"name":"SIGXCPU","timed_out":false,"limit":"cpu"`},
			{"--limit cpu=1", "exit 3", `"status":3,"timed_out":false,"rusage"`},
		} {
			var o output
			patiently(100*time.Millisecond, func(timeout string) bool {
				args := append(strings.Fields(strings.ReplaceAll(c.options, "TIME", timeout)), "--status-fd", "3", "--stats", "fd:4", "--", "sh", "-c", c.script)
				o = b.do(command{args: append([]string{"sh", "-c", `exec "$@" 3>` + b.ctl + "/status 4>" + b.ctl + "/stats", "sh", binDir + "/lichen", "run"}, args...)})
				return !strings.Contains(c.options, "TIME") || o.stdout == "up\n"
			})
			status, stats := readFile(b, b.ctl+"/status"), readFile(b, b.ctl+"/stats")
			if !strings.Contains(status, c.want) || !strings.HasPrefix(stats, "{"+strings.SplitN(c.want, `,"rusage`, 2)[0]) && !strings.Contains(stats, c.want) {
				t.Errorf("%s: %+v\n%s%s", c.options, o, status, stats)
			}
		}
	})
}
