package seccomp

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"github.com/lichen-sandbox/lichen/spec"
)

// victimEnv makes the test binary a victim: its value is a policy's name, a
// call number and arguments, which are numbers or paths.
const victimEnv = "LICHEN_SECCOMP_VICTIM"

func TestMain(m *testing.M) {
	switch order := os.Getenv(victimEnv); order {
	case "":
	case notifyOrder:
		notifyVictim()
	default:
		victim(order)
	}
	os.Exit(m.Run())
}

var victimPolicies = map[string]struct {
	policy spec.Seccomp
	opts   Options
}{
	"default":  {policy: defaultPolicy},
	"unixonly": {policy: defaultPolicy, opts: Options{UnixOnly: true}},
	"nested":   {policy: defaultPolicy, opts: Options{Nested: true}},
	"fake":     {policy: defaultPolicy, opts: Options{FakeIDs: true, SetIDBits: SetIDPretended}},
	"setid":    {policy: defaultPolicy, opts: Options{SetIDBits: SetIDAllowed}},
	"inplace":  {policy: defaultPolicy, opts: Options{InPlace: true, NoSockets: true, NoGroupSignals: true}},
	"kill":     {policy: spec.Seccomp{Default: spec.Action{Kind: spec.ActionKillProcess}, Allow: entries("@default")}},
	"log":      {policy: spec.Seccomp{Default: spec.Action{Kind: spec.ActionLog}}},
	"notify":   {policy: notifyPolicy, opts: Options{Notify: true}},
	"rules":    {policy: spec.Seccomp{Allow: entries("@default"), Compat: true, Rules: ruleList("lseek: arg1 < 0x100000000; return errno:EXDEV", "dup3: arg2 == 0 || arg2 == O_CLOEXEC; return errno:EXDEV")}},
}

// victim puts its thread under a policy, makes one call, prints its error and
// ends the process.
func victim(order string) {
	f := strings.Fields(order)
	v := victimPolicies[f[0]]
	var args [7]uintptr
	for i, s := range f[1:] {
		n, err := strconv.ParseUint(s, 0, 64)
		if args[i] = uintptr(n); err != nil { // a string
			args[i] = uintptr(unsafe.Pointer(unsafe.StringData(s + "\x00")))
		}
	}
	v.opts.Arch, _ = Native()
	prog, err := Compile(&v.policy, v.opts)
	if err != nil {
		fatal(err)
	}
	runtime.LockOSThread()
	if err := install(prog); err != nil {
		fatal(err)
	}
	_, _, errno := syscall.RawSyscall6(args[0], args[1], args[2], args[3], args[4], args[5], args[6])
	fmt.Print(int(errno))
	os.Exit(0)
}

func fatal(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(3)
}

// install puts the calling thread, and no other, under a program.
func install(prog []Instruction) error {
	const prSetNoNewPrivs, prSetSeccomp, modeFilter = 38, 22, 2
	if _, _, errno := syscall.RawSyscall6(syscall.SYS_PRCTL, prSetNoNewPrivs, 1, 0, 0, 0, 0); errno != 0 {
		return fmt.Errorf("no_new_privs: %w", errno)
	}
	fprog := struct {
		len    uint16
		filter *Instruction
	}{uint16(len(prog)), &prog[0]}
	if _, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, prSetSeccomp, modeFilter, uintptr(unsafe.Pointer(&fprog))); errno != 0 {
		return fmt.Errorf("seccomp: %w", errno)
	}
	return nil
}

