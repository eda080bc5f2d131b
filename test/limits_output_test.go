package test

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestOutputLimit protects who collects what a program prints: as many bytes
// arrive as the limit says, none more, and the verdict names it.
func TestOutputLimit(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		for _, c := range []struct {
			limit, script  string
			code           int
			stdout, stderr int // bytes; stderr without lichen's own
		}{
			{"10", "echo 123456789; exit 4", 4, 10, 0},
			{"10", "echo 123456789 >&2; exit 4", 4, 0, 10},
			{"10", "echo 123456789; echo; exit 4", 137, 10, 0},
			{"10", "echo 1234; echo 1234 >&2; exit 4", 4, 5, 5},
			{"100K", "yes", 137, 100 << 10, 0},
			{"100K", "yes >&2", 137, 0, 100 << 10},
			{"100K", "yes & yes & yes & wait", 137, 100 << 10, 0},
			{"1M", "head -c 1048576 /dev/zero", 0, 1 << 20, 0},
			{"1M", "head -c 1048577 /dev/zero; sleep 60", 137, 1 << 20, 0},
		} {
			for _, profile := range []string{"default", "landlock"} {
				if !b.mayUse(profile) {
					continue
				}
				// Two pipes: the box gives each stream its own.
				o := b.do(command{args: append(lichenArgs("run", "-p", profile, "--limit", "output="+c.limit, "--"), "sh", "-c", c.script)})
				said, _, exceeded := strings.Cut(o.stderr, "lichen: ")
				if o.code != c.code || len(o.stdout) != c.stdout || len(said) != c.stderr {
					t.Errorf("%s, %q: status %d, %d and %d bytes, %.200q", profile, c.script, o.code, len(o.stdout), len(said), o.stderr)
				}
				if exceeded != (c.code == 137) || exceeded && !strings.Contains(o.stderr, "run sh: it wrote more than limits.output = ") {
					t.Errorf("%s, %q: %.200q", profile, c.script, o.stderr)
				}
			}
		}
	})
}

// TestOutputLimitIsShared: the limit holds for both streams together, and for
// whatever the program has started.
func TestOutputLimitIsShared(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		o := b.do(command{args: append(lichenArgs("run", "--limit", "output=200000", "--"), "sh", "-c", "yes & yes >&2 & yes & wait")})
		said, line, _ := strings.Cut(o.stderr, "lichen: ")
		if o.code != 137 || len(o.stdout)+len(said) != 200_000 || strings.Count(line, "\n") != 1 {
			t.Errorf("status %d, %d and %d bytes, %q", o.code, len(o.stdout), len(said), line)
		}
		o = b.do(command{args: lichenArgs("run", "--linger", "--limit", "output=1000", "--", "sh", "-c", "(sleep 0.2; yes) & exit 0")})
		if o.code != 137 || len(o.stdout) != 1000 {
			t.Errorf("what lingers: status %d, %d bytes", o.code, len(o.stdout))
		}
		b.noProcesses()
	})
}

// TestOutputOrder: where both streams are one, so they are for the program.
func TestOutputOrder(t *testing.T) {
	const script = "i=0; while [ $i -lt 500 ]; do echo o$i; echo e$i >&2; i=$((i+1)); done"
	var want strings.Builder
	for i := range 500 {
		fmt.Fprintf(&want, "o%d\ne%d\n", i, i)
	}
	forUsers(t, func(t *testing.T, b *box) {
		args := lichenArgs("run", "--limit", "output=100K", "--", "sh", "-c", script)
		for _, how := range []string{`"$@" 2>&1`, `"$@" >OUT 2>&1; cat OUT`, `"$@" >>OUT 2>>OUT; cat OUT`} {
			file := b.file(b.dir+"/out", "")
			o := b.do(command{args: append([]string{"sh", "-c", strings.ReplaceAll(how, "OUT", file), "sh"}, args...)})
			if o.stdout != want.String() {
				t.Errorf("%s: %.100q … %.100s", how, o.stdout, o.stderr)
			}
		}
		// What the program has open are pipes, nothing of the caller's.
		file := b.file(b.dir+"/secret", "")
		o := b.do(command{args: []string{"sh", "-c", `"$@" >` + file, "sh", binDir + "/lichen", "run", "--limit", "output=1K", "--", "sh", "-c", "readlink /proc/self/fd/1"}})
		if got := readFile(b, file); o.code != 0 || !strings.HasPrefix(got, "pipe:") {
			t.Errorf("%+v %q", o, got)
		}
	})
}

