// Package reference says what tree the layers of an image mean, from the rules
// of the OCI image specification ("Image Layer Filesystem Changeset") and
// nothing else: in memory, without a file system to lean on. It reads real
// trees into the same form, and compares. It shares no code with the unpacker,
// which is held against it.
package reference

import (
	"archive/tar"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"
)

// Node is a file of any type. Two names of one file are one Node.
type Node struct {
	Type     byte // tar.TypeReg, TypeDir, TypeSymlink, TypeFifo, TypeChar, TypeBlock
	Mode     uint32
	UID, GID uint32
	Size     int64  // of regular files
	Hash     string // SHA-256 of the content of regular files
	Target   string // of symbolic links
	Xattrs   map[string]string
	ModTime  time.Time
	Holes    bool // the archive says that it has holes, or the file system does
	Major    uint32
	Minor    uint32

	// Implicit is a directory without an entry of its own. Of its attributes
	// the mode 0755 and the owner 0:0 are custom, its time is nobody's word.
	Implicit bool

	children map[string]*Node
}

// Tree is a root directory.
type Tree struct{ root *Node }

func directory() *Node {
	return &Node{Type: tar.TypeDir, Mode: 0o755, Implicit: true, children: make(map[string]*Node)}
}

// New is a tree of nothing but its root.
func New() *Tree { return &Tree{root: directory()} }

// Paths lists all nodes, by path relative to the root, which is ".".
func (t *Tree) Paths() map[string]*Node {
	all := make(map[string]*Node)
	var walk func(path string, n *Node)
	walk = func(path string, n *Node) {
		all[path] = n
		for name, child := range n.children {
			walk(strings.TrimPrefix(path+"/"+name, "./"), child)
		}
	}
	walk(".", t.root)
	return all
}

// links groups the paths of nodes that have several, by each of these paths.
func links(all map[string]*Node) map[string]string {
	names := make(map[*Node][]string)
	for _, path := range slices.Sorted(maps.Keys(all)) {
		names[all[path]] = append(names[all[path]], path)
	}
	groups := make(map[string]string)
	for _, group := range names {
		if len(group) > 1 {
			for _, path := range group {
				groups[path] = strings.Join(group, " = ")
			}
		}
	}
	return groups
}

// ErrCircle means that a path leads nowhere: what to do with its entry is nobody's rule.
var ErrCircle = errors.New("symbolic links in a circle")

// follow walks path below the root, through symbolic links as if the root were
// "/". The last component is followed too. Nil if something is missing on the
// way; the error is ErrCircle or nil. If create is not nil it is called for a component that is missing or no
// directory, and returns what stands there then.
func (t *Tree) follow(path string, create func(parent *Node, name string) *Node) (*Node, error) {
	stack := []*Node{t.root}
	todo := split(path)
	for hops := 0; len(todo) > 0; {
		name := todo[0]
		todo = todo[1:]
		if name == ".." {
			stack = stack[:max(1, len(stack)-1)]
			continue
		}
		at := stack[len(stack)-1]
		next := at.children[name]
		if next != nil && next.Type == tar.TypeSymlink {
			if hops++; hops > 40 {
				return nil, ErrCircle
			}
			if strings.HasPrefix(next.Target, "/") {
				stack = stack[:1]
			}
			todo = append(split(next.Target), todo...)
			continue
		}
		if (next == nil || next.Type != tar.TypeDir) && create != nil {
			next = create(at, name)
		}
		if next == nil || next.Type != tar.TypeDir {
			return nil, nil
		}
		stack = append(stack, next)
	}
	return stack[len(stack)-1], nil
}

// split cuts a path into components without empty ones and dots.
func split(path string) []string {
	return slices.DeleteFunc(strings.Split(path, "/"), func(s string) bool { return s == "" || s == "." })
}

// parent splits the path of an entry into its directory and its own name, ""
// for the root.
func parent(path string) (dir, name string) {
	parts := split(path)
	if len(parts) == 0 {
		return "", ""
	}
	return strings.Join(parts[:len(parts)-1], "/"), parts[len(parts)-1]
}
