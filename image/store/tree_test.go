package store

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// key returns the key of a tree that a test makes up.
func key(t testing.TB, digit string) TreeKey {
	t.Helper()
	k, err := Key("sha256:"+strings.Repeat(digit, 64), Single)
	check(t, err)
	return k
}

// build puts a tree into a staging directory.
func build(t testing.TB, s *Store) *Staging {
	t.Helper()
	st, err := s.Staging()
	check(t, err)
	check(t, os.MkdirAll(st.Dir+"/rootfs/bin", 0o755))
	check(t, os.WriteFile(st.Dir+"/rootfs/bin/sh", []byte("x"), 0o755))
	check(t, os.WriteFile(st.Dir+"/owners", nil, 0o600))
	return st
}

func publish(t testing.TB, s *Store, k TreeKey) {
	t.Helper()
	st := build(t, s)
	check(t, st.Publish(k))
	check(t, st.Close(nil))
}

// empty fails unless a directory of the store is.
func empty(t testing.TB, s *Store, dir string) {
	t.Helper()
	if names, err := s.names(dir); err != nil || len(names) > 0 {
		t.Errorf("%s holds %q, %v", dir, names, err)
	}
}

func TestKey(t *testing.T) {
	chain := "sha256:" + strings.Repeat("a", 64)
	for _, ids := range []IDs{Single, "subuid-cbf29ce484222325"} {
		k, err := Key(chain, ids)
		check(t, err)
		if k.ChainID() != chain || k.IDs() != ids {
			t.Errorf("%s: %s, %s", k, k.ChainID(), k.IDs())
		}
	}
	for _, ids := range []IDs{"", "x", "subuid-", "subuid-123", "subuid-000000000000000G", "single/../x", "single.v1"} {
		_, err := Key(chain, ids)
		refused(t, err, "neither single nor", "")
	}
	_, err := Key("sha256:x", Single)
	refused(t, err, "64 hex digits", "")
	for _, k := range []TreeKey{"", "x", "../..", TreeKey(strings.Repeat("a", 64)) + ".single.v01", TreeKey(strings.Repeat("a", 64)) + ".single.v0"} {
		if k.ChainID() != "" {
			t.Errorf("%q is a key", k)
		}
		s := newStore(t)
		refused(t, s.DeleteTree(k, nil), "not a tree's key", "")
		st := build(t, s)
		refused(t, st.Publish(k), "not a tree's key", "")
		check(t, st.Close(nil))
	}
}

func TestPublish(t *testing.T) {
	s := newStore(t)
	k := key(t, "1")
	_, err := s.Lease(k)
	if refused(t, err, "not in the image store", ""); !errors.Is(err, fs.ErrNotExist) || s.HasTree(k) {
		t.Errorf("no tree: %v", err)
	}
	st := build(t, s)
	if s.HasTree(k) {
		t.Error("a tree is visible before it is published")
	}
	check(t, st.Sync())
	check(t, st.Publish(k))
	check(t, st.Close(nil))
	check(t, st.Close(nil))
	l, err := s.Lease(k)
	check(t, err)
	if b, err := os.ReadFile(l.Rootfs + "/bin/sh"); err != nil || string(b) != "x" || !filepath.IsAbs(l.Rootfs) {
		t.Errorf("the tree holds %q, %v", b, err)
	}
	if _, err := os.Stat(l.Owners); err != nil {
		t.Error(err)
	}
	check(t, l.Close())

	// The tree of somebody else is as good.
	before, err := os.Stat(l.Rootfs)
	check(t, err)
	publish(t, s, k)
	if after, err := os.Stat(l.Rootfs); err != nil || !os.SameFile(before, after) {
		t.Errorf("the first tree was replaced: %v", err)
	}
	if keys, err := s.Trees(); err != nil || len(keys) != 1 || keys[0] != k {
		t.Errorf("Trees: %v, %v", keys, err)
	}
	empty(t, s, stagingDir)

	// What is half is not published, and goes.
	st = build(t, s)
	check(t, os.Remove(st.Dir+"/owners"))
	refused(t, st.Publish(key(t, "2")), "no such file", "")
	check(t, st.Close(nil))
	if s.HasTree(key(t, "2")) {
		t.Error("half a tree was published")
	}
	empty(t, s, stagingDir)

	// A directory in the way that is no tree gives place.
	check(t, os.MkdirAll(s.tree(key(t, "3"))+"/rootfs", 0o700))
	publish(t, s, key(t, "3"))
	if !s.HasTree(key(t, "3")) {
		t.Error("the tree was not published over a damaged one")
	}
	empty(t, s, stagingDir)
}

