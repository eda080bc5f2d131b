package forward

import (
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// TestForward protects that each signal arrives once, from whichever thread,
// and that the process outlives it.
func TestForward(t *testing.T) {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_SEQPACKET, 0)
	if err != nil {
		t.Fatal(err)
	}
	signals := []syscall.Signal{syscall.SIGTERM, syscall.SIGUSR1, syscall.SIGWINCH}
	if err := Start(fds[0], signals, []syscall.Signal{syscall.SIGWINCH}); err != nil {
		t.Fatal(err)
	}
	defer signal.Reset(syscall.SIGTERM, syscall.SIGUSR1, syscall.SIGWINCH)
	for range 100 {
		for _, s := range signals { // none is sent by the kernel: all arrive
			if err := syscall.Kill(os.Getpid(), s); err != nil {
				t.Fatal(err)
			}
			var b [8]byte
			n, err := syscall.Read(fds[1], b[:])
			if err != nil || n != 1 || syscall.Signal(b[0]) != s {
				t.Fatalf("%v: read %v, %d bytes, %v", s, b[0], n, err)
			}
		}
	}
	Stop()
	if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	time.Sleep(10 * time.Millisecond) // it would have ended the test by now
	syscall.Close(fds[0])
	var b [8]byte
	if n, err := syscall.Read(fds[1], b[:]); n != 0 || err != nil {
		t.Errorf("after Stop: %d bytes, %v", n, err)
	}
}

// TestStopSignal protects ^Z: it does not stop this process, and is a stop that
// works where the payload has a process group of its own.
func TestStopSignal(t *testing.T) {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_SEQPACKET, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fds[0])
	defer syscall.Close(fds[1])
	stop := []syscall.Signal{syscall.SIGTSTP}
	defer signal.Reset(syscall.SIGTSTP)
	for _, c := range []struct {
		fromTerminal []syscall.Signal
		want         syscall.Signal
	}{{stop, syscall.SIGTSTP}, {nil, syscall.SIGSTOP}} {
		if err := Start(fds[0], stop, c.fromTerminal); err != nil {
			t.Fatal(err)
		}
		Running()
		if Arrived(syscall.SIGTSTP) {
			t.Error("it has arrived before it was sent")
		}
		if err := syscall.Kill(os.Getpid(), syscall.SIGTSTP); err != nil {
			t.Fatal(err)
		}
		var b [8]byte
		n, err := syscall.Read(fds[1], b[:])
		if err != nil || n != 1 || syscall.Signal(b[0]) != c.want {
			t.Errorf("read %d, %d bytes, %v; want %d", b[0], n, err, c.want)
		}
		if !Arrived(syscall.SIGTSTP) || Arrived(syscall.SIGTSTP) {
			t.Error("it has not arrived once")
		}
	}
	Stop()
}

// TestEnd: every signal that ends a process ends this one, whatever the runtime
// has done with it, and the others return.
func TestEnd(t *testing.T) {
	if text := os.Getenv("FORWARD_END"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		signal.Ignore(syscall.Signal(n))
		End(syscall.Signal(n))
		os.Exit(77)
	}
	for sig := syscall.Signal(1); sig <= 64; sig++ {
		stops := sig == syscall.SIGSTOP || sig == syscall.SIGTSTP || sig == syscall.SIGTTIN || sig == syscall.SIGTTOU
		if stops {
			continue
		}
		cmd := exec.Command(os.Args[0], "-test.run=TestEnd$")
		cmd.Env = append(os.Environ(), "FORWARD_END="+strconv.Itoa(int(sig)))
		_ = cmd.Run() // the state says how
		w := cmd.ProcessState.Sys().(syscall.WaitStatus)
		survives := sig == syscall.SIGCHLD || sig == syscall.SIGCONT || sig == syscall.SIGURG || sig == syscall.SIGWINCH
		if survives && w.ExitStatus() != 77 || !survives && (w.Signal() != sig || w.CoreDump()) {
			t.Errorf("%v: wait status %#x", sig, w)
		}
	}
}

// TestIgnoredStaysIgnored protects nohup: it runs itself with SIGHUP ignored.
func TestIgnoredStaysIgnored(t *testing.T) {
	if os.Getenv("FORWARD_IGNORED") == "" {
		cmd := exec.Command("sh", "-c", `trap "" HUP; exec "$0" -test.run=TestIgnoredStaysIgnored`, os.Args[0])
		cmd.Env = append(os.Environ(), "FORWARD_IGNORED=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	if err := Start(-1, []syscall.Signal{syscall.SIGHUP}, nil); err != nil {
		t.Fatal(err)
	}
	var now action
	if err := sigaction(syscall.SIGHUP, nil, &now); err != nil {
		t.Fatal(err)
	}
	if now.handler != sigIgnore {
		t.Error("SIGHUP was ignored and is not any more")
	}
}

// TestDefault: what the runtime handles gets its default action, and what is
// ignored stays ignored.
func TestDefault(t *testing.T) {
	signal.Ignore(syscall.SIGUSR2)
	defer signal.Reset(syscall.SIGUSR2)
	Default(syscall.SIGTERM, syscall.SIGUSR2)
	for s, want := range map[syscall.Signal]uintptr{syscall.SIGTERM: 0, syscall.SIGUSR2: sigIgnore} {
		var now action
		if err := sigaction(s, nil, &now); err != nil {
			t.Fatal(err)
		}
		if now.handler != want {
			t.Errorf("%v: handler %#x", s, now.handler)
		}
	}
}
