package unpack

import (
	"errors"
	"io"
	"maps"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/lichen-sandbox/lichen/internal/pathsafe"
)

// noLinks says whether link(2) failed because the file system has no hard
// links, or not as many.
func noLinks(err error) bool {
	return errors.Is(err, unix.EPERM) || errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EMLINK)
}

// copyOf makes a copy of a file, for a hard link that cannot be made.
func (t *Tree) copyOf(from *node, fromfd int, dir *node, tofd int, base string) error {
	t.warnOnce("copy", "hard link "+strconv.Quote(dir.below(base))+" became a copy: the file system has none, or no more")
	a := *from.attr
	a.xattrs = maps.Clone(a.xattrs)
	switch a.kind {
	case KindSymlink:
		return t.symlink(dir, base, &a)
	case KindFifo:
		return t.fifo(dir, base, &a)
	}
	in, err := pathsafe.OpenAt(fromfd, from.name)
	if err != nil {
		return changed(from.path(), err)
	}
	src := os.NewFile(uintptr(in), from.name)
	defer src.Close() // opened for reading: nothing to lose
	if err := readApplied(in, &a); err != nil {
		return wrap(from.path(), err)
	}
	n, err := t.add(dir, base, &a)
	if err != nil {
		return err
	}
	out, err := pathsafe.Create(tofd, base)
	if err != nil {
		return changed(n.path(), err)
	}
	dst := os.NewFile(uintptr(out), base)
	if _, err = io.Copy(dst, src); err == nil {
		err = t.finishFile(out, n)
	} else {
		err = wrap(n.path(), errnoOf(err))
	}
	if closeErr := dst.Close(); err == nil && closeErr != nil {
		err = wrap(n.path(), errnoOf(closeErr))
	}
	return err
}

// readApplied makes attributes that are on the file fd ones to be set.
func readApplied(fd int, a *attr) error {
	for _, name := range a.applied {
		value := make([]byte, maxXattrValue)
		size, err := unix.Fgetxattr(fd, name, value)
		if err != nil {
			return err
		}
		if a.xattrs == nil {
			a.xattrs = map[string][]byte{}
		}
		a.xattrs[name] = value[:size]
	}
	a.applied = nil
	return nil
}

// errnoOf takes the operation and the name off an error of package os.
func errnoOf(err error) error {
	var errno unix.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return err
}
