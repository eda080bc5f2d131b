// Package store keeps images on disk: where what lies, what it is called, who
// holds it, and how it appears and goes. It fetches and unpacks nothing.
//
//	version             "1\n"
//	lock                shared by whoever writes, exclusive for a sweep
//	blobs/sha256/HEX    whole and verified
//	partial/HEX         a download that was interrupted, or goes on
//	partial/HEX.lock    held while it goes on
//	records/NAME        what a launch needs of an image
//	trees/KEY/rootfs/   a root file system; never written again
//	trees/KEY/owners    what its files' metadata cannot say
//	trees/KEY/lock      shared by who uses the tree, exclusive to remove it
//	staging/NAME/       a tree that is being built or removed
//	staging/NAME.lock   held by who does it
//	locks/NAME          one at a time
//
// # Crashes
//
// Whatever is visible is whole. Everything is made under a name that nobody
// looks for, and renamed. What is under construction has a lock (flock, which
// the kernel drops with its process): unlocked, it is garbage, which Sweep
// removes. A lock file is removed only by who holds it, and who gets a lock looks
// whether the file is still the one of that name.
//
// After a power cut the same must hold, so a record, a blob and the version are
// on the disk (fsync) before they get their name, and the name is, before the call
// returns. A tree is many files, and fsync of each would take longer than to
// unpack it: see Staging.Sync. Deleting a tree makes its change of name durable
// before its first file goes. Nothing else is synced: a lock, a partial download
// (which is hashed again) and a deleted record may come back or vanish.
//
// The locks work on NFS too, where the kernel turns them into byte range locks;
// nothing needs hard links, extended attributes or O_TMPFILE.
package store

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/lichen-sandbox/lichen/spec"
)

// version is what the file of that name holds in a store of this layout.
const version = "1"

// The directories of a store.
const (
	blobsDir   = "blobs/sha256"
	partialDir = "partial"
	recordsDir = "records"
	treesDir   = "trees"
	stagingDir = "staging"
	locksDir   = "locks"
)

// Store is a store's directory. It holds nothing open, and its methods may be
// called at the same time.
type Store struct {
	dir string
}

// DefaultDir returns where the user's store is: $LICHEN_STORE, else lichen/images
// in $XDG_DATA_HOME, else .local/share/lichen/images in $HOME. As the XDG
// specification wants it, a relative $XDG_DATA_HOME is passed over.
func DefaultDir(getenv func(string) string) (string, error) {
	if dir := getenv("LICHEN_STORE"); dir != "" {
		if !path.IsAbs(dir) {
			return "", &spec.Error{Op: "image store", Object: strconv.Quote(dir), Reason: "LICHEN_STORE must be an absolute path"}
		}
		return path.Clean(dir), nil
	}
	if data := getenv("XDG_DATA_HOME"); path.IsAbs(data) {
		return path.Join(data, "lichen/images"), nil
	}
	if home := getenv("HOME"); path.IsAbs(home) {
		return path.Join(home, ".local/share/lichen/images"), nil
	}
	return "", &spec.Error{Op: "image store", Reason: "HOME is not set to an absolute path, nor XDG_DATA_HOME",
		Hint: "LICHEN_STORE=DIR says where images are kept"}
}

// Open opens a store for looking things up. The error is ErrNoStore if there is
// none. It does not read the version of the store: what is looked up in it has
// its own.
func Open(dir string) (*Store, error) {
	if err := checkDir(dir); err != nil {
		return nil, err
	}
	return &Store{dir: dir}, nil
}

// Create opens a store, and makes what is missing of it.
func Create(dir string) (*Store, error) {
	s := &Store{dir: dir}
	if !path.IsAbs(dir) {
		return nil, &spec.Error{Op: "image store", Object: strconv.Quote(dir), Reason: "its path must be absolute"}
	}
	if err := os.MkdirAll(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, s.Fail("make image store", dir, err)
	}
	if err := checkDir(dir); err != nil {
		return nil, err
	}
	// The version comes first: a directory that holds another lichen's store is
	// left as it is.
	if err := s.makeVersion(); err != nil {
		return nil, s.Fail("make image store", dir, err)
	}
	for _, sub := range [...]string{"blobs", blobsDir, partialDir, recordsDir, treesDir, stagingDir, locksDir} {
		err := os.Mkdir(s.path(sub), 0o700)
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, s.Fail("make image store", dir, err)
		}
		if err == nil && sub == stagingDir {
			spread(s.path(sub))
		}
	}
	return s, nil
}

