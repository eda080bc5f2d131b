package main

import (
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

var processProbes = map[string]probe{
	"fork": forked,
	"env":  func([]string) (string, error) { return strings.Join(os.Environ(), "\n"), nil },
	"ids":  ids,
	"caps": capabilities,
	"setuid": func(a []string) (string, error) {
		return "", unix.Setresuid(int(number(a[0])), int(number(a[0])), int(number(a[0])))
	},
	"groups": func([]string) (string, error) { return "", unix.Setgroups([]int{0}) },
	"capset": gainCapabilities,
	"kill": func(a []string) (string, error) {
		return "", unix.Kill(int(number(a[0])), syscall.Signal(number(arg2(a, "0"))))
	},
	"pidfd":  signalByDescriptor,
	"getfd":  stealDescriptor,
	"attach": attach,
	"seize": func(a []string) (string, error) {
		return locked(func() error { return unix.PtraceSeize(int(number(a[0]))) })
	},
	"vmread": readMemory,
	"prlimit": func(a []string) (string, error) {
		return "", unix.Prlimit(int(number(a[0])), unix.RLIMIT_NOFILE, nil, new(unix.Rlimit))
	},
	"setrlimit": func(a []string) (string, error) {
		return "", unix.Prlimit(int(number(a[0])), unix.RLIMIT_CORE, &unix.Rlimit{}, nil)
	},
	"nice": func(a []string) (string, error) {
		return "", unix.Setpriority(unix.PRIO_PROCESS, int(number(a[0])), 19)
	},
	"affine": affinity,
	"setns":  enterNamespace,
	"exit":   func(a []string) (string, error) { os.Exit(int(number(a[0]))); return "", nil },
	"die":    dieBySignal,
	"pause":  func([]string) (string, error) { time.Sleep(time.Hour); return "", nil },
	"sleep": func(a []string) (string, error) {
		time.Sleep(time.Duration(number(a[0])) * time.Millisecond)
		return "", nil
	},
	"spawn": spawn,
	"stray": stray,
	"trap":  trap,
	"job":   job,
	"gone":  waitGone,
	"ptys":  makeTerminals,
	"no_new": func([]string) (string, error) {
		v, err := unix.PrctlRetInt(unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)
		return strconv.Itoa(v), err
	},
	"session": func([]string) (string, error) { sid, err := unix.Getsid(0); return strconv.Itoa(sid), err },
}

func arg2(a []string, or string) string {
	if s := arg(a, 1); s != "" {
		return s
	}
	return or
}

func ids([]string) (string, error) {
	groups, err := os.Getgroups()
	return strings.Join([]string{strconv.Itoa(os.Getuid()), strconv.Itoa(os.Getgid()), strconv.Itoa(len(groups)), strconv.Itoa(os.Getpid())}, " "), err
}

// capabilities returns every set of this thread, without /proc.
func capabilities([]string) (string, error) {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return "", err
	}
	var bounding uint64
	for c := range 64 {
		if v, err := unix.PrctlRetInt(unix.PR_CAPBSET_READ, uintptr(c), 0, 0, 0); err == nil && v == 1 {
			bounding |= 1 << c
		}
	}
	hex := func(lo, hi uint32) string { return strconv.FormatUint(uint64(hi)<<32|uint64(lo), 16) }
	return "effective=" + hex(data[0].Effective, data[1].Effective) + " permitted=" + hex(data[0].Permitted, data[1].Permitted) +
		" inheritable=" + hex(data[0].Inheritable, data[1].Inheritable) + " bounding=" + strconv.FormatUint(bounding, 16), nil
}

func gainCapabilities([]string) (string, error) {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	data := [2]unix.CapUserData{{Effective: 1 << 21, Permitted: 1 << 21}}
	return "", unix.Capset(&header, &data[0])
}

func signalByDescriptor(a []string) (string, error) {
	fd, err := unix.PidfdOpen(int(number(a[0])), 0)
	if err != nil {
		return "open", err
	}
	defer unix.Close(fd)
	return "send", unix.PidfdSendSignal(fd, syscall.Signal(number(arg2(a, "0"))), nil, 0)
}

