package main

import (
	"errors"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/lichen-sandbox/lichen/internal/sys"
	"github.com/lichen-sandbox/lichen/spec"
)

// stats is where what a sandbox has used is written at its end: a file, or a
// descriptor of the caller's. As with the status, a reader that does not read
// never holds up the sandbox.
type stats struct {
	ui   *ui
	name string // as the command line has it
	path string // of a file; its directory has no links
	fd   int    // -1: not open yet
}

const statsFD = "fd:"

// openStats checks where to write. A descriptor has to be looked at before the
// launcher has opened any of its own, and a file may be opened only later, or
// --keep-fd could mean it. nil means that nobody wants to know.
func openStats(u *ui, name string) (*stats, error) {
	if name == "" {
		return nil, nil
	}
	s := &stats{ui: u, name: name, fd: -1}
	var err error
	if number, ok := strings.CutPrefix(name, statsFD); ok {
		s.fd, err = checkStatsFD(number)
	} else {
		s.path, err = statsPath(name)
	}
	if err != nil {
		return nil, s.failed(err)
	}
	return s, nil
}

func (s *stats) failed(err error) error {
	return &spec.Error{Op: "write stats to", Object: s.name, Err: err, Origin: spec.CommandLine}
}

func checkStatsFD(number string) (int, error) {
	fd, err := strconv.ParseUint(number, 10, 31)
	switch {
	case err != nil:
		return -1, textError("fd: is followed by the number of an open descriptor")
	case fd < 3:
		return -1, textError("not above 2; 0 to 2 belong to the payload")
	case !sys.FDOpen(int(fd)):
		return -1, textError("not open")
	}
	return int(fd), nil
}

// statsPath returns the path of a file without links in its directories, for a
// comparison with what the payload may write.
func statsPath(name string) (string, error) {
	path, err := filepath.Abs(name)
	if err != nil {
		return "", err
	}
	dir, err := filepath.EvalSymlinks(filepath.Dir(path))
	if err != nil {
		return "", unwrapPath(err)
	}
	return filepath.Join(dir, filepath.Base(path)), nil
}

// attach opens the file. The profile was read meanwhile, and grants nobody to
// write it (profile.Loader.Apart): a payload could put false figures into it, or
// a link in its place for the next run, which would then empty what the link
// names. In other directories, where others can write, O_NOFOLLOW does.
func (s *stats) attach(*spec.Spec) error {
	if s == nil || s.fd >= 0 {
		return nil
	}
	// A fifo without a reader must not hold up the start (fifo(7)).
	const flags = syscall.O_WRONLY | syscall.O_CREAT | syscall.O_TRUNC | syscall.O_NOFOLLOW | syscall.O_NONBLOCK | syscall.O_NOCTTY | syscall.O_CLOEXEC
	for {
		fd, err := syscall.Open(s.path, flags, 0o600)
		switch {
		case err == nil:
			s.fd = fd
			return nil
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.ELOOP):
			err = textError("it is a symbolic link, which is not followed")
		}
		return s.failed(err)
	}
}

// write writes the figures of a sandbox that has ended.
func (s *stats) write(out *outcome) {
	if s == nil {
		return
	}
	o := newObject()
	out.describe(o)
	err := sys.WriteInTime(s.fd, append(o.end(), '\n'), statusPatience)
	if err == sys.EAGAIN {
		err = textError("nobody reads it")
	}
	if err != nil {
		s.ui.report(&spec.Error{Op: "write stats to", Object: s.name, Err: err})
	}
}

// statsGoTo reports whether fd is where the figures go, which the payload must not
// have.
func (o *sandboxOptions) statsGoTo(fd int) bool {
	number, ok := strings.CutPrefix(o.Stats, statsFD)
	to, err := strconv.ParseUint(number, 10, 31) // "fd:03" is 3 as well
	return ok && err == nil && int(to) == fd
}

// statsFile lists the file that the payload must not write. A directory that is
// missing has been told of by openStats; a plan writes nothing.
func (o *sandboxOptions) statsFile() []string {
	if o.Stats == "" || strings.HasPrefix(o.Stats, statsFD) {
		return nil
	}
	path, err := statsPath(o.Stats)
	if err != nil {
		return nil
	}
	return []string{path}
}
