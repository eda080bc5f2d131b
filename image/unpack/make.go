package unpack

import (
	"errors"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/lichen-sandbox/lichen/internal/pathsafe"
	"github.com/lichen-sandbox/lichen/spec"
)

// directory makes a directory, or gives one that exists the attributes of the
// entry: a directory onto a directory keeps what is in it. A symlink to a
// directory is no directory, and is replaced.
func (t *Tree) directory(p entryPath, a *attr) error {
	n := t.top
	if p.base != "" {
		dir, err := t.dir(p.dir, true)
		if err != nil {
			return err
		}
		n = dir.children[p.base]
		if n == nil || n.kind != KindDir {
			if err := t.replace(dir, p.base); err != nil {
				return err
			}
			if n, err = t.mkdir(dir, p.base, a); err != nil {
				return err
			}
		}
	}
	old := n.attr
	n.attr, n.layer = a, t.layer
	if err := t.chown(n); err != nil {
		return err
	}
	return t.setDirXattrs(n, old.applied)
}

// mkdir makes a directory with a mode that the rest of the layer can be written
// into; Finish sets the final one.
func (t *Tree) mkdir(dir *node, base string, a *attr) (*node, error) {
	fd, err := t.dirs.writable(dir)
	if err != nil {
		return nil, err
	}
	if err := pathsafe.Mkdir(fd, base, writableMode); err != nil {
		return nil, changed(dir.below(base), err)
	}
	n, err := t.add(dir, base, a)
	if err == nil {
		n.disk = writableMode
	}
	return n, err
}

func (t *Tree) symlink(dir *node, base string, a *attr) error {
	fd, err := t.dirs.writable(dir)
	if err != nil {
		return err
	}
	if err := pathsafe.Symlink(a.target, fd, base); err != nil {
		return changed(dir.below(base), err)
	}
	return t.finishOther(fd, dir, base, a)
}

func (t *Tree) fifo(dir *node, base string, a *attr) error {
	fd, err := t.dirs.writable(dir)
	if err != nil {
		return err
	}
	if err := pathsafe.Mkfifo(fd, base, 0o600); err != nil {
		return changed(dir.below(base), err)
	}
	return t.finishOther(fd, dir, base, a)
}

// finishOther sets owner, mode and time of what is neither a directory nor a
// regular file. Such take no attributes of users; see xattr(7).
func (t *Tree) finishOther(fd int, dir *node, base string, a *attr) error {
	n, err := t.add(dir, base, a)
	if err != nil {
		return err
	}
	if err := t.chown(n); err != nil {
		return err
	}
	if a.kind != KindSymlink {
		if err := pathsafe.Chmod(fd, base, a.mode); err != nil {
			return wrap(n.path(), err)
		}
	}
	return wrap(n.path(), pathsafe.SetTimes(fd, base, a.mtime))
}

// device keeps a device for the owners file. None is ever made: it would be a
// device of the host. 0:0 is a whiteout to overlayfs, and not kept at all.
func (t *Tree) device(dir *node, base string, a *attr) error {
	number := " " + strconv.FormatUint(uint64(a.major), 10) + ":" + strconv.FormatUint(uint64(a.minor), 10)
	t.warn("left out device " + strconv.Quote(dir.below(base)) + " (" + string(a.kind) + number + ")")
	if a.kind == KindChar && a.major == 0 && a.minor == 0 {
		return nil
	}
	_, err := t.add(dir, base, a)
	return err
}

// hardLink makes p another name of the file target. The entry's own mode, owner
// and times are not applied: they would change what other names show.
func (t *Tree) hardLink(p entryPath, target string) error {
	from, err := t.linkTarget(p, target)
	if err != nil {
		return err
	}
	dir, err := t.dir(p.dir, true)
	if err != nil {
		return err
	}
	if old := dir.children[p.base]; old != nil {
		if old.attr == from.attr { // the same file already
			old.layer = t.layer
			return nil
		}
		for above := from.parent; above != nil; above = above.parent {
			if above == old {
				return refuse(p.String(), "a hard link in place of a directory that holds its target")
			}
		}
		if err := t.remove(old); err != nil {
			return err
		}
	}
	if !from.phantom() {
		fromfd, tofd, err := t.dirs.pair(from.parent, dir)
		if err != nil {
			return err
		}
		err = pathsafe.Link(fromfd, from.name, tofd, p.base)
		if noLinks(err) {
			return t.copyOf(from, fromfd, dir, tofd, p.base)
		}
		if err != nil {
			return changed(dir.below(p.base), err)
		}
	}
	_, err = t.add(dir, p.base, from.attr)
	return err
}

// linkTarget finds the target of a hard link. If its last component is a
// symlink, that is the target.
func (t *Tree) linkTarget(p entryPath, target string) (*node, error) {
	if p.base == "" {
		return nil, refuse(p.String(), "the root of the tree is a directory")
	}
	to, err := t.splitName(target)
	if err != nil {
		return nil, err
	}
	from, err := t.find(to)
	if err != nil {
		return nil, err
	}
	switch {
	case from == nil:
		return nil, refuse(p.String(), "the target of a hard link, "+strconv.Quote(target)+", does not exist")
	case from.kind == KindDir:
		return nil, refuse(p.String(), "the target of a hard link, "+strconv.Quote(target)+", is a directory")
	}
	return from, nil
}

// changed makes the error of a call that cannot fail so if the tree on disk is
// what the model says.
func changed(path string, err error) error {
	for _, e := range []error{unix.EEXIST, unix.ENOENT, unix.ENOTDIR, unix.ELOOP, unix.EXDEV} {
		if errors.Is(err, e) {
			return &spec.Error{Op: "unpack", Object: strconv.Quote(path), Err: err,
				Reason: "the directory is not what was unpacked (changed meanwhile, or a file system that does not tell all names apart)"}
		}
	}
	return wrap(path, err)
}
