package main

import (
	"os"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

var terminalProbes = map[string]probe{
	"ioctl": func(a []string) (string, error) { return "", request(uintptr(number(a[0])), number(a[1])) },
	"ttyioctl": func(a []string) (string, error) {
		f, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
		if err != nil {
			return "open", err
		}
		defer f.Close()
		return "", request(f.Fd(), number(a[0]))
	},
	"isatty": func(a []string) (string, error) {
		_, err := unix.IoctlGetTermios(int(number(a[0])), unix.TCGETS)
		return "", err
	},
	"ctty":    func([]string) (string, error) { return open("/dev/tty", unix.O_RDWR) },
	"openpty": openPty,
}

// request makes a raw request, all 64 bits of it, with one character as its
// argument.
func request(fd uintptr, code uint64) error {
	c := [2]byte{'#', 0}
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, fd, uintptr(code), uintptr(unsafe.Pointer(&c)))
	if errno != 0 {
		return errno
	}
	return nil
}

// openPty makes a terminal of the sandbox's own devpts and passes a line
// through it.
func openPty([]string) (string, error) {
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return "ptmx", err
	}
	defer master.Close()
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		return "unlock", err
	}
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		return "number", err
	}
	name := "/dev/pts/" + strconv.Itoa(n)
	slave, err := os.OpenFile(name, os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return name, err
	}
	defer slave.Close()
	if _, err := slave.WriteString("x"); err != nil {
		return "write", err
	}
	buf := make([]byte, 1)
	_, err = master.Read(buf)
	return string(buf), err
}