func TestDeleteTree(t *testing.T) {
	s := newStore(t)
	k := key(t, "1")
	if err := s.DeleteTree(k, nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no tree: %v", err)
	}
	publish(t, s, k)
	l, err := s.Lease(k)
	check(t, err)
	l2, err := s.Lease(k)
	check(t, err)
	for _, lease := range []*Lease{l, l2} {
		err := s.DeleteTree(k, nil)
		if refused(t, err, "a sandbox uses it", ""); !errors.Is(err, ErrInUse) {
			t.Errorf("a tree in use: %v", err)
		}
		check(t, lease.Close())
	}
	// It is out of sight before anything in it goes.
	failed := errors.New("half way")
	err = s.DeleteTree(k, func(dir string) error {
		if s.HasTree(k) {
			t.Error("the tree is visible while it is removed")
		}
		if _, err := os.Stat(dir + "/rootfs/bin/sh"); err != nil {
			t.Error(err)
		}
		return failed
	})
	if !errors.Is(err, failed) {
		t.Errorf("a failed removal: %v", err)
	}
	if names, _ := s.names(stagingDir); len(names) != 2 {
		t.Errorf("the rest of the tree: %q", names)
	}
	check(t, s.SweepStaging(nil))
	empty(t, s, stagingDir)

	publish(t, s, k)
	check(t, s.DeleteTree(k, nil))
	empty(t, s, stagingDir)
	empty(t, s, treesDir)
}

// TestRemoveAll removes what a tree of an image looks like.
func TestRemoveAll(t *testing.T) {
	dir := t.TempDir() + "/x"
	out := t.TempDir()
	check(t, os.WriteFile(out+"/canary", nil, 0o444))
	check(t, os.Chmod(out, 0o555))
	defer os.Chmod(out, 0o700)
	check(t, os.MkdirAll(dir+"/a/b/c", 0o700))
	check(t, os.WriteFile(dir+"/a/b/f", nil, 0))
	check(t, os.Symlink(out, dir+"/a/link"))
	for _, d := range []string{"/a/b/c", "/a/b", "/a"} {
		check(t, os.Chmod(dir+d, 0))
	}
	check(t, RemoveAll(dir))
	if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if info, err := os.Stat(out); err != nil || info.Mode().Perm() != 0o555 {
		t.Errorf("the target of a link: %v, %v", info, err)
	}
	if _, err := os.Stat(out + "/canary"); err != nil {
		t.Error(err)
	}
}

// TestLeaseRaces publishes, removes and uses one tree at the same time. Who has a
// lease must find all of it, for as long as the lease lasts.
func TestLeaseRaces(t *testing.T) {
	s := newStore(t)
	k := key(t, "1")
	var stop, used, deleted atomic.Int32
	var wg sync.WaitGroup
	loop := func(f func()) {
		wg.Go(func() {
			for stop.Load() == 0 {
				f()
			}
		})
	}
	for range 2 {
		loop(func() { publish(t, s, k) })
		loop(func() {
			if err := s.DeleteTree(k, nil); err == nil {
				deleted.Add(1)
			} else if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, ErrInUse) {
				t.Errorf("DeleteTree: %v", err)
			}
		})
	}
	for range 4 {
		loop(func() {
			l, err := s.Lease(k)
			if errors.Is(err, fs.ErrNotExist) {
				return
			} else if err != nil {
				t.Errorf("Lease: %v", err)
				return
			}
			for range 3 {
				if b, err := os.ReadFile(l.Rootfs + "/bin/sh"); err != nil || string(b) != "x" {
					t.Errorf("a leased tree: %q, %v", b, err)
				}
			}
			used.Add(1)
			l.Close()
			time.Sleep(2 * time.Millisecond) // else somebody always has one
		})
	}
	loop(func() { check(t, s.SweepStaging(nil)) })
	for end := time.Now().Add(10 * time.Second); (used.Load() < 20 || deleted.Load() < 20) && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	stop.Store(1)
	wg.Wait()
	if used.Load() < 10 || deleted.Load() < 10 {
		t.Errorf("%d leases and %d removals: nothing was shown", used.Load(), deleted.Load())
	}
	check(t, s.SweepStaging(nil))
	empty(t, s, stagingDir)
}

// TestLock: one at a time, though the lock's file comes and goes.
func TestLock(t *testing.T) {
	s := newStore(t)
	var inside, count atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				l, err := s.Lock("sha256:x")
				if err != nil {
					t.Error(err)
					return
				}
				if inside.Add(1) != 1 {
					t.Error("two hold the lock")
				}
				count.Add(1)
				time.Sleep(100 * time.Microsecond) // for a second to come
				inside.Add(-1)
				l.Close()
				l.Close()
			}
		})
	}
	wg.Wait()
	if count.Load() != 400 {
		t.Errorf("%d of 400", count.Load())
	}
	empty(t, s, locksDir)
	for _, bad := range []string{"", ".", "..", ".x", "a/b", "a\x00", strings.Repeat("x", 201)} {
		_, err := s.Lock(bad)
		refused(t, err, "not a name for a lock", "")
	}
}
