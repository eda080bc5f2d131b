package test

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// TestReaderTakesNothing protects P7 and the timeout from whoever shows the output: a
// terminal that is stopped (^S), a pipe that nobody reads. Neither may keep what
// writes there alive, nor lichen.
func TestReaderTakesNothing(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		_, slave := newTerminal(b)
		b.check(unix.IoctlSetInt(int(slave.Fd()), unix.TCXONC, unix.TCOOFF))
		r, full, err := os.Pipe()
		b.check(err)
		t.Cleanup(func() { r.Close(); full.Close() })
		_, err = full.Write(make([]byte, 1<<16))
		b.check(err)
		for _, c := range []struct {
			name   string
			stdout *os.File
			args   []string
			code   int
		}{
			{"output limit, stopped terminal", slave, []string{"--limit", "output=1M", "--timeout", "1s", "--kill-after", "100ms", "--", "yes"}, 124},
			{"own terminal, timeout at the end", full, []string{"--pty", "--timeout", "1s", "--", "echo", "hello"}, 124},
			{"own terminal, output limit", full, []string{"--pty", "--limit", "output=100", "--", "yes"}, 137},
			{"own terminal, killed", full, []string{"--pty", "--", "sh", "-c", "echo hello; kill -9 $$"}, 137},
		} {
			if o := b.do(command{args: append(lichenArgs("run"), c.args...), stdout: c.stdout}); o.code != c.code {
				t.Errorf("%s: %+v", c.name, o)
			}
		}
		b.noProcesses()
	})
}

// TestJoinedBehindFilter: exec tells what went wrong where the filter refuses to send.
func TestJoinedBehindFilter(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		p := b.sandbox("box", []string{"--seccomp-deny", "sendto"}, "sh", "-c", "echo ready; exec sleep 60")
		b.fails(b.listed("exec", "box", "nosuchprogram"), 127, "nosuchprogram")
		b.fails(b.listed("exec", "box", "/etc/passwd"), 126, "/etc/passwd")
		if o := b.listed("exec", "box", "true"); o.code != 0 {
			t.Errorf("%+v", o)
		}
		p.kill()
	})
}
