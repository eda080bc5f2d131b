package test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// host is what a payload would like to reach outside.
type host struct {
	tcp, udp, abstract, datagram string
	pid                          int
}

// newHost opens listeners and starts a victim of the box's user.
func newHost(b *box) host {
	b.t.Helper()
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	b.check(err)
	b.t.Cleanup(func() { tcp.Close() })
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	b.check(err)
	b.t.Cleanup(func() { udp.Close() })
	go func() { // echo
		buf := make([]byte, 64)
		for {
			n, from, err := udp.ReadFrom(buf)
			if err != nil {
				return
			}
			udp.WriteTo(buf[:n], from)
		}
	}()
	name := fmt.Sprintf("lichen-test-%d", os.Getpid())
	stream, err := net.Listen("unix", "@"+name)
	b.check(err)
	b.t.Cleanup(func() { stream.Close() })
	datagram, err := net.ListenPacket("unixgram", "@"+name+"-d")
	b.check(err)
	b.t.Cleanup(func() { datagram.Close() })
	victim := b.start(command{args: []string{binDir + "/probe", "pause"}})
	b.t.Cleanup(victim.kill)
	return host{tcp.Addr().String(), udp.LocalAddr().String(), name, name + "-d", victim.cmd.Process.Pid}
}

// TestNoNetwork protects P5: nothing of the host's network is there.
func TestNoNetwork(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		h := newHost(b)
		for _, options := range [][]string{nil, {"--nested"}, {"-p", "build"}} {
			if !b.mayUse(options...) {
				continue
			}
			b.attacks(options, []attack{
				{"dial " + h.tcp, "ECONNREFUSED ENETUNREACH", "ok"},
				{"udp " + h.udp, "ECONNREFUSED ENETUNREACH ETIMEDOUT", "ok"},
				{"abstract " + h.abstract, "ECONNREFUSED EPERM", "ok"},
				{"sendunix " + h.datagram, "ECONNREFUSED EPERM", "ok"},
				{fmt.Sprint("kill ", h.pid), "ESRCH EPERM", "ok"},
				{fmt.Sprint("pidfd ", h.pid), "ESRCH EINVAL", "ok"},
				{fmt.Sprint("prlimit ", h.pid), "ESRCH", "ok"},
				{"loopback", "ok", "ok"},
				{"netlink 0", "ok", "ok"},
				{"socket 16 3 9", "ok EPERM EPROTONOSUPPORT", ""}, // audit: of its own namespace
				{"socket 17 3", "EAFNOSUPPORT EPERM", ""},
				{"socket 40 1", "EAFNOSUPPORT EPERM", ""},
				{"socket 38 5", "EAFNOSUPPORT EPERM", ""},
				{"socket 2 3 1", "EPERM", ""},
			})
			in := b.inside(options, "ifaces")
			if got := in["ifaces"].Out; got != "lo/up|loopback|running" {
				t.Errorf("%v: interfaces %q", options, got)
			}
		}
	})
}

// TestHostNetwork protects P5 where the network is granted: abstract sockets
// and processes still are not.
func TestHostNetwork(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		h := newHost(b)
		for _, options := range [][]string{{"--net", "host"}, {"--net", "host", "--nested"}, {"-p", "service"}} {
			if !b.mayUse(options...) {
				continue
			}
			b.attacks(options, []attack{
				{"dial " + h.tcp, "ok", "ok"},
				{"udp " + h.udp, "ok", "ok"},
				{"listen 127.0.0.1:0", "ok", "ok"},
				{"abstract " + h.abstract, "EPERM", "ok"},
				{"sendunix " + h.datagram, "EPERM", "ok"},
				{fmt.Sprint("kill ", h.pid), "ESRCH", "ok"},
				{"kill -1 0", "ok EPERM ESRCH", ""},
			})
		}
		p := b.profile(fmt.Sprintf("version = 1\nextends = ['default']\n[network]\nmode = 'host'\n[landlock]\ntcp_bind = []\ntcp_connect = [%s]\n", strings.Split(h.tcp, ":")[1]))
		b.attacks([]string{"-p", p}, []attack{
			{"dial " + h.tcp, "ok", "ok"},
			{"dial 127.0.0.1:1", "EACCES", "ECONNREFUSED"},
			{"listen 127.0.0.1:0", "EACCES", "ok"},
			{"mptcp " + unused(b), "EACCES EPERM EPROTONOSUPPORT EAFNOSUPPORT", "ECONNREFUSED"},
		})
	})
}

// unused returns a port that nobody listens on.
func unused(b *box) string {
	b.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	b.check(err)
	defer l.Close()
	_, port, _ := strings.Cut(l.Addr().String(), ":")
	return port
}

