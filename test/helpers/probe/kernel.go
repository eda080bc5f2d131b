package main

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

var kernelProbes = map[string]probe{
	"sys":     systemCall,
	"x32":     x32Call,
	"int80":   int80Call,
	"unshare": func(a []string) (string, error) { return "", raw(unix.SYS_UNSHARE, number(a[0])) },
	"clone":   cloneProbe,
	"clone3":  clone3Probe,
	"socket": func(a []string) (string, error) {
		return "", raw(unix.SYS_SOCKET, number(a[0]), number(arg2(a, "1")), optional(a, 2))
	},
}

func raw(nr uintptr, args ...uint64) error {
	var a [6]uintptr
	for i, v := range args {
		a[i] = uintptr(v)
	}
	_, _, errno := unix.Syscall6(nr, a[0], a[1], a[2], a[3], a[4], a[5])
	if errno != 0 {
		return errno
	}
	return nil
}

// calls are the system calls that tests name; arguments are numbers.
var calls = map[string]uintptr{
	"bpf": unix.SYS_BPF, "perf_event_open": unix.SYS_PERF_EVENT_OPEN, "userfaultfd": unix.SYS_USERFAULTFD,
	"io_uring_setup": unix.SYS_IO_URING_SETUP, "init_module": unix.SYS_INIT_MODULE, "reboot": unix.SYS_REBOOT,
	"keyctl": unix.SYS_KEYCTL, "swapon": unix.SYS_SWAPON, "kexec_load": unix.SYS_KEXEC_LOAD, "acct": unix.SYS_ACCT,
	"sethostname": unix.SYS_SETHOSTNAME, "settimeofday": unix.SYS_SETTIMEOFDAY, "syslog": unix.SYS_SYSLOG,
	"getpid": unix.SYS_GETPID, "ptrace": unix.SYS_PTRACE, "fanotify_init": unix.SYS_FANOTIFY_INIT,
	"quotactl": unix.SYS_QUOTACTL, "personality": unix.SYS_PERSONALITY,
}

func systemCall(a []string) (string, error) {
	nr, ok := calls[a[0]]
	if !ok {
		nr = uintptr(number(a[0]))
	}
	var args []uint64
	for _, s := range a[1:] {
		args = append(args, number(s))
	}
	return "", raw(nr, args...)
}

// x32Call makes a call through the x32 entry: the same instruction, with bit
// 30 set in the number.
func x32Call(a []string) (string, error) {
	const x32Bit = 0x40000000
	return "", raw(uintptr(number(a[0]))|x32Bit, number(arg2(a, "0")), optional(a, 2))
}

// int80Call makes a call through the 32-bit entry: int80 NUMBER ARGS.
func int80Call(a []string) (string, error) {
	r := int32(int80(uint32(number(a[0])), uint32(number(arg2(a, "0"))), uint32(optional(a, 2)), uint32(optional(a, 3))))
	if r < 0 && r > -4096 {
		return "", syscall.Errno(-r)
	}
	return strconv.Itoa(int(r)), nil
}

// cloneProbe makes a child with clone(2) that ends at once.
func cloneProbe(a []string) (string, error) {
	pid, _, errno := unix.RawSyscall6(unix.SYS_CLONE, uintptr(number(a[0]))|uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
	return ended(pid, errno)
}

func clone3Probe(a []string) (string, error) {
	args := [8]uint64{number(a[0])}
	args[4] = uint64(unix.SIGCHLD)
	pid, _, errno := unix.RawSyscall(unix.SYS_CLONE3, uintptr(unsafe.Pointer(&args)), 64, 0)
	return ended(pid, errno)
}

func ended(pid uintptr, errno syscall.Errno) (string, error) {
	if errno != 0 {
		return "", errno
	}
	if pid == 0 {
		for {
			unix.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
		}
	}
	_, err := unix.Wait4(int(pid), nil, 0, nil)
	return "", err
}

// inNamespaces runs probes, separated by "--", in a child with namespaces of
// its own, where it has uid 0 and all capabilities.
func inNamespaces(flags uintptr, a []string) (string, error) {
	cmd := exec.Command(os.Args[0])
	for line := range strings.SplitSeq(strings.Join(a, " "), " -- ") {
		cmd.Args = append(cmd.Args, line)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  flags,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
	}
	out, err := cmd.Output()
	return string(out), err
}

func ptr(p *[4]uint64) unsafe.Pointer { return unsafe.Pointer(p) }
