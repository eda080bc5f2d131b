// Package forward passes signals from the launcher on to a socket.
//
// os/signal would do, at the price of two threads and fifty page faults at
// every start, and without telling where a signal came from. Here the handler
// is a few instructions of assembly: it writes the number of the signal to the
// socket, from whatever thread the kernel interrupts, and touches nothing of
// the Go runtime. See sigaction(2) and signal-safety(7).
package forward

import (
	"runtime"
	"sync/atomic"
	"syscall"
	"unsafe"
)

// socket and direct are read by the handler.
var (
	// socket receives the numbers; -1 while nothing is forwarded.
	socket int32 = -1
	// direct is a bit set of signal numbers that are not forwarded when the
	// kernel itself sent them (si_code SI_KERNEL).
	//lint:ignore U1000 the assembly reads it
	direct uint64
)

// handler is entered by the kernel with (signal, siginfo, ucontext), on the
// alternate stack that the Go runtime gives each thread.
//
//lint:ignore U1000 the kernel calls it
func handler()

// handlerPC and restorerPC return the addresses of the assembly code.
func handlerPC() uintptr
func restorerPC() uintptr

const (
	saSiginfo  = 0x4
	saRestorer = 0x04000000
	saOnStack  = 0x08000000
	saRestart  = 0x10000000
	sigIgnore  = 1 // SIG_IGN
)

// Start has signals written to fd, one byte each. A signal that is ignored now
// stays ignored: that is what nohup(1) and a shell's background jobs ask for.
//
// Of the signals in fromTerminal, those that the kernel sends are dropped: a
// terminal sends ^C, ^\, a hang-up and a changed size to the whole foreground
// process group.
func Start(fd int, signals, fromTerminal []syscall.Signal) error {
	direct = 0
	for _, s := range fromTerminal {
		direct |= 1 << s
	}
	atomic.StoreInt32(&socket, int32(fd))
	for _, s := range signals {
		var old action
		if err := sigaction(s, nil, &old); err != nil {
			return err
		}
		if old.handler == sigIgnore {
			continue
		}
		if err := sigaction(s, newAction(), nil); err != nil {
			return err
		}
	}
	return nil
}

// Stop drops signals from now on; they do not end the launcher either.
func Stop() { atomic.StoreInt32(&socket, -1) }

func sigaction(s syscall.Signal, set, old *action) error {
	const sizeofSigset = 8
	_, _, errno := syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, uintptr(s),
		uintptr(unsafe.Pointer(set)), uintptr(unsafe.Pointer(old)), sizeofSigset, 0, 0)
	runtime.KeepAlive(set)
	if errno != 0 {
		return errno
	}
	return nil
}

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
