package profile

import (
	"errors"
	"os"
	"syscall"
)

// maxFile bounds a profile; a long one has a few kilobytes.
const maxFile = 1 << 20

// readFile reads a regular file. It uses system calls rather than os.File: no
// poller is set up, which is a good part of the launcher's start.
func readFile(path string) (string, error) {
	// O_NONBLOCK: opening a fifo would wait for a writer.
	fd, err := openRetry(path, syscall.O_RDONLY|syscall.O_CLOEXEC|syscall.O_NONBLOCK|syscall.O_NOCTTY)
	if err != nil {
		return "", err
	}
	defer closeFD(fd)
	var st syscall.Stat_t
	if err := syscall.Fstat(fd, &st); err != nil {
		return "", err
	}
	switch {
	case st.Mode&syscall.S_IFMT != syscall.S_IFREG:
		return "", bad("it is "+fileKind(st.Mode)+", not a regular file", "")
	case st.Size > maxFile:
		return "", errTooLarge()
	}
	if err := checkWriters(st.Mode); err != nil {
		return "", err
	}
	return readAll(fd, int(st.Size))
}

func readAll(fd, size int) (string, error) {
	buf := make([]byte, size+1) // one more, to see that it has not grown
	n := 0
	for {
		if n == len(buf) {
			buf = append(buf, make([]byte, len(buf))...)
		}
		k, err := syscall.Read(fd, buf[n:])
		switch {
		case err == syscall.EINTR:
			continue
		case err != nil:
			return "", err
		case k == 0:
			return string(buf[:n]), nil
		}
		if n += k; n > maxFile {
			return "", errTooLarge()
		}
	}
}

func errTooLarge() error { return bad("it is larger than 1 MiB", "") }

// checkWriters refuses what everybody may change: the profile is what decides
// which files a hostile program gets.
func checkWriters(mode uint32) error {
	if mode&0o002 != 0 {
		return bad("everybody may change it", "take the permission away with chmod o-w")
	}
	return nil
}

func openRetry(path string, flags int) (int, error) {
	for {
		fd, err := syscall.Open(path, flags, 0)
		if err != syscall.EINTR {
			return fd, err
		}
	}
}

// closeFD closes a descriptor that was only read: there is nothing to lose.
func closeFD(fd int) { _ = syscall.Close(fd) }

// isMissing reports that no such file exists, as against one that cannot be
// read. ENOTDIR: a parent is no directory (HOME=/dev/null of a system user).
func isMissing(err error) bool {
	return errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.ENOTDIR)
}

// readDir returns the names in a directory, none when there is no directory.
func readDir(path string) ([]string, error) {
	fd, err := openRetry(path, syscall.O_RDONLY|syscall.O_CLOEXEC|syscall.O_DIRECTORY)
	if isMissing(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), path)
	defer f.Close() // only read
	var st syscall.Stat_t
	if err := syscall.Fstat(fd, &st); err != nil {
		return nil, err
	}
	if err := checkWriters(st.Mode); err != nil {
		return nil, err
	}
	return f.Readdirnames(-1)
}

func fileKind(mode uint32) string {
	switch mode & syscall.S_IFMT {
	case syscall.S_IFDIR:
		return "a directory"
	case syscall.S_IFIFO:
		return "a fifo"
	case syscall.S_IFSOCK:
		return "a socket"
	case syscall.S_IFCHR, syscall.S_IFBLK:
		return "a device"
	}
	return "a special file"
}
