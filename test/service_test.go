package test

import (
	"bufio"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// What a service manager hands over is tested with systemd's own programs, and with
// a manager of the test's own; under a real `systemd --user` in service_user_test.go.

// pythonInside finds Debian's Python: the profiles show /usr.
func pythonInside(t *testing.T) string {
	t.Helper()
	if _, err := os.Stat("/usr/bin/python3"); err != nil {
		skip(t, "no /usr/bin/python3")
	}
	return "/usr/bin/python3"
}

// connectOut is a server that is given a socket, serves one client, and then tries
// every way out of its network that a TCP socket has. It says what came of each.
const connectOut = `
import ctypes, errno, os, socket, sys
def try_(name, f):
    try:
        f()
        print(name, 'ok', flush=True)
    except OSError as e:
        print(name, errno.errorcode.get(e.errno, e), flush=True)
print('env', os.environ.get('LISTEN_PID') == str(os.getpid()), os.environ.get('LISTEN_FDS'), os.environ.get('LISTEN_FDNAMES'), flush=True)
print('interfaces', ' '.join(n for _, n in socket.if_nameindex()), flush=True)
listener = socket.socket(fileno=3)
client, _ = listener.accept()
client.sendall(client.recv(100).upper())
if len(sys.argv) > 1:
    out = ('127.0.0.1', int(sys.argv[1]))
    fastopen = 0x20000000
    libc = ctypes.CDLL(None, use_errno=True)
    def disconnect():
        if libc.connect(client.fileno(), b'\0' * 16, 16):
            raise OSError(ctypes.get_errno(), '')
    try_('a new socket', lambda: socket.create_connection(out, 5))
    try_('stop listening', lambda: listener.shutdown(socket.SHUT_RDWR))
    try_('the listener', lambda: listener.connect(out))
    try_('the listener, fast open', lambda: listener.sendto(b'x', fastopen, out))
    try_('disconnect', disconnect)
    try_('the connection', lambda: client.connect(out))
    try_('the connection, fast open', lambda: client.sendto(b'x', fastopen, out))
    try_('the connection, fast open by sendmsg', lambda: client.sendmsg([b'x'], [], fastopen, out))
    try_('bind', lambda: client.bind(('127.0.0.1', 0)))
print('end', flush=True)
`

// freePort returns a TCP port that nobody has right now.
func freePort(b *box) string {
	b.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	b.check(err)
	defer l.Close()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}

// ask sends a line to a server that may not listen yet, and returns the answer and
// the connection.
func ask(b *box, network, address string) (string, net.Conn) {
	b.t.Helper()
	return askWith(b, network, address, "hello\n")
}

func askWith(b *box, network, address, text string) (string, net.Conn) {
	b.t.Helper()
	var c net.Conn
	var err error
	for end := time.Now().Add(deadline); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if c, err = net.Dial(network, address); err == nil {
			break
		}
	}
	b.check(err)
	b.t.Cleanup(func() { c.Close() })
	b.check(c.SetDeadline(time.Now().Add(deadline)))
	_, err = io.WriteString(c, text)
	b.check(err)
	answer, err := bufio.NewReader(c).ReadString('\n')
	b.check(err)
	return answer, c
}

// TestSocketActivation: a passed socket takes connections from the host's network
// inside an empty one, and is no way out of it.
func TestSocketActivation(t *testing.T) {
	activate, python := needs(t, "systemd-socket-activate"), pythonInside(t)
	forUsers(t, func(t *testing.T, b *box) {
		target, err := net.Listen("tcp", "127.0.0.1:0")
		b.check(err)
		defer target.Close()
		reached := make(chan struct{}, 16)
		go func() {
			for {
				c, err := target.Accept()
				if err != nil {
					return
				}
				reached <- struct{}{}
				c.Close()
			}
		}()
		_, out, _ := strings.Cut(target.Addr().String(), ":")

		serve := func(network, listen, address string, args ...string) (env, said string) {
			args = append([]string{activate, "--fdname=web", "-l", listen, binDir + "/lichen", "run", "-p", "sockets", "--", python, "-c", connectOut}, args...)
			p := b.start(command{args: args})
			answer, c := ask(b, network, address)
			if answer != "HELLO\n" {
				t.Errorf("%s: %q", listen, answer)
			}
			env = p.line()
			said = p.line() + "\n"
			for line := p.line(); line != "end"; line = p.line() {
				said += line + "\n"
			}
			c.Close()
			if o := p.wait(); o.code != 0 {
				t.Errorf("%s: %+v", listen, o)
			}
			return env, said
		}
		const want = `interfaces lo
a new socket EACCES
stop listening ok
the listener EACCES
the listener, fast open ENOTSUP
disconnect ok
the connection EACCES
the connection, fast open ENOTSUP
the connection, fast open by sendmsg ENOTSUP
bind EACCES
`
		address := "127.0.0.1:" + freePort(b)
		env, said := serve("tcp", address, address, out)
		if env != "env True 1 web" || said != want {
			t.Errorf("%s\n%s\nwant\n%s", env, said, want)
		}
		path := b.dir + "/sock"
		if env, said = serve("unix", path, path); env != "env True 1 web" || said != "interfaces lo\n" {
			t.Errorf("%s\n%s", env, said)
		}
		select {
		case <-reached:
			t.Error("the payload has reached the host's network")
		default:
		}
	})
}

// TestStandardSocket: a socket of the host's network as a standard descriptor, as
// inetd has it, is no way into that network either.
func TestStandardSocket(t *testing.T) {
	python := pythonInside(t)
	const script = `
import ctypes, errno, socket, sys
s = socket.socket(fileno=int(sys.argv[1]))
print(s.recv(100).decode(), flush=True)
print(ctypes.CDLL(None).connect(s.fileno(), b'\0' * 16, 16), flush=True)
try:
    s.connect(('127.0.0.1', int(sys.argv[2])))
    print('connected')
except OSError as e:
    print(errno.errorcode[e.errno])
`
	forUsers(t, func(t *testing.T, b *box) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		b.check(err)
		defer l.Close()
		_, port, _ := strings.Cut(l.Addr().String(), ":")
		for _, c := range []struct {
			name, want string
			options    []string
			keep       bool
		}{
			{"standard input", "EACCES", nil, false}, {"kept", "EACCES", []string{"--keep-fd", "3"}, true}, {"with the network", "connected", []string{"--net", "host"}, false},
		} {
			conn, err := net.Dial("tcp", l.Addr().String())
			b.check(err)
			peer, err := l.Accept()
			b.check(err)
			_, err = io.WriteString(peer, "hello")
			b.check(err)
			f, err := conn.(*net.TCPConn).File()
			b.check(err)
			run := command{stdin: f}
			fd := "0"
			if c.keep {
				run, fd = command{extra: []*os.File{f}}, "3"
			}
			run.args = append(append(lichenArgs("run"), c.options...), "--", python, "-c", script, fd, port)
			if o := b.do(run); o.code != 0 || o.stdout != "hello\n0\n"+c.want+"\n" {
				t.Errorf("%s: %+v", c.name, o)
			}
			f.Close()
			conn.Close()
			peer.Close()
		}
	})
}
