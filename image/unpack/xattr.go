package unpack

import (
	"archive/tar"
	"errors"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/lichen-sandbox/lichen/internal/pathsafe"
)

const (
	xattrRecord = "SCHILY.xattr." // before the name, in a PAX record
	capability  = "security.capability"

	maxXattrName  = 255      // XATTR_NAME_MAX
	maxXattrValue = 64 << 10 // XATTR_SIZE_MAX
)

// liveXattrs are attributes of users that mean something to an overlay or an
// unpacker, so that an image must not bring them: user.overlay.* is obeyed by
// overlayfs mounted with userxattr, the next two by fuse-overlayfs. The last are
// our own.
var liveXattrs = []string{"user.overlay.", "user.fuseoverlayfs.", "user.containers.", "user.lichen."}

// keepsXattr says whether an attribute of an image is kept: those of users, and
// capabilities. The rest belongs to the host: trusted.*, labels and measurements
// of its security modules, ACLs of its ids.
func keepsXattr(name string) bool {
	if name == capability {
		return true
	}
	return strings.HasPrefix(name, "user.") && len(name) > len("user.") && strings.IndexByte(name, 0) < 0 &&
		!slices.ContainsFunc(liveXattrs, func(p string) bool { return strings.HasPrefix(name+".", p) })
}

// readXattrs collects the attributes of an entry.
func (t *Tree) readXattrs(path string, h *tar.Header, a *attr) error {
	records, size := 0, 0
	for k, v := range h.PAXRecords {
		if records += len(k) + len(v); records > t.o.Limits.PAXBytes {
			return refuse(path, "PAX records of more than "+strconv.Itoa(t.o.Limits.PAXBytes)+" bytes")
		}
		name, ok := strings.CutPrefix(k, xattrRecord)
		if !ok {
			continue
		}
		if size += len(name) + len(v); size > t.o.Limits.XattrBytes || len(name) > maxXattrName || len(v) > maxXattrValue {
			return refuse(path, "extended attributes are too large")
		}
		if !keepsXattr(name) || name == capability && a.kind != KindFile {
			class, _, _ := strings.Cut(name, ".")
			t.warnOnce("xattr "+class, "left out attribute "+strconv.Quote(name)+" of "+strconv.Quote(path)+", and others that are not the image's to set")
			continue
		}
		if a.xattrs == nil {
			a.xattrs = map[string][]byte{}
		}
		a.xattrs[name] = []byte(v)
	}
	return t.keep(size)
}

// setXattrs puts the attributes of n on the file that fd is open on. What the
// file system does not take stays for the owners file.
func (t *Tree) setXattrs(fd int, n *node) error {
	for _, name := range slices.Sorted(maps.Keys(n.xattrs)) {
		if name == capability && t.o.Owners != OwnersChown {
			continue // would be the caller's, whatever the image's owner was
		}
		err := retryIntr(func() error { return unix.Fsetxattr(fd, name, n.xattrs[name], 0) })
		switch {
		case err == nil:
			n.applied = append(n.applied, name)
			delete(n.xattrs, name)
		case !xattrRefused(err):
			return wrap(n.path(), err)
		case name == capability:
			t.warnOnce(name, "capabilities of "+strconv.Quote(n.path())+" are kept in the owners file only: "+err.Error())
		default:
			t.warnOnce("user xattr", "attribute "+strconv.Quote(name)+" of "+strconv.Quote(n.path())+" is kept in the owners file only: "+err.Error())
		}
	}
	return nil
}

// xattrRefused says whether the file system has no such attributes, or no room
// for this one: ext4 keeps all of a file's in one block, and says ENOSPC. A file
// system that is full fails at the next write.
func xattrRefused(err error) bool {
	for _, e := range []error{unix.EOPNOTSUPP, unix.EPERM, unix.EACCES, unix.E2BIG, unix.ERANGE, unix.ENOSPC, unix.EINVAL} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// setDirXattrs puts the attributes of the directory n on it, in place of old
// ones.
func (t *Tree) setDirXattrs(n *node, old []string) error {
	if len(n.xattrs) == 0 && len(old) == 0 {
		return nil
	}
	fd, closeIt, err := t.openDirFile(n)
	if err != nil {
		return err
	}
	for _, name := range old {
		err = retryIntr(func() error { return unix.Fremovexattr(fd, name) })
		if err != nil && !errors.Is(err, unix.ENODATA) && !xattrRefused(err) {
			break
		}
		err = nil
	}
	if err = wrap(n.path(), err); err == nil {
		err = t.setXattrs(fd, n)
	}
	if closeErr := closeIt(); err == nil {
		err = wrap(n.path(), closeErr)
	}
	return err
}

// openDirFile opens the directory n for what O_PATH does not allow.
func (t *Tree) openDirFile(n *node) (fd int, closeIt func() error, err error) {
	if n.parent == nil {
		return int(t.file.Fd()), func() error { return nil }, nil
	}
	if _, err = t.dirs.writable(n); err != nil { // readable too
		return -1, nil, err
	}
	parent, err := t.dirs.fd(n.parent)
	if err != nil {
		return -1, nil, err
	}
	if fd, err = pathsafe.OpenAt(parent, n.name); err != nil {
		return -1, nil, changed(n.path(), err)
	}
	return fd, func() error { return unix.Close(fd) }, nil
}

// dropACL takes ACLs off the root that it has from the directory above, for
// everything below would have them too. Where there are none, or the file
// system has no such thing, there is nothing to take off.
func dropACL(root *os.File) {
	for _, name := range []string{"system.posix_acl_default", "system.posix_acl_access"} {
		_ = unix.Fremovexattr(int(root.Fd()), name)
	}
}

func retryIntr(call func() error) error {
	for {
		if err := call(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
