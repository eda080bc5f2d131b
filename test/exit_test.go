package test

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestExitCodes protects scripts: lichen's status is the payload's.
func TestExitCodes(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		each(256, func(code int) {
			o := b.do(command{args: append(runArgs(), binDir+"/probe", fmt.Sprint("exit ", code))})
			if o.code != code || o.signal != 0 || o.stderr != "" {
				t.Errorf("exit %d: %+v", code, o)
			}
		})
	})
}

// each runs f for 0 to n-1, a few at a time.
func each(n int, f func(i int)) {
	var wg sync.WaitGroup
	next := make(chan int)
	for range 4 {
		wg.Go(func() {
			for i := range next {
				f(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
}

// ignored reports whether the suite was started with a signal ignored: posix_spawn(3)
// of the GNU C library, which make uses, leaves its own signals 32 and 33 so.
func ignored(t *testing.T, sig int) bool {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(status), "\nSigIgn:\t")
	mask, _, _ := strings.Cut(after, "\n")
	set, err := strconv.ParseUint(mask, 16, 64)
	if err != nil {
		t.Fatal(err)
	}
	return set>>(sig-1)&1 != 0
}

// TestExitSignals protects the same for every signal that ends a process.
func TestExitSignals(t *testing.T) {
	harmless := map[int]bool{int(unix.SIGCHLD): true, int(unix.SIGCONT): true, int(unix.SIGURG): true, int(unix.SIGWINCH): true,
		int(unix.SIGSTOP): true, int(unix.SIGTSTP): true, int(unix.SIGTTIN): true, int(unix.SIGTTOU): true}
	forUsers(t, func(t *testing.T, b *box) {
		each(65, func(sig int) {
			if sig == 0 || harmless[sig] {
				return
			}
			o := b.do(command{args: append(runArgs(), "sh", "-c", fmt.Sprintf("kill -%d $$; exit 1", sig))})
			want := 128 + sig
			if ignored(t, sig) {
				want = 1 // and stays ignored
			}
			if o.code != want || o.signal != 0 || o.stdout != "" {
				t.Errorf("signal %d: %+v", sig, o)
			}
		})
		for _, sig := range []int{4, 6, 7, 8, 11} {
			if !b.mayUse("landlock") {
				break
			}
			o := b.do(command{args: append(runArgs("-p", "landlock"), binDir+"/probe", fmt.Sprint("die ", sig))})
			if o.code != 128+sig {
				t.Errorf("landlock, signal %d: %+v", sig, o)
			}
		}
	})
}

// TestCommandErrors protects the meaning of 125, 126 and 127.
func TestCommandErrors(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		script := b.file(b.work+"/lichen-script", "#!/nonexistent/interpreter\n")
		b.check(os.Chmod(script, 0o755))
		plain := b.file(b.work+"/lichen-plain", "echo hello\n")
		binary := b.file(b.work+"/garbage", "\x7fELF garbage")
		b.check(os.Chmod(binary, 0o755))
		for _, c := range []struct {
			command string
			code    int
		}{
			{"/nonexistent/x", 127}, {"no-such-command", 127}, {script, 127}, {plain, 126}, {binary, 126},
			{b.work, 126}, {plain + "/x", 127}, {b.outside + "/x", 127},
		} {
			for _, profile := range []string{"default", "landlock"} {
				if !b.mayUse(profile) {
					continue
				}
				o := b.lichen("run", "-p", profile, "--", c.command)
				b.fails(o, c.code, c.command)
			}
		}
		// A directory of PATH has it, but not executable.
		o := b.lichen("run", "--env", "PATH="+b.work+":/usr/bin", "--", "lichen-plain")
		b.fails(o, 126, "lichen-plain")
		o = b.lichen("run", "--env", "PATH=.:/usr/bin", "--", "lichen-script")
		b.fails(o, 127, "lichen-script")
		b.fails(b.lichen("run"), 125, "command", "hint:")
		b.fails(b.lichen("run", "--", ""), 125)
		b.fails(b.lichen(), 125)
		b.fails(b.lichen("nonsense"), 125, "nonsense")
		b.fails(b.lichen("run", "--nonsense", "--", "true"), 125, "nonsense")
	})
}

// TestStatusLines protects programs that drive lichen: every line is JSON, in
// order, and says how it ended.
func TestStatusLines(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		for _, c := range []struct {
			args   []string
			events string
			has    string
		}{
			{[]string{"--", "sh", "-c", "exit 3"}, "started exited", `"status":3`},
			{[]string{"--", "sh", "-c", "kill -9 $$"}, "started exited", `"signal":9`},
			{[]string{"--timeout", "TIME", "--", "sleep", "60"}, "started exited", `"timed_out":true`},
			{[]string{"--", "/nonexistent"}, "failed", `"not_found"`},
			{[]string{"--ro", "/nonexistent", "--", "true"}, "failed", `"profile"`},
			{[]string{"--", "sh", "-c", "echo forged >&3"}, "started exited", `"status":2`},
		} {
			var text string
			patiently(50*time.Millisecond, func(timeout string) bool {
				args := strings.Split(strings.ReplaceAll(strings.Join(c.args, "\n"), "TIME", timeout), "\n")
				text = b.statusLines(args)
				return c.args[0] != "--timeout" || strings.Contains(text, `"started"`)
			})
			var events []string
			for line := range strings.Lines(text) {
				var e map[string]any
				if err := json.Unmarshal([]byte(line), &e); err != nil {
					t.Errorf("%v: %v in %q", c.args, err, line)
				}
				events = append(events, fmt.Sprint(e["event"]))
			}
			if got := strings.Join(events, " "); got != c.events || !strings.Contains(text, c.has) {
				t.Errorf("%v: %q, want %q with %s: %s", c.args, got, c.events, c.has, text)
			}
		}
	})
}

