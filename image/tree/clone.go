package tree

import (
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// Stats counts what Clone made.
type Stats struct {
	Dirs, Linked, Copied int64
	Bytes                int64 // of the files copied
}

// Clone fills the empty directory dst with the tree below base: directories
// are made new, with owner, mode, times and extended attributes, all else is a
// hard link. Whoever changes the copy must replace a file, never write into
// it: base would change too.
//
// Where links do not work (another mount, a home without them) files are
// copied, and those that are one file in base are one in dst. A file with as
// many links as its file system allows is copied as well.
//
// Owners are as the calling process sees them: it runs in the user namespace
// that the tree was made in. Landlock must come afterwards, since it refuses a
// link that would have more rights than its source.
func Clone(base, dst *os.File) (Stats, error) {
	c := &cloner{root: int(dst.Fd()), copies: map[inode]string{}}
	err := c.dir(dir{fd: int(base.Fd())}, dir{fd: c.root})
	return c.Stats, err
}

type inode struct{ dev, ino uint64 }

type cloner struct {
	Stats
	root    int              // of the copy
	copying bool             // links do not work
	copies  map[inode]string // files copied that have other links: path in the copy
}

// dir fills dst, and then gives it the attributes of src: what is made in a
// directory changes its times, and it may not be writable.
func (c *cloner) dir(src, dst dir) error {
	entries, err := src.list()
	if err != nil {
		return failed("read", src.path, err)
	}
	for _, e := range entries {
		if e.Type().IsDir() {
			err = c.subdir(src, dst, e.Name())
		} else {
			err = c.entry(src, dst, e)
		}
		if err != nil {
			return err
		}
	}
	c.Dirs++
	var st unix.Stat_t
	if err := unix.Fstat(src.fd, &st); err != nil {
		return failed("read", src.path, err)
	}
	if err := copyAttributes(src.fd, dst.fd, &st); err != nil {
		return failed("clone", src.path, err)
	}
	return nil
}

func (c *cloner) subdir(src, dst dir, name string) error {
	from, err := src.open(name)
	if err != nil {
		return failed("read", from.path, err)
	}
	defer from.close()
	if err := unix.Mkdirat(dst.fd, name, 0o700); err != nil {
		return failed("clone", from.path, err)
	}
	to, err := dst.open(name)
	if err != nil {
		return failed("clone", from.path, err)
	}
	defer to.close()
	return c.dir(from, to)
}

func (c *cloner) entry(src, dst dir, e fs.DirEntry) error {
	name := e.Name()
	if !c.copying {
		err := unix.Linkat(src.fd, name, dst.fd, name, 0)
		switch err {
		case nil:
			c.Linked++
			return nil
		case unix.EXDEV, unix.EPERM, unix.EOPNOTSUPP, unix.ENOSYS:
			// EPERM is how a file system says that it has no hard links (link(2)).
			c.copying = true
		case unix.EMLINK:
		default:
			return failed("clone", src.join(name), err)
		}
	}
	if err := c.copy(src, dst, name); err != nil {
		return failed("clone", src.join(name), err)
	}
	return nil
}

// copy copies what is not a directory.
func (c *cloner) copy(src, dst dir, name string) error {
	var st unix.Stat_t
	if err := unix.Fstatat(src.fd, name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return err
	}
	id := inode{st.Dev, st.Ino}
	if first, ok := c.copies[id]; ok {
		// Where there are no links at all, a second copy is all there can be.
		if unix.Linkat(c.root, first, dst.fd, name, 0) == nil {
			c.Linked++
			return nil
		}
	}
	if err := c.copyNew(src.fd, dst.fd, name, &st); err != nil {
		return err
	}
	c.Copied++
	if st.Nlink > 1 {
		c.copies[id] = dst.join(name)
	}
	return nil
}

func (c *cloner) copyNew(src, dst int, name string, st *unix.Stat_t) error {
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		n, err := copyFile(src, dst, name, st)
		c.Bytes += n
		return err
	case unix.S_IFLNK:
		target, err := readlink(src, name)
		if err != nil {
			return err
		}
		if err := unix.Symlinkat(target, dst, name); err != nil {
			return err
		}
	case unix.S_IFIFO:
		if err := unix.Mkfifoat(dst, name, 0o600); err != nil {
			return err
		}
		// The file was made just now, by this process alone: it is no link.
		if err := chownat(dst, name, st); err != nil {
			return err
		}
		if err := unix.Fchmodat(dst, name, st.Mode&0o7777, 0); err != nil {
			return err
		}
		return setTimes(dst, name, st)
	default:
		return unix.EINVAL // a device or a socket: unpacking makes none
	}
	if err := chownat(dst, name, st); err != nil {
		return err
	}
	return setTimes(dst, name, st)
}
