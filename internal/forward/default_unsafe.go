package forward

import (
	"runtime"
	"syscall"
	"unsafe"
)

// Default gives signals their default actions, where the Go runtime handles
// them.
func Default(signals ...syscall.Signal) {
	for _, s := range signals {
		var old action
		if err := sigaction(s, nil, &old); err == nil && old.handler > sigIgnore {
			_ = sigaction(s, new(action), nil) // it worked for reading
		}
	}
}

// Arrived reports whether s has come since the last question.
func Arrived(s syscall.Signal) bool {
	if arrived[s] == 0 {
		return false // nothing is written: the handler may set it at this moment
	}
	arrived[s] = 0
	return true
}

// Pause stops this process as s would, SIGTSTP, SIGTTIN or SIGTTOU; it returns
// once somebody has sent SIGCONT. As for any program, the kernel lets none of
// them stop a process group that no shell watches (signal(7), orphaned process
// groups). That is why SIGSTOP, which knows no such mercy, is taken for
// SIGTSTP. A signal that is ignored stops nothing.
func Pause(s syscall.Signal) {
	if s == syscall.SIGSTOP {
		s = syscall.SIGTSTP
	}
	var old action
	if sigaction(s, nil, &old) != nil || old.handler == sigIgnore || sigaction(s, new(action), nil) != nil {
		return
	}
	raise(s)
	_ = sigaction(s, &old, nil) // it worked a moment ago
}

// End ends this process by s, without a core dump; it returns where it cannot,
// because s ends nothing or this is PID 1 of a namespace.
//
// A shell script goes on after ^C unless the program that it waited for died of
// SIGINT: an exit status of 130 does not tell it.
func End(s syscall.Signal) {
	// The payload has dumped core where it may; the launcher's says nothing, and
	// RLIMIT_CORE does not hold for a core_pattern with a pipe (core(5)).
	_ = syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{}) // lowering is always allowed
	const prSetDumpable = 4
	syscall.RawSyscall(syscall.SYS_PRCTL, prSetDumpable, 0, 0)
	_ = sigaction(s, new(action), nil) // EINVAL for SIGKILL, which needs none
	runtime.LockOSThread()             // the mask is the thread's
	const sigUnblock, sizeofSigset = 1, 8
	set := uint64(1) << (s - 1)
	syscall.RawSyscall6(syscall.SYS_RT_SIGPROCMASK, sigUnblock, uintptr(unsafe.Pointer(&set)), 0, sizeofSigset, 0, 0)
	raise(s)
}

// raise sends s to this thread, which has it before the call returns; to which
// thread the kernel gives one for the process is its choice.
func raise(s syscall.Signal) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	syscall.RawSyscall(syscall.SYS_TGKILL, uintptr(syscall.Getpid()), uintptr(syscall.Gettid()), uintptr(s))
}
