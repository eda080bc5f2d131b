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

// What the handler reads and writes.
var (
	// socket receives the numbers; -1 while nothing is forwarded.
	socket int32 = -1
	// direct is a bit set of signal numbers that are not forwarded when the
	// kernel itself sent them (si_code SI_KERNEL).
	//lint:ignore U1000 the assembly reads it
	direct uint64
	// sent is what is written to the socket for each signal.
	sent [numSignals]byte
	// arrived has a 1 for each signal that came, forwarded or not.
	arrived [numSignals]byte
)

const numSignals = 65

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
// Of the signals in fromTerminal, those that the kernel sends are dropped once
// there is a payload (Running): a terminal sends ^C, ^\, ^Z, a hang-up and a
// changed size to the whole foreground process group. Where there are none, the
// payload is in a group of its own, which has no parent in its session: the
// kernel drops a SIGTSTP there (signal(7), orphaned process groups), and SIGSTOP
// is sent for it.
//
// SIGTSTP is caught from then on as well. Sooner, it stops this process and
// whatever of the sandbox is in its group: a payload's process that is stopped
// before execve holds up PID 1, which could not tell of it. One that is forwarded
// does not stop this process; see Pause.
func Start(fd int, signals, fromTerminal []syscall.Signal) error {
	direct, later = 0, 0
	for _, s := range fromTerminal {
		later |= 1 << s
	}
	for i := range sent {
		sent[i] = byte(i)
	}
	if later == 0 {
		sent[syscall.SIGTSTP] = byte(syscall.SIGSTOP)
	}
	stops = false
	atomic.StoreInt32(&socket, int32(fd))
	for _, s := range signals {
		if s == syscall.SIGTSTP {
			stops = true
			continue
		}
		if err := catch(s); err != nil {
			return err
		}
	}
	return nil
}

// What Running is to do.
var (
	later uint64 // becomes direct
	stops bool   // SIGTSTP is to be caught
)

// Running says that there is a payload.
func Running() {
	direct = later
	if stops {
		_ = catch(syscall.SIGTSTP) // the kernel knows it
	}
}

// catch installs the handler, unless the signal is ignored.
func catch(s syscall.Signal) error {
	var old action
	if err := sigaction(s, nil, &old); err != nil || old.handler == sigIgnore {
		return err
	}
	return sigaction(s, newAction(), nil)
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
