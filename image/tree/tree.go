// Package tree copies, walks and removes unpacked images.
//
// All names are resolved one component at a time from open directories, and
// no link is followed: a tree's links lead wherever an image's maker wanted.
package tree

import (
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/lichen-sandbox/lichen/spec"
)

const openDir = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC

// dir is an open directory with its path in the tree, for messages.
type dir struct {
	fd   int
	path string // "" for the root
}

func (d dir) join(name string) string {
	if d.path == "" {
		return name
	}
	return d.path + "/" + name
}

// open opens the directory of that name in d.
func (d dir) open(name string) (dir, error) {
	fd, err := openat(d.fd, name, openDir, 0)
	return dir{fd, d.join(name)}, err
}

func (d dir) close() { unix.Close(d.fd) } // opened for reading: there is nothing to lose

// list returns the entries, by name. The name that the os package gets is one
// under which it can find the entries of file systems that do not tell types.
func (d dir) list() ([]fs.DirEntry, error) {
	fd, err := openat(d.fd, ".", openDir, 0)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), "/proc/self/fd/"+strconv.Itoa(fd))
	defer f.Close()
	entries, err := f.ReadDir(-1)
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries, err
}

func openat(fd int, name string, flags int, mode uint32) (int, error) {
	for {
		n, err := unix.Openat(fd, name, flags, mode)
		if err != unix.EINTR { // NFS and FUSE
			return n, err
		}
	}
}

// Entry is what Walk met. Parent is open only during the visit.
type Entry struct {
	Path   string // "." for the root, else without a leading slash
	Parent int    // the directory it is in; for the root, the root itself
	Name   string // in Parent; "." for the root
	Stat   unix.Stat_t
}

// Open opens a regular file for reading; another type is ELOOP or ENXIO, or a
// descriptor that nothing can be read from, never a wait.
func (e *Entry) Open() (*os.File, error) {
	fd, err := openat(e.Parent, e.Name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, failed("open", e.Path, err)
	}
	return os.NewFile(uintptr(fd), e.Path), nil
}

// Readlink returns where a symbolic link leads.
func (e *Entry) Readlink() (string, error) {
	target, err := readlink(e.Parent, e.Name)
	if err != nil {
		return "", failed("read link", e.Path, err)
	}
	return target, nil
}

func readlink(fd int, name string) (string, error) {
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(fd, name, buf)
	if err != nil {
		return "", err
	}
	return string(buf[:n]), nil
}

// Walk visits a tree: a directory before what is in it, the names of one
// directory in byte order. It ends with the first error.
func Walk(root *os.File, visit func(*Entry) error) error {
	d := dir{fd: int(root.Fd())}
	e := Entry{Path: ".", Parent: d.fd, Name: "."}
	if err := unix.Fstat(d.fd, &e.Stat); err != nil {
		return failed("read", ".", err)
	}
	if err := visit(&e); err != nil {
		return err
	}
	return walk(d, visit)
}

func walk(d dir, visit func(*Entry) error) error {
	entries, err := d.list()
	if err != nil {
		return failed("read", d.path, err)
	}
	for _, entry := range entries {
		e := Entry{Path: d.join(entry.Name()), Parent: d.fd, Name: entry.Name()}
		if err := unix.Fstatat(d.fd, e.Name, &e.Stat, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return failed("read", e.Path, err)
		}
		if err := visit(&e); err != nil {
			return err
		}
		if e.Stat.Mode&unix.S_IFMT != unix.S_IFDIR {
			continue
		}
		if err := walkBelow(d, e.Name, visit); err != nil {
			return err
		}
	}
	return nil
}

func walkBelow(d dir, name string, visit func(*Entry) error) error {
	sub, err := d.open(name)
	if err != nil {
		return failed("read", sub.path, err)
	}
	defer sub.close()
	return walk(sub, visit)
}

// failed names a path of a tree; it comes from an image, so it is quoted.
func failed(op, path string, err error) error {
	return &spec.Error{Op: op, Object: strconv.Quote(path), Err: err}
}