func TestKernel(t *testing.T) {
	arch, err := Native()
	if err != nil {
		t.Skip(err)
	}
	const none = ^uint64(0)
	for _, tt := range []struct {
		policy string
		call   string
		args   []uint64
		want   syscall.Errno // 0 with kill: killed by SIGSYS
		kill   bool
	}{
		{"default", "getppid", nil, 0, false},
		{"default", "ioctl", []uint64{none, 0x5401}, syscall.EBADF, false}, // the kernel's own answer
		{"default", "ioctl", []uint64{none, 0x5412}, syscall.EPERM, false},
		{"default", "ioctl", []uint64{none, 0x5412 | high}, syscall.EPERM, false},
		{"default", "socket", []uint64{1, 1}, 0, false},
		{"default", "socket", []uint64{38, 5}, syscall.EAFNOSUPPORT, false},
		{"default", "socket", []uint64{38 | high, 5}, syscall.EAFNOSUPPORT, false},
		{"default", "unshare", []uint64{0x10000000}, syscall.EPERM, false},
		{"default", "unshare", []uint64{0x400}, 0, false},
		{"default", "clone", []uint64{0x10000011}, syscall.EPERM, false},
		{"default", "clone", []uint64{0x10000011 | high}, syscall.EPERM, false},
		{"default", "clone3", nil, syscall.ENOSYS, false},
		{"default", "keyctl", nil, syscall.EPERM, false},
		{"nested", "clone3", nil, syscall.EINVAL, false}, // the kernel's own answer
		{"unixonly", "socket", []uint64{1 | high, 1}, 0, false},
		{"unixonly", "socket", []uint64{2, 1}, syscall.EAFNOSUPPORT, false},
		{"unixonly", "socket", []uint64{2 | high, 1}, syscall.EAFNOSUPPORT, false},
		{"unixonly", "socket", []uint64{16, 3}, syscall.EAFNOSUPPORT, false},
		{"unixonly", "io_uring_setup", []uint64{1}, syscall.EPERM, false},
		{"kill", "mount", nil, 0, true},
		{"kill", "clone3", nil, syscall.ENOSYS, false},
		{"log", "mount", nil, syscall.EFAULT, false},
		{"notify", "getppid", nil, syscall.ENOSYS, false}, // nobody listens
		{"notify", "lseek", []uint64{none}, syscall.EBADF, false},
		{"rules", "lseek", []uint64{none, 0xffffffff}, syscall.EBADF, false},
		{"rules", "lseek", []uint64{none, high}, syscall.EXDEV, false},
		{"rules", "dup3", []uint64{none, 9, 0x80000 | high}, syscall.EBADF, false},
		{"rules", "dup3", []uint64{none, 9, 1}, syscall.EXDEV, false},
		{"rules", "5000", nil, syscall.ENOSYS, false},
		{"kill", "0x40000027", nil, syscall.ENOSYS, false}, // getpid of x32
	} {
		nr, ok := Number(arch, tt.call)
		if !ok {
			n, _ := strconv.ParseUint(tt.call, 0, 32)
			nr = uint32(n)
		}
		order := fmt.Sprint(tt.policy, " ", nr)
		for _, a := range tt.args {
			order += fmt.Sprintf(" %#x", a)
		}
		got, killed := runVictim(t, order)
		if killed != tt.kill || !killed && got != tt.want {
			t.Errorf("%s: %s%#x = %d (%v), killed %v; want %d (%v)", tt.policy, tt.call, tt.args, got, got, killed, tt.want, tt.want)
		}
	}
}

// runVictim returns what a victim's call gave, or that SIGSYS ended it.
func runVictim(t *testing.T, order string) (errno syscall.Errno, killed bool) {
	t.Helper()
	return runVictimOn(t, nil, order)
}

// runVictimOn gives the victim a file as descriptor 0, and a process group of
// its own.
func runVictimOn(t *testing.T, file *os.File, order string) (errno syscall.Errno, killed bool) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	if file != nil {
		cmd.Stdin = file
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	// The race detector's second of sleep at the end of each victim adds up.
	cmd.Env = append(os.Environ(), victimEnv+"="+order, "GORACE=atexit_sleep_ms=0")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() && status.Signal() == syscall.SIGSYS {
		return 0, true
	}
	n, convErr := strconv.Atoi(string(out))
	if err != nil || convErr != nil {
		t.Fatalf("victim %q: %v, %q", order, err, out)
	}
	return syscall.Errno(n), false
}
