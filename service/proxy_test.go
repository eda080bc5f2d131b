package service

import (
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// manager is a socket as a service manager has it.
type manager struct {
	t    *testing.T
	path string
	fd   int
}

func newManager(t *testing.T, path string) *manager {
	t.Helper()
	m := &manager{t, path, bound(t, path)}
	t.Cleanup(func() { unix.Close(m.fd) })
	if err := unix.SetsockoptInt(m.fd, unix.SOL_SOCKET, unix.SO_PASSCRED, 1); err != nil {
		t.Fatal(err)
	}
	return m
}

func bound(t *testing.T, path string) int {
	t.Helper()
	fd := datagram(t)
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		t.Fatal(err)
	}
	return fd
}

func datagram(t *testing.T) int {
	t.Helper()
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	return fd
}

// patient is for what happens at once unless something is broken.
const patient = 20 * time.Second

// wait polls one descriptor, through the signals of the Go runtime.
func wait(fd int, events int16, limit time.Duration) int16 {
	polls := []unix.PollFd{{Fd: int32(fd), Events: events}}
	for end := time.Now().Add(limit); ; {
		_, err := unix.Poll(polls, int(max(time.Until(end), 0).Milliseconds()))
		if err != unix.EINTR {
			return polls[0].Revents
		}
	}
}

// receive returns the next message, with its descriptors and its sender.
func (m *manager) receive() (text string, fds []int, pid int) {
	m.t.Helper()
	if wait(m.fd, unix.POLLIN, patient) == 0 {
		m.t.Fatal("no message")
	}
	buf, control := make([]byte, 8192), make([]byte, 8192)
	n, size, _, _, err := unix.Recvmsg(m.fd, buf, control, unix.MSG_CMSG_CLOEXEC)
	if err != nil {
		m.t.Fatal(err)
	}
	messages, err := unix.ParseSocketControlMessage(control[:size])
	if err != nil {
		m.t.Fatal(err)
	}
	for i := range messages {
		if passed, err := unix.ParseUnixRights(&messages[i]); err == nil {
			fds = append(fds, passed...)
		} else if cred, err := unix.ParseUnixCredentials(&messages[i]); err == nil {
			pid = int(cred.Pid)
		}
	}
	return string(buf[:n]), fds, pid
}

// started makes a proxy and a sender that is connected to it.
func started(t *testing.T, m *manager) (p *Proxy, sender int) {
	t.Helper()
	p, err := NewProxy(Address(m.path), t.TempDir(), 77)
	if err != nil {
		t.Fatal(err)
	}
	sender = datagram(t)
	t.Cleanup(func() { unix.Close(sender) })
	if err := unix.Connect(sender, &unix.SockaddrUnix{Name: p.Path()}); err != nil {
		t.Fatal(err)
	}
	dir := p.dir
	p.Start(true)
	t.Cleanup(p.Close)
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the directory is still there: %v", err)
	}
	return p, sender
}

func send(t *testing.T, fd int, text string, fds ...int) {
	t.Helper()
	if err := unix.Sendmsg(fd, []byte(text), unix.UnixRights(fds...), nil, 0); err != nil {
		t.Fatal(err)
	}
}

func openFDs(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		if target, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && !strings.Contains(target, "/proc/") {
			out = append(out, target)
		}
	}
	slices.Sort(out)
	return out
}

