package test

import (
	"bytes"
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// newTerminal makes a pseudo terminal: the side to watch and the side for a
// program.
func newTerminal(b *box) (master, slave *os.File) {
	b.t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	b.check(err)
	b.check(unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0))
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	b.check(err)
	slave, err = os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|unix.O_NOCTTY, 0)
	b.check(err)
	b.t.Cleanup(func() { slave.Close(); master.Close() })
	return master, slave
}

// onTerminal runs a command whose controlling terminal is a new one; the
// answers come on standard output, which is none.
func (b *box) onTerminal(args []string) (output, *os.File) {
	b.t.Helper()
	_, slave := newTerminal(b)
	b.check(os.Chown(slave.Name(), b.user.uid, -1))
	return b.do(command{args: args, stdin: slave, attr: &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 0}}), slave
}

// The requests, with bits that the kernel ignores and a filter may not.
var injections = []string{"0x5412", "0x5412|0x100000000", "0x5412|0x8000000000000000", "0x541c", "0x541c|0x100000000"}

// TestTerminalInjection protects P6: nothing can be typed into the caller's
// terminal, for the shell outside to run.
func TestTerminalInjection(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		var probes []string
		for _, r := range injections {
			probes = append(probes, "ioctl 0 "+r, "ttyioctl "+r)
		}
		probes = append(probes, "isatty 0", "ctty")
		legacy := readFile(b, "/proc/sys/dev/tty/legacy_tiocsti") == "1\n"
		out, _ := b.onTerminal(append([]string{binDir + "/probe"}, "ioctl 0 0x5412", "ioctl 0 0x5412|0x100000000"))
		for _, a := range parseAnswers(t, out.stdout) {
			if legacy && a.Err != "" {
				t.Errorf("outside, %q answers %s: the probe is no good", a.Probe, a.Err)
			}
		}
		allowAll := "version = 1\nextends = ['default']\nremove = ['seccomp.allow']\n[seccomp]\ndefault = 'allow'\n"
		compat := "version = 1\nextends = ['default']\n[seccomp]\ncompat = true\n"
		for name, options := range map[string][]string{
			"default": nil, "nested": {"--nested"}, "landlock": {"-p", "landlock"}, "build": {"-p", "build"},
			"allow": {"-p", b.file(b.dir+"/allow.toml", allowAll)}, "compat": {"-p", b.file(b.dir+"/compat.toml", compat)},
		} {
			if !b.mayUse(options...) {
				continue
			}
			o, slave := b.onTerminal(probeArgs(options, probes...))
			if o.code != 0 {
				t.Errorf("%s: status %d %s", name, o.code, o.stderr)
				continue
			}
			for probe, a := range parseAnswers(t, o.stdout) {
				want := "EPERM"
				if probe == "isatty 0" || probe == "ctty" {
					want = "ok"
				}
				b.expect(name, a, want)
			}
			if n, err := unix.IoctlGetInt(int(slave.Fd()), unix.TIOCINQ); err != nil || n != 0 {
				t.Errorf("%s: %d characters wait in the terminal, %v", name, n, err)
			}
		}
		// The 32-bit entry, where the profile leaves it open.
		o, _ := b.onTerminal(probeArgs([]string{"-p", b.dir + "/compat.toml"}, "int80 54 0 0x5412", "int80 54 0 0x541c", "int80 20"))
		in := parseAnswers(t, o.stdout)
		b.expect("compat", in["int80 54 0 0x5412"], "EPERM ENOSYS")
		b.expect("compat", in["int80 54 0 0x541c"], "EPERM ENOSYS")
		b.expect("compat", in["int80 20"], "ok ENOSYS")
	})
}

