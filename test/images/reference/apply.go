package reference

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"strings"
)

const (
	whiteout = ".wh."
	opaque   = ".wh..wh..opq"
	meta     = ".wh..wh." // other names with this prefix are aufs's own
)

// Of is the tree that uncompressed layers mean, the lowest first.
func Of(layers ...io.Reader) (*Tree, error) {
	t := New()
	for i, layer := range layers {
		if err := t.apply(layer); err != nil {
			return nil, fmt.Errorf("layer %d: %w", i, err)
		}
	}
	return t, nil
}

type entry struct {
	*tar.Header
	size int64
	hash string
}

// apply takes a layer in two passes. "Whiteout files MUST only apply to
// resources in lower/parent layers": so all of them are applied to the tree
// below, wherever in the layer they stand, and then the other entries are put
// on what is left, in order.
func (t *Tree) apply(layer io.Reader) error {
	entries, err := read(layer)
	if err != nil {
		return err
	}
	replaced := t.replaced(entries)
	for _, e := range entries {
		if dir, name := parent(e.Name); strings.HasPrefix(name, whiteout) && !under(dir, replaced) {
			if err := t.hide(dir, name); err != nil {
				return fmt.Errorf("%q: %w", e.Name, err)
			}
		}
	}
	for _, e := range entries {
		if _, name := parent(e.Name); strings.HasPrefix(name, whiteout) {
			continue
		}
		if err := t.put(e); err != nil {
			return fmt.Errorf("%q: %w", e.Name, err)
		}
	}
	return nil
}

func read(layer io.Reader) ([]entry, error) {
	var entries []entry
	for r := tar.NewReader(layer); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return entries, nil
		}
		if err != nil {
			return nil, err
		}
		hash := sha256.New()
		size, err := io.Copy(hash, r)
		if err != nil {
			return nil, err
		}
		entries = append(entries, entry{Header: h, size: size, hash: hex.EncodeToString(hash.Sum(nil))})
	}
}

// replaced lists the links of the tree below that the layer puts something else
// in the place of. A whiteout in the new directory is not for where the old link
// led: there is nothing below the directory that it could hide.
func (t *Tree) replaced(entries []entry) map[string]bool {
	all := make(map[string]bool)
	for _, e := range entries {
		dir, name := parent(e.Name)
		at, err := t.follow(dir, nil)
		if err != nil || at == nil || at.children[name] == nil || at.children[name].Type != tar.TypeSymlink {
			continue
		}
		all[strings.Join(split(e.Name), "/")] = e.Typeflag != tar.TypeSymlink && e.Typeflag != tar.TypeLink
	}
	return all
}

// under reports whether path is one of the paths, or below one.
func under(path string, paths map[string]bool) bool {
	for ; path != ""; path, _ = parent(path) {
		if paths[path] {
			return true
		}
	}
	return false
}

// hide applies a whiteout to the tree below.
func (t *Tree) hide(dir, name string) error {
	at, err := t.follow(dir, nil)
	switch {
	case at == nil:
	case name == opaque:
		clear(at.children)
	case strings.HasPrefix(name, meta):
	default:
		delete(at.children, strings.TrimPrefix(name, whiteout))
	}
	return err
}

// put places one entry.
func (t *Tree) put(e entry) error {
	dir, name := parent(e.Name)
	if name == "" {
		t.root.describe(e)
		return nil
	}
	// What a path leads through that is no directory no file system had.
	at, err := t.follow(dir, func(parent *Node, name string) *Node {
		if parent.children[name] == nil {
			parent.children[name] = directory()
		}
		return parent.children[name]
	})
	if err != nil {
		return err
	}
	if at == nil {
		return errors.New("a parent is no directory")
	}
	old := at.children[name]
	switch e.Typeflag {
	case tar.TypeLink:
		node, err := t.linked(e.Linkname)
		if err != nil {
			return err
		}
		if old != nil && old.holds(node) {
			return errors.New("hard link in place of a directory with its target")
		}
		at.children[name] = node
	case tar.TypeDir:
		if old == nil || old.Type != tar.TypeDir {
			old = directory()
			at.children[name] = old
		}
		old.describe(e)
	case tar.TypeReg, tar.TypeGNUSparse, tar.TypeSymlink, tar.TypeFifo, tar.TypeChar, tar.TypeBlock:
		node := new(Node)
		node.describe(e)
		at.children[name] = node
	default:
		return fmt.Errorf("type %q", e.Typeflag)
	}
	return nil
}

// linked finds what a hard link is a name of: not what a symbolic link points
// to, but the link.
func (t *Tree) linked(target string) (*Node, error) {
	dir, name := parent(target)
	at, err := t.follow(dir, nil)
	if err != nil {
		return nil, err
	}
	if at == nil || at.children[name] == nil {
		return nil, fmt.Errorf("hard link to %q, which is not there", target)
	}
	if at.children[name].Type == tar.TypeDir {
		return nil, fmt.Errorf("hard link to %q, a directory", target)
	}
	return at.children[name], nil
}

// holds reports whether node is below n.
func (n *Node) holds(node *Node) bool {
	for _, child := range n.children {
		if child == node || child.holds(node) {
			return true
		}
	}
	return false
}

// describe gives the node the attributes of the entry, all of them: those that
// it had are replaced.
func (n *Node) describe(e entry) {
	n.Implicit = false
	n.Mode, n.UID, n.GID, n.ModTime = uint32(e.Mode&0o7777), uint32(e.Uid), uint32(e.Gid), e.ModTime
	n.Xattrs = xattrs(e.Header)
	switch e.Typeflag {
	case tar.TypeDir:
		n.Type = tar.TypeDir
		return
	case tar.TypeSymlink:
		n.Type, n.Target, n.Mode = tar.TypeSymlink, e.Linkname, 0o777
		return
	case tar.TypeFifo:
		n.Type = tar.TypeFifo
		return
	case tar.TypeChar, tar.TypeBlock:
		n.Type, n.Major, n.Minor = e.Typeflag, uint32(e.Devmajor), uint32(e.Devminor)
		return
	}
	_, sparse := e.PAXRecords["GNU.sparse.realsize"]
	n.Type, n.Size, n.Hash = tar.TypeReg, e.size, e.hash
	n.Holes = sparse || e.Typeflag == tar.TypeGNUSparse
}

func xattrs(h *tar.Header) map[string]string {
	all := make(map[string]string)
	for key, value := range maps.All(h.PAXRecords) {
		if name, ok := strings.CutPrefix(key, "SCHILY.xattr."); ok {
			all[name] = value
		}
	}
	return all
}
