package sys

import (
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// MaxPassedFDs is SCM_MAX_FD: what one message may carry (unix(7)).
const MaxPassedFDs = 253

// DatagramSocket returns a socket for datagrams to paths and abstract names.
func DatagramSocket() (int, error) {
	return unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
}

// BindAt makes the socket file name in the directory dir, with exactly this
// mode. The path goes through the descriptor, because an address of a socket has
// 107 bytes at most (unix(7)).
//
// Neither dir nor name is followed as a link: where a payload of another run may
// write around dir, it could put one there, and have the mode of a file of the
// user's changed.
func BindAt(fd int, dir, name string, mode uint32) error {
	d, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(d)
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: procFD(d) + "/" + name}); err != nil {
		return err
	}
	return chmodSocket(d, name, mode)
}

// chmodSocket sets the mode of the socket file name in dir. fchmodat(2) has no way
// of not following a link before Linux 6.6; the one in /proc leads to what is open.
func chmodSocket(dir int, name string, mode uint32) error {
	s, err := unix.Openat(dir, name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(s)
	var st unix.Stat_t
	if err := unix.Fstat(s, &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFSOCK {
		return unix.ENOTSOCK
	}
	return unix.Chmod(procFD(s), mode)
}

func procFD(fd int) string { return "/proc/self/fd/" + strconv.Itoa(fd) }

// ConnectUnix sets where a datagram socket sends to: a path, or an abstract name
// that begins with "@".
func ConnectUnix(fd int, address string) error {
	return unix.Connect(fd, &unix.SockaddrUnix{Name: address})
}

// ControlBuffer returns room for all that one message can carry besides data.
func ControlBuffer() []byte { return make([]byte, unix.CmsgSpace(4*MaxPassedFDs)) }

// ReceiveDatagram takes one message that has arrived already, else the error is
// EAGAIN. The descriptors are the caller's to close; whole is false when data or
// descriptors did not fit.
func ReceiveDatagram(fd int, buf, control []byte) (n int, fds []int, whole bool, err error) {
	for {
		n, size, flags, _, err := unix.Recvmsg(fd, buf, control, unix.MSG_CMSG_CLOEXEC|unix.MSG_DONTWAIT)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return 0, nil, false, err
		}
		return n, rights(control[:size]), flags&(unix.MSG_TRUNC|unix.MSG_CTRUNC) == 0, nil
	}
}

// rights lists the descriptors in a control buffer. What else is in it carries
// nothing that would have to be closed.
func rights(control []byte) (fds []int) {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return nil // the kernel has written it
	}
	for i := range messages {
		if passed, err := unix.ParseUnixRights(&messages[i]); err == nil {
			fds = append(fds, passed...)
		}
	}
	return fds
}

// SendDatagram sends one message to where the socket is connected, and does not
// wait for room.
func SendDatagram(fd int, data []byte, fds []int) error {
	var control []byte
	if len(fds) > 0 {
		control = unix.UnixRights(fds...)
	}
	for {
		err := unix.Sendmsg(fd, data, control, nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
		if err != unix.EINTR {
			return err
		}
	}
}

// Ready is what AwaitEither has seen.
type Ready struct{ First, Second bool }

// AwaitEither waits until first can be read (or, with write, be written), second
// can be read, or either is broken, and may return before. A negative descriptor is left out, and a
// negative limit is none.
func AwaitEither(first int, write bool, second int, limit time.Duration) (Ready, error) {
	events := int16(unix.POLLIN)
	if write {
		events = unix.POLLOUT
	}
	polls := []unix.PollFd{{Fd: int32(first), Events: events}, {Fd: int32(second), Events: unix.POLLIN}}
	wait := -1
	if limit >= 0 {
		wait = int(limit.Milliseconds())
	}
	_, err := unix.Poll(polls, wait)
	if err == unix.EINTR {
		return Ready{}, nil
	}
	return Ready{polls[0].Revents != 0, polls[1].Revents != 0}, err
}

// FDInherited reports whether fd is open and came through execve: what a Go
// program opens by itself is close-on-exec.
func FDInherited(fd int) bool {
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
	return err == nil && flags&unix.FD_CLOEXEC == 0
}

// FileID is what tells a file from every other one on this host.
type FileID struct{ Dev, Ino uint64 }

// IdentifyFD returns the file that a descriptor is open on.
func IdentifyFD(fd int) (FileID, error) {
	var st unix.Stat_t
	err := unix.Fstat(fd, &st)
	return FileID{uint64(st.Dev), uint64(st.Ino)}, err
}

// FDPastTCP reports whether fd is a socket of IPv4 or IPv6 with connections that
// are not plain TCP: MPTCP, SCTP. Landlock's rules for ports look at TCP alone
// (sk_is_tcp in current_check_access_socket, security/landlock/net.c).
func FDPastTCP(fd int) bool {
	kind, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	if err != nil || kind != unix.SOCK_STREAM && kind != unix.SOCK_SEQPACKET || !FDInternet(fd) {
		return false
	}
	protocol, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PROTOCOL)
	return err != nil || protocol != unix.IPPROTO_TCP
}

// FDOpenUnix reports whether fd is a local socket that can be connected or sent to
// somewhere: one for datagrams, or one that neither listens nor is connected.
func FDOpenUnix(fd int) bool {
	option := func(name int) int {
		n, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, name)
		if err != nil {
			return -1
		}
		return n
	}
	if option(unix.SO_DOMAIN) != unix.AF_UNIX {
		return false
	}
	_, err := unix.Getpeername(fd)
	return option(unix.SO_TYPE) == unix.SOCK_DGRAM || err == unix.ENOTCONN && option(unix.SO_ACCEPTCONN) == 0
}

// FDSocket reports whether fd is a socket.
func FDSocket(fd int) bool {
	_, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	return err == nil
}

// FDInternet reports whether fd is a socket of IPv4 or IPv6.
func FDInternet(fd int) bool {
	domain, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DOMAIN)
	return err == nil && (domain == unix.AF_INET || domain == unix.AF_INET6)
}
