package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

var fileProbes = map[string]probe{
	"read":     readFile,
	"open":     func(a []string) (string, error) { return open(a[0], unix.O_RDONLY) },
	"openw":    func(a []string) (string, error) { return open(a[0], unix.O_WRONLY) },
	"opendirw": func(a []string) (string, error) { return open(a[0], unix.O_TMPFILE|unix.O_RDWR) },
	"write":    writeFile,
	"create":   createFile,
	"list":     list,
	"readlink": func(a []string) (string, error) { return os.Readlink(a[0]) },
	"stat": func(a []string) (string, error) {
		st, err := os.Stat(a[0])
		if err != nil {
			return "", err
		}
		return st.Mode().String() + " " + strconv.FormatInt(st.Size(), 10), nil
	},
	"chdir":    func(a []string) (string, error) { return "", unix.Chdir(a[0]) },
	"chroot":   func(a []string) (string, error) { return "", unix.Chroot(a[0]) },
	"mkdir":    func(a []string) (string, error) { return "", unix.Mkdir(a[0], 0o755) },
	"rmdir":    func(a []string) (string, error) { return "", unix.Rmdir(a[0]) },
	"unlink":   func(a []string) (string, error) { return "", unix.Unlink(a[0]) },
	"rename":   func(a []string) (string, error) { return "", unix.Rename(a[0], a[1]) },
	"link":     func(a []string) (string, error) { return "", unix.Link(a[0], a[1]) },
	"symlink":  func(a []string) (string, error) { return "", unix.Symlink(a[0], a[1]) },
	"chmod":    func(a []string) (string, error) { return "", unix.Chmod(a[0], uint32(number(a[1]))) },
	"truncate": func(a []string) (string, error) { return "", unix.Truncate(a[0], 0) },
	"chown":    func(a []string) (string, error) { return "", unix.Lchown(a[0], int(number(a[1])), int(number(a[2]))) },
	"setxattr": func(a []string) (string, error) { return "", unix.Setxattr(a[0], "user.probe", []byte("1"), 0) },
	"utimes":   func(a []string) (string, error) { return "", unix.Utimes(a[0], make([]unix.Timeval, 2)) },
	"mknod": func(a []string) (string, error) {
		return "", unix.Mknod(a[0], unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3)))
	},
	"mkfifo":   func(a []string) (string, error) { return "", unix.Mkfifo(a[0], 0o666) },
	"exec":     execFile,
	"mmapexec": mapExecutable,
	"openat":   openAt,
	"fds":      descriptors,
	"readfd":   func(a []string) (string, error) { return readDescriptor(int(number(a[0]))) },
	"writefd": func(a []string) (string, error) {
		_, err := unix.Write(int(number(a[0])), []byte("probe"))
		return "", err
	},
	"fill":      fill,
	"inodes":    fillInodes,
	"statfs":    fileSystem,
	"byhandle":  byHandle,
	"exists":    func(a []string) (string, error) { return "", unix.Faccessat(unix.AT_FDCWD, a[0], unix.F_OK, 0) },
	"getcwd":    func([]string) (string, error) { return unix.Getwd() },
	"closeonly": func(a []string) (string, error) { return "", unix.Close(int(number(a[0]))) },
}

func open(path string, flags int) (string, error) {
	fd, err := unix.Open(path, flags|unix.O_CLOEXEC|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err == nil {
		unix.Close(fd)
	}
	return "", err
}

func readFile(a []string) (string, error) {
	fd, err := unix.Open(a[0], unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return "", err
	}
	defer unix.Close(fd)
	return readDescriptor(fd)
}

func readDescriptor(fd int) (string, error) {
	buf := make([]byte, 64<<10)
	n, err := unix.Read(fd, buf)
	return string(buf[:max(n, 0)]), err
}

func writeFile(a []string) (string, error) {
	fd, err := unix.Open(a[0], unix.O_WRONLY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return "", err
	}
	defer unix.Close(fd)
	_, err = unix.Write(fd, []byte(arg(a, 1)))
	return "", err
}

func createFile(a []string) (string, error) {
	fd, err := unix.Open(a[0], unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_CLOEXEC, 0o644)
	if err != nil {
		return "", err
	}
	defer unix.Close(fd)
	_, err = unix.Write(fd, []byte(arg(a, 1)))
	return "", err
}

func list(a []string) (string, error) {
	entries, err := os.ReadDir(a[0])
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return strings.Join(names, " "), err
}

func execFile(a []string) (string, error) {
	p, err := os.StartProcess(a[0], a, &os.ProcAttr{})
	if err != nil {
		return "", err
	}
	st, err := p.Wait()
	if err != nil {
		return "", err
	}
	return st.String(), nil
}

func mapExecutable(a []string) (string, error) {
	f, err := os.Open(a[0])
	if err != nil {
		return "", err
	}
	defer f.Close()
	_, err = unix.Mmap(int(f.Fd()), 0, 4096, unix.PROT_READ|unix.PROT_EXEC, unix.MAP_PRIVATE)
	return "", err
}

// openAt climbs from an inherited descriptor: openat FD PATH.
func openAt(a []string) (string, error) {
	fd, err := unix.Openat(int(number(a[0])), a[1], unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", err
	}
	defer unix.Close(fd)
	return readDescriptor(fd)
}

// descriptors lists what is open besides the probe's own, without /proc.
func descriptors([]string) (string, error) {
	var open []string
	for fd := range 2048 {
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		if err == nil && flags&unix.FD_CLOEXEC == 0 {
			open = append(open, strconv.Itoa(fd))
		}
	}
	return strings.Join(open, " "), nil
}

// fill writes until the file system is full: fill PATH MAXIMUM.
func fill(a []string) (string, error) {
	f, err := os.Create(a[0])
	if err != nil {
		return "", err
	}
	defer f.Close()
	chunk := make([]byte, 64<<10)
	var total uint64
	for total < number(a[1]) {
		n, err := f.Write(chunk)
		total += uint64(n)
		if err != nil {
			return strconv.FormatUint(total, 10), err
		}
	}
	return strconv.FormatUint(total, 10), nil
}

func fillInodes(a []string) (string, error) {
	for i := range number(a[1]) {
		if err := unix.Mknod(filepath.Join(a[0], strconv.FormatUint(i, 10)), unix.S_IFREG|0o600, 0); err != nil {
			return strconv.FormatUint(i, 10), err
		}
	}
	return a[1], nil
}

func fileSystem(a []string) (string, error) {
	var st unix.Statfs_t
	err := unix.Statfs(a[0], &st)
	return "type=" + strconv.FormatInt(int64(st.Type), 16) + " flags=" + strconv.FormatInt(int64(st.Flags), 16), err
}

// byHandle opens the root inode of the host's file system by number, the way
// out of a container that open_by_handle_at(2) once was.
func byHandle(a []string) (string, error) {
	h := unix.NewFileHandle(1, []byte{2, 0, 0, 0, 0, 0, 0, 0}) // FILEID_INO32_GEN of inode 2
	dir, err := unix.Open(a[0], unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return "", err
	}
	defer unix.Close(dir)
	fd, err := unix.OpenByHandleAt(dir, h, unix.O_RDONLY)
	if err != nil {
		return "", err
	}
	names, err := os.NewFile(uintptr(fd), "handle").Readdirnames(-1)
	return strings.Join(names, " "), err
}
