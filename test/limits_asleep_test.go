package test

import (
	"context"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestOutputReaderAsleep: a reader that never reads holds up a program that writes,
// and neither its timeout nor a signal to lichen.
func TestOutputReaderAsleep(t *testing.T) {
	b := newBox(t, users()[0])              // takes long, and does not depend on who asks
	const short = "head -c 50000 /dev/zero" // less than a pipe takes: it ends, and lichen waits
	stuck := func() bool { return sleeps("yes") }
	is := func(name string, o output, codes ...int) {
		if t.Helper(); !slices.Contains(codes, o.code) {
			t.Errorf("%s: %+v", name, o)
		}
	}
	is("timeout", b.unread("yes", nil, 0, "--timeout", "300ms", "--kill-after", "100ms"), 124)
	is("timeout at the end", b.unread(short, nil, 0, "--timeout", "1s"), 124)
	is("SIGTERM", b.unread("yes", stuck, 0), 143)
	// A program that was to end, and has just done so, has said how.
	is("SIGTERM at the end", b.unread(short, b.onlyLauncher, 0), 0, 143)
	o := output{}
	for after := 300 * time.Millisecond; o.code == 0 && after < deadline/4; after *= 3 {
		o = b.unread(short, b.onlyLauncher, after)
	}
	is("SIGTERM after the end", o, 143)
	b.noProcesses()
}

// unread runs a program under limits.output that nobody reads from. It sends SIGTERM to
// lichen some time after a condition holds.
func (b *box) unread(program string, when func() bool, after time.Duration, options ...string) output {
	b.t.Helper()
	r, w, err := os.Pipe()
	b.check(err)
	defer r.Close()
	defer w.Close()
	_, err = w.Write(make([]byte, 1<<16)) // full
	b.check(err)
	up := b.ctl + "/up"
	_ = os.Remove(up) // there is none at first
	ctx, cancel := context.WithTimeout(b.t.Context(), deadline)
	defer cancel()
	args := append(lichenArgs("run", "--limit", "output=1G", "--rw", b.ctl), options...)
	cmd := b.cmd(ctx, command{args: append(args, "--", "sh", "-c", "echo >"+up+"; exec "+program)})
	cmd.Stdout = w
	b.check(cmd.Start())
	if when != nil {
		b.until(program, when)
		time.Sleep(after)
		b.check(cmd.Process.Signal(syscall.SIGTERM))
	}
	err = cmd.Wait()
	if ctx.Err() != nil {
		b.t.Fatalf("%s: did not end in %v", program, deadline)
	}
	return finished(b.t, cmd, err, "", "")
}

// sleeps reports whether a program of this name is there, and runs at no time of a
// tenth of a second.
func sleeps(name string) bool {
	for range 10 {
		pid := ""
		for _, d := range descendants() {
			if p, comm, _ := strings.Cut(d, " "); comm == "("+name+")" {
				pid = p
			}
		}
		stat, err := os.ReadFile("/proc/" + pid + "/stat")
		if pid == "" || err != nil || !strings.Contains(string(stat), ") S ") {
			return false
		}
		time.Sleep(10 * time.Millisecond)
	}
	return true
}

// onlyLauncher reports whether a payload has started and nothing is left but lichen.
func (b *box) onlyLauncher() bool {
	_, err := os.Lstat(b.ctl + "/up")
	return err == nil && len(descendants()) == 1
}
