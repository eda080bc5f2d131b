// Package service knows how a service manager talks with a service: the
// descriptors of sd_listen_fds(3), the messages of sd_notify(3), the variables of
// systemd.exec(5). It decides what of that goes into a sandbox and what comes out
// of one.
//
// What comes from the manager is believed when it was meant for this process.
// What comes from inside is hostile: a message is put together anew from the
// assignments that are known.
package service

import (
	"strconv"
	"strings"

	"github.com/lichen-sandbox/lichen/spec"
)

// Environment looks up a variable of the caller's; "" is as good as none, as it is
// for systemd's own library.
type Environment func(name string) string

// firstFD is SD_LISTEN_FDS_START.
const firstFD = 3

// maxFDs bounds what a manager may pass. The store of a service holds as many as
// its unit says, which is far below the usual limit on open files.
const maxFDs = 4096

// Sockets are the descriptors that a manager has passed: Count of them from 3 on.
type Sockets struct {
	Count int
	Names string // as in LISTEN_FDNAMES, or ""
}

// Listen reads LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES. They are inherited by
// every program that does not take them away, so that those for another process
// mean nothing.
func Listen(env Environment, pid int) (Sockets, error) {
	if !isOwn(env("LISTEN_PID"), pid) || env("LISTEN_FDS") == "" {
		return Sockets{}, nil
	}
	n, ok := number(env("LISTEN_FDS"))
	if !ok || n > maxFDs {
		return Sockets{}, wrong("LISTEN_FDS", env("LISTEN_FDS"), "not a number from 0 to "+strconv.Itoa(maxFDs))
	}
	s := Sockets{Count: int(n), Names: env("LISTEN_FDNAMES")}
	if n == 0 || s.Names == "" {
		return Sockets{Count: int(n)}, nil
	}
	names := strings.Split(s.Names, ":")
	if len(names) != s.Count {
		return Sockets{}, wrong("LISTEN_FDNAMES", s.Names, strconv.Itoa(len(names))+" names for "+env("LISTEN_FDS")+" descriptors")
	}
	for _, name := range names {
		if !isFDName(name) {
			return Sockets{}, wrong("LISTEN_FDNAMES", s.Names, "not names of up to "+strconv.Itoa(maxFDName)+" printable characters")
		}
	}
	return s, nil
}

// FDs lists the numbers.
func (s Sockets) FDs() []int {
	fds := make([]int, s.Count)
	for i := range fds {
		fds[i] = firstFD + i
	}
	return fds
}

// Watchdog is what WATCHDOG_USEC and WATCHDOG_PID ask for.
type Watchdog struct {
	Interval string // in microseconds; "" for no watchdog
	PID      bool   // one process was named, and it is this one
}

// ReadWatchdog reads them, for the process pid.
func ReadWatchdog(env Environment, pid int) (Watchdog, error) {
	interval, who := env("WATCHDOG_USEC"), env("WATCHDOG_PID")
	if interval == "" || who != "" && !isOwn(who, pid) {
		return Watchdog{}, nil
	}
	if n, ok := number(interval); !ok || n == 0 {
		return Watchdog{}, wrong("WATCHDOG_USEC", interval, "not a number of microseconds")
	}
	return Watchdog{Interval: interval, PID: who != ""}, nil
}

// IsOwn reports whether a variable like SYSTEMD_EXEC_PID names this process.
func IsOwn(env Environment, name string, pid int) bool { return isOwn(env(name), pid) }

func isOwn(value string, pid int) bool {
	n, ok := number(value)
	return ok && n == uint64(pid)
}

// number reads a decimal number without a sign.
func number(s string) (uint64, bool) {
	if s == "" || s[0] == '+' {
		return 0, false
	}
	n, err := strconv.ParseUint(s, 10, 63)
	return n, err == nil
}

func wrong(name, value, reason string) error {
	return &spec.Error{Op: "read", Object: name, Reason: strconv.Quote(value) + " is " + reason}
}

// JournalStream reads the device and the inode of JOURNAL_STREAM.
func JournalStream(value string) (dev, ino uint64, ok bool) {
	a, b, _ := strings.Cut(value, ":")
	dev, okDev := number(a)
	ino, okIno := number(b)
	return dev, ino, okDev && okIno
}
