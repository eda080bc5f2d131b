package output

import (
	"errors"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// node is a file of the tree.
type node struct {
	path   string
	depth  int
	parent int // directory descriptor
	name   string
	stat   unix.Stat_t
	file   *os.File // open for reading: a regular file or a directory
	xattrs map[string]string
	link   string    // target of a symbolic link
	made   *entry    // instead of all that: one that the tree does not have
	base   *baseNode // what the base tree has there, nil for nothing
	hidden bool      // a directory above hides what the base has there
}

func (n *node) kind() uint32 { return n.stat.Mode & unix.S_IFMT }

// open opens a regular file or a directory. O_NONBLOCK keeps a fifo that took
// its place from holding this process up. RESOLVE_NO_XDEV refuses what is
// mounted in the tree: it is no part of it.
func (n *node) open(flags uint64) error {
	how := unix.OpenHow{
		Flags:   unix.O_RDONLY | unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_NOCTTY | unix.O_CLOEXEC | flags,
		Resolve: unix.RESOLVE_NO_XDEV | unix.RESOLVE_NO_MAGICLINKS | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_BENEATH,
	}
	for {
		fd, err := unix.Openat2(n.parent, n.name, &how)
		if errors.Is(err, unix.EINTR) || errors.Is(err, unix.EAGAIN) {
			continue
		}
		if errors.Is(err, unix.EXDEV) {
			return fail("read", n.path, "another file system is mounted there", nil)
		}
		if err != nil {
			return fail("open", n.path, "", changed(err))
		}
		n.file = os.NewFile(uintptr(fd), n.name)
		return n.same()
	}
}

// same checks that what was opened is what was listed.
func (n *node) same() error {
	var now unix.Stat_t
	err := unix.Fstat(int(n.file.Fd()), &now)
	if err == nil && (now.Ino != n.stat.Ino || now.Dev != n.stat.Dev || now.Mode&unix.S_IFMT != n.kind()) {
		err = errChanged
	}
	if err != nil {
		_ = n.file.Close() // it was not read
		return fail("read", n.path, "", err)
	}
	n.stat = now
	return nil
}

// unchanged checks that a file is as it was when it was opened. A writer can
// set the modification time back, but not that of the last status change; that
// one says nothing where other trees have links to the file.
func (n *node) unchanged(shared bool) error {
	var now unix.Stat_t
	if err := unix.Fstat(int(n.file.Fd()), &now); err != nil {
		return fail("read", n.path, "", err)
	}
	if now.Size != n.stat.Size || now.Mtim != n.stat.Mtim || now.Mode != n.stat.Mode || !shared && now.Ctim != n.stat.Ctim {
		return fail("read", n.path, "", errChanged)
	}
	return nil
}

// list returns what is in a directory, by name in byte order.
func (n *node) list(most int64) ([]*node, error) {
	var all []*node
	for {
		names, err := n.file.Readdirnames(1024)
		for _, name := range names {
			c := &node{path: joinPath(n.path, name), parent: int(n.file.Fd()), name: name}
			if err := unix.Fstatat(c.parent, name, &c.stat, unix.AT_SYMLINK_NOFOLLOW); err != nil {
				return nil, fail("read", c.path, "", changed(err))
			}
			all = append(all, c)
		}
		if int64(len(all)) > most {
			return nil, fail("read", n.path, "", errTooMuch)
		}
		if len(names) == 0 || err != nil {
			break // Readdirnames reports the end as an error, and a later open reports others
		}
	}
	slices.SortFunc(all, func(a, b *node) int { return strings.Compare(a.name, b.name) })
	return all, nil
}

func joinPath(dir, name string) string {
	if dir == "" {
		return name
	}
	return dir + "/" + name
}

// changed gives an error its reason where a file was there a moment ago, or
// was of another type.
func changed(err error) error {
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENOTDIR), errors.Is(err, unix.ELOOP), errors.Is(err, unix.ENXIO):
		return errChanged
	}
	return err
}

func (n *node) readlink() error {
	buf := make([]byte, unix.PathMax)
	m, err := unix.Readlinkat(n.parent, n.name, buf)
	if err != nil {
		return fail("read link", n.path, "", changed(err))
	}
	n.link = string(buf[:m])
	return nil
}

// Bounds of xattr(7).
const (
	maxXattrList  = 64 << 10
	maxXattrValue = 64 << 10
)

// readXattrs reads the attributes that mean something to a layer or to
// overlayfs. Only files and directories have user.* attributes (xattr(7)).
func (n *node) readXattrs() error {
	fd := int(n.file.Fd())
	if m, err := unix.Flistxattr(fd, nil); m == 0 && err == nil || errors.Is(err, unix.ENOTSUP) {
		return nil // as nearly all files
	}
	names := make([]byte, maxXattrList)
	m, err := unix.Flistxattr(fd, names)
	if err != nil {
		return fail("list the attributes of", n.path, "", err)
	}
	value := make([]byte, maxXattrValue)
	for name := range strings.SplitSeq(strings.TrimRight(string(names[:m]), "\x00"), "\x00") {
		if !wantedXattr(name) {
			continue
		}
		m, err := unix.Fgetxattr(fd, name, value)
		if err != nil {
			return fail("read an attribute of", n.path, "", changed(err))
		}
		if n.xattrs == nil {
			n.xattrs = map[string]string{}
		}
		n.xattrs[name] = string(value[:m])
	}
	return nil
}

const capability = "security.capability"

// wantedXattr: the others belong to the host (security.selinux, trusted.*,
// system.posix_acl_*) or to those who keep trees, or have a name that an
// extended header cannot hold. Those of the overlay are read, not written.
func wantedXattr(name string) bool {
	switch {
	case name == capability:
		return true
	case strings.HasPrefix(name, "user.fuseoverlayfs."), strings.HasPrefix(name, "user.containers."), strings.HasPrefix(name, "user.lichen."):
		return false
	}
	return strings.HasPrefix(name, "user.") && !strings.Contains(name, "=")
}
