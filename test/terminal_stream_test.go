package test

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

const (
	streamOut = 100 // megabytes
	streamIn  = 4
)

// noise is what the probe "stream" writes.
func noise() io.Reader { return rand.NewChaCha8([32]byte{1}) }

func sumOf(t *testing.T, r io.Reader, n int64) string {
	t.Helper()
	sum := sha256.New()
	if _, err := io.CopyN(sum, r, n); err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// onOwnTerminal starts a payload with a terminal of its own at a terminal, of
// which the test has the other side.
func (b *box) onOwnTerminal(probes ...string) (master *os.File, p *process) {
	b.t.Helper()
	master, slave := newTerminal(b)
	b.check(os.Chown(slave.Name(), b.user.uid, -1))
	settings, err := unix.IoctlGetTermios(int(slave.Fd()), unix.TCGETS)
	b.check(err)
	settings.Lflag &^= unix.ECHO
	b.check(unix.IoctlSetTermios(int(slave.Fd()), unix.TCSETS, settings))
	cmd := b.start(command{args: probeArgs([]string{"--pty"}, probes...), stdin: slave, attr: &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 0}})
	return master, cmd
}

// TestEveryByteComesOut protects what goes through the terminal, which is more
// than a terminal holds: nothing is lost, changed or added, at the end neither.
func TestEveryByteComesOut(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		master, slave := newTerminal(b)
		b.check(os.Chown(slave.Name(), b.user.uid, -1))
		result := make(chan output, 1)
		go func() {
			result <- b.do(command{args: append(runArgs("--pty"), "sh", "-c", binDir+"/probe 'stream "+strconv.Itoa(streamOut)+"' >/dev/null"),
				stdin: slave, stdout: slave, limit: 3 * deadline, attr: &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 0}})
		}()
		const n = streamOut << 20
		got := sumOf(t, master, n)
		if want := sumOf(t, noise(), n); got != want {
			t.Error("what came out is not what was written")
		}
		if o := <-result; o.code != 0 || o.stderr != "" {
			t.Errorf("%+v", o)
		}
		if extra, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCINQ); err != nil || extra != 0 {
			t.Errorf("%d bytes more, %v", extra, err)
		}
	})
}

// TestEveryByteGoesIn protects the other direction, a large paste for example.
func TestEveryByteGoesIn(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		master, p := b.onOwnTerminal("swallow " + strconv.Itoa(streamIn))
		if got := p.line(); got != "ready" {
			t.Fatal(got)
		}
		const n = streamIn << 20
		if _, err := io.CopyN(master, noise(), n); err != nil {
			t.Fatal(err)
		}
		want := sumOf(t, noise(), n)
		if o := p.wait(); o.code != 0 || !strings.Contains(o.stdout, want) {
			t.Errorf("%+v, want %s", o, want)
		}
	})
}
