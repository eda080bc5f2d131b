package sys

import (
	"encoding/binary"
	"io/fs"

	"golang.org/x/sys/unix"
)

// faccessat2(2) modes.
const (
	R_OK = unix.R_OK
	X_OK = unix.X_OK
)

// Getuid returns the real user id.
func Getuid() int { return unix.Getuid() }

// Getgid returns the real group id.
func Getgid() int { return unix.Getgid() }

// LandlockABI returns the kernel's Landlock version, or 0 where Landlock is
// not built in, switched off at boot, or hidden by a filter.
func LandlockABI() int {
	v, _, errno := unix.RawSyscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return 0
	}
	return int(v)
}

// HardLimit returns the hard limit of an RLIMIT_ resource; 0 when the kernel
// does not know the resource.
func HardLimit(resource int) uint64 {
	var r unix.Rlimit
	if err := unix.Prlimit(0, resource, nil, &r); err != nil {
		return 0
	}
	return r.Max
}

// Stat returns type and permissions of path; flags are fstatat(2)'s.
func Stat(path string, flags int) (fs.FileMode, error) {
	var st unix.Stat_t
	for {
		err := unix.Fstatat(unix.AT_FDCWD, path, &st, flags)
		if err == nil {
			return fileMode(st.Mode), nil
		}
		if err != unix.EINTR {
			return 0, err
		}
	}
}

// StatIn describes the file at rel with root as the root directory: links are
// followed inside it (openat2(2), RESOLVE_IN_ROOT), one in the last component
// only with follow.
func StatIn(root, rel string, follow bool) (fs.FileMode, error) {
	how := unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS}
	if !follow {
		how.Flags |= unix.O_NOFOLLOW
	}
	dir, err := unix.Open(root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	defer unix.Close(dir)
	fd, err := unix.Openat2(dir, rel, &how)
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return 0, err
	}
	return fileMode(st.Mode), nil
}

// FDStat is what is known of an open descriptor.
type FDStat struct {
	Mode  fs.FileMode
	Flags int  // of open(2)
	Null  bool // it is the null device
}

// StatFD describes a descriptor.
func StatFD(fd int) (FDStat, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return FDStat{}, err
	}
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	mode := fileMode(st.Mode)
	null := mode&fs.ModeCharDevice != 0 && st.Rdev == unix.Mkdev(1, 3) // null(4)
	return FDStat{mode, flags, null}, err
}

// FDOpen reports whether fd is open.
func FDOpen(fd int) bool {
	_, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
	return err == nil
}

// CloseOnExec marks fd, if it is open.
func CloseOnExec(fd int) { unix.CloseOnExec(fd) }

// Readlink returns the text of a symbolic link.
func Readlink(path string) (string, error) {
	var buf [unix.PathMax]byte
	n, err := unix.Readlink(path, buf[:])
	if err != nil {
		return "", err
	}
	return string(buf[:n]), nil
}

// Access checks what the effective ids may do with path.
func Access(path string, mode uint32) error {
	return unix.Faccessat(unix.AT_FDCWD, path, mode, unix.AT_EACCESS)
}

func fileMode(m uint32) fs.FileMode {
	mode := fs.FileMode(m & 0o777)
	switch m & unix.S_IFMT {
	case unix.S_IFDIR:
		mode |= fs.ModeDir
	case unix.S_IFLNK:
		mode |= fs.ModeSymlink
	case unix.S_IFSOCK:
		mode |= fs.ModeSocket
	case unix.S_IFIFO:
		mode |= fs.ModeNamedPipe
	case unix.S_IFCHR:
		mode |= fs.ModeDevice | fs.ModeCharDevice
	case unix.S_IFBLK:
		mode |= fs.ModeDevice
	}
	return mode
}

// InterfaceFlags returns a struct ifreq that sets the flags of a network
// device; see netdevice(7).
func InterfaceFlags(name string, flags uint16) []byte {
	const sizeofIfreq = 40
	req := make([]byte, sizeofIfreq)
	copy(req[:unix.IFNAMSIZ-1], name)
	binary.NativeEndian.PutUint16(req[unix.IFNAMSIZ:], flags)
	return req
}