// TestOutputReaders: a reader that goes away, that is slow, or that there is none.
func TestOutputReaders(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		sh := func(script string) output {
			return b.do(command{args: append([]string{"sh", "-c", script, "sh"}, lichenArgs("run", "--limit", "output=100G", "--")...)})
		}
		// SIGPIPE, as without a sandbox; trapped, it is an error of write(2).
		o := sh(`{ "$@" yes; echo $? >&2; } | head -c 100000 | wc -c`)
		if o.stdout != "100000\n" || o.stderr != "141\n" {
			t.Errorf("head: %+v", o)
		}
		o = sh(`{ "$@" sh -c 'trap "" PIPE; while echo x 2>/dev/null; do :; done; exit 9'; echo $? >&2; } | head -c 10 | wc -c`)
		if o.stdout != "10\n" || o.stderr != "9\n" {
			t.Errorf("SIGPIPE ignored: %+v", o)
		}
		o = sh(`{ "$@" sh -c 'while echo x; do sleep 0.1; done'; echo $? >&2; } | head -n 1`)
		if o.stdout != "x\n" || o.stderr != "141\n" {
			t.Errorf("head -n 1: %+v", o)
		}
		o = sh(`"$@" head -c 3000000 /dev/zero | { sleep 1; wc -c; }`)
		if o.stdout != "3000000\n" {
			t.Errorf("a slow reader: %+v", o)
		}
		for _, closed := range []string{">&-", "2>&-", ">&- 2>&-"} {
			if o = sh(`"$@" sh -c 'echo x; echo y >&2; exit 7' ` + closed); o.code != 7 {
				t.Errorf("%s: %+v", closed, o)
			}
		}
		if o = sh(`"$@" sh -c 'trap "" PIPE; echo x; sleep 0.3; echo y 2>/dev/null; exit 8' >/dev/full`); o.code != 8 || !strings.Contains(o.stderr, "no space left") {
			t.Errorf("a full device: %+v", o)
		}
	})
}

// TestOutputElsewhere protects the limit from descriptor 0: a terminal is mostly
// open for both.
func TestOutputElsewhere(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		_, slave := newTerminal(b)
		b.check(os.Chown(slave.Name(), b.user.uid, -1))
		args := lichenArgs("run", "--limit", "output=1M", "--", "sh", "-c", "echo x >&0")
		o := b.do(command{args: args, stdin: slave})
		b.fails(o, 125, "limits.output", "descriptor 0", "hint:")
		null, err := os.OpenFile("/dev/null", os.O_RDWR, 0)
		b.check(err)
		defer null.Close()
		if o = b.do(command{args: args, stdin: null}); o.code != 0 {
			t.Errorf("/dev/null: %+v", o)
		}
	})
}

// TestOutputOfTerminal: with a terminal of its own, what the program writes there
// counts, and what it writes beside it.
func TestOutputOfTerminal(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		args := lichenArgs("run", "--pty", "--limit", "output=1000", "--", "sh", "-c")
		if o := b.do(command{args: append(args, "yes")}); o.code != 137 || len(o.stdout) != 1000 || !strings.Contains(o.stderr, "limits.output") {
			t.Errorf("%+v", o)
		}
		if o := b.do(command{args: append(args, "yes | head -c 500; exit 3")}); o.code != 3 || len(o.stdout) != 750 {
			t.Errorf("what the terminal makes of it counts: %d %+v", len(o.stdout), o)
		}
		_, slave := newTerminal(b)
		b.check(os.Chown(slave.Name(), b.user.uid, -1))
		o := b.do(command{args: append(args, "test -t 0 && yes >&2"), stdin: slave})
		if said, _, _ := strings.Cut(o.stderr, "lichen: "); o.code != 137 || len(said) != 1000 {
			t.Errorf("beside the terminal: %d bytes, %+v", len(said), o)
		}
	})
}

// TestOutputByTheTerminal: the caller's terminal is no way around the limit.
func TestOutputByTheTerminal(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		c := newConsole(b)
		c.run("$L sh -c 'echo got-$((2+2)) >/dev/tty' </dev/null")
		c.expect("got-4")
		c.run(strings.Join(runArgs("--limit", "output=100"), " ") + " sh -c 'echo got-$((3+3)) >/dev/tty; echo st$((4+4))' </dev/null")
		if before := c.expect("st8"); strings.Contains(before, "got-6") {
			t.Errorf("%q", before)
		}
	})
}

// TestOutputProfile: the line of the profile is named.
func TestOutputProfile(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		path := b.profile("version = 1\nextends = ['default']\n[limits]\noutput = '1K'\n")
		o := b.do(command{args: lichenArgs("run", "-p", path, "--", "yes")})
		if o.code != 137 || len(o.stdout) != 1024 || o.stderr != "lichen: run yes: it wrote more than limits.output = 1024 bytes ("+path+":4)\n" {
			t.Errorf("status %d, %d bytes, %q", o.code, len(o.stdout), o.stderr)
		}
		b.fails(b.lichen("run", "--limit", "output=0", "--", "true"), 125, "limits.output", "hint:")
		if o = b.lichen("run", "-p", path, "--remove", "limits.output", "--", "head", "-c", "2000", "/dev/zero"); o.code != 0 || len(o.stdout) != 2000 {
			t.Errorf("without the limit: %d bytes, %+v", len(o.stdout), o.stderr)
		}
		o = b.lichen("plan", "-p", path, "--", "yes")
		for _, line := range []string{"dup3($stdout, 1, 0)", "dup3($stderr, 2, 0)"} {
			if !strings.Contains(o.stdout, line) {
				t.Errorf("the plan has no %q", line)
			}
		}
	})
}