// TestProxy: to a socket at a path and to one of an abstract name, from the
// launcher's process, in order, with the descriptors that belong to a message and no
// others.
func TestProxy(t *testing.T) {
	for _, address := range []string{t.TempDir() + "/manager", "@lichen-proxy-" + strconv.Itoa(os.Getpid())} {
		m := newManager(t, address)
		p, sender := started(t, m)
		var pipe [2]int
		if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC); err != nil {
			t.Fatal(err)
		}
		dir, err := unix.Open("/", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		path, err := unix.Open("/etc/passwd", unix.O_PATH|unix.O_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		before := openFDs(t)
		for _, c := range []struct {
			text string
			fds  []int
			want string
			n    int
		}{
			{"READY=1\nMAINPID=2", nil, "READY=1\nMAINPID=77\n", 0},
			{"STATUS=no place for this", []int{pipe[1]}, "STATUS=no place for this\n", 0},
			{"FDSTORE=1\nFDNAME=p", []int{pipe[1], dir, pipe[0], path}, "FDSTORE=1\nFDNAME=p\n", 2},
			{"BARRIER=1", []int{pipe[1]}, "BARRIER=1\n", 1},
			{"NOTIFYACCESS=all", []int{pipe[1]}, "", 0},
			{"WATCHDOG=1", nil, "WATCHDOG=1\n", 0},
		} {
			send(t, sender, c.text, c.fds...)
			if c.want == "" {
				continue
			}
			text, fds, pid := m.receive()
			if text != c.want || len(fds) != c.n || pid != os.Getpid() {
				t.Errorf("%q: got %q, %d descriptors, from %d", c.text, text, len(fds), pid)
			}
			for _, fd := range fds {
				unix.Close(fd)
			}
		}
		p.Close()
		// Nothing is kept: with the last copy of the writing end closed, the pipe ends.
		unix.Close(pipe[1])
		if seen := wait(pipe[0], unix.POLLIN, patient); seen&unix.POLLHUP == 0 {
			t.Errorf("somebody still has the pipe: %x", seen)
		}
		unix.Close(pipe[0])
		unix.Close(dir)
		unix.Close(path)
		if after := openFDs(t); len(after) >= len(before) {
			t.Errorf("descriptors before:\n%s\nafter:\n%s", strings.Join(before, "\n"), strings.Join(after, "\n"))
		}
	}
}

// TestProxyDrains: what was sent right before the end arrives.
func TestProxyDrains(t *testing.T) {
	m := newManager(t, t.TempDir()+"/manager")
	for range 50 {
		p, sender := started(t, m)
		for _, text := range []string{"STATUS=a", "STATUS=b", "STOPPING=1"} {
			send(t, sender, text)
		}
		p.Close()
		for _, want := range []string{"STATUS=a\n", "STATUS=b\n", "STOPPING=1\n"} {
			if got, _, _ := m.receive(); got != want {
				t.Fatalf("%q, want %q", got, want)
			}
		}
	}
}

// TestProxyAndStuckManager: a manager that does not read makes the sender wait, and
// does not hold up the end.
func TestProxyAndStuckManager(t *testing.T) {
	m := newManager(t, t.TempDir()+"/manager")
	p, sender := started(t, m)
	null, err := unix.Open("/dev/null", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(null)
	many := slices.Repeat([]int{null}, 253)
	var sent int
	full := false
	for i := 0; i < 10_000 && !full; i++ {
		err := unix.Sendmsg(sender, []byte("FDSTORE=1"), unix.UnixRights(many...), nil, unix.MSG_DONTWAIT)
		switch {
		case err == nil:
			sent++
		case err == unix.EAGAIN || err == unix.ETOOMANYREFS:
			// Once more, in case the proxy was only slow.
			full = wait(sender, unix.POLLOUT, 300*time.Millisecond) == 0 || err == unix.ETOOMANYREFS
		default:
			t.Fatal(err)
		}
	}
	if !full {
		t.Errorf("%d messages, and still room", sent)
	}
	if n := len(openFDs(t)); n > 253+100 {
		t.Errorf("%d descriptors are open", n)
	}
	begin := time.Now()
	p.Close()
	if took := time.Since(begin); took > patient {
		t.Errorf("the end took %v", took)
	}
}

// TestProxyFollowsManager: a manager that has made its socket anew is found.
func TestProxyFollowsManager(t *testing.T) {
	path := t.TempDir() + "/manager"
	m := newManager(t, path)
	_, sender := started(t, m)
	send(t, sender, "READY=1")
	m.receive()
	unix.Close(m.fd)
	m.fd = -1
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	m = newManager(t, path)
	send(t, sender, "STATUS=again")
	if text, _, _ := m.receive(); text != "STATUS=again\n" {
		t.Errorf("%q", text)
	}
}

// TestProxyDrops: a message longer than the manager reads, or with more than a
// message is to have, is dropped, and the next one arrives.
func TestProxyDrops(t *testing.T) {
	m := newManager(t, t.TempDir()+"/manager")
	_, sender := started(t, m)
	send(t, sender, "READY=1\nSTATUS="+strings.Repeat("a", 2*MaxMessage))
	send(t, sender, "READY=1\nX_A="+strings.Repeat("a", MaxMessage))
	send(t, sender, "")
	send(t, sender, "\xff\xfe\x00")
	send(t, sender, "STATUS=next")
	if text, _, _ := m.receive(); text != "STATUS=next\n" {
		t.Errorf("%q", text)
	}
}

func TestNoManager(t *testing.T) {
	dir := t.TempDir()
	if _, err := NewProxy(Address(dir+"/missing"), dir, 77); err == nil || !strings.Contains(err.Error(), "connect to NOTIFY_SOCKET") {
		t.Error(err)
	}
	m := newManager(t, dir+"/manager")
	if _, err := NewProxy(Address(m.path), dir+"/missing", 77); err == nil || !strings.Contains(err.Error(), "make a directory") {
		t.Error(err)
	}
	if list, _ := os.ReadDir(dir); len(list) != 1 {
		t.Errorf("left: %v", list)
	}
}
