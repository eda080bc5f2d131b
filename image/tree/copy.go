package tree

import (
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// copyFile copies a regular file with its holes and attributes, and returns
// the bytes it wrote.
func copyFile(src, dst int, name string, st *unix.Stat_t) (n int64, err error) {
	fd, err := openat(src, name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	in := os.NewFile(uintptr(fd), name)
	defer in.Close()
	fd, err = openat(dst, name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return 0, err
	}
	out := os.NewFile(uintptr(fd), name)
	defer func() {
		if e := out.Close(); err == nil { // where NFS tells that its disk is full
			err = e
		}
	}()
	if n, err = copyData(out, in, st.Size); err != nil {
		return n, err
	}
	return n, copyAttributes(int(in.Fd()), int(out.Fd()), st)
}

// copyData copies what is not a hole.
func copyData(out, in *os.File, size int64) (written int64, err error) {
	for off := int64(0); off < size; {
		data, hole, err := extent(int(in.Fd()), off, size)
		if err != nil {
			return written, err
		}
		if data >= size {
			break
		}
		if _, err := in.Seek(data, io.SeekStart); err != nil {
			return written, err
		}
		if _, err := out.Seek(data, io.SeekStart); err != nil {
			return written, err
		}
		n, err := io.CopyN(out, in, hole-data)
		written += n
		if err != nil {
			return written, err
		}
		off = hole
	}
	return written, out.Truncate(size)
}

// extent returns the first data at or after off, and where it ends; data is
// size when there is none.
func extent(fd int, off, size int64) (data, hole int64, err error) {
	data, err = unix.Seek(fd, off, unix.SEEK_DATA)
	switch err {
	case nil:
	case unix.ENXIO:
		return size, size, nil
	case unix.EINVAL, unix.EOPNOTSUPP: // a file system that does not tell
		return off, size, nil
	default:
		return 0, 0, err
	}
	hole, err = unix.Seek(fd, data, unix.SEEK_HOLE)
	return data, min(hole, size), err
}

// copyAttributes sets owner, extended attributes, mode and times. The order
// matters: chown clears setuid bits and capabilities (chown(2)), and setting
// attributes changes no time but ctime.
func copyAttributes(src, dst int, st *unix.Stat_t) error {
	var have unix.Stat_t
	if err := unix.Fstat(dst, &have); err != nil {
		return err
	}
	if have.Uid != st.Uid || have.Gid != st.Gid {
		if err := unix.Fchown(dst, int(st.Uid), int(st.Gid)); err != nil {
			return err
		}
	}
	if err := copyXattrs(src, dst); err != nil {
		return err
	}
	if err := unix.Fchmod(dst, st.Mode&0o7777); err != nil {
		return err
	}
	return unix.UtimesNanoAt(unix.AT_FDCWD, procPath(dst), times(st), 0)
}

// maxXattr is the kernel's limit for one value and for the list of names
// (XATTR_SIZE_MAX, XATTR_LIST_MAX in linux/limits.h).
const maxXattr = 64 << 10

// copyXattrs copies the attributes that an image can have.
func copyXattrs(src, dst int) error {
	n, err := unix.Flistxattr(src, nil)
	if n == 0 || err == unix.EOPNOTSUPP {
		return nil
	}
	if err != nil {
		return err
	}
	buf := make([]byte, maxXattr)
	if n, err = unix.Flistxattr(src, buf); err != nil {
		return err
	}
	value := make([]byte, maxXattr)
	for name := range strings.SplitSeq(string(buf[:n]), "\x00") {
		if !strings.HasPrefix(name, "user.") && name != "security.capability" {
			continue
		}
		n, err := unix.Fgetxattr(src, name, value)
		if err != nil {
			return err
		}
		if err := unix.Fsetxattr(dst, name, value[:n], 0); err != nil {
			return err
		}
	}
	return nil
}

// chownat gives an entry another owner when it has to.
func chownat(fd int, name string, st *unix.Stat_t) error {
	var have unix.Stat_t
	if err := unix.Fstatat(fd, name, &have, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return err
	}
	if have.Uid == st.Uid && have.Gid == st.Gid {
		return nil
	}
	return unix.Fchownat(fd, name, int(st.Uid), int(st.Gid), unix.AT_SYMLINK_NOFOLLOW)
}

func setTimes(fd int, name string, st *unix.Stat_t) error {
	return unix.UtimesNanoAt(fd, name, times(st), unix.AT_SYMLINK_NOFOLLOW)
}

func times(st *unix.Stat_t) []unix.Timespec { return []unix.Timespec{st.Atim, st.Mtim} }
