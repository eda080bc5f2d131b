package store

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/lichen-sandbox/lichen/spec"
)

// Staging is a directory in which a tree is built. It is garbage as soon as the
// process that made it has ended.
type Staging struct {
	Dir string // absolute path; empty at first. It gets rootfs/ and owners

	s       *Store
	lock    *Lock
	writing *Lock // nil for who holds the store's lock already
	synced  bool
}

// Staging makes a directory to build a tree in. It is closed in any case. No
// sweep starts before.
func (s *Store) Staging() (*Staging, error) {
	w, err := s.Writing()
	if err != nil {
		return nil, err
	}
	t, err := s.newStaging()
	if err == nil {
		err = s.Fail("make", t.Dir, os.Mkdir(t.Dir, 0o700))
	}
	if err != nil {
		if t != nil {
			t.lock.Close()
		}
		w.Close()
		return nil, err
	}
	t.writing = w
	return t, nil
}

// newStaging takes a new name, whose directory it does not make.
func (s *Store) newStaging() (*Staging, error) {
	t := &Staging{s: s}
	err := retryTemporary(func(unique string) (err error) {
		t.Dir = s.path(stagingDir + "/" + unique)
		t.lock, err = lockNew(t.Dir)
		return err
	})
	if err != nil {
		return nil, s.Fail("make", t.Dir, err)
	}
	return t, nil
}

// Sync writes what was built to the disk (syncfs). A tree that is published
// without it may have empty files after a power cut, which nothing but a full
// verification finds.
func (t *Staging) Sync() error {
	if err := syncfs(t.Dir); err != nil {
		return t.s.Fail("write", t.Dir, err)
	}
	t.synced = true
	return nil
}

// Publish makes the tree visible as k, in one step. If there is one, that is as
// good, and what was built is left for Close. After an error nothing is
// visible. Only a tree that has rootfs and owners is published.
func (t *Staging) Publish(k TreeKey) error {
	const op = "publish image tree"
	if k.ChainID() == "" {
		return &spec.Error{Op: op, Object: string(k), Reason: "not a tree's key"}
	}
	for _, part := range [...]string{"rootfs", "owners"} {
		if _, err := os.Lstat(t.Dir + "/" + part); err != nil {
			return t.s.Fail(op, t.Dir, err)
		}
	}
	f, err := os.OpenFile(t.Dir+"/lock", os.O_WRONLY|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return t.s.Fail(op, t.Dir, err)
	}
	f.Close()
	// Several times, since others may publish and delete the same tree.
	for range 100 {
		err = os.Rename(t.Dir, t.s.tree(k))
		if !errors.Is(err, fs.ErrExist) { // ENOTEMPTY counts as that
			break
		}
		if t.s.HasTree(k) {
			return nil
		}
		// Somebody has damaged what is there, or it is gone by now.
		if err := t.s.deleteTree(k, nil); err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, ErrInUse) {
			return err
		}
	}
	if err != nil {
		return t.s.Fail(op, t.s.tree(k), err)
	}
	if t.synced {
		return t.s.Fail(op, t.s.tree(k), SyncDir(t.s.path(treesDir)))
	}
	return nil
}

// Close ends the building, and removes what was not published by remove (nil:
// RemoveAll). What cannot be removed is left for the next sweep. It may be
// called again.
func (t *Staging) Close(remove func(dir string) error) error {
	if remove == nil {
		remove = RemoveAll
	}
	var err error
	if _, e := os.Lstat(t.Dir); e == nil && t.lock != nil {
		err = t.s.Fail("remove", t.Dir, remove(t.Dir))
	}
	if t.lock != nil {
		if err != nil {
			t.lock.file = "" // the sweep finds the directory by it
		}
		t.lock.Close()
		t.lock = nil
	}
	if t.writing != nil {
		t.writing.Close()
		t.writing = nil
	}
	return err
}

// RemoveAll removes a directory of the user's own files, directories without
// write permission too. It follows no links.
func RemoveAll(dir string) error {
	if os.RemoveAll(dir) == nil {
		return nil
	}
	// Errors of the walk are those of RemoveAll, which says them better.
	_ = filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			_ = os.Chmod(name, 0o700)
		}
		return nil
	})
	return os.RemoveAll(dir)
}
