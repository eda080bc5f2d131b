package test

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// notified is a service manager's end of NOTIFY_SOCKET.
type notified struct {
	b       *box
	address string
	fd      int
}

// notifySocket makes one; address begins with "@" for an abstract name.
func notifySocket(b *box, address string) *notified {
	b.t.Helper()
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	b.check(err)
	b.t.Cleanup(func() { unix.Close(fd) })
	b.check(unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PASSCRED, 1))
	b.check(unix.Bind(fd, &unix.SockaddrUnix{Name: address}))
	if address[0] != '@' {
		b.check(os.Chmod(address, 0o666))
	}
	return &notified{b, address, fd}
}

// message is what has arrived.
type message struct {
	text string
	pid  int
	fds  []int
}

func (m *message) close() {
	for _, fd := range m.fds {
		unix.Close(fd)
	}
}

// next waits for a message.
func (n *notified) next() message {
	n.b.t.Helper()
	m, ok := n.within(deadline)
	if !ok {
		n.b.t.Fatal("no message")
	}
	return m
}

func (n *notified) within(limit time.Duration) (m message, ok bool) {
	n.b.t.Helper()
	polls := []unix.PollFd{{Fd: int32(n.fd), Events: unix.POLLIN}}
	for end := time.Now().Add(limit); ; {
		ready, err := unix.Poll(polls, int(max(time.Until(end), 0).Milliseconds()))
		if ready == 1 {
			break
		}
		if err != unix.EINTR { // by a signal of the Go runtime's
			return m, false
		}
	}
	buf, control := make([]byte, 8192), make([]byte, 8192)
	size, used, _, _, err := unix.Recvmsg(n.fd, buf, control, unix.MSG_CMSG_CLOEXEC)
	n.b.check(err)
	m.text = string(buf[:size])
	parts, err := unix.ParseSocketControlMessage(control[:used])
	n.b.check(err)
	for i := range parts {
		if fds, err := unix.ParseUnixRights(&parts[i]); err == nil {
			m.fds = append(m.fds, fds...)
		} else if cred, err := unix.ParseUnixCredentials(&parts[i]); err == nil {
			m.pid = int(cred.Pid)
		}
	}
	return m, true
}

// expect takes messages until one has the text; barriers are let through, as a
// manager does.
func (n *notified) expect(text string, pid int) {
	n.b.t.Helper()
	for {
		m := n.next()
		m.close()
		if m.text == "BARRIER=1\n" {
			continue
		}
		if m.text != text || m.pid != pid || len(m.fds) != 0 {
			n.b.t.Errorf("got %q from %d with %d descriptors, want %q from %d", m.text, m.pid, len(m.fds), text, pid)
		}
		return
	}
}

// runtimeDir makes the user's runtime directory, and looks at the end whether
// anything is left in it.
func runtimeDir(b *box) string {
	b.t.Helper()
	dir := b.mkdir(b.dir + "/run")
	b.check(os.Chmod(dir, 0o700))
	b.t.Cleanup(func() {
		if left, _ := os.ReadDir(dir); slices.ContainsFunc(left, func(e os.DirEntry) bool { return strings.HasPrefix(e.Name(), "lichen-notify-") }) {
			b.t.Errorf("left in the runtime directory: %v", left)
		}
	})
	return dir
}

// service starts a command as a service of this manager.
func (n *notified) service(env []string, options []string, script ...string) *process {
	n.b.t.Helper()
	args := append(append(lichenArgs("run", "-p", "service"), options...), "--")
	dir := n.b.dir + "/run"
	if _, err := os.Stat(dir); err != nil {
		runtimeDir(n.b)
	}
	return n.b.start(command{args: append(args, script...), env: append([]string{"NOTIFY_SOCKET=" + n.address, "XDG_RUNTIME_DIR=" + dir}, env...)})
}

