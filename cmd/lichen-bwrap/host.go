package main

import (
	"io"
	"os"
	"slices"
	"strconv"
	"syscall"

	"github.com/lichen-sandbox/lichen/bwrap"
	"github.com/lichen-sandbox/lichen/internal/sys"
)

// reader reads a descriptor of the caller's. package os would make it
// non-blocking for everybody who has it.
type reader int

func (r reader) Read(b []byte) (int, error) {
	for {
		n, err := syscall.Read(int(r), b)
		switch {
		case err == syscall.EINTR:
			continue
		case err != nil:
			return 0, err
		case n == 0 && len(b) > 0:
			return 0, io.EOF
		}
		return n, nil
	}
}

// inputs are the descriptors that were read. To the caller they are closed then;
// they stay open in truth, so that nothing of ours gets their numbers, which other
// options may name.
type inputs struct{ read []int }

// take returns a reader for fd, once.
func (in *inputs) take(fd int) (reader, error) {
	if slices.Contains(in.read, fd) || !sys.FDOpen(fd) {
		return 0, syscall.EBADF
	}
	in.read = append(in.read, fd)
	sys.CloseOnExec(fd)
	return reader(fd), nil
}

// args is bwrap.Options.ReadArgs.
func (in *inputs) args(fd int) (io.ReadCloser, error) {
	r, err := in.take(fd)
	return io.NopCloser(r), err
}

// maxContent bounds what a launch takes from descriptors, in bytes.
const maxContent = 1 << 30

// content reads a descriptor to its end.
func (in *inputs) content(fd int) ([]byte, error) {
	r, err := in.take(fd)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(r, maxContent+1))
	if err == nil && len(data) > maxContent {
		err = syscall.EFBIG
	}
	return data, err
}

// readFilters reads the programs of --seccomp and --add-seccomp-fd.
func (in *inputs) filters(c *bwrap.Config) ([][]byte, error) {
	const instruction, most = 8, 4096 // BPF_MAXINSNS
	var out [][]byte
	for _, fd := range c.SeccompFDs {
		data, err := in.content(fd)
		switch {
		case err != nil:
			return nil, &bwrap.Error{Text: "Can't read seccomp data: " + reason(err), Err: err}
		case len(data)%instruction != 0:
			return nil, &bwrap.Error{Text: "Invalid seccomp data, must be multiple of 8"}
		}
		out = append(out, data[:min(len(data), (most+1)*instruction)])
	}
	return out, nil
}

// terminal returns the path of the terminal that fd is, or "". The name in /proc
// may be that of another device here, when the terminal is a container's.
func terminal(fd int) string {
	if !isTerminal(uintptr(fd)) {
		return ""
	}
	name, err := sys.Readlink("/proc/self/fd/" + strconv.Itoa(fd))
	if err != nil {
		return ""
	}
	var open, named syscall.Stat_t
	if syscall.Fstat(fd, &open) != nil || syscall.Stat(name, &named) != nil || open.Dev != named.Dev || open.Ino != named.Ino {
		return ""
	}
	return name
}

// freeFD returns a number above every open descriptor.
func freeFD() int {
	free := 3
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return free
	}
	for _, e := range entries {
		if n, err := strconv.Atoi(e.Name()); err == nil {
			free = max(free, n+1)
		}
	}
	return free
}
