package unpacker

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lichen-sandbox/lichen/spec"
)

// attackable is the applier of a worker that a layer has taken over: a layer
// "ATTACK name argument" is code instead of an archive.
type attackable struct{ applier }

const attackMagic = "ATTACK "

func (a *attackable) Apply(r io.Reader) error {
	in := bufio.NewReader(r)
	if head, err := in.Peek(len(attackMagic)); err != nil || string(head) != attackMagic {
		return a.applier.Apply(in)
	}
	text, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	f := strings.SplitN(string(text), " ", 3)
	done := make(chan error)
	go func() { // any thread must do
		runtime.LockOSThread()
		done <- attacks[f[1]](f[2])
	}()
	return <-done
}

// told makes what an attack found out an error, to get it into the report.
func told(format string, args ...any) error {
	return &spec.Error{Op: "told", Reason: fmt.Sprintf(format, args...)}
}

// attacks return nil when they were let through.
var attacks = map[string]func(arg string) error{
	"read":   func(path string) error { _, err := os.ReadFile(path); return err },
	"list":   func(path string) error { _, err := os.ReadDir(path); return err },
	"write":  func(path string) error { return os.WriteFile(path, []byte("x"), 0o666) },
	"append": func(path string) error { f, err := os.OpenFile(path, os.O_WRONLY, 0); f.Close(); return err },
	"mkdir":  func(path string) error { return os.Mkdir(path, 0o777) },
	"remove": os.Remove,
	"trunc":  func(path string) error { return os.Truncate(path, 0) },
	"exec":   func(path string) error { return exec.Command(path).Run() },
	"signal": func(pid string) error { return syscall.Kill(number(pid), 0) },
	"unshare": func(string) error {
		return unix.Unshare(unix.CLONE_NEWNS)
	},
	"fork": func(string) error {
		pid, _, errno := syscall.RawSyscall6(syscall.SYS_CLONE, uintptr(syscall.SIGCHLD), 0, 0, 0, 0, 0)
		switch {
		case errno != 0:
			return errno
		case pid == 0:
			syscall.RawSyscall(syscall.SYS_EXIT_GROUP, 0, 0, 0)
		}
		return nil
	},
	"threads": func(string) error { // which the runtime makes at need
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() { runtime.LockOSThread(); time.Sleep(20 * time.Millisecond) })
		}
		all.Wait()
		return nil
	},
	"dial": func(addr string) error {
		network, addr, _ := strings.Cut(addr, " ")
		c, err := net.DialTimeout(network, addr, 5*time.Second)
		if err == nil {
			c.Close()
		}
		return err
	},
	"device": func(string) error { return unix.Mknodat(fdStaging, "null", unix.S_IFCHR|0o666, 1<<8|3) },
	"inside": func(string) error { // what it must be able to do
		if err := unix.Mkdirat(fdStaging, "d", 0o700); err != nil {
			return err
		}
		fd, err := unix.Openat(fdStaging, "d/f", unix.O_CREAT|unix.O_RDWR|unix.O_TRUNC, 0)
		if err != nil {
			return err
		}
		unix.Close(fd)
		if err := unix.Linkat(fdStaging, "d/f", fdStaging, "f2", 0); err != nil {
			return err
		}
		return unix.Renameat(fdStaging, "f2", fdStaging, "d/f3")
	},
	"describe": func(string) error { return told("%s", describe()) },
	"hang":     func(string) error { time.Sleep(time.Hour); return nil },
	"panic":    func(text string) error { panic(text) },
	"allocate": func(size string) error {
		hold = make([]byte, number(size))
		return nil
	},
	"report": func(text string) error {
		os.NewFile(fdReport, "").WriteString(text)
		os.Exit(0)
		return nil
	},
	"flood": func(string) error {
		f := os.NewFile(fdReport, "")
		for {
			if _, err := f.WriteString(strings.Repeat("x", 1<<20)); err != nil {
				time.Sleep(time.Hour)
			}
		}
	},
}

var hold []byte

// describe lists what of the parent is left in the worker.
func describe() string {
	var fds []string
	for fd := range 256 {
		var st unix.Stat_t
		if unix.Fstat(fd, &st) == nil {
			fds = append(fds, fmt.Sprintf("%d:%o", fd, st.Mode&unix.S_IFMT))
		}
	}
	dump, _ := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
	nnp, _ := unix.PrctlRetInt(unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)
	var core unix.Rlimit
	unix.Getrlimit(unix.RLIMIT_CORE, &core)
	h := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var caps [2]unix.CapUserData
	unix.Capget(&h, &caps[0])
	return fmt.Sprintf("uid=%d env=%d dumpable=%d nnp=%d core=%d caps=%x fds=%s", os.Getuid(), len(os.Environ()), dump, nnp, core.Max,
		uint64(caps[1].Permitted)<<32|uint64(caps[0].Permitted), strings.Join(fds, ","))
}

// attack has the worker do it, and returns what Run says.
func attack(t *testing.T, ids Mapping, name, arg string) error {
	t.Helper()
	text := []byte(attackMagic + name + " " + arg)
	dir := staging(t, ids)
	_, err := Run(deadline(t), Job{Staging: dir, Layers: []Layer{layer(text, text)}, IDs: ids})
	return err
}

