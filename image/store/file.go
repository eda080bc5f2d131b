package store

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"sync/atomic"
	"syscall"
)

// These calls go past package os, which would register each descriptor with
// epoll: a launch looks up one record and one tree, and three more system calls
// for each are most of what that costs.

func ignoringEINTR(f func() error) error {
	for {
		if err := f(); err != syscall.EINTR {
			return err
		}
	}
}

// openFD opens a file that is not a symbolic link. The error is an
// *fs.PathError.
func openFD(name string, flags int) (fd int, err error) {
	err = ignoringEINTR(func() (err error) {
		fd, err = syscall.Open(name, flags|syscall.O_CLOEXEC|syscall.O_NOFOLLOW, 0o600)
		return err
	})
	if err != nil {
		return -1, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return fd, nil
}

// closeFD closes a descriptor that was read or locked only: such a close has
// nothing to report.
func closeFD(fd int) { _ = syscall.Close(fd) }

// readFile reads a file of at most limit bytes, and what is beyond them not.
// Where the end is known from what was read, done says so and saves a call.
func (s *Store) readFile(name string, limit int, done ...func([]byte) bool) ([]byte, error) {
	fd, err := openFD(s.path(name), syscall.O_RDONLY|syscall.O_NONBLOCK)
	if err != nil {
		return nil, err
	}
	defer closeFD(fd)
	b := make([]byte, 0, min(limit, 8<<10))
	for len(b) < limit {
		if len(b) == cap(b) {
			b = append(make([]byte, 0, min(limit, 4*cap(b))), b...)
		}
		var n int
		err := ignoringEINTR(func() (err error) {
			n, err = syscall.Read(fd, b[len(b):cap(b)])
			return err
		})
		if err != nil {
			return nil, &fs.PathError{Op: "read", Path: s.path(name), Err: err}
		}
		if n <= 0 {
			break
		}
		if b = b[:len(b)+n]; len(done) > 0 && done[0](b) {
			break
		}
	}
	return b, nil
}

var lastTemporary atomic.Uint32

// temporary returns a name that is new in this process. Another process can
// have had it, in another pid namespace or before it crashed: O_EXCL decides.
func temporary() string {
	return strconv.Itoa(os.Getpid()) + "-" + strconv.FormatUint(uint64(lastTemporary.Add(1)), 10)
}

// retryTemporary calls f with new names until it does not fail with EEXIST.
func retryTemporary(f func(name string) error) error {
	for range 10_000 {
		if err := f(temporary()); !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return syscall.EEXIST
}

// writeFile makes or replaces a small file in one step. When it returns nil, the
// file is on the disk under its name; when it fails, the old one is there as it
// was. The caller holds the store's lock: a sweep takes hidden names for garbage.
func (s *Store) writeFile(name string, b []byte) error {
	return s.installFile(name, b, os.Rename)
}

// writeNewFile makes a small file that nobody changes later, and leaves one that
// is there as it is. Not by a rename: on FUSE, one that replaces an open file
// takes its name away for a moment.
func (s *Store) writeNewFile(name string, b []byte) error {
	return s.installFile(name, b, func(from, to string) error {
		switch err := os.Link(from, to); {
		case err == nil, errors.Is(err, fs.ErrExist):
			_ = os.Remove(from) // else the next sweep does it
			return nil
		case errors.Is(err, syscall.EPERM), errors.Is(err, syscall.EOPNOTSUPP): // no hard links here
			return os.Rename(from, to)
		default:
			return err
		}
	})
}

// installFile writes a file under a temporary name, which install makes name.
func (s *Store) installFile(name string, b []byte, install func(from, to string) error) error {
	dir := path.Dir(s.path(name))
	var f *os.File
	err := retryTemporary(func(unique string) (err error) {
		f, err = os.OpenFile(dir+"/"+newPrefix+unique, os.O_WRONLY|os.O_CREATE|os.O_EXCL|syscall.O_NOFOLLOW, 0o600)
		return err
	})
	if err != nil {
		return s.Fail("write", s.path(name), err)
	}
	_, err = f.Write(b)
	// Before the name: a file system may write a rename before the data, and
	// leave an empty file after a power cut.
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = install(f.Name(), s.path(name))
	}
	if err != nil {
		_ = os.Remove(f.Name()) // else the next sweep does it
		return s.Fail("write", s.path(name), err)
	}
	return s.Fail("write", s.path(name), SyncDir(dir))
}

// SyncDir makes the names in a directory durable. A file system that cannot
// (EINVAL, see fsync(2)) has no more to offer.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) {
		return err
	}
	return nil
}

// newPrefix begins the names of files that nobody looks for. They are removed
// when a sweep has the store's lock.
const newPrefix = ".new."

// names lists a directory of the store, sorted, but for hidden names: those with
// newPrefix, and those that NFS (".nfs") and FUSE (".fuse_hidden") give to files
// that are removed while somebody has them open.
func (s *Store) names(dir string) ([]string, error) {
	names, err := s.allNames(dir)
	return slices.DeleteFunc(names, func(name string) bool { return name[0] == '.' }), err
}

func (s *Store) allNames(dir string) ([]string, error) {
	entries, err := os.ReadDir(s.path(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, s.unmade(dir)
	} else if err != nil {
		return nil, s.Fail("read", s.path(dir), err)
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names, nil
}
