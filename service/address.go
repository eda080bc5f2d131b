package service

import (
	"path"
	"strconv"
	"strings"

	"github.com/lichen-sandbox/lichen/spec"
)

// Address is NOTIFY_SOCKET: an absolute path, or "@" and an abstract name.
type Address string

// maxAddress is what fits the address of a socket with its final NUL byte (unix(7)).
const maxAddress = 107

// ParseAddress reads NOTIFY_SOCKET; "" is none.
func ParseAddress(value string) (Address, error) {
	refuse := func(reason, hint string) (Address, error) {
		return "", &spec.Error{Op: "read", Object: "NOTIFY_SOCKET", Reason: strconv.Quote(value) + " " + reason, Hint: hint}
	}
	switch {
	case value == "":
		return "", nil
	case strings.HasPrefix(value, "vsock"):
		return refuse("is a socket of the manager of a virtual machine, which is out of reach for a sandbox", "service.notify = false goes without it")
	case strings.ContainsRune(value, 0) || len(value) > maxAddress:
		return refuse("is longer than a socket's address can be", "")
	case value[0] == '@' && len(value) > 1:
		return Address(value), nil
	case !path.IsAbs(value) || path.Clean(value) != value || value == "/":
		return refuse(`is neither an absolute path nor "@" and a name`, "")
	}
	return Address(value), nil
}
