package sys

import (
	"time"

	"golang.org/x/sys/unix"
)

// pipeBuf is PIPE_BUF: a pipe that poll(2) calls writable takes as much
// without blocking (pipe(7)).
const pipeBuf = 4096

// WriteInTime writes data to a descriptor that others may hold as well, so
// that its O_NONBLOCK flag is not ours to set. It gives up with EAGAIN when
// nobody reads for as long as limit.
func WriteInTime(fd int, data []byte, limit time.Duration) error {
	deadline := time.Now().Add(limit)
	for len(data) > 0 {
		wait := max(time.Until(deadline).Milliseconds(), 0)
		polls := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}
		ready, err := unix.Poll(polls, int(wait))
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return err
		case ready == 0:
			return EAGAIN
		}
		n, err := writeOnce(fd, data[:min(len(data), pipeBuf)])
		if err != nil && err != unix.EINTR && err != unix.EAGAIN {
			return err
		}
		data = data[max(n, 0):]
	}
	return nil
}

// writeOnce avoids blocking where the kernel lets it: on sockets.
func writeOnce(fd int, data []byte) (int, error) {
	n, err := unix.SendmsgN(fd, data, nil, nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
	if err == unix.ENOTSOCK {
		return unix.Write(fd, data)
	}
	return n, err
}

// SignalName returns the name of a signal ("SIGTERM"), or "".
func SignalName(s unix.Signal) string { return unix.SignalName(s) }
