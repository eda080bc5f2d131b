package tree

import (
	"errors"
	"os"
	"strconv"
	"syscall"

	"github.com/lichen-sandbox/lichen/internal/pathsafe"
)

// Remove removes what parent has under name, which is one component, with all
// that is below. What is not there is no error. Directories that even their
// owner may not read or write are opened up first; those of another owner need
// a process in the user namespace that made them.
func Remove(parent *os.File, name string) error {
	err := pathsafe.RemoveAll(int(parent.Fd()), name)
	if err == nil || errors.Is(err, syscall.ENOENT) {
		return nil
	}
	return failed("remove", name, err)
}

// procPath names an open file by a magic link of proc(5).
func procPath(fd int) string { return "/proc/self/fd/" + strconv.Itoa(fd) }
