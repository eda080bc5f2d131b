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

// TestOwnTerminal protects P6 with --pty: the payload has a terminal of the
// sandbox's, by every name, and no way to the caller's.
func TestOwnTerminal(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		probes := []string{"readlink /proc/self/fd/0", "isatty 0", "ctty", "list /dev/pts",
			"open /dev/pts/0", "openpty"}
		for _, r := range injections {
			probes = append(probes, "ioctl 0 "+r, "ttyioctl "+r)
		}
		for name, options := range map[string][]string{"default": {"--pty"}, "nested": {"--pty", "--nested"}, "build": {"--pty", "-p", "build"}} {
			if !b.mayUse(options...) {
				continue
			}
			o, slave := b.onTerminal(probeArgs(options, probes...))
			if o.code != 0 {
				t.Errorf("%s: status %d %s", name, o.code, o.stderr)
				continue
			}
			for probe, a := range parseAnswers(t, o.stdout) {
				want := "ok"
				if strings.Contains(probe, "ioctl ") {
					want = "EPERM"
				}
				b.expect(name, a, want)
			}
			in := parseAnswers(t, o.stdout)
			if in["readlink /proc/self/fd/0"].Out != "/dev/pts/0" || in["list /dev/pts"].Out != "0 ptmx" {
				t.Errorf("%s: the terminal is %+v of %+v", name, in["readlink /proc/self/fd/0"], in["list /dev/pts"])
			}
			if n, err := unix.IoctlGetInt(int(slave.Fd()), unix.TIOCINQ); err != nil || n != 0 {
				t.Errorf("%s: %d characters wait in the caller's terminal, %v", name, n, err)
			}
		}
	})
}

// TestOwnTerminalIsRefused protects P10: where there can be none, nothing starts.
func TestOwnTerminalIsRefused(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		bare := b.profile("version = 1\n[process]\npty = true\n[fs]\nro = ['/usr', '/bin?', '/lib?', '/lib64?']\n[seccomp]\nmode = 'off'\n[landlock]\nmode = 'off'\n")
		b.fails(b.lichen("run", "-p", bare, "--", "true"), 125, "process.pty", "/dev/pts", "hint:")
		if b.mayUse("landlock") {
			b.fails(b.lichen("run", "-p", "landlock", "--pty", "--", "true"), 125, "process.pty", "hint:")
		}
	})
}

// TestRestored protects the caller's terminal: however a payload ends, the
// settings are what they were.
func TestRestored(t *testing.T) {
	atConsole(t, func(b *box, c *console) {
		before := c.settings()
		ready := func(command string) int {
			c.run(command)
			c.expect("\r\n")
			c.expect("ready")
			c.isRaw(true)
			return c.lichen()
		}
		same := func(how, status string) {
			c.ends(status)
			if after := c.settings(); after != before {
				t.Errorf("%s: settings %s became %s", how, before, after)
			}
		}
		ready("$LPTY sh -c 'echo ready; read x; exit 3'")
		c.keys("\n")
		same("exit", "3")
		ready("$LPTY sh -c 'echo ready; read x; kill -9 $$'")
		c.keys("\n")
		same("SIGKILL of the payload", "137")
		ready("$LPTY sh -c 'stty raw -echo; echo ready; read x; kill -9 $$'")
		c.keys("\n")
		same("a payload that has a terminal of other settings", "137")
		ready("$LPTY sh -c 'echo ready; read x'")
		c.keys("\x03")
		same("^C", "130")
		for _, s := range []struct {
			signal syscall.Signal
			status string
		}{{unix.SIGTERM, "143"}, {unix.SIGHUP, "129"}, {unix.SIGINT, "130"}} {
			b.check(unix.Kill(ready("$LPTY sh -c 'echo ready; exec sleep 100'"), s.signal))
			same(s.signal.String(), s.status)
		}
		ready(strings.Join(runArgs("--pty", "--timeout", "3s"), " ") + " sh -c 'echo ready; exec sleep 100'")
		same("timeout", "124")
		c.run("$LPTY /nonexistent/x")
		same("a command that is not there", "127")
	})
}