func stealDescriptor(a []string) (string, error) {
	fd, err := unix.PidfdOpen(int(number(a[0])), 0)
	if err != nil {
		return "open", err
	}
	defer unix.Close(fd)
	return closing(unix.PidfdGetfd(fd, 0, 0))
}

func locked(f func() error) (string, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	return "", f()
}

func attach(a []string) (string, error) {
	return locked(func() error {
		if err := unix.PtraceAttach(int(number(a[0]))); err != nil {
			return err
		}
		if _, err := unix.Wait4(int(number(a[0])), nil, unix.WALL, nil); err != nil {
			return err
		}
		return unix.PtraceDetach(int(number(a[0])))
	})
}

// readMemory tries to read another process: EFAULT would mean that only the
// address was wrong.
func readMemory(a []string) (string, error) {
	var buf [8]byte
	local := []unix.Iovec{{Base: &buf[0], Len: 8}}
	_, err := unix.ProcessVMReadv(int(number(a[0])), local, []unix.RemoteIovec{{Base: 0x400000, Len: 8}}, 0)
	return "", err
}

func affinity(a []string) (string, error) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(int(number(a[0])), &set); err != nil {
		return "get", err
	}
	return "set", unix.SchedSetaffinity(int(number(a[0])), &set)
}

func enterNamespace(a []string) (string, error) {
	fd, err := unix.Open(a[0], unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "open", err
	}
	defer unix.Close(fd)
	return locked(func() error { return unix.Setns(fd, 0) })
}

func dieBySignal(a []string) (string, error) {
	sig := syscall.Signal(number(a[0]))
	signal.Reset(sig)
	// The runtime keeps handlers for faults: go back to the default first.
	var action [4]uint64
	unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(sig), uintptr(ptr(&action)), 0, 8, 0, 0)
	unix.Kill(os.Getpid(), sig)
	time.Sleep(5 * time.Second)
	return "", errors.New("survived")
}

// spawn starts children that sleep and outlive this process if they can:
// spawn N. "stray" is what each becomes.
func spawn(a []string) (string, error) {
	for range number(a[0]) {
		cmd := exec.Command(os.Args[0], "stray "+arg(a, 1))
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		if err := cmd.Start(); err != nil {
			return "", err
		}
	}
	return "", nil
}

// stray holds on: it ignores what can be ignored, gives up the parent-death
// signal, and is the grandchild of whoever started it.
func stray(a []string) (string, error) {
	unix.Prctl(unix.PR_SET_PDEATHSIG, 0, 0, 0, 0)
	signal.Ignore(syscall.SIGHUP, syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT)
	if arg(a, 0) != "inner" {
		cmd := exec.Command(os.Args[0], "stray inner")
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		return "", cmd.Start()
	}
	time.Sleep(time.Minute)
	return "", nil
}

// trap prints the names of the signals it gets, and ends with 42 on the last:
// trap LAST.
func trap(a []string) (string, error) {
	c := make(chan os.Signal, 16)
	signal.Notify(c, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGWINCH, syscall.SIGCONT, syscall.SIGTSTP)
	os.Stdout.WriteString("ready\n")
	for sig := range c {
		name := unix.SignalName(sig.(syscall.Signal))
		os.Stdout.WriteString(name + "\n")
		if name == a[0] {
			os.Exit(42)
		}
	}
	return "", nil
}

// makeTerminals makes as many as there can be: the error says why there are no more.
func makeTerminals([]string) (string, error) {
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 1000, Max: 1000}); err != nil {
		return "", err
	}
	for n := 0; ; n++ {
		if _, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0); err != nil {
			return strconv.Itoa(n), err
		}
	}
}

// waitGone waits until a path is gone: gone PATH. It lets a test hold the
// payload at a point of its choosing.
func waitGone(a []string) (string, error) {
	for range 1500 {
		if _, err := os.Lstat(a[0]); errors.Is(err, os.ErrNotExist) {
			return "", nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	return "", errors.New("timeout")
}
