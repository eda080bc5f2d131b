package state

import (
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lichen-sandbox/lichen/internal/sys"
	"github.com/lichen-sandbox/lichen/spec"
)

// Running is a sandbox on the list.
type Running struct {
	ID string
	Entry
	// Other is true for one of another lichen, which this one cannot join.
	Other bool

	fd int
}

var (
	errStarting = errors.New("the sandbox is about to start")
	errGone     = errors.New("the sandbox is gone")
)

// Held reports whether the launcher lives: it holds the lock. So its process id
// was its own all the time before.
func (r *Running) Held() bool {
	if sys.LockFile(r.fd, false) {
		sys.UnlockFile(r.fd)
		return false
	}
	return true
}

// Close gives the entry back; a nil one has nothing to give.
func (r *Running) Close() {
	if r != nil {
		sys.Close(r.fd)
	}
}

// open reads one entry. One that nobody holds is removed.
func (d *Dir) open(id string) (*Running, error) {
	fd, size, err := sys.OpenRegular(d.fd, entries+"/"+id, maxEntry)
	if err != nil {
		return nil, errGone
	}
	if sys.LockFile(fd, false) {
		d.sweep(fd, id)
		sys.Close(fd)
		return nil, errGone
	}
	data := make([]byte, size)
	n, err := sys.ReadAt(fd, data)
	e, build, ok := Decode(data[:n])
	if err != nil || !ok {
		sys.Close(fd)
		return nil, errStarting // or of a lichen that writes something else
	}
	return &Running{ID: id, Entry: e, Other: build != d.build, fd: fd}, nil
}

// sweep removes an entry of a sandbox that is gone. The name may have been given
// to another one since the file was opened, but only once somebody else has removed
// it: that is done by one process at a time. An inode that is open has its number
// alone.
func (d *Dir) sweep(fd int, id string) {
	if !d.lock() {
		return
	}
	if sys.NamesFile(d.fd, entries+"/"+id, fd) {
		_ = sys.UnlinkAt(d.fd, entries+"/"+id) // it is not shown, whether it can be removed or not
	}
	sys.UnlockFile(d.fd)
}

// lock takes the lock of the directory. Who sweeps has it for a moment only. A payload
// that sees the directory, read-only, could have it for as long as it lives.
func (d *Dir) lock() bool {
	const patience = time.Second
	for begin := time.Now(); !d.busy && time.Since(begin) < patience; time.Sleep(time.Millisecond) {
		if sys.LockFile(d.fd, true) {
			return true
		}
	}
	d.busy = true
	return false
}

// List returns the running sandboxes, the oldest first. Whoever gets them closes
// them.
func (d *Dir) List() ([]*Running, error) {
	names, err := d.names()
	if err != nil {
		return nil, err
	}
	var list []*Running
	for _, id := range names {
		if r, err := d.open(id); err == nil {
			list = append(list, r)
		}
	}
	slices.SortStableFunc(list, func(a, b *Running) int { return a.Began.Compare(b.Began) })
	return list, nil
}

// names lists the files. The directory is private, and what it is called below the
// descriptor leads nowhere else.
func (d *Dir) names() ([]string, error) {
	dir, err := os.Open("/proc/self/fd/" + strconv.Itoa(d.fd) + "/" + entries)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, d.fail("list", errors.Unwrap(err))
	}
	defer dir.Close()
	all, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, d.fail("list", errors.Unwrap(err))
	}
	slices.Sort(all)
	return slices.DeleteFunc(all, func(name string) bool { return !ValidName(name) }), nil
}

// Find returns the sandbox of that name, or the only one whose name begins so.
func (d *Dir) Find(id string) (*Running, error) {
	unknown := func(reason string) error {
		return &spec.Error{Op: "find", Object: "sandbox " + strconv.Quote(id), Reason: reason, Hint: "lichen ps lists them"}
	}
	if !ValidName(id) {
		return nil, unknown("there can be none of that name")
	}
	r, err := d.open(id)
	if err == nil {
		return r, nil
	}
	if errors.Is(err, errStarting) {
		return nil, unknown("it has not started yet, or another lichen has started it")
	}
	list, err := d.List()
	if err != nil {
		return nil, err
	}
	var found *Running
	matches := 0
	for _, r := range list {
		if strings.HasPrefix(r.ID, id) {
			matches++
			if matches == 1 {
				found = r
				continue
			}
		}
		r.Close()
	}
	switch matches {
	case 0:
		return nil, unknown("none is running")
	case 1:
		return found, nil
	}
	found.Close()
	return nil, unknown(strconv.Itoa(matches) + " begin so")
}
