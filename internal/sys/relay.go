package sys

import "golang.org/x/sys/unix"

// PollFD is struct pollfd; see poll(2).
type PollFD = unix.PollFd

// Events of PollFD.
const (
	PollIn  = unix.POLLIN
	PollOut = unix.POLLOUT
	PollErr = unix.POLLERR
	PollHup = unix.POLLHUP
)

// Poll waits for one of the events.
func Poll(fds []PollFD) error {
	for {
		_, err := unix.Poll(fds, -1)
		if err != unix.EINTR {
			return err
		}
	}
}

// Buffered returns how many bytes wait in a pipe (FIONREAD, which has the number of TIOCINQ; pipe(7)).
func Buffered(fd int) (int, error) { return unix.IoctlGetInt(fd, unix.TIOCINQ) }

// SetNonblock makes an end of a pipe non-blocking; the other one stays as it is.
func SetNonblock(fd int) error { return unix.SetNonblock(fd, true) }

// Splice moves up to n bytes out of a pipe without copying them. It does not wait
// for data (EAGAIN).
func Splice(from, to, n int) (int, error) {
	for {
		k, err := unix.Splice(from, nil, to, nil, n, unix.SPLICE_F_MOVE|unix.SPLICE_F_NONBLOCK)
		if err != unix.EINTR {
			return int(k), err
		}
	}
}

// Write writes some of data.
func Write(fd int, data []byte) (int, error) {
	for {
		n, err := unix.Write(fd, data)
		if err != unix.EINTR {
			return n, err
		}
	}
}

// IsPipe reports whether fd is a pipe, with a name or without.
func IsPipe(fd int) bool {
	var st unix.Stat_t
	return unix.Fstat(fd, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFIFO
}

// AnonymousPipe reports whether fd is a pipe that has no name, so that nobody can
// open an end that is closed.
func AnonymousPipe(fd int) bool {
	var st unix.Statfs_t
	return unix.Fstatfs(fd, &st) == nil && st.Type == unix.PIPEFS_MAGIC
}

// SameOutput reports whether it makes no difference to which of two descriptors
// one writes: one terminal, pipe, socket or device, or one file at one position.
func SameOutput(a, b int) bool {
	var x, y unix.Stat_t
	if unix.Fstat(a, &x) != nil || unix.Fstat(b, &y) != nil ||
		x.Dev != y.Dev || x.Ino != y.Ino || x.Rdev != y.Rdev {
		return false
	}
	if x.Mode&unix.S_IFMT != unix.S_IFREG {
		return true
	}
	flagsA, errA := unix.FcntlInt(uintptr(a), unix.F_GETFL, 0)
	flagsB, errB := unix.FcntlInt(uintptr(b), unix.F_GETFL, 0)
	atA, _ := unix.Seek(a, 0, unix.SEEK_CUR) // a regular file can be asked
	atB, _ := unix.Seek(b, 0, unix.SEEK_CUR)
	return errA == nil && errB == nil && flagsA == flagsB && atA == atB
}