// TestOtherEntries protects P5 and P6 against the entries that a filter for
// 64-bit numbers does not see.
func TestOtherEntries(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		b.attacks(nil, []attack{
			{"fork int80 20", "SIGSYS ENOSYS", "ok ENOSYS"},
			{"fork int80 54 0 0x5412", "SIGSYS ENOSYS", ""},
			{"fork int80 359 2 1", "SIGSYS ENOSYS", "ok ENOSYS"},
			{"x32 39", "ENOSYS EPERM", "ok ENOSYS"},
			{"x32 514 0 0x5412", "ENOSYS EPERM", ""},
			{"sys 100000", "ENOSYS", "ENOSYS"},
			{"sys 0xffffffffffffffff", "ENOSYS", "ENOSYS"},
			{"sys io_uring_setup 1 0", "EPERM ENOSYS", "EFAULT EPERM ENOSYS"},
			{"sys userfaultfd 0", "EPERM ENOSYS", ""},
			{"sys perf_event_open 0 0 0 0 0", "EPERM ENOSYS", ""},
			{"sys keyctl 0 0", "EPERM ENOSYS", "EINVAL"},
			{"sys fanotify_init 0 0", "EPERM ENOSYS", ""},
			{"sys personality 0x0040000", "EPERM", "ok"},
			{"sys personality 0x100040000", "EPERM", ""},
		})
		b.attacks(nil, []attack{{"socket 17|0x100000000 3", "EAFNOSUPPORT EPERM", ""}})
		// A family that is refused stays so with bits above the 32 that count.
		if !b.mayUse("landlock") {
			return
		}
		b.attacks([]string{"-p", "landlock"}, []attack{
			{"socket 1 1", "ok EAFNOSUPPORT", "ok"}, // before Landlock 9 none at all
			{"socket 2 1", "EAFNOSUPPORT", "ok"},
			{"socket 2|0x100000000 1", "EAFNOSUPPORT", "ok"},
			{"socket 10 2", "EAFNOSUPPORT", ""},
			{"socket 16 3", "EAFNOSUPPORT", "ok"},
			{"socket 1|0x100000000 1", "ok EAFNOSUPPORT", "ok"},
			{"sys io_uring_setup 1 0", "EPERM ENOSYS", ""},
		})
	})
}

// TestNewSession protects P6 for who wants no terminal at all.
func TestNewSession(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		o, _ := b.onTerminal(probeArgs([]string{"--new-session"}, "ctty", "isatty 0", "session", "ids"))
		in := parseAnswers(t, o.stdout)
		b.expect("inside", in["ctty"], "ENXIO")
		b.expect("inside", in["isatty 0"], "ok")
		if in["session"].Out == "0" {
			t.Error("the session is not the payload's own")
		}
		o, _ = b.onTerminal(probeArgs(nil, "ctty"))
		b.expect("inside", parseAnswers(t, o.stdout)["ctty"], "ok")
	})
}

// TestTerminalSignal protects a user at the keyboard: ^C reaches the payload
// once, and lichen reports how it ended.
func TestTerminalSignal(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		for _, options := range [][]string{nil, {"--new-session"}} {
			master, slave := newTerminal(b)
			p := b.start(command{args: probeArgs(options, "trap SIGQUIT"), stdin: slave, attr: &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 0}})
			if got := p.line(); got != "ready" {
				t.Fatal(got)
			}
			_, err := master.Write([]byte{3})
			b.check(err)
			if got := p.line(); got != "SIGINT" {
				t.Errorf("%v: ^C arrives as %q", options, got)
			}
			time.Sleep(20 * time.Millisecond) // for a second one, were there any
			_, err = master.Write([]byte{28})
			b.check(err)
			if got := p.line(); got != "SIGQUIT" {
				t.Errorf("%v: ^\\ arrives as %q", options, got)
			}
			if o := p.wait(); o.code != 42 || len(bytes.TrimSpace([]byte(o.stdout))) != 0 {
				t.Errorf("%v: %+v", options, o)
			}
		}
	})
}

// TestInterruptArrivesOnce protects programs that count ^C: the terminal sends
// it to lichen and the payload alike, and lichen does not send it once more. A
// payload with a session of its own has it from lichen.
func TestInterruptArrivesOnce(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		for _, options := range [][]string{nil, {"--new-session"}} {
			master, slave := newTerminal(b)
			b.check(os.Chown(slave.Name(), b.user.uid, -1))
			p := b.start(command{args: probeArgs(options, "trap SIGTERM"), stdin: slave, attr: &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 0}})
			if got := p.line(); got != "ready" {
				t.Fatal(got)
			}
			_, err := master.Write([]byte{3}) // ^C
			b.check(err)
			if got := p.line(); got != "SIGINT" {
				t.Errorf("%v: ^C arrived as %q", options, got)
			}
			b.check(p.cmd.Process.Signal(unix.SIGTERM))
			if got := p.line(); got != "SIGTERM" {
				t.Errorf("%v: after ^C and SIGTERM: %q", options, got)
			}
			p.wait()
		}
	})
}
