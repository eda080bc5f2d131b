package sys

import (
	"strconv"

	"golang.org/x/sys/unix"
)

// PR_GET_DUMPABLE asks whether a process may be inspected; see prctl(2).
const PR_GET_DUMPABLE = unix.PR_GET_DUMPABLE

// OpenNamespace opens a namespace of a process: "user", "mnt" and so on.
func OpenNamespace(pid int, name string) (int, error) {
	process := "self"
	if pid > 0 {
		process = strconv.Itoa(pid)
	}
	return unix.Open("/proc/"+process+"/ns/"+name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
}

// NamespaceParent returns the parent of a user namespace; EPERM means that it lies
// above the caller's own (ioctl_ns(2)).
func NamespaceParent(fd int) (int, error) { return unix.IoctlRetInt(fd, unix.NS_GET_PARENT) }

// NamespaceUser returns the user namespace that owns a namespace.
func NamespaceUser(fd int) (int, error) { return unix.IoctlRetInt(fd, unix.NS_GET_USERNS) }

// NamespaceOwner returns the user whom a user namespace belongs to, as the caller's
// namespace numbers users.
func NamespaceOwner(fd int) (int, error) {
	uid, err := unix.IoctlGetUint32(fd, unix.NS_GET_OWNER_UID)
	return int(uid), err
}

// SameFD reports whether two descriptors are of one file; of namespaces, whether
// they are one.
func SameFD(a, b int) bool {
	var sa, sb unix.Stat_t
	return unix.Fstat(a, &sa) == nil && unix.Fstat(b, &sb) == nil && sa.Dev == sb.Dev && sa.Ino == sb.Ino
}

// SignalProcess sends a signal through a pidfd; 0 only asks whether the process is
// there.
func SignalProcess(pidfd int, sig unix.Signal) error {
	return unix.PidfdSendSignal(pidfd, sig, nil, 0)
}

// Ended reports whether the process of a pidfd has ended, waited for or not.
func Ended(pidfd int) bool {
	fds := []unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(fds, 0)
		if err != unix.EINTR {
			return n > 0
		}
	}
}

// OpenCgroup opens the directory of a cgroup, where cgroup v2 is usually mounted, or
// where it is beside cgroup v1.
func OpenCgroup(path string) (int, error) {
	var last error = unix.ENOENT
	for _, root := range [...]string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified"} {
		fd, err := unix.Open(root+path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		if err != nil {
			last = err
			continue
		}
		var st unix.Statfs_t
		if err := unix.Fstatfs(fd, &st); err == nil && st.Type == unix.CGROUP2_SUPER_MAGIC {
			return fd, nil
		}
		unix.Close(fd)
	}
	return -1, last
}

const allSeals = unix.F_SEAL_SEAL | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE

// RunsSealed reports whether this program runs from a file in memory that nobody
// can change any more.
func RunsSealed() bool {
	fd, err := unix.Open("/proc/self/exe", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	seals, err := unix.FcntlInt(uintptr(fd), unix.F_GET_SEALS, 0)
	return err == nil && seals&allSeals == allSeals
}

// OwnExecutable reports whether the file of this program belongs to who runs it.
func OwnExecutable() bool {
	var st unix.Stat_t
	return unix.Stat("/proc/self/exe", &st) == nil && int(st.Uid) == unix.Geteuid()
}

// SealedCopy returns a copy of this program in memory that nobody can change.
func SealedCopy() (int, error) {
	from, err := unix.Open("/proc/self/exe", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	defer unix.Close(from)
	var st unix.Stat_t
	if err := unix.Fstat(from, &st); err != nil {
		return -1, err
	}
	to, err := unix.MemfdCreate("lichen", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING|unix.MFD_EXEC)
	if err == unix.EINVAL { // before Linux 6.3 all could be executed
		to, err = unix.MemfdCreate("lichen", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	}
	if err != nil {
		return -1, err
	}
	for left := st.Size; left > 0 && err == nil; {
		var n int
		n, err = unix.Sendfile(to, from, nil, int(left))
		if err == unix.EINTR {
			err = nil
		} else if n == 0 && err == nil {
			err = unix.EIO
		}
		left -= int64(max(n, 0))
	}
	if err == nil {
		_, err = unix.FcntlInt(uintptr(to), unix.F_ADD_SEALS, allSeals)
	}
	if err != nil {
		unix.Close(to)
		return -1, err
	}
	return to, nil
}

// Become executes an open program in the place of this one.
func Become(fd int, args, env []string) error {
	return unix.Exec("/proc/self/fd/"+strconv.Itoa(fd), args, env)
}