// TestStoppedOutside protects the same for a stop from outside: the shell gets its
// terminal, and fg makes it the payload's again.
func TestStoppedOutside(t *testing.T) {
	atConsole(t, func(b *box, c *console) {
		before := c.settings()
		for _, s := range []syscall.Signal{unix.SIGTSTP, unix.SIGSTOP} {
			c.run("$LPTY sh -c 'trap \"stty size\" WINCH; echo ready; read x; echo got $x; read x; echo and $x'")
			c.expect("\r\n")
			c.expect("ready")
			c.isRaw(true)
			b.check(unix.Kill(c.lichen(), s))
			c.expect("Stopped")
			c.expect(prompt)
			if s == unix.SIGTSTP {
				if after := c.settings(); after != before {
					t.Errorf("%v: settings %s became %s", s, before, after)
				}
			}
			c.run("fg")
			c.isRaw(true)
			c.keys("this\n")
			c.expect("got this\r\n")
			c.keys("that\n")
			c.expect("and that\r\n")
			c.ends("0")
			if after := c.settings(); after != before {
				t.Errorf("%v: settings %s became %s", s, before, after)
			}
		}
	})
}

// TestOwnTerminalInBackground protects a job that is sent to the background: it
// goes on, leaves the shell's terminal and its input alone, and takes both when it
// comes to the foreground.
func TestOwnTerminalInBackground(t *testing.T) {
	atConsole(t, func(b *box, c *console) {
		before := c.settings()
		c.run("$LPTY sh -c 'echo rea''dy; read x; echo got $x' &")
		c.expect("ready\r")
		c.run("echo o''ther")
		c.expect("other\r\n")
		if during := c.settings(); during != before {
			t.Errorf("in the background, settings %s became %s", before, during)
		}
		c.run("fg")
		c.isRaw(true)
		c.keys("this\n")
		c.expect("got this\r\n")
		c.ends("0")
		if after := c.settings(); after != before {
			t.Errorf("settings %s became %s", before, after)
		}
	})
}

// TestOwnTerminalJobControl protects a shell inside: ^Z and ^C are its own, and
// those of the caller's shell are left alone.
func TestOwnTerminalJobControl(t *testing.T) {
	atConsole(t, func(b *box, c *console) {
		// It begins with the caller's settings.
		c.run("stty erase ^H; $LPTY stty -a")
		c.expect("erase = ^H;")
		c.ends("0")
		c.run("$LPTY env PS1='inside> ' bash --norc --noprofile --noediting -i")
		c.expect("\r\n")
		c.expect("inside> ")
		c.run("cat")
		c.expect("cat\r\n")
		c.keys("one\n")
		c.expect("one\r\none\r\n")
		c.keys("\x1a")
		c.expect("Stopped")
		c.expect("inside> ")
		b.until("cat is stopped", func() bool { // see console.suspend
			names, err := os.ReadDir("/proc")
			b.check(err)
			return slices.ContainsFunc(names, func(n os.DirEntry) bool {
				stat, _ := os.ReadFile("/proc/" + n.Name() + "/stat")
				return strings.Contains(string(stat), " (cat) T ")
			})
		})
		c.run("fg")
		c.expect("cat\r\n")
		c.keys("two\n")
		c.expect("two\r\ntwo\r\n")
		c.keys("\x03")
		c.expect("inside> ")
		c.keys("exit 9\n")
		c.ends("9")
		// With standard output in a pipeline, the keyboard is still the terminal.
		c.run("$LPTY sh -c 'stty -echo; echo rea''dy >&2; cat' | cat")
		c.expect("ready\r")
		c.isRaw(true)
		c.keys("one\n")
		c.expect("one\r\n")
		c.keys("\x03")
		c.ends("130 0")
		// And with standard input in one, a pager reads keys from there.
		c.run("echo from pipe | $LPTY sh -c 'read a; read b </dev/tty; read c <&2; echo $a, $b, $c'")
		c.expect("\r\n")
		c.isRaw(true)
		c.keys("key\nboard\n")
		c.expect("from pipe, key, board\r\n")
		c.ends("0 0")
	})
}

