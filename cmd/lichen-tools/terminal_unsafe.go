package main

import (
	"syscall"
	"unsafe"
)

// isTerminal asks for the settings that only terminals have (ioctl_tty(2)).
func isTerminal(fd uintptr) bool {
	var t syscall.Termios
	_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, fd, syscall.TCGETS, uintptr(unsafe.Pointer(&t)))
	return errno == 0
}

// hasSize reports whether a terminal knows how large it is; a serial line does
// not. Nothing can be drawn in no columns.
func hasSize(fd uintptr) bool {
	var size struct{ rows, columns, _, _ uint16 } // struct winsize of ioctl_tty(2)
	_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, fd, syscall.TIOCGWINSZ, uintptr(unsafe.Pointer(&size)))
	return errno == 0 && size.rows > 0 && size.columns > 0
}
