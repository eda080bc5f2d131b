package store

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"
	"syscall"

	"github.com/lichen-sandbox/lichen/image/ref"
	"github.com/lichen-sandbox/lichen/spec"
)

// UnpackVersion is that of the unpacker, and part of the key of a tree: it grows
// when the same layers come out as another tree.
const UnpackVersion = 1

// IDs says how the owners of an image are kept in a tree.
type IDs string

// Single is the mode without id ranges: all files are the user's.
const Single IDs = "single"

// subuidPrefix begins the mode of trees whose files belong to the ids of the
// user's ranges; a hash of these follows (subid.Mapping.ID).
const subuidPrefix = "subuid-"

// TreeKey names a tree: 64 hex digits of its chain id, ".", its IDs, ".v" and
// the UnpackVersion.
type TreeKey string

// Key returns the key of the tree of a chain of layers.
func Key(chainID string, ids IDs) (TreeKey, error) {
	if err := ref.CheckDigest(chainID); err != nil {
		return "", err
	}
	k := TreeKey(chainID[len("sha256:"):] + "." + string(ids) + ".v" + strconv.Itoa(UnpackVersion))
	if _, _, _, ok := k.split(); !ok {
		return "", &spec.Error{Op: "id mode", Object: strconv.Quote(string(ids)), Reason: "neither single nor subuid- and 16 hex digits"}
	}
	return k, nil
}

// split takes a key to pieces; ok is false if it is none.
func (k TreeKey) split() (chainID string, ids IDs, unpack int, ok bool) {
	parts := strings.Split(string(k), ".")
	if len(parts) != 3 || ref.CheckDigest("sha256:"+parts[0]) != nil {
		return "", "", 0, false
	}
	if hex, isSubuid := strings.CutPrefix(parts[1], subuidPrefix); isSubuid {
		if len(hex) != 16 || strings.Trim(hex, "0123456789abcdef") != "" {
			return "", "", 0, false
		}
	} else if parts[1] != string(Single) {
		return "", "", 0, false
	}
	digits, isVersion := strings.CutPrefix(parts[2], "v")
	unpack, err := strconv.Atoi(digits)
	if !isVersion || err != nil || unpack < 1 || strconv.Itoa(unpack) != digits {
		return "", "", 0, false
	}
	return "sha256:" + parts[0], IDs(parts[1]), unpack, true
}

// ChainID returns the chain of layers that k is the tree of.
func (k TreeKey) ChainID() string { chain, _, _, _ := k.split(); return chain }

// IDs returns the id mode in k.
func (k TreeKey) IDs() IDs { _, ids, _, _ := k.split(); return ids }

func (s *Store) tree(k TreeKey) string { return s.path(treesDir + "/" + string(k)) }

// HasTree reports whether there is a tree. It may go at any time: see Lease.
func (s *Store) HasTree(k TreeKey) bool {
	for _, part := range [...]string{"/rootfs", "/lock"} {
		if _, err := os.Lstat(s.tree(k) + part); err != nil {
			return false
		}
	}
	return true
}

// Lease keeps a tree from being removed, until it is closed or the process ends.
type Lease struct {
	Rootfs string // absolute path of the tree
	Owners string // absolute path of the file that says what the tree cannot
	lock   Lock
}

// Close ends the lease. It may be called again.
func (l *Lease) Close() error { return l.lock.Close() }

// Lease takes a lease of a tree. If there is no such tree, the error is
// fs.ErrNotExist.
func (s *Store) Lease(k TreeKey) (*Lease, error) {
	tree := s.tree(k)
	for {
		// For reading, which a shared lock may be on NFS too: the store may
		// lie on a file system that is mounted read-only.
		fd, err := openFD(tree+"/lock", syscall.O_RDONLY)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, missing("image tree", tree, "it is not in the image store")
		} else if err != nil {
			return nil, &spec.Error{Op: "image tree", Object: tree, Err: err}
		}
		err = flock(fd, syscall.LOCK_SH)
		// Who removed the tree meanwhile has moved the locked file away, and a
		// new tree may have come in its place.
		var same bool
		if err == nil {
			same, err = isNamed(fd, tree+"/lock")
		}
		if err == nil && same {
			return &Lease{Rootfs: tree + "/rootfs", Owners: tree + "/owners", lock: Lock{fd: fd}}, nil
		}
		closeFD(fd)
		if err != nil {
			return nil, &spec.Error{Op: "lease image tree", Object: tree, Err: err}
		}
	}
}

// Trees returns the keys of all trees, sorted.
func (s *Store) Trees() ([]TreeKey, error) {
	names, err := s.names(treesDir)
	if err != nil {
		return nil, err
	}
	var keys []TreeKey
	for _, name := range names {
		if k := TreeKey(name); k.ChainID() != "" {
			keys = append(keys, k)
		}
	}
	return keys, nil
}

// DeleteTree removes a tree. It first moves it out of sight, to a directory that
// remove (nil: RemoveAll) is then called with; if that fails, the rest is garbage
// for the next sweep. The error is ErrInUse while somebody has a lease, and
// fs.ErrNotExist if there is no such tree.
func (s *Store) DeleteTree(k TreeKey, remove func(dir string) error) error {
	w, err := s.Writing()
	if err != nil {
		return err
	}
	defer w.Close()
	return s.deleteTree(k, remove)
}

// lockTree takes the lock that nobody has who holds a lease. A directory without
// a lock, which is no tree, gets one: between a look and a rename it could become
// a tree that somebody uses.
func (s *Store) lockTree(k TreeKey) (*Lock, error) {
	const op = "remove image tree"
	l, err := lockFile(s.tree(k)+"/lock", syscall.LOCK_EX|syscall.LOCK_NB, syscall.O_CREAT)
	switch {
	case errors.Is(err, syscall.EWOULDBLOCK):
		return nil, inUse(op, s.tree(k), "a sandbox uses it, or an image that is being unpacked")
	case errors.Is(err, fs.ErrNotExist):
		return nil, missing(op, s.tree(k), "it is not in the image store")
	}
	return l, s.Fail(op, s.tree(k), err)
}

// deleteTree is DeleteTree for who holds the store's lock.
func (s *Store) deleteTree(k TreeKey, remove func(dir string) error) error {
	const op = "remove image tree"
	tree := s.tree(k)
	if k.ChainID() == "" {
		return &spec.Error{Op: op, Object: strconv.Quote(string(k)), Reason: "not a tree's key"}
	}
	l, err := s.lockTree(k)
	if err != nil {
		return err
	}
	defer l.Close()
	t, err := s.newStaging()
	if err != nil {
		return err
	}
	if err := os.Rename(tree, t.Dir); err != nil {
		t.lock.Close()
		return s.Fail(op, tree, err)
	}
	// Before the first file goes: a tree that came back after a power cut must
	// be whole.
	if err := SyncDir(s.path(treesDir)); err != nil {
		t.lock.Close()
		return s.Fail(op, tree, err)
	}
	// Who still waits for the lock has its file open. On NFS and FUSE such a
	// file only gets another name when it is removed, and its directory could
	// not be.
	dead := s.path(stagingDir + "/" + newPrefix + path.Base(t.Dir))
	if err := os.Rename(t.Dir+"/lock", dead); err == nil {
		_ = os.Remove(dead) // else the next sweep does it
	}
	return t.Close(remove)
}
