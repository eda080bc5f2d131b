package main

import (
	"os"
	"slices"
	"strconv"

	"github.com/lichen-sandbox/lichen/internal/sys"
	manager "github.com/lichen-sandbox/lichen/service"
	"github.com/lichen-sandbox/lichen/spec"
)

// listen passes on the descriptors of LISTEN_FDS.
func listen(s *spec.Spec) error {
	sockets, err := manager.Listen(os.Getenv, os.Getpid())
	if err != nil || sockets.Count == 0 {
		return err
	}
	origin := spec.Origin{File: "LISTEN_FDS"}
	for _, fd := range sockets.FDs() {
		if !sys.FDInherited(fd) {
			return &spec.Error{Op: "pass", Object: "descriptor " + strconv.Itoa(fd), Reason: "it is not open", Origin: origin}
		}
		if !slices.ContainsFunc(s.Process.KeepFDs, func(k spec.FD) bool { return k.FD == fd }) {
			s.Process.KeepFDs = append(s.Process.KeepFDs, spec.FD{FD: fd, Origin: origin})
		}
	}
	setVariable(s, "LISTEN_FDS", strconv.Itoa(sockets.Count))
	if sockets.Names != "" {
		setVariable(s, "LISTEN_FDNAMES", sockets.Names)
	}
	s.Env.PIDs = append(s.Env.PIDs, "LISTEN_PID")
	return nil
}

// keepIn forbids TCP but on connections that are there or come in, where the
// payload is to have no network and gets a socket of the internet: from LISTEN_FDS,
// by keep_fds, or as a standard descriptor. A socket belongs to the network that it
// was made in, and a TCP socket can be disconnected and connected to somewhere else,
// one that listens too (AF_UNSPEC in inet_stream_connect, inet_shutdown of
// net/ipv4/af_inet.c): the host's network would be open.
func keepIn(s *spec.Spec) error {
	if _, found := passed(s, sys.FDSocket); !found {
		return nil // as nearly every launch: one question for each descriptor
	}
	if err := refusePastTCP(s); err != nil {
		return err
	}
	if err := refuseOpenUnix(s); err != nil {
		return err
	}
	if s.Network.Mode != spec.NetworkNone || !passesInternet(s) {
		return nil
	}
	origin := s.OriginOf("network.mode")
	if s.Landlock.Mode == spec.LandlockOff {
		return &spec.Error{Op: "enforce", Object: "network.mode", Origin: s.OriginOf("landlock.mode"),
			Reason: "through a passed socket of the internet the payload could connect to the host's network, which Landlock has to refuse, and it is off",
			Hint:   `leave landlock.mode = "off" out, or say network.mode = "host"`}
	}
	for _, ports := range []struct {
		key  string
		list **[]spec.Port
	}{{"landlock.tcp_connect", &s.Landlock.TCPConnect}, {"landlock.tcp_bind", &s.Landlock.TCPBind}} {
		if *ports.list == nil {
			*ports.list = &[]spec.Port{}
			s.Origins[ports.key] = origin
		}
	}
	return nil
}

// refusePastTCP refuses a passed socket that would connect to anywhere, past the
// rules for TCP. Programs in Go listen with MPTCP unless they say otherwise.
func refusePastTCP(s *spec.Spec) error {
	if s.Network.Mode != spec.NetworkNone && s.Landlock.TCPConnect == nil && s.Landlock.TCPBind == nil {
		return nil
	}
	if k, ok := passed(s, sys.FDPastTCP); ok {
		return &spec.Error{Op: "pass", Object: "descriptor " + strconv.Itoa(k.FD), Origin: k.Origin,
			Reason: "it is a socket of MPTCP or SCTP, which Landlock keeps from no port, and through which the payload could connect to the host's network",
			Hint:   `make it one of TCP (in Go: ListenConfig.SetMultipathTCP(false)), or open the network up: network.mode = "host" without landlock.tcp_connect and landlock.tcp_bind`}
	}
	return nil
}

// refuseOpenUnix refuses a passed local socket that looks for abstract names in the
// host's network (unix_find_abstract of net/unix/af_unix.c), where nothing keeps the
// payload from them: Landlock's scope does, whatever network a socket is of.
func refuseOpenUnix(s *spec.Spec) error {
	const scopeABI = 6
	l := &s.Landlock
	if s.Network.Mode != spec.NetworkNone || l.NoScopeAbstract || l.Mode != spec.LandlockOff && (l.BestEffort || sys.LandlockABI() >= scopeABI) {
		return nil
	}
	if k, ok := passed(s, sys.FDOpenUnix); ok {
		return &spec.Error{Op: "pass", Object: "descriptor " + strconv.Itoa(k.FD), Origin: k.Origin,
			Reason: "through it the payload could reach the host's abstract sockets, which Landlock 6 (Linux 6.12) has to refuse, and it is off or older",
			Hint:   "pass a socket that listens or is connected, or say landlock.scope_abstract = false"}
	}
	return nil
}

// passed finds a descriptor that the payload gets from the caller.
func passed(s *spec.Spec, is func(fd int) bool) (spec.FD, bool) {
	for fd := range 3 {
		if is(fd) {
			return spec.FD{FD: fd, Origin: s.OriginOf("network.mode")}, true
		}
	}
	n := slices.IndexFunc(s.Process.KeepFDs, func(k spec.FD) bool { return is(k.FD) })
	if n < 0 {
		return spec.FD{}, false
	}
	return s.Process.KeepFDs[n], true
}

func passesInternet(s *spec.Spec) bool {
	_, ok := passed(s, sys.FDInternet)
	return ok
}
