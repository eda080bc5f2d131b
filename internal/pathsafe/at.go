package pathsafe

import (
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// IsBase says whether name can be a name in a directory.
func IsBase(name string) bool {
	switch name {
	case "", ".", "..":
		return false
	}
	return strings.IndexByte(name, '/') < 0 && strings.IndexByte(name, 0) < 0
}

// OpenDirAt returns a descriptor (O_PATH) of the directory base. A symlink is
// ENOTDIR.
func OpenDirAt(dirfd int, base string) (int, error) {
	if !IsBase(base) {
		return -1, unix.EINVAL
	}
	return openat(dirfd, base, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
}

// OpenAt opens base for reading, a directory or a file. A symlink is ELOOP, and
// a fifo is not waited for.
func OpenAt(dirfd int, base string) (int, error) {
	if !IsBase(base) {
		return -1, unix.EINVAL
	}
	return openat(dirfd, base, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
}

// Create makes the new regular file base with mode 0600 and opens it for
// writing. Whatever has that name already is EEXIST: no file that exists is
// ever written to.
func Create(dirfd int, base string) (int, error) {
	if !IsBase(base) {
		return -1, unix.EINVAL
	}
	return openat(dirfd, base, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW, 0o600)
}

// Mkdir makes the directory base with mode, before umask.
func Mkdir(dirfd int, base string, mode uint32) error {
	if !IsBase(base) {
		return unix.EINVAL
	}
	return retried(func() error { return unix.Mkdirat(dirfd, base, mode) })
}

// Symlink makes base a symlink to target, which is not looked at.
func Symlink(target string, dirfd int, base string) error {
	if !IsBase(base) {
		return unix.EINVAL
	}
	return retried(func() error { return unix.Symlinkat(target, dirfd, base) })
}

// Link makes base another name of the file oldBase. If that is a symlink, base
// is another name of the symlink.
func Link(oldfd int, oldBase string, dirfd int, base string) error {
	if !IsBase(oldBase) || !IsBase(base) {
		return unix.EINVAL
	}
	return retried(func() error { return unix.Linkat(oldfd, oldBase, dirfd, base, 0) })
}

// Mkfifo makes base a fifo with mode, before umask.
func Mkfifo(dirfd int, base string, mode uint32) error {
	if !IsBase(base) {
		return unix.EINVAL
	}
	return retried(func() error { return unix.Mknodat(dirfd, base, unix.S_IFIFO|mode&0o7777, 0) })
}

// Unlink removes base, which is not a directory.
func Unlink(dirfd int, base string) error {
	if !IsBase(base) {
		return unix.EINVAL
	}
	return retried(func() error { return unix.Unlinkat(dirfd, base, 0) })
}

// Rmdir removes the empty directory base.
func Rmdir(dirfd int, base string) error {
	if !IsBase(base) {
		return unix.EINVAL
	}
	return retried(func() error { return unix.Unlinkat(dirfd, base, unix.AT_REMOVEDIR) })
}

// Stat describes base itself, also if it is a symlink.
func Stat(dirfd int, base string) (unix.Stat_t, error) {
	var st unix.Stat_t
	if !IsBase(base) {
		return st, unix.EINVAL
	}
	err := retried(func() error { return unix.Fstatat(dirfd, base, &st, unix.AT_SYMLINK_NOFOLLOW) })
	return st, err
}

// Readlink returns the target of the symlink base.
func Readlink(dirfd int, base string) (string, error) {
	if !IsBase(base) {
		return "", unix.EINVAL
	}
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(dirfd, base, buf)
	if err != nil {
		return "", err
	}
	return string(buf[:n]), nil
}

// Chown sets the owner of base itself. It clears setuid bits and capabilities,
// so that it comes before them; see chown(2).
func Chown(dirfd int, base string, uid, gid uint32) error {
	if !IsBase(base) {
		return unix.EINVAL
	}
	return retried(func() error {
		return unix.Fchownat(dirfd, base, int(uid), int(gid), unix.AT_SYMLINK_NOFOLLOW)
	})
}

// SetTimes sets access and modification time of base itself.
func SetTimes(dirfd int, base string, t unix.Timespec) error {
	if !IsBase(base) {
		return unix.EINVAL
	}
	return retried(func() error {
		return unix.UtimesNanoAt(dirfd, base, []unix.Timespec{t, t}, unix.AT_SYMLINK_NOFOLLOW)
	})
}

// Chmod sets the mode of base, which works without any right to base. A symlink
// has no mode to set: EOPNOTSUPP, and what it leads to stays as it is.
func Chmod(dirfd int, base string, mode uint32) error {
	if !IsBase(base) {
		return unix.EINVAL
	}
	// fchmodat2, Linux 6.6; ENOSYS comes back as EOPNOTSUPP.
	err := retried(func() error { return unix.Fchmodat(dirfd, base, mode, unix.AT_SYMLINK_NOFOLLOW) })
	if err == nil || !lacking(err) {
		return err
	}
	fd, err := openat(dirfd, base, unix.O_PATH|unix.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	err = chmodProc(fd, mode)
	if closeErr := unix.Close(fd); err == nil {
		err = closeErr
	}
	return err
}

// FChmod sets the mode of what fd is open on; fd may be O_PATH.
func FChmod(fd int, mode uint32) error {
	err := retried(func() error { return unix.Fchmod(fd, mode) })
	if err != unix.EBADF {
		return err
	}
	err = retried(func() error { return unix.Fchmodat(fd, "", mode, unix.AT_EMPTY_PATH) })
	if err == nil || !lacking(err) {
		return err
	}
	return chmodProc(fd, mode)
}

// FChown sets the owner of what fd is open on; fd may be O_PATH.
func FChown(fd int, uid, gid uint32) error {
	return retried(func() error { return unix.Fchownat(fd, "", int(uid), int(gid), unix.AT_EMPTY_PATH) })
}

// FSetTimes sets access and modification time of what fd is open on; fd may be
// O_PATH (Linux 5.8).
func FSetTimes(fd int, t unix.Timespec) error {
	return retried(func() error {
		return unix.UtimesNanoAt(fd, "", []unix.Timespec{t, t}, unix.AT_EMPTY_PATH)
	})
}

// lacking says whether err may mean that the kernel, or a filter that does not
// know it, has no fchmodat2.
func lacking(err error) bool {
	return err == unix.EOPNOTSUPP || err == unix.ENOSYS || err == unix.EPERM
}

// chmodProc is chmod(2) through the magic link of an O_PATH descriptor, which
// leads to exactly what the descriptor is open on. What glibc does for
// AT_SYMLINK_NOFOLLOW where fchmodat2 is missing. Without a /proc it still
// works for directories that may be read.
func chmodProc(fd int, mode uint32) error {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT == unix.S_IFLNK {
		return unix.EOPNOTSUPP
	}
	err := retried(func() error { return unix.Chmod("/proc/self/fd/"+strconv.Itoa(fd), mode) })
	if err != unix.ENOENT || st.Mode&unix.S_IFMT != unix.S_IFDIR {
		return err
	}
	dir, err := openat(fd, ".", unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	err = retried(func() error { return unix.Fchmod(dir, mode) })
	if closeErr := unix.Close(dir); err == nil {
		err = closeErr
	}
	return err
}

func retried(call func() error) error {
	for {
		if err := call(); err != unix.EINTR {
			return err
		}
	}
}