// TestNotify: messages of systemd-notify reach the manager as lichen's own, at a
// path and at an abstract name, and its barrier returns.
func TestNotify(t *testing.T) {
	needs(t, "systemd-notify")
	forUsers(t, func(t *testing.T, b *box) {
		for _, address := range []string{b.dir + "/notify", "@lichen-test-" + strconv.Itoa(os.Getpid()) + b.user.name} {
			n := notifySocket(b, address)
			p := n.service(nil, nil, "sh", "-c", `systemd-notify --ready --status="all is well" --pid=$$ || echo failed; echo after; systemd-notify NOTIFYACCESS=all; systemd-notify X_END=1`)
			pid := p.cmd.Process.Pid
			n.expect("READY=1\nSTATUS=all is well\nMAINPID="+strconv.Itoa(pid)+"\n", pid)
			// systemd-notify waits until the manager has closed the barrier.
			m := n.next()
			if m.text != "BARRIER=1\n" || m.pid != pid || len(m.fds) != 1 {
				t.Errorf("%+v", m)
			}
			select {
			case line := <-p.out.lines:
				t.Errorf("it went on (%q) with the barrier up", line)
			case <-time.After(100 * time.Millisecond):
			}
			m.close()
			if got := p.line(); got != "after" {
				t.Errorf("%q", got)
			}
			n.expect("X_END=1\n", pid)
			for end := time.Now().Add(deadline); time.Now().Before(end); {
				if m, ok := n.within(10 * time.Millisecond); ok {
					m.close()
				}
				if ended(pid) {
					break
				}
			}
			if o := p.wait(); o.code != 0 || o.stderr != "" {
				t.Errorf("%+v", o)
			}
		}
	})
}

// ended reports whether a child of ours is dead, and leaves it to be waited for.
func ended(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err != nil || strings.Contains(string(stat), ") Z ")
}

// TestNotifyNames: what the payload gets is a name of its own for the socket, and
// what comes of it under the other profiles.
func TestNotifyNames(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		n := notifySocket(b, b.dir+"/notify")
		const show = `env | grep -e NOTIFY -e WATCHDOG | sed "s/=$$\$/=own/" | sort; ls /run`
		o := n.service([]string{"WATCHDOG_USEC=20000000"}, nil, "sh", "-c", show).wait()
		if o.stdout != "NOTIFY_SOCKET=/run/lichen/notify\nWATCHDOG_USEC=20000000\nlichen" {
			t.Errorf("%+v", o)
		}
		if o = n.service(nil, []string{"--remove", "service.notify"}, "sh", "-c", show).wait(); o.stdout != "" {
			t.Errorf("not asked for: %+v", o)
		}
		if o = n.service(nil, []string{"--ro", "/run"}, "sh", "-c", "echo $NOTIFY_SOCKET").wait(); o.stdout != "/tmp/.lichen-notify" {
			t.Errorf("over the host's /run: %+v", o)
		}
		watched := append(lichenArgs("run", "-p", "service"), "--", "sh", "-c", show)
		env := []string{"NOTIFY_SOCKET=" + n.address, "WATCHDOG_USEC=5", "XDG_RUNTIME_DIR=" + b.dir + "/run"}
		o = b.do(command{args: append([]string{"sh", "-c", `export WATCHDOG_PID=$$; exec "$@"`, "sh"}, watched...), env: env})
		if o.stdout != "NOTIFY_SOCKET=/run/lichen/notify\nWATCHDOG_PID=own\nWATCHDOG_USEC=5\nlichen\n" {
			t.Errorf("%+v", o)
		}
		o = b.do(command{args: watched, env: append(env, "WATCHDOG_PID=1")})
		if o.stdout != "NOTIFY_SOCKET=/run/lichen/notify\nlichen\n" {
			t.Errorf("another's watchdog: %+v", o)
		}
		b.fails(b.do(command{args: watched, env: append(env, "NOTIFY_SOCKET=vsock:2:9")}), 125, "vsock", "machine")
		b.fails(b.do(command{args: watched, env: append(env, "NOTIFY_SOCKET="+b.dir+"/nobody")}), 125, "connect to NOTIFY_SOCKET", "no such file")
		if b.user.uid != 0 {
			alone := b.profile("version = 1\nextends = ['landlock']\n[service]\nnotify = true\n")
			b.fails(b.do(command{args: append(lichenArgs("run", "-p", alone), "--", "true"), env: env}), 125, "service.notify", "Landlock 9")
		}
		before, _ := os.ReadDir(b.dir + "/run")
		o = b.do(command{args: append(lichenArgs("plan", "-p", "service"), "--", "true"), env: env})
		after, _ := os.ReadDir(b.dir + "/run")
		if o.code != 0 || !strings.Contains(o.stdout, "NOTIFY_SOCKET=/run/lichen/notify") || len(after) != len(before) {
			t.Errorf("plan: %d, %s, %v", o.code, o.stderr, after)
		}
	})
}

