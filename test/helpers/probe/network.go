package main

import (
	"net"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

var networkProbes = map[string]probe{
	"dial":     dial,
	"udp":      datagram,
	"listen":   listen,
	"ifaces":   interfaces,
	"abstract": func(a []string) (string, error) { return connectUnix("\x00" + a[0]) },
	"unix":     func(a []string) (string, error) { return connectUnix(a[0]) },
	"sendunix": func(a []string) (string, error) { return sendUnix("\x00" + a[0]) },
	"netlink": func(a []string) (string, error) {
		return closing(unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW, int(number(a[0]))))
	},
	"loopback": loopback,
	"mptcp":    multipath,
}

func dial(a []string) (string, error) {
	c, err := net.DialTimeout("tcp", a[0], 3*time.Second)
	if err == nil {
		c.Close()
	}
	return "", err
}

// datagram sends to a host's UDP socket and waits shortly for an echo.
func datagram(a []string) (string, error) {
	c, err := net.Dial("udp", a[0])
	if err != nil {
		return "", err
	}
	defer c.Close()
	if _, err := c.Write([]byte("probe")); err != nil {
		return "", err
	}
	c.SetReadDeadline(time.Now().Add(500 * time.Millisecond))
	buf := make([]byte, 16)
	n, err := c.Read(buf)
	if ne, ok := err.(net.Error); ok && ne.Timeout() {
		return "", unix.ETIMEDOUT
	}
	return string(buf[:max(n, 0)]), err
}

func listen(a []string) (string, error) {
	l, err := net.Listen("tcp", a[0])
	if err == nil {
		l.Close()
	}
	return "", err
}

// loopback listens and connects to itself.
func loopback([]string) (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		return "", err
	}
	return "", c.Close()
}

func interfaces([]string) (string, error) {
	list, err := net.Interfaces()
	var names []string
	for _, i := range list {
		names = append(names, i.Name+"/"+i.Flags.String())
	}
	return strings.Join(names, " "), err
}

func connectUnix(name string) (string, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return "socket", err
	}
	defer unix.Close(fd)
	return "connect", unix.Connect(fd, &unix.SockaddrUnix{Name: name})
}

func sendUnix(name string) (string, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return "socket", err
	}
	defer unix.Close(fd)
	return "send", unix.Sendto(fd, []byte("probe"), 0, &unix.SockaddrUnix{Name: name})
}

// multipath connects over Multipath TCP, which a check for TCP may overlook:
// mptcp PORT.
func multipath(a []string) (string, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, unix.IPPROTO_MPTCP)
	if err != nil {
		return "socket", err
	}
	defer unix.Close(fd)
	return "connect", unix.Connect(fd, &unix.SockaddrInet4{Port: int(number(a[0])), Addr: [4]byte{127, 0, 0, 1}})
}