// TestConfined: what a worker that has been taken over tries is refused, and
// the same user may do all of it without the confinement.
func TestConfined(t *testing.T) {
	asUsers(t, func(t *testing.T, ids Mapping) {
		dir := t.TempDir()
		canary := dir + "/canary"
		tcp, err := net.Listen("tcp", "127.0.0.1:0")
		check(t, err)
		defer tcp.Close()
		unixAt, err := net.Listen("unix", dir+"/s")
		check(t, err)
		defer unixAt.Close()
		abstract, err := net.Listen("unix", fmt.Sprintf("@lichen-unpacker-%d", os.Getpid()))
		check(t, err)
		defer abstract.Close()
		for _, a := range [][2]string{
			{"read", "/etc/passwd"}, {"list", "/"}, {"list", "/proc/self/fd"}, {"exec", "/bin/true"},
			{"write", canary}, {"read", canary}, {"append", canary}, {"trunc", canary}, {"remove", canary}, {"mkdir", dir + "/made"},
			{"dial", "tcp " + tcp.Addr().String()}, {"dial", "udp 127.0.0.1:9"}, {"dial", "unix " + dir + "/s"}, {"dial", "unix " + abstract.Addr().String()},
			{"signal", fmt.Sprint(os.Getpid())},
		} {
			check(t, os.WriteFile(canary, []byte("canary"), 0o666))
			if err := attack(t, ids, a[0], a[1]); !errors.Is(err, syscall.EACCES) && !errors.Is(err, syscall.EPERM) && !errors.Is(err, syscall.ESRCH) {
				t.Errorf("%q: %v", a, err)
			}
			if b, err := os.ReadFile(canary); err != nil || string(b) != "canary" {
				t.Fatalf("%q: the canary has %q, %v", a, b, err)
			}
			if err := attacks[a[0]](a[1]); err != nil {
				t.Errorf("%q outside: %v", a, err)
			}
		}
		for _, a := range []string{"device", "unshare", "fork"} { // not for all users outside
			if err := attack(t, ids, a, ""); !errors.Is(err, syscall.EACCES) && !errors.Is(err, syscall.EPERM) {
				t.Errorf("%q: %v", a, err)
			}
		}
		for _, a := range []string{"inside", "threads"} { // what it needs
			if err := attack(t, ids, a, ""); err != nil {
				t.Errorf("%q: %v", a, err)
			}
		}
	})
}

// TestWorkerHasNothing starts it from a process with an environment and open
// descriptors.
func TestWorkerHasNothing(t *testing.T) {
	asUsers(t, func(t *testing.T, ids Mapping) {
		t.Setenv("CANARY", "c4n4ry-7f3a")
		leak, err := unix.Open("/etc/passwd", unix.O_RDONLY, 0) // without O_CLOEXEC
		check(t, err)
		defer unix.Close(leak)
		high, err := unix.FcntlInt(uintptr(leak), unix.F_DUPFD, 100)
		check(t, err)
		defer unix.Close(high)
		err = attack(t, ids, "describe", "")
		// 6 was the base. The layer and the tree's root follow, then the Go
		// runtime's poller, whose descriptors have no type.
		want := regexp.MustCompile(`: told: uid=0 env=0 dumpable=0 nnp=1 core=0 caps=([0-9a-f]+) fds=0:20000,1:20000,2:10000,3:10000,4:10000,5:40000,7:10000,8:40000(,\d+:0)*$`)
		switch m := want.FindStringSubmatch(fmt.Sprint(err)); {
		case m == nil:
			t.Errorf("have %v\nwant %v", err, want)
		case os.Getenv("LICHEN_TEST_AS") != "forbidden" && m[1] != "8000001b":
			t.Errorf("capabilities %s", m[1])
		}
	})
}

// TestHostileReports: what a worker says is not believed.
func TestHostileReports(t *testing.T) {
	ids := self()
	for report, want := range map[string]string{
		"":                                "it ended without a report",
		"{}{}":                            "malformed",
		"[]":                              "malformed",
		`{"Err":{"Other":1}}`:             "malformed",
		`{"Summary":{"Entries":-1}}`:      "impossible numbers",
		"\x1b[2Jhello":                    `"\x1b[2Jhello"`,
		`{"Err":{"Op":"\u001b[2J"}}`:      `"\x1b[2J"`,
		`{"Err":{"Reason":"a\nlichen:"}}`: `"a\nlichen:"`,
		`{"Err":{"Reason":"` + strings.Repeat("x", 10000) + `"}}`: "xxx…",
	} {
		err := attack(t, ids, "report", report)
		if err == nil || !strings.Contains(err.Error(), want) || strings.ContainsAny(err.Error(), "\n\x1b") || len(err.Error()) > 3000 {
			t.Errorf("%.60q: %v", report, err)
		}
	}
	if err := attack(t, ids, "report", `{"Summary":{"Entries":5}}`); err != nil {
		t.Errorf("a good report: %v", err)
	}
	if err := attack(t, ids, "flood", ""); err == nil || !strings.Contains(err.Error(), "longer than") {
		t.Errorf("a flood: %v", err)
	}
}

func TestWorkerCrashes(t *testing.T) {
	ids := self()
	err := attack(t, ids, "panic", "oh\x1b[2J")
	if err == nil || !strings.Contains(err.Error(), `panic: oh`) || strings.ContainsAny(err.Error(), "\n\x1b") {
		t.Errorf("a panic: %v", err)
	}
	if err := attack(t, ids, "allocate", strconv.Itoa(memory/8)); err != nil {
		t.Errorf("an eighth of what it may allocate: %v", err)
	}
	err = attack(t, ids, "allocate", strconv.Itoa(memory+memory/8))
	// The words are the Go runtime's, or the race detector's.
	if s := fmt.Sprint(err); !strings.Contains(s, "out of memory") && !strings.Contains(s, "failed to allocate") {
		t.Errorf("more than it may allocate: %v", err)
	}
	if left := children(t); len(left) != 0 {
		t.Errorf("children left: %q", left)
	}
}
