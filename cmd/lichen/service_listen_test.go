package main

import (
	"strings"
	"syscall"
	"testing"

	"github.com/lichen-sandbox/lichen/internal/sys"
	"github.com/lichen-sandbox/lichen/spec"
)

// TestPassedInternetSocket: a socket of the host's network does not open it up.
// That TCP is refused then is tested with a real one (package test).
func TestPassedInternetSocket(t *testing.T) {
	for family, want := range map[int]bool{syscall.AF_INET: true, syscall.AF_INET6: true, syscall.AF_UNIX: false} {
		fd, err := syscall.Socket(family, syscall.SOCK_STREAM, 0)
		if err != nil {
			continue // a host without IPv6
		}
		if got := sys.FDInternet(fd); got != want {
			t.Errorf("family %d: %v", family, got)
		}
		syscall.Close(fd)
	}
	// Without one, nothing changes.
	s := serviceSpec()
	if err := keepIn(s); err != nil || s.Landlock.TCPConnect != nil {
		t.Errorf("%+v, %v", s.Landlock, err)
	}
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fd)
	s.Process.KeepFDs = []spec.FD{{FD: fd}}
	s.Landlock.TCPConnect = &[]spec.Port{{Port: 80}}
	if err := keepIn(s); err != nil || len(*s.Landlock.TCPConnect) != 1 || s.Landlock.TCPBind == nil || len(*s.Landlock.TCPBind) != 0 {
		t.Errorf("%+v, %v", s.Landlock, err)
	}
	s.Landlock.Mode = spec.LandlockOff
	s.Network.Mode = spec.NetworkHost
	if err := keepIn(s); err != nil {
		t.Error(err)
	}
	s.Network.Mode = spec.NetworkNone
	if err := keepIn(s); err == nil || !strings.Contains(err.Error(), "enforce network.mode") {
		t.Errorf("%v", err)
	}
}

// TestPassedMultipath: a socket that Landlock has no rules for is refused where
// there are to be rules.
func TestPassedMultipath(t *testing.T) {
	const mptcp = 262
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, mptcp)
	if err != nil {
		return // a kernel without MPTCP passes none
	}
	defer syscall.Close(fd)
	for _, c := range []struct {
		mode    spec.NetworkMode
		ports   *[]spec.Port
		refused bool
	}{{spec.NetworkNone, nil, true}, {spec.NetworkHost, nil, false}, {spec.NetworkHost, &[]spec.Port{}, true}} {
		s := serviceSpec()
		s.Network.Mode, s.Landlock.TCPConnect = c.mode, c.ports
		s.Process.KeepFDs = []spec.FD{{FD: fd}}
		if err := keepIn(s); (err != nil) != c.refused || err != nil && !strings.Contains(err.Error(), "MPTCP") {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// TestPassedOpenUnix: a local socket of the host's network, where Landlock does not
// keep it from abstract names there.
func TestPassedOpenUnix(t *testing.T) {
	socket := func(kind int) int {
		fd, err := syscall.Socket(syscall.AF_UNIX, kind|syscall.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { syscall.Close(fd) })
		return fd
	}
	datagram, fresh, listener := socket(syscall.SOCK_DGRAM), socket(syscall.SOCK_STREAM), socket(syscall.SOCK_SEQPACKET)
	if err := syscall.Bind(listener, &syscall.SockaddrUnix{}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(listener, 1); err != nil {
		t.Fatal(err)
	}
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(pair[0])
	defer syscall.Close(pair[1])
	for fd, open := range map[int]bool{datagram: true, fresh: true, listener: false, pair[0]: false} {
		for _, c := range []struct {
			change  func(*spec.Spec)
			refused bool
		}{
			{func(s *spec.Spec) { s.Landlock.Mode = spec.LandlockOff }, open},
			{func(*spec.Spec) {}, open && sys.LandlockABI() < 6},
			{func(s *spec.Spec) { s.Landlock.Mode, s.Network.Mode = spec.LandlockOff, spec.NetworkHost }, false},
			{func(s *spec.Spec) { s.Landlock.NoScopeAbstract = true }, false},
		} {
			s := serviceSpec()
			s.Process.KeepFDs = []spec.FD{{FD: fd}}
			c.change(s)
			if err := keepIn(s); (err != nil) != c.refused || err != nil && !strings.Contains(err.Error(), "abstract") {
				t.Errorf("descriptor %d, %+v: %v", fd, s.Landlock, err)
			}
		}
	}
}