// TestOwnTerminalBesideFiles protects pipes and files beside a terminal: their
// bytes are exact.
func TestOwnTerminalBesideFiles(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		var every strings.Builder
		for i := range 1 << 16 {
			every.WriteByte(byte(i))
			every.WriteByte(byte(i >> 8))
		}
		b.file(b.work+"/in", every.String())
		c := newConsole(b)
		c.run("cat in | $LPTY cat | cmp - in")
		c.ends("0 0 0")
		c.run("cat in | $LPTY sh -c 'test -t 2 && cat' >" + b.ctl + "/out")
		c.ends("0 0")
		if got := readFile(b, b.ctl+"/out"); got != every.String() {
			t.Errorf("%d bytes came out of %d", len(got), every.Len())
		}
		c.run("$LPTY sh -c 'test -t 0 && test ! -t 1 && echo exact; echo err >&2' >" + b.ctl + "/out 2>/dev/null")
		c.ends("0")
		if got := readFile(b, b.ctl+"/out"); got != "exact\n" {
			t.Errorf("out has %q", got)
		}
	})
}

// TestOwnTerminalWithoutOne protects builds and cron jobs: where the caller has no
// terminal, there is one inside, and the end of standard input is passed on.
func TestOwnTerminalWithoutOne(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		for text, want := range map[string]string{
			"":               "",
			"hello\n":        "hello\r\nhello\r\n",
			"no line":        "no lineno line",
			"one\ntwo\n":     "one\r\ntwo\r\none\r\ntwo\r\n",
			"one\n\ntwo":     "",
			"kept: \x16\x03": "",
		} {
			o := b.do(command{args: append(runArgs("--pty"), "sh", "-c", "test -t 0 && test -t 1 && test -t 2 && cat; exit 4"), stdin: b.pipeWith(text)})
			if o.code != 4 || want != "" && o.stdout != want || o.stderr != "" {
				t.Errorf("%q: %+v", text, o)
			}
		}
		// A reader that is gone takes the terminal away, which ends most programs.
		r, w, err := os.Pipe()
		b.check(err)
		r.Close()
		o := b.do(command{args: append(runArgs("--pty"), "yes"), stdout: w})
		w.Close()
		if o.code != 128+int(unix.SIGHUP) && o.code != 1 {
			t.Errorf("yes: %+v", o)
		}
		// What goes through the terminal counts.
		o = b.do(command{args: append(runArgs("--pty", "--limit", "output=1000"), "yes")})
		if o.code != 137 || len(o.stdout) != 1000 {
			t.Errorf("%d bytes, status %d %s", len(o.stdout), o.code, o.stderr)
		}
		// All that is written before the end comes out, however it ends.
		o = b.do(command{args: append(runArgs("--pty"), "sh", "-c", "seq 100000; kill -9 $$")})
		if lines := strings.Count(o.stdout, "\r\n"); o.code != 137 || lines != 100000 || !strings.HasSuffix(o.stdout, "\r\n100000\r\n") {
			t.Errorf("%d lines, status %d %s", lines, o.code, o.stderr)
		}
	})
}

// pipeWith returns the reading end of a pipe with a short text in it.
func (b *box) pipeWith(text string) *os.File {
	b.t.Helper()
	r, w, err := os.Pipe()
	b.check(err)
	_, err = fmt.Fprint(w, text)
	b.check(err)
	w.Close()
	b.t.Cleanup(func() { r.Close() })
	return r
}