// TestIPC protects P5: System V objects, POSIX queues and keys of the user are
// out of reach.
func TestIPC(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		key := fmt.Sprintf("0x%x", 0x4c430000|os.Getpid()&0xffff)
		queue := fmt.Sprintf("lichen-test-%d", os.Getpid())
		made := b.outsideProbes("shmget "+key+" 0x3b6", "msgget "+key+" 0x3b6", "semget "+key+" 0x3b6", "mqopen "+queue+" 0x40", "addkey lichen-test")
		for _, a := range made {
			b.expect("outside", a, "ok")
		}
		defer func() {
			b.outsideProbes("shmrm "+made["shmget "+key+" 0x3b6"].Out, "msgrm "+made["msgget "+key+" 0x3b6"].Out,
				"semrm "+made["semget "+key+" 0x3b6"].Out, "mqrm "+queue)
		}()
		for _, options := range [][]string{nil, {"--net", "host"}, {"-p", "landlock"}} {
			if !b.mayUse(options...) {
				continue
			}
			b.attacks(options, []attack{
				{"shmget " + key, "ENOENT EPERM ENOSYS", "ok"},
				{"msgget " + key, "ENOENT EPERM ENOSYS", "ok"},
				{"semget " + key, "ENOENT EPERM ENOSYS", "ok"},
				{"mqopen " + queue, "ENOENT EPERM EACCES ENOSYS", "ok"},
				{"mqrm " + queue, "ENOENT EPERM EACCES ENOSYS", ""},
				{"addkey x", "EPERM ENOSYS", "ok"},
				{"getkey lichen-test", "EPERM ENOSYS", "ok"},
			})
			if got := b.inside(options, "read /proc/keys")["read /proc/keys"].Out; strings.Contains(got, "lichen-test") {
				t.Errorf("%v: /proc/keys names the user's keys:\n%s", options, got)
			}
		}
	})
}

// TestUnixSocketByPath documents P5 for sockets in granted directories: where
// the path is not granted it does not exist.
func TestUnixSocketByPath(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		path := b.outside + "/s"
		l, err := net.Listen("unix", path)
		b.check(err)
		defer l.Close()
		b.check(os.Chmod(path, 0o777))
		b.attacks(nil, []attack{{"unix " + path, "ENOENT EACCES", "ok"}})
		b.fails(b.lichen("run", "--ro", path, "--", "true"), 125, path, "socket", "hint:")
		p := b.profile("version = 1\nextends = ['default']\n[[mount]]\ntype = 'bind'\nsource = '" + path + "'\ntarget = '/run/s'\noptions = ['rw', 'socket']\n")
		b.expect("granted", b.inside([]string{"-p", p}, "unix /run/s")["unix /run/s"], "ok")
		if b.mayUse("landlock") {
			b.attacks([]string{"-p", "landlock"}, []attack{{"unix " + path, "EACCES EPERM EAFNOSUPPORT", "ok"}})
		}
	})
}

// TestSignalsDoNotLeave protects P5 against a payload that signals everything.
func TestSignalsDoNotLeave(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		cmd := exec.Command("sleep", "60")
		b.check(cmd.Start())
		defer func() { cmd.Process.Kill(); cmd.Wait() }()
		for _, profile := range []string{"default", "landlock"} {
			if !b.mayUse(profile) {
				continue
			}
			o := b.do(command{args: append(runArgs("-p", profile), binDir+"/probe", "fork kill -1 9", "kill -1 15", fmt.Sprint("kill ", cmd.Process.Pid, " 9"))})
			if o.code == 0 && strings.Contains(o.stdout, fmt.Sprintf(`"kill %d 9","err":"",`, cmd.Process.Pid)) {
				t.Errorf("%s: %s", profile, o.stdout)
			}
			if err := unix.Kill(cmd.Process.Pid, 0); err != nil {
				t.Errorf("%s: the process outside: %v", profile, err)
			}
		}
	})
}

// TestProcessGroup protects P5: the payload is in the launcher's process group
// as long as it has no session of its own, and kill(0) knows no pid namespace.
func TestProcessGroup(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		off := "version = 1\nextends = ['default']\n[landlock]\nmode = 'off'\n"
		noScope := "version = 1\nextends = ['default']\n[landlock]\nscope_signal = false\n"
		for name, options := range map[string][]string{
			"default": nil, "nested": {"--nested"}, "landlock": {"-p", "landlock"}, "new session": {"--new-session"},
			"without Landlock": {"-p", b.file(b.dir+"/off.toml", off)}, "without the scope": {"-p", b.file(b.dir+"/noscope.toml", noScope)},
		} {
			if !b.mayUse(options...) {
				continue
			}
			// The shell is in the same group as lichen, and lives on.
			args := append([]string{"sh", "-c", `"$@" >/dev/null; echo survived`, "sh"}, probeArgs(options, "kill 0 12")...)
			if o := b.do(command{args: args}); o.stdout != "survived\n" {
				t.Errorf("%s: the payload reached the caller's group: %+v", name, o)
			}
		}
	})
}
