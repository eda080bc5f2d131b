package store

import (
	"errors"
	"io/fs"
	"os"
	"strconv"
	"sync"
	"syscall"

	"github.com/lichen-sandbox/lichen/spec"
)

// Lock is a lock that is held until Close, or until the process ends.
type Lock struct {
	once sync.Once
	fd   int
	// file is removed at the end, while the lock still keeps others from
	// taking the file for theirs; "" if it stays.
	file string
}

// Close lets go. It may be called again.
func (l *Lock) Close() error {
	l.once.Do(func() {
		if l.file != "" {
			_ = syscall.Unlink(l.file) // else the next sweep does it
		}
		closeFD(l.fd)
	})
	return nil
}

// lockFile locks a file: how is LOCK_SH or LOCK_EX, with LOCK_NB if it shall not
// wait (EWOULDBLOCK then). flags may be O_CREAT, or O_CREAT|O_EXCL.
//
// It opens for writing, since an exclusive lock needs that on NFS (flock(2)). And
// since who held the lock before may have removed the file, it compares what it
// has locked with what has the name now.
func lockFile(file string, how, flags int) (*Lock, error) {
	for {
		fd, err := openFD(file, syscall.O_RDWR|flags)
		if err != nil {
			return nil, err
		}
		if err := flock(fd, how); err != nil {
			closeFD(fd)
			return nil, &fs.PathError{Op: "lock", Path: file, Err: err}
		}
		same, err := isNamed(fd, file)
		if err == nil && same {
			return &Lock{fd: fd}, nil
		}
		closeFD(fd)
		if err != nil {
			return nil, &fs.PathError{Op: "lock", Path: file, Err: err}
		}
	}
}

func flock(fd, how int) error {
	return ignoringEINTR(func() error { return syscall.Flock(fd, how) })
}

// isNamed reports whether fd is the file called name.
func isNamed(fd int, name string) (bool, error) {
	var open, named syscall.Stat_t
	if err := ignoringEINTR(func() error { return syscall.Fstat(fd, &open) }); err != nil {
		return false, err
	}
	err := ignoringEINTR(func() error { return syscall.Lstat(name, &named) })
	if err == syscall.ENOENT {
		return false, nil
	}
	return err == nil && open.Dev == named.Dev && open.Ino == named.Ino, err
}

// LockFile takes the exclusive lock of a file, which it makes; the file goes
// when the lock is closed. Without wait, a lock that is held is ErrInUse. It is
// for files in the store that are under construction.
func (s *Store) LockFile(file string, wait bool) (*Lock, error) {
	how := syscall.LOCK_EX
	if !wait {
		how |= syscall.LOCK_NB
	}
	l, err := lockFile(file, how, syscall.O_CREAT)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, inUse("lock", file, "somebody else holds it")
	} else if err != nil {
		return nil, s.Fail("lock", file, err)
	}
	l.file = file
	return l, nil
}

// lockNew makes NAME.lock and locks it, for a file that does not exist. If it
// does, or somebody has the lock, the error is fs.ErrExist.
func lockNew(name string) (*Lock, error) {
	// A sweep may see the file between its birth and its lock, and remove it:
	// then either the lock cannot be had, or it is made anew.
	l, err := lockFile(name+".lock", syscall.LOCK_EX|syscall.LOCK_NB, syscall.O_CREAT|syscall.O_EXCL)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, fs.ErrExist
	} else if err != nil {
		return nil, err
	}
	l.file = name + ".lock"
	if _, err := os.Lstat(name); err == nil {
		l.Close() // a process that crashed has left the file, and the lock not
		return nil, fs.ErrExist
	}
	return l, nil
}

// Lock takes the exclusive lock of that name, and waits for it. The name is a
// tree's key, say: letters, digits, "-", "_", "." and ":", at most 200.
func (s *Store) Lock(name string) (*Lock, error) {
	bad := name == "" || len(name) > 200 || name[0] == '.'
	for i := range len(name) {
		if c := name[i]; !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_' || c == '.' || c == ':') {
			bad = true
		}
	}
	if bad {
		return nil, &spec.Error{Op: "lock", Object: strconv.Quote(name[:min(len(name), 250)]), Reason: "not a name for a lock"}
	}
	return s.LockFile(s.path(locksDir+"/"+name), true)
}

// Writing keeps a sweep from starting, and waits for one to end. Whoever stores
// something holds it until a record says what for: all that writes takes it by
// itself, but what was written may be swept once it is closed. So a pull holds
// one from its first blob to its record.
func (s *Store) Writing() (*Lock, error) {
	return s.lock("write to image store", syscall.LOCK_SH)
}

// lock locks the store as a whole. A store of another version is refused.
func (s *Store) lock(op string, how int) (*Lock, error) {
	if err := s.checkVersion(); errors.Is(err, fs.ErrNotExist) {
		return nil, &spec.Error{Op: op, Object: s.dir, Err: ErrNoStore}
	} else if err != nil {
		return nil, s.Fail(op, s.dir, err)
	}
	l, err := lockFile(s.path("lock"), how, syscall.O_CREAT)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err := inUse(op, s.dir, "something is being written to it, by a pull perhaps")
		err.Hint = "try again when that has ended"
		return nil, err
	}
	return l, s.Fail(op, s.dir, err)
}
