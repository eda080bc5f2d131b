package test

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestNotifyAtTheEnd: a message right before the payload's end arrives, and is not
// lost with the sandbox.
func TestNotifyAtTheEnd(t *testing.T) {
	python := pythonInside(t)
	forUsers(t, func(t *testing.T, b *box) {
		n := notifySocket(b, b.dir+"/notify")
		for range 10 {
			p := n.service(nil, nil, python, "-Sc", `import os, socket
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
for i in range(5): s.sendto(b'STATUS=%d' % i, os.environ['NOTIFY_SOCKET'])
os.kill(os.getpid(), 9)`)
			if o := p.wait(); o.code != 128+9 {
				t.Fatalf("%+v", o)
			}
			for i := range 5 {
				m, ok := n.within(0)
				if !ok || m.text != "STATUS="+strconv.Itoa(i)+"\n" {
					t.Fatalf("message %d: %+v", i, m)
				}
			}
		}
	})
}

// flood sends what it can, without end and as fast as it can: text of all kinds,
// descriptors by the hundred, from many processes.
const flood = `
import array, os, random, socket
for i in range(3):
    if os.fork() == 0: break
r, w = os.pipe()
fds = array.array('i', [r] * 253)
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.connect(os.environ['NOTIFY_SOCKET'])
print('ready', flush=True)
while True:
    text = random.choice([b'', b'\n', b'=', b'\0', os.urandom(4000), b'STATUS=' + b'a' * 4000, b'A' * 60000, b'MAINPID=1\n' * 400, b'BARRIER=1', b'FDSTORE=1', b'READY=1'])
    try: s.sendmsg([text], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)] if random.random() < 0.5 else [])
    except OSError: pass
`

// TestNotifyFlood: a payload that floods a manager which does not read neither makes
// the launcher grow, nor keeps it from ending in time; where the manager reads, what
// it gets is well-formed.
func TestNotifyFlood(t *testing.T) {
	python := pythonInside(t)
	forUsers(t, func(t *testing.T, b *box) {
		for _, reads := range []bool{false, true} {
			n := notifySocket(b, b.dir+"/notify"+strconv.FormatBool(reads))
			p := n.service(nil, nil, python, "-Sc", flood)
			pid := p.cmd.Process.Pid
			for range 3 {
				p.line()
			}
			got := 0
			begin := time.Now()
			for time.Since(begin) < 500*time.Millisecond || reads && got < 10 && time.Since(begin) < deadline {
				if !reads {
					time.Sleep(100 * time.Millisecond)
				} else if m, ok := n.within(10 * time.Millisecond); ok {
					got++
					if m.pid != pid || len(m.text) > 4096 || !strings.HasSuffix(m.text, "\n") || len(m.fds) > 0 && !strings.Contains(m.text, "BARRIER=1\n") && !strings.Contains(m.text, "FDSTORE=1\n") {
						t.Errorf("%q with %d descriptors", m.text, len(m.fds))
					}
					m.close()
				}
			}
			proc := "/proc/" + strconv.Itoa(pid)
			if rss := peakMemory(b, proc); rss > 64<<10 {
				t.Errorf("the launcher has %d KiB", rss)
			}
			if fds, err := os.ReadDir(proc + "/fd"); err != nil || len(fds) > 253+32 {
				t.Errorf("the launcher has %d descriptors, %v", len(fds), err)
			}
			begin = time.Now()
			b.check(p.cmd.Process.Signal(unix.SIGTERM))
			o := p.wait()
			if took := time.Since(begin); o.signal != unix.SIGTERM || took > deadline/2 {
				t.Errorf("reads %v: %+v after %v", reads, o, took)
			}
			if reads && got < 10 {
				t.Errorf("only %d messages arrived", got)
			}
		}
	})
}

// peakMemory returns VmHWM in KiB.
func peakMemory(b *box, proc string) int {
	b.t.Helper()
	_, rest, _ := strings.Cut(readFile(b, proc+"/status"), "VmHWM:")
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		b.t.Fatal("no VmHWM")
	}
	n, err := strconv.Atoi(fields[0])
	b.check(err)
	return n
}

// TestNotifyLauncherKilled: nothing is left on the host when the launcher gets no
// chance to clean up.
func TestNotifyLauncherKilled(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		n := notifySocket(b, b.dir+"/notify")
		for range 5 {
			// Once the payload has sent something, the launcher relays.
			p := n.service(nil, nil, "sh", "-c", "systemd-notify --no-block READY=1; sleep 60")
			n.next()
			p.kill()
		}
	})
}
