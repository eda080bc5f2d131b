package unpack

import (
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/lichen-sandbox/lichen/internal/pathsafe"
)

// attr is what a file is, whatever its names are: hard links share it.
type attr struct {
	kind         Kind
	mode         uint32 // permission bits, setuid, setgid, sticky
	uid, gid     uint32
	mtime        unix.Timespec
	target       string // of a symlink
	major, minor uint32 // of a device
	xattrs       map[string][]byte
	applied      []string
}

// phantom says whether the file is in the owners file only.
func (a *attr) phantom() bool { return a.kind == KindChar || a.kind == KindBlock }

// node is a name in the tree.
type node struct {
	*attr
	name     string
	parent   *node // nil for the root and for what was removed
	children map[string]*node
	layer    int32 // whose entry made or updated it
	depth    int
	length   int // of the path

	// Of directories:

	slot  int32  // in the cache of descriptors, from 1; 0: none
	given bool   // made by who cloned the tree: the owner is to be set at the end
	disk  uint32 // mode on disk; modeUnknown if somebody else made it
}

const (
	// writableMode is that of directories until Finish. No setgid: what is
	// made inside would inherit the group.
	writableMode = 0o700
	modeUnknown  = ^uint32(0)
)

// path returns the path from the root, without a leading slash; "." for the
// root.
func (n *node) path() string {
	if n.parent == nil {
		return "."
	}
	b := make([]byte, n.length)
	for end := len(b); n.parent != nil; n = n.parent {
		start := end - len(n.name)
		copy(b[start:], n.name)
		if end = start - 1; end > 0 {
			b[end] = '/'
		}
	}
	return string(b)
}

// below is the path of name in n.
func (n *node) below(name string) string {
	if n.parent == nil {
		return name
	}
	return n.path() + "/" + name
}

// add puts a new name into the model.
func (t *Tree) add(dir *node, name string, a *attr) (*node, error) {
	n := &node{attr: a, name: name, parent: dir, layer: t.layer, depth: dir.depth + 1, length: dir.length + len(name)}
	if dir.parent != nil {
		n.length++
	}
	if n.depth > t.o.Limits.Depth {
		return nil, refuse(dir.below(name), "more than "+strconv.Itoa(t.o.Limits.Depth)+" directories deep")
	}
	if n.length > t.o.Limits.NameLength {
		return nil, refuse(dir.below(name), "the path is longer than "+strconv.Itoa(t.o.Limits.NameLength)+" bytes")
	}
	if err := t.keep(nodeSize + len(name) + len(a.target)); err != nil {
		return nil, err
	}
	if dir.children == nil {
		dir.children = map[string]*node{}
	}
	dir.children[name] = n
	return n, nil
}

// forget takes a name, and all below it, out of the model.
func (t *Tree) forget(n *node) {
	delete(n.parent.children, n.name)
	t.dirs.drop(n)
	n.parent = nil
}

// remove removes a name, and all below it, from the disk and the model.
func (t *Tree) remove(n *node) error {
	if !n.phantom() {
		fd, err := t.dirs.writable(n.parent)
		if err != nil {
			return err
		}
		if err := pathsafe.RemoveAll(fd, n.name); err != nil {
			return wrap(n.path(), err)
		}
	}
	t.forget(n)
	return nil
}

const (
	maxLinks = 40   // as the kernel's; see path_resolution(7)
	maxSteps = 8192 // components, with those of link targets
)

// dir returns the directory at path, which is relative to the root. Symlinks
// are followed, their "/" and ".." ending at the root. What is missing is made
// if create is set, mode 0755 and owned by root: an entry need not have one for
// its directory. Otherwise the result is nil.
func (t *Tree) dir(path string, create bool) (*node, error) {
	at, rest, links := t.top, path, 0
	for steps := 0; rest != ""; steps++ {
		if steps == maxSteps {
			return nil, refuse(path, "too many components after following symlinks")
		}
		var name string
		name, rest, _ = strings.Cut(rest, "/")
		switch name {
		case "", ".":
			continue
		case "..":
			if at.parent != nil {
				at = at.parent
			}
			continue
		}
		next := at.children[name]
		switch {
		case next == nil && !create:
			return nil, nil
		case next == nil:
			var err error
			if next, err = t.implicitDir(at, name); err != nil {
				return nil, err
			}
		case next.kind == KindSymlink:
			if links++; links > maxLinks {
				return nil, wrap(path, unix.ELOOP)
			}
			if strings.HasPrefix(next.target, "/") {
				at = t.top
			}
			rest = next.target + "/" + rest
			continue
		case next.kind != KindDir && !create:
			return nil, nil
		case next.kind != KindDir:
			return nil, wrap(path, unix.ENOTDIR)
		}
		at = next
	}
	return at, nil
}

// implicitAttr is what a directory is that no entry describes. Its time is the
// epoch, not now: the same layers make the same tree.
func implicitAttr() *attr { return &attr{kind: KindDir, mode: 0o755} }

func (t *Tree) implicitDir(parent *node, name string) (*node, error) {
	if len(name) > maxComponent { // of a link target
		return nil, wrap(parent.below(name), unix.ENAMETOOLONG)
	}
	n, err := t.mkdir(parent, name, implicitAttr())
	if err != nil {
		return nil, err
	}
	return n, t.chown(n)
}

// find returns what path names, a symlink in its last component not followed;
// nil if there is nothing.
func (t *Tree) find(p entryPath) (*node, error) {
	if p.base == "" {
		return t.top, nil
	}
	dir, err := t.dir(p.dir, false)
	if dir == nil || err != nil {
		return nil, err
	}
	return dir.children[p.base], nil
}