// statusLines returns what a run writes to its status descriptor.
func (b *box) statusLines(args []string) string {
	b.t.Helper()
	r, w, err := os.Pipe()
	b.check(err)
	b.do(command{args: append(lichenArgs("run", "--status-fd", "3"), args...), extra: []*os.File{w}})
	w.Close()
	buf := make([]byte, 64<<10)
	n, _ := r.Read(buf)
	r.Close()
	return string(buf[:n])
}

// TestStatusReaderGone protects the payload from a reader that does not read.
func TestStatusReaderGone(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		r, w, err := os.Pipe()
		b.check(err)
		r.Close()
		o := b.do(command{args: lichenArgs("run", "--status-fd", "3", "--", "sh", "-c", "exit 6"), extra: []*os.File{w}})
		w.Close()
		if o.code != 6 {
			t.Errorf("a closed reader: %+v", o)
		}
		full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
		b.check(err)
		o = b.do(command{args: lichenArgs("run", "--status-fd", "3", "--", "sh", "-c", "exit 6"), extra: []*os.File{full}})
		full.Close()
		if o.code != 6 {
			t.Errorf("a full device: %+v", o)
		}
		b.fails(b.lichen("run", "--status-fd", "9", "--", "true"), 125, "descriptor 9", "hint:")
	})
}

// TestKilledFromOutside protects the report when somebody kills the payload,
// or PID 1.
func TestKilledFromOutside(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		for _, victim := range []string{"payload_pid", "pid"} {
			r, w, err := os.Pipe()
			b.check(err)
			p := b.start(command{args: append(lichenArgs("run", "--status-fd", "3", "--"), "sleep", "60"), extra: []*os.File{w}})
			w.Close()
			var e map[string]any
			b.check(json.NewDecoder(r).Decode(&e))
			r.Close()
			pid, ok := e[victim].(float64)
			if !ok {
				t.Fatalf("no %s in %v", victim, e)
			}
			b.check(unix.Kill(int(pid), unix.SIGKILL))
			if o := p.wait(); o.code != 137 {
				t.Errorf("%s killed: %+v", victim, o)
			}
		}
	})
}

// TestCommandOutside protects the hint for a command that exists and is not
// granted: it must not look like a misspelt one.
func TestCommandOutside(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		tool := b.file(b.outside+"/tool", "#!/bin/sh\nexit 5\n")
		b.check(os.Chmod(tool, 0o755))
		b.fails(b.lichen("run", "--", tool), 127, tool, "hint:", "--ro "+tool)
		if o := b.lichen("run", "--ro", tool, "--", tool); o.code != 5 {
			t.Errorf("granted: %+v", o)
		}
		if o := b.lichen("run", "--", b.outside+"/none"); o.code != 127 || strings.Contains(o.stderr, "hint:") {
			t.Errorf("missing everywhere: %+v", o)
		}
	})
}
