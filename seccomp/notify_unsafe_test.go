package seccomp

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/lichen-sandbox/lichen/spec"
)

// notifyOrder makes the test binary a victim whose filter has a listener.
const notifyOrder = "notify"

var notifyPolicy = spec.Seccomp{
	Default:    spec.Action{Kind: spec.ActionAllow},
	Deny:       entries("getppid"),
	DenyAction: spec.Action{Kind: spec.ActionNotify},
	Rules:      ruleList("lseek: if arg1 == 7 return notify; return allow"),
}

// notification is struct seccomp_notif, notifyAnswer struct seccomp_notif_resp.
type notification struct {
	id         uint64
	pid, flags uint32
	data       Data
}

type notifyAnswer struct {
	id    uint64
	val   int64
	error int32
	flags uint32
}

// notifyCalls are what the victim does, in this order; the listener sees those
// that have an answer.
var notifyCalls = []struct {
	call   string
	args   [3]uint64
	answer *notifyAnswer
	value  uintptr
	errno  syscall.Errno
}{
	{"getppid", [3]uint64{}, &notifyAnswer{val: 4242}, 4242, 0},
	{"getppid", [3]uint64{1, 2, 3}, &notifyAnswer{error: -int32(syscall.EXDEV)}, ^uintptr(0), syscall.EXDEV},
	{"lseek", [3]uint64{1 << 20, 7, 0}, &notifyAnswer{val: 7 << 32}, 7 << 32, 0},
	{"lseek", [3]uint64{1 << 20, 7, 0}, &notifyAnswer{flags: 1}, ^uintptr(0), syscall.EBADF}, // SECCOMP_USER_NOTIF_FLAG_CONTINUE
	{"lseek", [3]uint64{1 << 20, 8, 0}, nil, ^uintptr(0), syscall.EBADF},
}

// TestKernelNotify has a listener answer for the kernel, with a value, an error
// and leave to go on.
func TestKernelNotify(t *testing.T) {
	if _, err := Native(); err != nil {
		t.Skip(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), victimEnv+"="+notifyOrder, "GORACE=atexit_sleep_ms=0")
	out, err := cmd.CombinedOutput()
	if err != nil || string(out) != "answered" {
		t.Errorf("%v: %s", err, out)
	}
}

// notifyVictim puts a thread under the policy, makes its calls and checks what
// they give, while another thread listens.
func notifyVictim() {
	arch, _ := Native()
	prog, err := Compile(&notifyPolicy, Options{Arch: arch, Notify: true})
	if err != nil {
		fatal(err)
	}
	runtime.LockOSThread()
	listener, err := installListener(prog)
	if err != nil {
		fatal(err)
	}
	tid := syscall.Gettid()
	closed := make(chan struct{})
	go func() {
		answerCalls(arch, listener, tid)
		syscall.Close(listener)
		close(closed)
	}()
	for i, c := range notifyCalls {
		nr, _ := Number(arch, c.call)
		// Not RawSyscall: the listener may need this thread's share of GOMAXPROCS.
		value, _, errno := syscall.Syscall(uintptr(nr), uintptr(c.args[0]), uintptr(c.args[1]), uintptr(c.args[2]))
		if value != c.value || errno != c.errno {
			fatal(fmt.Errorf("call %d: %s%#x = %d, errno %d; want %d, errno %d", i, c.call, c.args, value, errno, c.value, c.errno))
		}
	}
	<-closed
	if _, _, errno := syscall.Syscall(syscall.SYS_GETPPID, 0, 0, 0); errno != syscall.ENOSYS {
		fatal(fmt.Errorf("without its listener: errno %d", errno))
	}
	fmt.Print("answered")
	os.Exit(0)
}

// answerCalls plays the listener's part of notifyCalls.
func answerCalls(arch Arch, listener, tid int) {
	const notifRecv, notifSend = 0xc0502100, 0xc0182101 // SECCOMP_IOCTL_NOTIF_RECV, _SEND
	for i, c := range notifyCalls {
		if c.answer == nil {
			continue
		}
		waitReadable(listener)
		var n notification
		if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, uintptr(listener), notifRecv, uintptr(unsafe.Pointer(&n))); errno != 0 {
			fatal(fmt.Errorf("call %d: receive: %w", i, errno))
		}
		nr, _ := Number(arch, c.call)
		if n.pid != uint32(tid) || n.data.Nr != int32(nr) || n.data.Arch != arch.AuditArch() || [3]uint64(n.data.Args[:3]) != c.args {
			fatal(fmt.Errorf("call %d: notified of %+v", i, n))
		}
		answer := *c.answer
		answer.id = n.id
		if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, uintptr(listener), notifSend, uintptr(unsafe.Pointer(&answer))); errno != 0 {
			fatal(fmt.Errorf("call %d: send: %w", i, errno))
		}
	}
}

// waitReadable ends the process when no notification comes: to receive one would
// wait for ever.
func waitReadable(fd int) {
	const pollIn = 1
	p := struct {
		fd             int32
		events, result int16
	}{int32(fd), pollIn, 0}
	timeout := syscall.NsecToTimespec(int64(10 * time.Second))
	if n, _, errno := syscall.Syscall6(syscall.SYS_PPOLL, uintptr(unsafe.Pointer(&p)), 1, uintptr(unsafe.Pointer(&timeout)), 0, 0, 0); n != 1 {
		fatal(fmt.Errorf("no notification: %w", errno))
	}
}

// installListener puts the calling thread, and no other, under a program, and
// returns the descriptor to listen to.
func installListener(prog []Instruction) (int, error) {
	const prSetNoNewPrivs, setModeFilter, newListener = 38, 1, 8
	if _, _, errno := syscall.RawSyscall6(syscall.SYS_PRCTL, prSetNoNewPrivs, 1, 0, 0, 0, 0); errno != 0 {
		return 0, fmt.Errorf("no_new_privs: %w", errno)
	}
	fprog := struct {
		len    uint16
		filter *Instruction
	}{uint16(len(prog)), &prog[0]}
	arch, _ := Native()
	nr, _ := Number(arch, "seccomp")
	fd, _, errno := syscall.RawSyscall(uintptr(nr), setModeFilter, newListener, uintptr(unsafe.Pointer(&fprog)))
	if errno != 0 {
		return 0, fmt.Errorf("seccomp: %w", errno)
	}
	return int(fd), nil
}
