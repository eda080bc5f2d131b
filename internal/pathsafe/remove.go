package pathsafe

import (
	"errors"
	"io"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// heldLevels is how many nested directories a removal keeps open. What lies
// deeper is first moved up: a payload can nest directories without end, past
// any limit of descriptors, of stack and of path length.
const heldLevels = 48

// RemoveAll removes base and what is below it; that there is none is no error.
// Symlinks are removed, never followed. Directories that their owner may not
// read or write are given mode 0700 first, through their descriptor. It stops
// at the first error, a bare errno.
func RemoveAll(dirfd int, base string) error {
	done, err := removeOne(dirfd, base)
	if done || err != nil {
		return err
	}
	top, err := openForRemoval(dirfd, base)
	if err != nil {
		return err
	}
	r := remover{top: top}
	for {
		// Directories that were moved up to top are a new round of work.
		moved := r.moved
		if err = r.empty(top, 0); err != nil || r.moved == moved {
			break
		}
	}
	if closeErr := bare(top.Close()); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	return Rmdir(dirfd, base)
}

// removeOne removes base if that takes one call. done is false if base is a
// directory with something in it.
func removeOne(dirfd int, base string) (done bool, err error) {
	switch err = Unlink(dirfd, base); err {
	case nil, unix.ENOENT:
		return true, nil
	case unix.EISDIR:
	default:
		return false, err
	}
	switch err = Rmdir(dirfd, base); err {
	case nil, unix.ENOENT:
		return true, nil
	case unix.ENOTEMPTY, unix.EEXIST:
		return false, nil
	}
	return false, err
}

// openForRemoval opens the directory base so that it can be read and changed.
func openForRemoval(dirfd int, base string) (*os.File, error) {
	const flags = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW
	fd, err := openat(dirfd, base, flags, 0)
	if err == unix.EACCES {
		if err = Chmod(dirfd, base, 0o700); err == nil {
			fd, err = openat(dirfd, base, flags, 0)
		}
	}
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), base), nil
}

type remover struct {
	top   *os.File
	moved int
}

// empty removes all that is in dir, which is level directories below top.
func (r *remover) empty(dir *os.File, level int) error {
	for {
		// File systems may leave out names while others are being removed: it
		// is empty when a reading from the start finds nothing.
		if _, err := dir.Seek(0, io.SeekStart); err != nil {
			return bare(err)
		}
		found, before := 0, r.moved
		for {
			names, err := dir.Readdirnames(1024)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return bare(err)
			}
			found += len(names)
			for _, name := range names {
				if err := r.child(dir, name, level); err != nil {
					return err
				}
			}
		}
		if found == 0 || level == 0 && r.moved != before {
			return nil
		}
	}
}

func (r *remover) child(dir *os.File, name string, level int) error {
	fd := int(dir.Fd())
	done, err := removeOne(fd, name)
	if err == unix.EACCES { // a directory without w or x for its owner
		if err = unix.Fchmod(fd, 0o700); err == nil {
			done, err = removeOne(fd, name)
		}
	}
	if done || err != nil {
		return err
	}
	if level+1 >= heldLevels {
		return r.moveUp(fd, name)
	}
	sub, err := openForRemoval(fd, name)
	if err != nil {
		return err
	}
	err = r.empty(sub, level+1)
	if closeErr := bare(sub.Close()); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	return Rmdir(fd, name)
}

// moveUp moves the directory name into the top directory.
func (r *remover) moveUp(dirfd int, name string) error {
	// A directory that gets another ".." must be writable; see rename(2).
	if err := Chmod(dirfd, name, 0o700); err != nil {
		return err
	}
	for {
		r.moved++
		err := unix.Renameat(dirfd, name, int(r.top.Fd()), ".removing-"+strconv.Itoa(r.moved))
		// Something has that name already.
		if err != unix.ENOTEMPTY && err != unix.EEXIST && err != unix.ENOTDIR {
			return err
		}
	}
}

// bare takes the path off an error of package os, which is only a base name.
func bare(err error) error {
	var errno unix.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return err
}