// storeAndWait stores descriptors, does what the manager should not see, and ends at
// SIGTERM, with a message for each step.
const storeAndWait = `
import array, os, signal, socket, time
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
def notify(text, *fds):
    s.sendmsg([text.encode()], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', fds))] if fds else [], 0, os.environ['NOTIFY_SOCKET'])
def on(sig, frame):
    if sig == signal.SIGHUP:
        notify('RELOADING=1\nMONOTONIC_USEC=%d' % (time.monotonic_ns() // 1000))
        notify('READY=1')
    else:
        notify('STOPPING=1\nSTATUS=bye')
        os._exit(0)
signal.signal(signal.SIGHUP, on)
signal.signal(signal.SIGTERM, on)
m = os.memfd_create('state')
os.write(m, b'kept')
r, w = os.pipe()
notify('FDSTORE=1\nFDNAME=state', m, os.open('/', os.O_RDONLY), r, os.open('/etc/passwd', os.O_PATH))
notify('STATUS=with descriptors that do not belong to it', m, r, w)
notify('MAINPIDFD=1\nNOTIFYACCESS=all', m)
notify('FDSTOREREMOVE=1\nFDNAME=old')
notify('WATCHDOG=1')
notify('READY=1')
while True: signal.pause()
`

// TestNotifyService: a service that stores descriptors, is reloaded and stopped, as
// ExecReload= and KillMode=mixed do it, by signals to lichen alone.
func TestNotifyService(t *testing.T) {
	python := pythonInside(t)
	forUsers(t, func(t *testing.T, b *box) {
		n := notifySocket(b, b.dir+"/notify")
		p := n.service(nil, nil, python, "-c", storeAndWait)
		pid := p.cmd.Process.Pid
		m := n.next()
		if m.text != "FDSTORE=1\nFDNAME=state\n" || m.pid != pid || len(m.fds) != 2 {
			t.Fatalf("%+v", m)
		}
		buf := make([]byte, 16)
		if size, err := unix.Pread(m.fds[0], buf, 0); err != nil || string(buf[:size]) != "kept" {
			t.Errorf("what was stored says %q, %v", buf[:max(size, 0)], err)
		}
		m.close()
		for _, want := range []string{"STATUS=with descriptors that do not belong to it\n", "FDSTOREREMOVE=1\nFDNAME=old\n", "WATCHDOG=1\n", "READY=1\n"} {
			n.expect(want, pid)
		}
		b.check(p.cmd.Process.Signal(unix.SIGHUP))
		if m := n.next(); !strings.HasPrefix(m.text, "RELOADING=1\nMONOTONIC_USEC=") || m.pid != pid {
			t.Errorf("%+v", m)
		}
		n.expect("READY=1\n", pid)
		b.check(p.cmd.Process.Signal(unix.SIGTERM))
		n.expect("STOPPING=1\nSTATUS=bye\n", pid)
		if o := p.wait(); o.code != 0 || o.stderr != "" {
			t.Errorf("%+v", o)
		}
	})
}
