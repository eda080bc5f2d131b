// Package pathsafe opens and changes files below a directory that holds
// untrusted names: an image's tree, or what a payload left behind.
//
// A path of the tree is resolved by the kernel, inside the tree
// (openat2(2) with RESOLVE_IN_ROOT and RESOLVE_NO_MAGICLINKS), to the
// descriptor of a directory. What is done then is done to one name in that
// directory, and a symlink there is never followed. The functions that take
// such a pair, (descriptor, base name), are not methods and answer with a bare
// errno: the caller knows what to call the file. They refuse a base name that
// is empty, "." or "..", or holds a slash, with EINVAL.
package pathsafe

import (
	"errors"
	"io"
	"math"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/lichen-sandbox/lichen/spec"
)

// inRoot is how a path of the tree is resolved: "/" and ".." end at the root,
// and /proc/self/fd/N is not a door out of it; see openat2(2).
const inRoot = unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS

// beneath is how a path is resolved that holds no symlink, as the caller knows:
// if the tree says otherwise it was changed behind the caller's back.
const beneath = unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS | unix.RESOLVE_NO_XDEV

// Root is a directory that no path leads out of.
type Root struct {
	fd int
}

// Open opens the directory at path, which is the caller's own: symlinks in it
// are followed.
func Open(path string) (*Root, error) {
	fd, err := openat(unix.AT_FDCWD, path, unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, &spec.Error{Op: "open", Object: path, Err: err}
	}
	return probed(fd, path)
}

// FromFile makes a Root of an open directory. The file stays the caller's.
func FromFile(dir *os.File) (*Root, error) {
	fd, err := openat(int(dir.Fd()), ".", unix.O_PATH|unix.O_DIRECTORY, 0)
	if errors.Is(err, unix.EACCES) { // the directory itself may not be searched
		fd, err = unix.FcntlInt(dir.Fd(), unix.F_DUPFD_CLOEXEC, 3)
	}
	if err != nil {
		return nil, &spec.Error{Op: "open", Object: dir.Name(), Err: err}
	}
	return probed(fd, dir.Name())
}

// probed fails where the kernel, or a filter in front of it, has no openat2:
// nothing else resolves a path inside a directory without a race.
func probed(fd int, name string) (*Root, error) {
	probe, err := openat2(fd, ".", unix.O_PATH|unix.O_DIRECTORY, inRoot)
	switch {
	case err == nil:
		return &Root{fd: fd}, unix.Close(probe)
	case errors.Is(err, unix.EACCES): // known to the kernel, and mode 000
		return &Root{fd: fd}, nil
	case errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EPERM):
		err = &spec.Error{Op: "open", Object: name, Reason: "openat2 is missing (Linux 5.6), or a filter refuses it", Err: err}
	default:
		err = &spec.Error{Op: "open", Object: name, Err: err}
	}
	return nil, errors.Join(err, unix.Close(fd))
}

// FD returns the descriptor (O_PATH) of the root, which stays the Root's.
func (r *Root) FD() int { return r.fd }

// Close closes the root.
func (r *Root) Close() error {
	fd := r.fd
	r.fd = -1
	return unix.Close(fd)
}

// Parent returns a descriptor (O_PATH) of the directory that path lies in, and
// the name of path in it. Symlinks on the way are followed inside the root, the
// last component is not looked at. The caller closes the descriptor. Every
// component is one that may be named: a "..", which would mean something else
// after a symlink than before, is EINVAL, and so is the root itself.
func (r *Root) Parent(path string) (fd int, base string, err error) {
	path = strings.TrimRight(path, "/")
	dir, base := ".", path
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		dir, base = path[:i+1], path[i+1:]
	}
	if !nameable(path) || !IsBase(base) {
		return -1, "", pathError("open", path, unix.EINVAL)
	}
	if fd, err = openat2(r.fd, dir, unix.O_PATH|unix.O_DIRECTORY, inRoot); err != nil {
		return -1, "", pathError("open", path, err)
	}
	return fd, base, nil
}

// OpenDir returns a descriptor (O_PATH) of the directory at path, symlinks
// followed inside the root. The caller closes it.
func (r *Root) OpenDir(path string) (int, error) {
	fd, err := openat2(r.fd, orDot(path), unix.O_PATH|unix.O_DIRECTORY, inRoot)
	if err != nil {
		return -1, pathError("open", path, err)
	}
	return fd, nil
}

