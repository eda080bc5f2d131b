package main

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"strconv"

	"github.com/lichen-sandbox/lichen/bwrap"
	"github.com/lichen-sandbox/lichen/internal/sys"
	"github.com/lichen-sandbox/lichen/spec"
)

// profileFromBwrap prints the profile that bubblewrap's arguments amount to.
func profileFromBwrap(u *ui, args []string) int {
	c, err := bwrap.Parse(args, bwrap.Options{
		Root: sys.Getuid() == 0,
		ReadArgs: func(fd int) (io.ReadCloser, error) {
			if !sys.FDOpen(fd) {
				return nil, errors.New("it is not open")
			}
			return os.NewFile(uintptr(fd), "descriptor "+strconv.Itoa(fd)), nil
		},
	})
	if e, ok := errors.AsType[*bwrap.Error](err); ok {
		reason := e.Text
		if e.Usage {
			reason = "there is no command"
		}
		return u.fail(&spec.Error{Op: "read", Object: "bubblewrap's arguments", Reason: reason, Hint: "lichen profile from-bwrap -- OPTION... COMMAND"})
	}
	dir, err := os.Getwd()
	if err != nil {
		return u.fail(&spec.Error{Op: "find", Object: "the working directory", Err: unwrapPath(err)})
	}
	return u.print(c.Profile(bwrap.ProfileOptions{Dir: dir, IsSocket: func(path string) bool {
		info, err := os.Stat(path)
		return err == nil && info.Mode()&(fs.ModeSocket|fs.ModeNamedPipe) != 0
	}}))
}
