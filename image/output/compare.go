package output

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"maps"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// baseNode is what the base tree has under the path of a node.
type baseNode struct{ stat unix.Stat_t }

func (b *baseNode) kind() uint32 { return b.stat.Mode & unix.S_IFMT }

// find looks a node up in the base tree, without following any link: a
// directory of the upper hides a link of the base.
func (p *overlayPolicy) find(n *node) error {
	if n.hidden {
		return nil
	}
	fd, err := p.openBase(n.path, unix.O_PATH)
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENOTDIR), errors.Is(err, unix.ELOOP):
		return nil
	case err != nil:
		return fail("open the base's", n.path, "", err)
	}
	defer unix.Close(fd) // O_PATH: nothing is written
	b := &baseNode{}
	if err := unix.Fstat(fd, &b.stat); err != nil {
		return fail("read the base's", n.path, "", err)
	}
	n.base = b
	return nil
}

// openBase opens what the base has under a path. Only the last component may be
// a link, which is opened itself: that needs two calls, since O_PATH with
// O_NOFOLLOW and RESOLVE_NO_SYMLINKS refuses it (openat2(2)).
func (p *overlayPolicy) openBase(path string, flags uint64) (int, error) {
	const within = unix.RESOLVE_BENEATH | unix.RESOLVE_NO_MAGICLINKS | unix.RESOLVE_NO_XDEV
	dir, name := splitPath(path)
	parent, err := unix.Openat2(p.base, cmp.Or(dir, "."), &unix.OpenHow{Flags: unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC, Resolve: within | unix.RESOLVE_NO_SYMLINKS})
	if err != nil {
		return -1, err
	}
	defer unix.Close(parent) // O_PATH: nothing is written
	return unix.Openat2(parent, cmp.Or(name, "."), &unix.OpenHow{Flags: flags | unix.O_NOFOLLOW | unix.O_CLOEXEC, Resolve: within})
}

// sameness says what of a node the base has in the same form.
type sameness struct {
	content bool // what is in the file, not what is said about it
	all     bool
}

// compare compares a node with the base. An overlay copies a whole file up as
// soon as it is opened for writing, and all directories above it: much of an
// upper directory is no change.
func (p *overlayPolicy) compare(n *node) (sameness, error) {
	b := n.base
	if b == nil || b.kind() != n.kind() {
		return sameness{}, nil
	}
	st := &n.stat
	// With one id, owners on disk mean nothing.
	meta := st.Mode == b.stat.Mode && (p.single || st.Uid == b.stat.Uid && st.Gid == b.stat.Gid)
	if n.path == "" {
		// The launcher made the upper directory; the mode and owner are those
		// that the payload saw, the time means nothing.
		return sameness{true, meta}, nil
	}
	meta = meta && st.Mtim == b.stat.Mtim
	switch n.kind() {
	case unix.S_IFDIR:
		return p.compareFile(n, func(f *os.File) (sameness, error) {
			same, err := sameXattrs(n, f)
			return sameness{true, meta && same && n.xattrs[overlayOpaque] != "y"}, err
		})
	case unix.S_IFREG:
		if st.Size != b.stat.Size {
			return sameness{}, nil
		}
		return p.compareFile(n, func(f *os.File) (sameness, error) {
			content, err := sameContent(n.file, f)
			if err != nil || !content {
				return sameness{}, err
			}
			same, err := sameXattrs(n, f)
			// Of two names of a file both are written, or they would part.
			return sameness{true, meta && same && st.Nlink == 1}, err
		})
	case unix.S_IFLNK:
		link, err := p.baseLink(n.path)
		return sameness{link == n.link, meta && link == n.link}, err
	}
	return sameness{true, meta && st.Rdev == b.stat.Rdev}, nil
}

func (p *overlayPolicy) compareFile(n *node, with func(f *os.File) (sameness, error)) (sameness, error) {
	fd, err := p.openBase(n.path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY)
	if err != nil {
		return sameness{}, fail("open the base's", n.path, "", err)
	}
	f := os.NewFile(uintptr(fd), n.name)
	defer f.Close() // it was only read
	same, err := with(f)
	if err != nil {
		return sameness{}, fail("compare", n.path, "", err)
	}
	return same, nil
}

// baseLink reads a link of the base; an empty path names the descriptor
// (readlink(2)).
func (p *overlayPolicy) baseLink(path string) (string, error) {
	fd, err := p.openBase(path, unix.O_PATH)
	if err != nil {
		return "", fail("open the base's", path, "", err)
	}
	defer unix.Close(fd) // O_PATH: nothing is written
	n := &node{path: path, parent: fd}
	return n.link, n.readlink()
}

func sameXattrs(n *node, base *os.File) (bool, error) {
	b := &node{path: n.path, file: base}
	if err := b.readXattrs(); err != nil {
		return false, err
	}
	return maps.Equal(withoutOverlay(n.xattrs), withoutOverlay(b.xattrs)), nil
}

func withoutOverlay(m map[string]string) map[string]string {
	m = maps.Clone(m)
	maps.DeleteFunc(m, func(name, _ string) bool { return strings.HasPrefix(name, overlayPrefix) })
	return m
}

// sameContent compares two files of one size. Both are left as they are: they
// are read at offsets.
func sameContent(a, b *os.File) (bool, error) {
	const step = 128 << 10
	bufA, bufB := make([]byte, step), make([]byte, step)
	for at := int64(0); ; {
		n, errA := a.ReadAt(bufA, at)
		m, errB := b.ReadAt(bufB, at)
		if errA != nil && errA != io.EOF {
			return false, errA
		}
		if errB != nil && errB != io.EOF {
			return false, errB
		}
		if n != m || !bytes.Equal(bufA[:n], bufB[:m]) {
			return false, nil
		}
		if n < step {
			return true, nil
		}
		at += int64(n)
	}
}
