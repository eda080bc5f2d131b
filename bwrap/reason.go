package bwrap

import (
	"errors"
	"syscall"
)

// reason returns the text of an error as the C library says it, for the
// messages that callers parse. Go's texts differ in the first letter only,
// but for the few that a table would be too much for.
func reason(err error) string {
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return err.Error()
	}
	text := []byte(errno.Error())
	if len(text) > 0 && text[0] >= 'a' && text[0] <= 'z' {
		text[0] -= 'a' - 'A'
	}
	return string(text)
}
