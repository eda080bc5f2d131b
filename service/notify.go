package service

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxMessage is how much of a message systemd reads (NOTIFY_BUFFER_MAX).
const MaxMessage = 4096

// maxFDName is FDNAME_MAX.
const maxFDName = 255

// maxAssignments bounds the work for one message; sd_notify(3) knows twenty names.
const maxAssignments = 64

// Message is one message as it is to be sent on.
type Message struct {
	Text string // assignments, one a line; "" when nothing is left
	FDs  bool   // descriptors belong to it: FDSTORE=1 or BARRIER=1
	// Barrier: it is nothing but a barrier, whose descriptor the manager closes
	// once it has seen all before it.
	Barrier bool
}

// Filter reads a message from inside and keeps what is known and well-formed.
// MAINPID becomes pid: the manager watches the launcher, which passes signals on
// and ends with the payload's status. The first assignment of a name counts, as it
// does for systemd, and the others are dropped.
//
// NOTIFYACCESS and MAINPIDFD are not among the known: who may notify, and which
// process is the service, is not the payload's to say.
func Filter(text []byte, pid int) Message {
	var out strings.Builder
	var m Message
	if len(text) > MaxMessage || !utf8.Valid(text) {
		return m
	}
	var seen []string
	for line := range strings.SplitSeq(string(text), "\n") {
		name, value, ok := strings.Cut(line, "=")
		if !ok || contains(seen, name) || !wellFormed(name, value) {
			continue
		}
		if len(seen) == maxAssignments {
			break
		}
		if name == "MAINPID" {
			value = strconv.Itoa(pid)
		}
		seen = append(seen, name)
		m.FDs = m.FDs || name == "FDSTORE" || name == "BARRIER"
		out.WriteString(name + "=" + value + "\n")
	}
	if out.Len() > MaxMessage {
		return Message{} // by the longer MAINPID
	}
	m.Text = out.String()
	m.Barrier = m.Text == "BARRIER=1\n"
	return m
}

func contains(list []string, s string) bool {
	for _, have := range list {
		if have == s {
			return true
		}
	}
	return false
}

// wellFormed knows the assignments of sd_notify(3).
func wellFormed(name, value string) bool {
	switch name {
	case "READY", "RELOADING", "STOPPING", "FDSTORE", "FDSTOREREMOVE", "BARRIER":
		return value == "1"
	case "FDPOLL":
		return value == "0" || value == "1"
	case "WATCHDOG":
		return value == "1" || value == "trigger"
	case "STATUS":
		return isText(value)
	case "ERRNO", "WATCHDOG_USEC", "EXTEND_TIMEOUT_USEC", "MONOTONIC_USEC":
		_, ok := number(value)
		return ok
	case "MAINPID":
		n, ok := number(value)
		return ok && n > 0
	case "EXIT_STATUS", "BUSERROR":
		return isWord(value)
	case "FDNAME":
		return isFDName(value)
	}
	// Extensions: the manager itself passes them by.
	return strings.HasPrefix(name, "X_") && isWord(name) && isText(value)
}

// isText accepts what a terminal shows as it is written.
func isText(s string) bool {
	for _, r := range s {
		if !unicode.IsPrint(r) {
			return false
		}
	}
	return true
}

// isWord accepts names of signals, of errors and of extensions.
func isWord(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c != '.' && c != '_' && c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return s != ""
}

// isFDName is systemd's fdname_is_valid.
func isFDName(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' || s[i] == ':' {
			return false
		}
	}
	return len(s) <= maxFDName
}
