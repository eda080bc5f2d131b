package unpack

import (
	"io"
	"maps"
	"slices"

	"github.com/lichen-sandbox/lichen/internal/pathsafe"
	"github.com/lichen-sandbox/lichen/spec"
)

// Finish gives directories their modes and times, the deepest first, writes the
// owners file to sidecar, and says what was unpacked. The tree takes no more
// layers.
func (t *Tree) Finish(sidecar io.Writer) (Summary, error) {
	if err := t.start(); err != nil {
		return Summary{}, err
	}
	if err := t.finishDir(t.top); err != nil {
		return Summary{}, t.fail(err)
	}
	if err := WriteOwners(sidecar, t.Entries); err != nil {
		return Summary{}, t.fail(err)
	}
	s := Summary{Entries: t.entries, Bytes: t.stream.read, Warnings: t.allWarnings()}
	t.fail(&spec.Error{Op: "unpack", Reason: "the tree is finished"})
	return s, nil
}

// finishDir finishes what is below n, then n. Recursion ends at Limits.Depth.
func (t *Tree) finishDir(n *node) error {
	for _, child := range n.children {
		if child.kind == KindDir {
			if err := t.finishDir(child); err != nil {
				return err
			}
		}
	}
	if n.parent == nil {
		fd := int(t.file.Fd())
		if err := t.chown(n); err != nil {
			return err
		}
		if err := pathsafe.FChmod(fd, n.mode); err != nil {
			return wrap(n.path(), err)
		}
		return wrap(n.path(), pathsafe.FSetTimes(fd, n.mtime))
	}
	// Without w: the directory above is only searched here.
	fd, err := t.dirs.fd(n.parent)
	if err != nil {
		return err
	}
	if n.given {
		if err := t.chown(n); err != nil {
			return err
		}
	}
	if n.disk != n.mode {
		if err := pathsafe.Chmod(fd, n.name, n.mode); err != nil {
			return changed(n.path(), err)
		}
		n.disk = n.mode
	}
	return wrap(n.path(), pathsafe.SetTimes(fd, n.name, n.mtime))
}

// Entries yields every name in the tree, a directory before what is in it,
// sorted within each directory.
func (t *Tree) Entries(yield func(*Entry) bool) { walk(t.top, yield) }

func walk(n *node, yield func(*Entry) bool) bool {
	e := Entry{Path: n.path(), Kind: n.kind, Mode: n.mode, UID: n.uid, GID: n.gid, Sec: n.mtime.Sec, Nsec: int32(n.mtime.Nsec),
		Target: n.target, Major: n.major, Minor: n.minor, Xattrs: n.xattrs, Applied: n.applied}
	if !yield(&e) {
		return false
	}
	for _, name := range slices.Sorted(maps.Keys(n.children)) {
		if !walk(n.children[name], yield) {
			return false
		}
	}
	return true
}
