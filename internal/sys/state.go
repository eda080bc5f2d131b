package sys

import (
	"strconv"

	"golang.org/x/sys/unix"
)

// OpenPrivateDir opens a directory that is the caller's alone: not a link, owned
// by the effective user, with no rights for anybody else. private is false for
// any other directory.
func OpenPrivateDir(path string) (fd int, private bool, err error) {
	fd, err = unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, false, err
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		unix.Close(fd)
		return -1, false, err
	}
	return fd, int(st.Uid) == unix.Geteuid() && st.Mode&0o077 == 0, nil
}

// OwnDir reports whether path is a directory of the effective user's.
func OwnDir(path string) bool {
	var st unix.Stat_t
	err := unix.Lstat(path, &st)
	return err == nil && st.Mode&unix.S_IFMT == unix.S_IFDIR && int(st.Uid) == unix.Geteuid()
}

// MkdirAt makes a directory.
func MkdirAt(dir int, path string, mode uint32) error { return unix.Mkdirat(dir, path, mode) }

// NamelessFile makes a file in a directory that no name leads to yet.
func NamelessFile(dir int, path string) (int, error) {
	return unix.Openat(dir, path, unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
}

// NameFile gives a file that was made nameless a name; EEXIST means that it is
// taken (open(2), O_TMPFILE).
func NameFile(fd, dir int, path string) error {
	return unix.Linkat(unix.AT_FDCWD, "/proc/self/fd/"+strconv.Itoa(fd), dir, path, unix.AT_SYMLINK_FOLLOW)
}

// LockFile takes a lock of the open file, which the kernel gives back with the
// last descriptor of it; false means that somebody else has it.
func LockFile(fd int, exclusive bool) bool {
	how := unix.LOCK_SH
	if exclusive {
		how = unix.LOCK_EX
	}
	return unix.Flock(fd, how|unix.LOCK_NB) == nil
}

// UnlockFile gives the lock back.
func UnlockFile(fd int) { _ = unix.Flock(fd, unix.LOCK_UN) } // EBADF cannot happen

// OpenRegular opens a file below dir for reading, if it is a regular one of the
// effective user's of at most limit bytes; else the error is EINVAL.
func OpenRegular(dir int, path string, limit int64) (fd int, size int64, err error) {
	fd, err = unix.Openat(dir, path, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, 0, err
	}
	var st unix.Stat_t
	err = unix.Fstat(fd, &st)
	if err == nil && (st.Mode&unix.S_IFMT != unix.S_IFREG || int(st.Uid) != unix.Geteuid() || st.Size > limit) {
		err = unix.EINVAL
	}
	if err != nil {
		unix.Close(fd)
		return -1, 0, err
	}
	return fd, st.Size, nil
}

// NamesFile reports whether path below dir is the open file fd.
func NamesFile(dir int, path string, fd int) bool {
	var a, b unix.Stat_t
	return unix.Fstat(fd, &a) == nil && unix.Fstatat(dir, path, &b, unix.AT_SYMLINK_NOFOLLOW) == nil && a.Dev == b.Dev && a.Ino == b.Ino
}

// ReadAt fills buf from the start of a file, as far as it goes.
func ReadAt(fd int, buf []byte) (int, error) {
	for n := 0; ; {
		m, err := unix.Pread(fd, buf[n:], int64(n))
		if err == unix.EINTR {
			continue
		}
		n += max(m, 0)
		if err != nil || m == 0 || n == len(buf) {
			return n, err
		}
	}
}

// UnlinkAt removes a file.
func UnlinkAt(dir int, path string) error { return unix.Unlinkat(dir, path, 0) }

// Geteuid returns the effective user id.
func Geteuid() int { return unix.Geteuid() }

// readSmall reads a small file, as those in /proc are, into buf.
func readSmall(path string, buf []byte) ([]byte, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	n, err := Receive(fd, buf)
	unix.Close(fd)
	return buf[:max(n, 0)], err
}
