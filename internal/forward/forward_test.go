package forward

import (
	"os"
	"os/exec"
	"os/signal"
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
