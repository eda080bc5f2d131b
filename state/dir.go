package state

import (
	"errors"
	"path"
	"strconv"

	"github.com/lichen-sandbox/lichen/internal/sys"
	"github.com/lichen-sandbox/lichen/spec"
)

// Path returns the directory of the list, or "" where there is no place for one:
// XDG_RUNTIME_DIR is not set, and the usual one is not there or not the caller's.
func Path(getenv func(string) string) string {
	run := getenv("XDG_RUNTIME_DIR")
	if !path.IsAbs(run) {
		run = "/run/user/" + strconv.Itoa(sys.Geteuid())
		if !sys.OwnDir(run) {
			return ""
		}
	}
	return path.Join(run, "lichen")
}

// entries is where in the directory the files are.
const entries = "run"

// Dir is the open directory.
type Dir struct {
	fd    int
	path  string
	build string
	busy  bool // somebody keeps the lock
}

// Open opens the directory for entries of this build, and makes it first where
// make is set.
func Open(dir, build string, make bool) (*Dir, error) {
	fail := func(err error, reason string) (*Dir, error) {
		return nil, &spec.Error{Op: "open", Object: dir, Err: err, Reason: reason}
	}
	fd, private, err := sys.OpenPrivateDir(dir)
	if err == sys.ENOENT && make {
		if err := makeDir(dir); err != nil {
			return fail(err, "")
		}
		fd, private, err = sys.OpenPrivateDir(dir)
	}
	if err != nil {
		return fail(err, "")
	}
	if !private {
		sys.Close(fd)
		return fail(nil, "it is not yours alone (mode 0700)")
	}
	return &Dir{fd: fd, path: dir, build: build}, nil
}

// makeDir makes the directory and what is in it. Somebody who does the same at the
// same time is no error.
func makeDir(dir string) error {
	for _, p := range [...]string{dir, dir + "/" + entries} {
		if err := sys.MkdirAt(sys.AT_FDCWD, p, 0o700); err != nil && err != sys.EEXIST {
			return err
		}
	}
	return nil
}

// Close closes the directory.
func (d *Dir) Close() { sys.Close(d.fd) }

// Own is the file of a sandbox of this process. The lock on it lasts as long as
// the process, or until Remove.
type Own struct {
	ID  string
	dir *Dir
	fd  int
}

// Reserve makes a file, still empty, for a sandbox that is about to start or has
// started; name may be "", for a name that the list chooses.
//
// The file gets its name only once it is locked, so that nobody takes it for one
// of a sandbox that is gone.
func (d *Dir) Reserve(name string, seed uint64) (*Own, error) {
	fd, err := sys.NamelessFile(d.fd, entries)
	if err == sys.ENOENT && makeDir(d.path) == nil {
		fd, err = sys.NamelessFile(d.fd, entries)
	}
	if err != nil {
		return nil, d.fail("make a file in", err)
	}
	if !sys.LockFile(fd, true) {
		sys.Close(fd)
		return nil, d.fail("lock a file in", sys.EAGAIN)
	}
	id, err := d.give(fd, name, seed)
	if err != nil {
		sys.Close(fd)
		return nil, err
	}
	return &Own{ID: id, dir: d, fd: fd}, nil
}

// give finds a name for the file.
func (d *Dir) give(fd int, name string, seed uint64) (string, error) {
	const tries = 16
	for i := range uint64(tries) {
		id := name
		if name == "" {
			id = newID(seed + i*0x9e3779b97f4a7c15)
		}
		err := sys.NameFile(fd, d.fd, entries+"/"+id)
		if err == nil {
			return id, nil
		}
		if err != sys.EEXIST {
			return "", d.fail("name a file in", err)
		}
		if name == "" {
			continue
		}
		if r, err := d.open(id); err == nil || errors.Is(err, errStarting) {
			r.Close()
			return "", &spec.Error{Op: "name", Object: "the sandbox " + strconv.Quote(name), Reason: "there is one of that name", Hint: "lichen ps lists them"}
		}
	}
	return "", d.fail("name a file in", sys.EEXIST)
}

// newID returns six letters and digits that are hard to mistake for each other.
func newID(seed uint64) string {
	const alphabet = "abcdefghjkmnpqrstuvwxyz23456789"
	seed ^= seed >> 31
	seed *= 0xbf58476d1ce4e5b9
	seed ^= seed >> 29
	var id [6]byte
	for i := range id {
		id[i] = alphabet[seed%uint64(len(alphabet))]
		seed /= uint64(len(alphabet))
	}
	return string(id[:])
}

// Write says what the sandbox is.
func (o *Own) Write(e *Entry) error {
	data := e.Encode(o.dir.build)
	n, err := sys.Write(o.fd, data)
	if err == nil && n != len(data) {
		err = sys.ENOSPC
	}
	if err != nil {
		return o.dir.fail("write a file in", err)
	}
	return nil
}

// Remove takes the sandbox off the list.
func (o *Own) Remove() {
	_ = sys.UnlinkAt(o.dir.fd, entries+"/"+o.ID) // nobody is left to tell: what stays is unlocked
	sys.Close(o.fd)
	o.dir.Close()
}

func (d *Dir) fail(op string, err error) error {
	return &spec.Error{Op: op, Object: d.path + "/" + entries, Err: err}
}

// ValidName reports whether name may be that of a sandbox.
func ValidName(name string) bool {
	if len(name) == 0 || len(name) > 32 || name[0] == '.' || name[0] == '-' {
		return false
	}
	for _, c := range []byte(name) {
		if !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.') {
			return false
		}
	}
	return true
}
