package sys

import "golang.org/x/sys/unix"

// Requests of terminals; see ioctl_tty(2).
const (
	O_NOCTTY    = unix.O_NOCTTY
	O_NONBLOCK  = unix.O_NONBLOCK
	TIOCSPTLCK  = unix.TIOCSPTLCK
	TIOCGPTPEER = unix.TIOCGPTPEER
	TIOCSCTTY   = unix.TIOCSCTTY
	TIOCGWINSZ  = unix.TIOCGWINSZ
	TIOCSWINSZ  = unix.TIOCSWINSZ
	TCGETS      = unix.TCGETS
	TCSETS      = unix.TCSETS

	// Sizes of what they read and write: struct winsize, and the kernel's struct
	// termios (asm-generic/termbits.h), which lacks the speeds of termios(3)'s.
	SIZEOF_WINSIZE = 8
	SIZEOF_TERMIOS = 36

	// One message with descriptors; see cmsg(3), unix(7).
	SOL_SOCKET = unix.SOL_SOCKET
	SCM_RIGHTS = unix.SCM_RIGHTS

	EIO = unix.EIO
)

// TerminalSettings are how a terminal treats what passes through it; see
// termios(3).
type TerminalSettings struct{ t unix.Termios }

// IsTerminal reports whether fd is a terminal: nothing else has settings.
func IsTerminal(fd int) bool {
	_, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	return err == nil
}

// GetTerminal reads the settings of a terminal; from the master's side, those
// of the other one.
func GetTerminal(fd int) (TerminalSettings, error) {
	for {
		t, err := unix.IoctlGetTermios(fd, unix.TCGETS)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return TerminalSettings{}, err
		}
		return TerminalSettings{*t}, nil
	}
}

// Set makes them those of a terminal. What has been typed and not been read
// stays.
func (s TerminalSettings) Set(fd int) error {
	for {
		err := unix.IoctlSetTermios(fd, unix.TCSETS, &s.t)
		if err != unix.EINTR {
			return err
		}
	}
}

// Raw returns the settings with which every byte that is typed passes as it is
// and at once, and with output every one that is written: cfmakeraw(3).
func (s TerminalSettings) Raw(output bool) TerminalSettings {
	t := &s.t
	t.Iflag &^= unix.IGNBRK | unix.BRKINT | unix.PARMRK | unix.ISTRIP | unix.INLCR | unix.IGNCR | unix.ICRNL | unix.IXON
	if output {
		t.Oflag &^= unix.OPOST
	}
	t.Lflag &^= unix.ECHO | unix.ECHONL | unix.ICANON | unix.ISIG | unix.IEXTEN
	t.Cflag &^= unix.CSIZE | unix.PARENB
	t.Cflag |= unix.CS8
	t.Cc[unix.VMIN], t.Cc[unix.VTIME] = 1, 0
	return s
}

// Keys reports whether every key is passed on already: neither lines are made of
// them, nor signals, and none is shown.
func (s TerminalSettings) Keys() bool {
	return s.t.Lflag&(unix.ICANON|unix.ISIG|unix.ECHO) == 0
}

// Lines reports whether input is read by lines, and EndOfFile which character
// then ends it; 0 is none.
func (s TerminalSettings) Lines() bool { return s.t.Lflag&unix.ICANON != 0 }

// EndOfFile: see Lines.
func (s TerminalSettings) EndOfFile() byte { return s.t.Cc[unix.VEOF] }

// CopyWindowSize gives one terminal the size of another. The kernel tells the
// foreground processes there if it has changed (SIGWINCH).
func CopyWindowSize(to, from int) error {
	size, err := unix.IoctlGetWinsize(from, unix.TIOCGWINSZ)
	if err != nil {
		return err
	}
	return unix.IoctlSetWinsize(to, unix.TIOCSWINSZ, size)
}

// InForeground reports whether this process may read from a terminal and change
// its settings without being stopped: its group is in the foreground there, or
// the terminal is not the one that controls it (ENOTTY), or has hung up (EIO).
func InForeground(fd int) bool {
	group, err := unix.IoctlGetInt(fd, unix.TIOCGPGRP)
	if err != nil {
		return err == unix.ENOTTY || err == unix.EIO
	}
	return group == unix.Getpgrp()
}

// OpenOwnTerminal opens the terminal that controls this process.
func OpenOwnTerminal() (int, error) {
	return unix.Open("/dev/tty", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
}

// SameDevice reports whether two descriptors are open on one device.
func SameDevice(a, b int) bool {
	var x, y unix.Stat_t
	return unix.Fstat(a, &x) == nil && unix.Fstat(b, &y) == nil && x.Rdev == y.Rdev
}

// PollFor waits for one of the events, at most so many milliseconds; a negative
// number means for ever.
func PollFor(fds []PollFD, ms int) error {
	for {
		_, err := unix.Poll(fds, ms)
		if err != unix.EINTR {
			return err
		}
	}
}

// ReceiveWith reads one packet and the descriptors that came with it. They are
// close-on-exec and the caller's.
func ReceiveWith(fd int, buf []byte, passed *[2]int) (n, count int, err error) {
	control := make([]byte, unix.CmsgSpace(2*4))
	for {
		n, size, _, _, err := unix.Recvmsg(fd, buf, control, unix.MSG_CMSG_CLOEXEC)
		if again(err) {
			continue
		}
		if err != nil {
			return n, 0, err
		}
		return n, copy(passed[:], rights(control[:size])), nil
	}
}

// StopSelf stops this process until it gets SIGCONT.
func StopSelf() error { return unix.Kill(unix.Getpid(), unix.SIGSTOP) }
