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
