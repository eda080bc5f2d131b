package main

import (
	"strconv"
	"strings"
	"syscall"

	"github.com/lichen-sandbox/lichen/spec"
)

// maxBindList bounds one list: a hundred thousand paths and more.
const maxBindList = 16 << 20

// readBindLists appends the entries of the lists named by sources. One
// argument has at most 128 KiB (execve(2), MAX_ARG_STRLEN), so that thousands
// of paths do not fit the command line.
func readBindLists(to, sources []string) ([]string, error) {
	for _, source := range sources {
		data, err := readBindList(source)
		if err != nil {
			return nil, &spec.Error{Op: "read bind list", Object: source, Err: err, Origin: spec.CommandLine}
		}
		if to, err = splitBindList(to, data); err != nil {
			return nil, &spec.Error{Op: "read bind list", Object: source, Err: err, Origin: spec.CommandLine}
		}
	}
	return to, nil
}

func readBindList(source string) (string, error) {
	if number, ok := strings.CutPrefix(source, "fd:"); ok {
		fd, err := strconv.ParseUint(number, 10, 31)
		if err != nil {
			return "", textError("fd: is followed by the number of an open descriptor")
		}
		return readLimited(int(fd), maxBindList)
	}
	fd, err := openRead(source)
	if err != nil {
		return "", err
	}
	defer syscall.Close(fd) // only read
	return readLimited(fd, maxBindList)
}

func openRead(path string) (int, error) {
	for {
		fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_CLOEXEC|syscall.O_NOCTTY, 0)
		if err != syscall.EINTR {
			return fd, err
		}
	}
}

// readLimited reads to the end. System calls instead of os.File keep the
// runtime's poller, and with it a few descriptors, out of the launch.
func readLimited(fd, limit int) (string, error) {
	buf := make([]byte, 64<<10)
	n := 0
	for {
		k, err := syscall.Read(fd, buf[n:])
		switch {
		case err == syscall.EINTR:
			continue
		case err != nil:
			return "", err
		case k == 0:
			return string(buf[:n]), nil
		}
		if n += k; n > limit {
			return "", textError("longer than " + strconv.Itoa(limit>>20) + " MiB")
		}
		if n == len(buf) {
			buf = append(buf, make([]byte, len(buf))...)
		}
	}
}

// splitBindList appends the entries, each ended by a NUL byte; the last may
// lack it.
func splitBindList(to []string, data string) ([]string, error) {
	data = strings.TrimSuffix(data, "\x00")
	if data == "" {
		return to, nil
	}
	n := 0
	for entry := range strings.SplitSeq(data, "\x00") {
		if n++; entry == "" {
			return nil, textError("entry " + strconv.Itoa(n) + " is empty")
		}
		to = append(to, entry)
	}
	return to, nil
}

// textError is an error that is only text.
type textError string

func (e textError) Error() string { return string(e) }