// Dir returns the directory of the store.
func (s *Store) Dir() string { return s.dir }

// Close ends the use of s. What was got from it is closed by itself.
func (s *Store) Close() error { return nil }

func (s *Store) path(name string) string { return s.dir + "/" + name }

// checkDir refuses a directory that somebody else could have filled, or could
// look into: in a store without id ranges, a setuid program of an image is one
// of the user's.
func checkDir(dir string) error {
	var st syscall.Stat_t
	err := ignoringEINTR(func() error { return syscall.Lstat(dir, &st) })
	refuse := func(reason, hint string) error {
		return &spec.Error{Op: "image store", Object: dir, Reason: reason, Hint: hint}
	}
	switch {
	case err == syscall.ENOENT:
		return &spec.Error{Op: "image store", Object: dir, Err: ErrNoStore}
	case err != nil:
		return &spec.Error{Op: "image store", Object: dir, Err: err}
	case st.Mode&syscall.S_IFMT == syscall.S_IFLNK:
		return refuse("it is a symbolic link", "LICHEN_STORE=DIR names the directory itself")
	case st.Mode&syscall.S_IFMT != syscall.S_IFDIR:
		return refuse("it is not a directory", "")
	}
	if uid := os.Geteuid(); uint64(st.Uid) != uint64(uid) {
		return refuse("it belongs to uid "+strconv.FormatUint(uint64(st.Uid), 10)+", not to uid "+strconv.Itoa(uid)+", who runs this", "")
	}
	if perm := st.Mode & 0o7777; perm&0o077 != 0 {
		return refuse("others may look into it or write there (mode 0"+strconv.FormatUint(uint64(perm), 8)+")", "chmod 700 "+dir)
	}
	return nil
}

// makeVersion makes the version, unless it is there. Several processes may do so
// at once, and on FUSE each may fail by what the others do to the same names
// (ENOENT): then what counts is whether the version is there.
func (s *Store) makeVersion() error {
	err := s.checkVersion()
	for range 10 {
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err = s.checkEmpty(); err == nil {
			err = s.writeNewFile("version", []byte(version+"\n"))
		}
		if err == nil {
			return nil
		}
		time.Sleep(time.Millisecond)
		if there := s.checkVersion(); !errors.Is(there, fs.ErrNotExist) {
			return there
		}
	}
	return err
}

// checkEmpty refuses a directory of the user's that is no store, unless it is
// empty, or somebody makes a store of it at this moment.
func (s *Store) checkEmpty() error {
	names, err := s.allNames(".")
	if err != nil {
		return err
	}
	for _, name := range names {
		if strings.HasPrefix(name, newPrefix) {
			continue
		}
		if s.checkVersion() == nil {
			return nil
		}
		return &spec.Error{Op: "image store", Object: s.dir, Reason: "the directory is no image store, and not empty: it holds " + strconv.Quote(name)}
	}
	return nil
}

// unmade is the error of a directory of the store that is missing: nil where it
// is only not made yet.
func (s *Store) unmade(dir string) error {
	if s.checkVersion() == nil || s.checkEmpty() == nil {
		return nil
	}
	return &spec.Error{Op: "image store", Object: s.dir, Reason: "the directory is no image store: it has no " + strconv.Quote(dir),
		Hint: "LICHEN_STORE=DIR says where images are kept"}
}

// checkVersion returns fs.ErrNotExist, wrapped, while there is no version.
func (s *Store) checkVersion() error {
	b, err := s.readFile("version", 64)
	if err != nil {
		return err
	}
	if string(b) == version+"\n" {
		return nil
	}
	return &spec.Error{Op: "image store", Object: s.dir,
		Reason: "its version is " + strconv.Quote(strings.TrimSuffix(string(b), "\n")) + ", and this lichen knows version " + version}
}