// OpenBeneath returns a descriptor (O_PATH) of the directory at path, relative
// to the root and without any symlink or mount on the way: ELOOP or EXDEV (a
// bare errno) if there is one. The caller closes it.
func (r *Root) OpenBeneath(path string) (int, error) {
	return openat2(r.fd, orDot(path), unix.O_PATH|unix.O_DIRECTORY, beneath)
}

// ReadFile reads the regular file at path, symlinks followed inside the root.
// It fails if the file is something else, without waiting for it, or has more
// than limit bytes.
func (r *Root) ReadFile(path string, limit int) ([]byte, error) {
	fd, err := openat2(r.fd, orDot(path), unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, inRoot)
	if err != nil {
		return nil, pathError("read", path, err)
	}
	f := os.NewFile(uintptr(fd), path)
	defer f.Close() // opened for reading: nothing to lose
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, pathError("read", path, err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return nil, &spec.Error{Op: "read", Object: strconv.Quote(path), Reason: "not a regular file"}
	}
	b, err := io.ReadAll(io.LimitReader(f, int64(min(limit, math.MaxInt-1))+1))
	if err != nil {
		return nil, pathError("read", path, err)
	}
	if len(b) > limit {
		return nil, &spec.Error{Op: "read", Object: strconv.Quote(path), Reason: "larger than " + strconv.Itoa(limit) + " bytes"}
	}
	return b, nil
}

// MkdirAll makes the directory at path and those above it that are missing,
// with mode (before umask), and returns a descriptor (O_PATH) of it, which the
// caller closes. Symlinks are followed inside the root; one that leads nowhere
// is EEXIST.
func (r *Root) MkdirAll(path string, mode uint32) (int, error) {
	if fd, err := openat2(r.fd, orDot(path), unix.O_PATH|unix.O_DIRECTORY, inRoot); err == nil {
		return fd, nil
	} else if !errors.Is(err, unix.ENOENT) || !nameable(path) {
		return -1, pathError("create", path, err)
	}
	fd, err := openat2(r.fd, ".", unix.O_PATH|unix.O_DIRECTORY, inRoot)
	for i := 0; err == nil && i < len(path); {
		start := i
		if n := strings.IndexByte(path[start:], '/'); n >= 0 {
			i = start + n + 1
		} else {
			i = len(path)
		}
		base := strings.TrimSuffix(path[start:i], "/")
		if base == "" || base == "." {
			continue
		}
		var next int
		if next, err = openat2(r.fd, path[:i], unix.O_PATH|unix.O_DIRECTORY, inRoot); errors.Is(err, unix.ENOENT) {
			if err = Mkdir(fd, base, mode); err == nil {
				next, err = OpenDirAt(fd, base)
			}
		}
		if err == nil {
			err = unix.Close(fd)
			fd = next
		}
	}
	if err != nil {
		if fd >= 0 {
			err = errors.Join(err, unix.Close(fd))
		}
		return -1, pathError("create", path, err)
	}
	return fd, nil
}

// nameable says whether no component of path is "..".
func nameable(path string) bool {
	for c := range strings.SplitSeq(path, "/") {
		if c == ".." {
			return false
		}
	}
	return strings.IndexByte(path, 0) < 0
}

func orDot(path string) string {
	if path == "" {
		return "."
	}
	return path
}

func pathError(op, path string, err error) error {
	return &spec.Error{Op: op, Object: strconv.Quote(path), Err: err}
}

func openat2(dirfd int, path string, flags, resolve uint64) (int, error) {
	how := unix.OpenHow{Flags: flags | unix.O_CLOEXEC, Resolve: resolve}
	for {
		// EAGAIN: something was renamed meanwhile, so the kernel cannot tell
		// whether ".." stayed inside; openat2(2) says to try again.
		fd, err := unix.Openat2(dirfd, path, &how)
		if err != unix.EINTR && err != unix.EAGAIN {
			return fd, err
		}
	}
}

func openat(dirfd int, path string, flags int, mode uint32) (int, error) {
	for {
		fd, err := unix.Openat(dirfd, path, flags|unix.O_CLOEXEC, mode)
		if err != unix.EINTR {
			return fd, err
		}
	}
}
