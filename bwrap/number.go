package bwrap

import "math"

// digits reads as strtoul(3) does, in bases up to 16, but that nothing may
// follow and that a number that does not fit is none. A sign and white space
// may come before the number only if lenient.
func digits(s string, base uint64, lenient bool) (n uint64, ok bool) {
	negative := false
	if lenient {
		for s != "" && (s[0] == ' ' || s[0] >= '\t' && s[0] <= '\r') {
			s = s[1:]
		}
		if s != "" && (s[0] == '+' || s[0] == '-') {
			negative = s[0] == '-'
			s = s[1:]
		}
	}
	for i := range len(s) {
		d := uint64(digit(s[i]))
		if d >= base || n > (math.MaxUint64-d)/base {
			return 0, false
		}
		n = n*base + d
	}
	return n, s != "" && (!negative || n == 0)
}

func digit(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10
	}
	return 0xff
}

// anyBase reads decimal, 0x… and 0… numbers without a sign.
func anyBase(s string) (uint64, bool) {
	switch {
	case len(s) > 2 && s[0] == '0' && (s[1] == 'x' || s[1] == 'X'):
		return digits(s[2:], 16, false)
	case len(s) > 1 && s[0] == '0':
		return digits(s[1:], 8, false)
	}
	return digits(s, 10, false)
}

func parseFD(s string) (int, error) {
	n, ok := digits(s, 10, true)
	if !ok || n > math.MaxInt32 {
		return NoFD, refuse("Invalid fd: " + s)
	}
	return int(n), nil
}

// parseID reads a user or group id. To bubblewrap, ids from 1<<31 on are
// negative.
func parseID(what, s string) (*uint32, error) {
	n, ok := digits(s, 10, true)
	if !ok || n > math.MaxInt32 {
		return nil, refuse("Invalid " + what + ": " + s)
	}
	id := uint32(n)
	return &id, nil
}

func parsePerms(option, s string) (*uint32, error) {
	n, ok := digits(s, 8, true)
	if !ok || n > 0o7777 {
		return nil, refuse("--" + option + " takes an octal argument <= 07777")
	}
	perms := uint32(n)
	return &perms, nil
}

// maxTmpfs is the largest size that bubblewrap takes.
const maxTmpfs = math.MaxInt64

func parseSize(s string) (uint64, error) {
	n, ok := anyBase(s)
	switch {
	case !ok || n == 0:
		return 0, refuse("--size takes a non-zero number of bytes")
	case n > maxTmpfs:
		return 0, refuse("--size (for tmpfs) is limited to 9223372036854775807")
	}
	return n, nil
}
