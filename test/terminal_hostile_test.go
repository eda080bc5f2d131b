package test

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// atTerminal starts a payload with a terminal of its own at one that nobody
// watches but the test.
func (b *box) atTerminal(options []string, payload ...string) (*os.File, *process) {
	b.t.Helper()
	master, slave := newTerminal(b)
	b.check(os.Chown(slave.Name(), b.user.uid, -1))
	args := append(runArgs(append([]string{"--pty"}, options...)...), payload...)
	p := &process{b: b, cmd: b.cmd(b.t.Context(), command{args: args, stdin: slave, attr: &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 0}})}
	p.cmd.Stdout, p.cmd.Stderr = slave, &p.stderr
	b.check(p.cmd.Start())
	return master, p
}

// residentKB is how much memory a process has, without what it shares with files.
func residentKB(b *box, pid int) int {
	b.t.Helper()
	for line := range strings.Lines(readFile(b, fmt.Sprintf("/proc/%d/status", pid))) {
		if f := strings.Fields(line); f[0] == "RssAnon:" {
			n, err := strconv.Atoi(f[1])
			b.check(err)
			return n
		}
	}
	b.t.Fatal("no RssAnon")
	return 0
}

// ends waits for a process and returns its exit status.
func (p *process) ends() int {
	p.b.t.Helper()
	done := make(chan struct{})
	go func() {
		p.cmd.Wait() // the status is below
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(deadline):
		p.b.t.Fatalf("%q does not end", p.cmd.Args)
	}
	ws := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if ws.Signaled() {
		return 128 + int(ws.Signal())
	}
	return ws.ExitStatus()
}

// TestFlood protects the launcher: what a payload writes and nobody reads is the
// payload's to wait for. lichen neither grows nor hangs, and ends when it is told.
func TestFlood(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		master, p := b.atTerminal(nil, "sh", "-c", "echo ready; exec yes")
		buf := make([]byte, 7)
		_, err := io.ReadFull(master, buf)
		b.check(err)
		first := residentKB(b, p.cmd.Process.Pid)
		time.Sleep(300 * time.Millisecond)
		if now := residentKB(b, p.cmd.Process.Pid); now > first+2048 {
			t.Errorf("lichen had %d kB and has %d kB", first, now)
		}
		// Keys go in, even so.
		_, err = master.Write([]byte("\x03"))
		b.check(err)
		go io.Copy(io.Discard, master) // until it is closed
		if got := p.ends(); got != 130 {
			t.Errorf("after ^C: %d", got)
		}

		master, p = b.atTerminal(nil, "yes")
		_, err = io.ReadFull(master, buf)
		b.check(err)
		b.check(p.cmd.Process.Signal(unix.SIGTERM))
		if got := p.ends(); got != 143 {
			t.Errorf("after SIGTERM: %d", got)
		}
		_, p = b.atTerminal([]string{"--timeout", "300ms"}, "yes")
		if got := p.ends(); got != 124 {
			t.Errorf("after a timeout: %d", got)
		}
	})
}

// TestTerminalMisused protects the launcher from a payload that plays with its
// terminal: lets go of it, takes it for itself, changes it, grows it.
func TestTerminalMisused(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		for script, want := range map[string]string{
			"exec <&- >&- 2>&-; sleep 0.2; echo back >/dev/pts/0":             "back",
			"(exec <&- >&- 2>&-; sleep 0.2; echo back >/dev/tty)":             "back",
			"stty rows 65535 cols 65535; stty 0; stty 38400; echo back":       "back",
			"setsid sh -c 'echo back'":                                        "back",
			"for i in $(seq 300); do stty rows $i; done; echo back; stty raw": "back",
			"echo back; exec setsid sh -c 'kill -9 -1'":                       "back",
		} {
			master, p := b.atTerminal(nil, "sh", "-c", script)
			seen := make(chan string, 1)
			go func() {
				var all []byte
				buf := make([]byte, 4096)
				for !strings.Contains(string(all), "back") {
					n, err := master.Read(buf)
					if all = append(all, buf[:n]...); err != nil {
						break
					}
				}
				seen <- string(all)
			}()
			p.ends()
			select {
			case got := <-seen:
				if !strings.Contains(got, want) {
					t.Errorf("%q shows %q", script, got)
				}
			case <-time.After(deadline):
				t.Errorf("%q shows nothing", script)
			}
		}
		// TIOCEXCL: nobody else can open it, nobody else has to.
		o, _ := b.onTerminal(probeArgs([]string{"--pty"}, "ioctl 0 0x540c", "open /dev/pts/0", "isatty 0"))
		in := parseAnswers(t, o.stdout)
		b.expect("exclusive", in["ioctl 0 0x540c"], "ok")
		b.expect("exclusive", in["open /dev/pts/0"], "EBUSY")
		if o.code != 0 {
			t.Errorf("%+v", o)
		}
	})
}

// TestTerminalHangsUp protects P7 where the caller's terminal goes away, and no signal
// says so because it does not control lichen: the payload's goes as well.
func TestTerminalHangsUp(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		for script, typed := range map[string]int{
			"echo ready; read line; sleep 600":          0,
			"stty raw; echo ready; exec sleep 600":      256 << 10, // more than fits in: lichen waits for room
			"echo ready; exec cat >/dev/null </dev/tty": 1 << 10,
		} {
			master, slave := newTerminal(b)
			b.check(os.Chown(slave.Name(), b.user.uid, -1))
			p := &process{b: b, cmd: b.cmd(b.t.Context(), command{args: append(runArgs("--pty"), "sh", "-c", script), stdin: slave})}
			p.cmd.Stdout, p.cmd.Stderr = slave, &p.stderr
			b.check(p.cmd.Start())
			b.check(slave.Close())
			_, err := io.ReadFull(master, make([]byte, len("ready")))
			b.check(err)
			fd := int(master.Fd()) // each call makes it blocking
			b.check(unix.SetNonblock(fd, true))
			for full := 0; typed > 0 && full < 20; {
				n, err := unix.Write(fd, make([]byte, min(typed, 4096)))
				if typed -= max(n, 0); err != nil {
					full++
					time.Sleep(10 * time.Millisecond)
				}
			}
			b.check(master.Close())
			if code := p.ends(); code != 128+int(syscall.SIGHUP) {
				t.Errorf("%q ends with %d", script, code)
			}
		}
	})
}

// TestTerminalsAreBounded protects other sandboxes: all terminals but the host's own
// come out of one number.
func TestTerminalsAreBounded(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		in := b.answers(command{args: probeArgs([]string{"--pty"}, "ptys")}, []string{"ptys"})
		b.expect("terminals", in["ptys"], "ENOSPC")
	})
}

// TestLauncherOfTerminalKilled protects P7 with a terminal: its end takes the
// payload along.
func TestLauncherOfTerminalKilled(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		master, p := b.atTerminal(nil, "sh", "-c", "trap '' HUP; echo ready; while :; do sleep 1; done")
		_, err := io.ReadFull(master, make([]byte, 7))
		b.check(err)
		b.check(p.cmd.Process.Kill())
		p.ends()
		if left := b.survivors(); len(left) > 0 {
			t.Errorf("left %s", strings.Join(left, "; "))
			b.noProcesses()
		}
	})
}
