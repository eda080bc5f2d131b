package sys

import (
	"time"

	"golang.org/x/sys/unix"
)

// SocketPair returns the two ends of a control socket: packets are kept apart,
// and a closed peer is seen. Both are close-on-exec.
func SocketPair() (a, b int, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, -1, err
	}
	return fds[0], fds[1], nil
}

// Pipe returns the two ends of a pipe. Both are close-on-exec, and reads wait.
func Pipe() (r, w int, err error) {
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
		return -1, -1, err
	}
	return fds[0], fds[1], nil
}

// WriteByte writes one byte.
func WriteByte(fd int, b byte) error {
	for {
		_, err := unix.Write(fd, []byte{b})
		if err != unix.EINTR {
			return err
		}
	}
}

// Close closes a descriptor of ours.
func Close(fd int) error { return unix.Close(fd) }

// again reports an error after which there may be more to read. A peer that has
// ended with something unread leaves ECONNRESET, once, before the packets that
// it has sent (unix_release_sock in net/unix/af_unix.c): PID 1 does so when a
// signal is forwarded at the moment of the payload's end.
func again(err error) bool { return err == unix.EINTR || err == unix.ECONNRESET }

// Receive reads one packet; 0 bytes mean that the peer is gone.
func Receive(fd int, buf []byte) (int, error) {
	for {
		n, err := unix.Read(fd, buf)
		if !again(err) {
			return n, err
		}
	}
}

// ReceiveFrom reads one packet and returns the process that has sent it, as this
// pid namespace numbers it; PassCredentials has to come before the sending.
func ReceiveFrom(fd int, buf []byte) (n, pid int, err error) {
	control := make([]byte, unix.CmsgSpace(unix.SizeofUcred))
	for {
		n, size, _, _, err := unix.Recvmsg(fd, buf, control, unix.MSG_CMSG_CLOEXEC)
		if again(err) {
			continue
		}
		if err != nil || n == 0 {
			return n, 0, err
		}
		messages, err := unix.ParseSocketControlMessage(control[:size])
		if err != nil || len(messages) == 0 {
			return n, 0, err
		}
		cred, err := unix.ParseUnixCredentials(&messages[0])
		if err != nil {
			return n, 0, err
		}
		return n, int(cred.Pid), nil
	}
}

// PassCredentials has the kernel tell of each packet who has sent it (unix(7)).
func PassCredentials(fd int) error {
	return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PASSCRED, 1)
}

// Send writes one packet without raising SIGPIPE and without waiting for room.
func Send(fd int, data []byte) error {
	for {
		err := unix.Sendto(fd, data, unix.MSG_NOSIGNAL|unix.MSG_DONTWAIT, nil)
		if err != unix.EINTR {
			return err
		}
	}
}

// HangUp tells the peer that no more will be sent; receiving still works.
func HangUp(fd int) error { return unix.Shutdown(fd, unix.SHUT_WR) }

// DieWithParent has this process killed when the one that started it ends. The
// signal goes to the whole process, whichever thread has asked for it.
func DieWithParent() error {
	return unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0)
}

// OpenProcess returns a pidfd, which is close-on-exec.
func OpenProcess(pid int) (int, error) { return unix.PidfdOpen(pid, 0) }

// KillProcess sends SIGKILL through a pidfd.
func KillProcess(pidfd int) error {
	return unix.PidfdSendSignal(pidfd, unix.SIGKILL, nil, 0)
}

// Exit is how a process ended, and what it used with all that it waited for.
type Exit struct {
	Status  unix.WaitStatus
	User    time.Duration
	System  time.Duration
	MaxRSS  int64 // kilobytes
	Minor   int64
	Major   int64
	InBlock int64
	OuBlock int64
	NVCSw   int64
	NIvCSw  int64
}

// Wait waits for a child.
func Wait(pid int) (Exit, error) {
	var status unix.WaitStatus
	var ru unix.Rusage
	for {
		_, err := unix.Wait4(pid, &status, 0, &ru)
		if err == unix.EINTR {
			continue
		}
		return Exit{
			Status: status,
			User:   time.Duration(ru.Utime.Nano()), System: time.Duration(ru.Stime.Nano()),
			MaxRSS: ru.Maxrss, Minor: ru.Minflt, Major: ru.Majflt,
			InBlock: ru.Inblock, OuBlock: ru.Oublock, NVCSw: ru.Nvcsw, NIvCSw: ru.Nivcsw,
		}, err
	}
}
