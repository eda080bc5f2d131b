// Package mount compiles the mounts of a Spec into ops: which trees the
// payload sees, in which order they are put together, with which flags, and
// the pivot into the result.
//
// The new root is attached on top of "/". Paths start at the old root, which lies
// underneath, until pivot_root swaps the two: so a source is not hidden by the new
// tree, and the old root cannot be named from within it. But a path that comes
// back to "/" by ".." goes on in the new root. So no source is opened by a path
// with such a link in it; see walker.
package mount

import (
	"io/fs"
	"strings"

	"github.com/lichen-sandbox/lichen/internal/feature"
	"github.com/lichen-sandbox/lichen/internal/plan"
	"github.com/lichen-sandbox/lichen/spec"
)

// Node is one mount after normalising: every question about the host is
// answered.
type Node struct {
	spec.Mount
	Dir      bool // a directory; else a file
	parent   *Node
	previous *Node // the one before it in order

	// exposed: a payload of an earlier run may have written there, so no
	// link below it is followed.
	exposed  bool
	walked   bool   // realPath is free of links, and is opened so
	realPath string // the source of a bind or an image
	children bool
	layered  bool   // MountImage: it lies under an overlay
	replace  bool   // a link is in the place of missing, and goes
	rootMode uint32 // MountImage: permission bits of the tree
	missing  string // the first part of the target, relative to the image, that the image lacks
	slot     plan.Slot
}

// View is the tree that the payload will see, parents first.
type View struct {
	Nodes []*Node
	root  *Node
	given bool     // the profile itself says what is at "/"
	masks []string // files of /proc to cover
	owner Owner
}

// NewView checks the mounts of s against the host and orders them.
func NewView(s *spec.Spec, f *feature.Facts, owner Owner) (*View, error) {
	mounts, err := resolveTies(expandDev(s.Mounts))
	if err != nil {
		return nil, err
	}
	v := newView()
	v.owner, v.masks = owner, masks(f.Files, owner)
	v.link(mounts)
	if err := v.applyNoExec(s.NoExec); err != nil {
		return nil, err
	}
	if err := v.inspect(f); err != nil {
		return nil, err
	}
	v.pinParents()
	return v, nil
}

func newView() *View {
	return &View{root: &Node{Mount: spec.Mount{Type: spec.MountTmpfs, Target: "/"}, Dir: true, slot: plan.NoSlot}}
}

// Root returns the mount at "/".
func (v *View) Root() *Node { return v.root }

// Has reports whether something is mounted on target.
func (v *View) Has(target string) bool {
	for _, n := range v.Nodes {
		if n.Target == target {
			return true
		}
	}
	return false
}

// link sorts mounts into a tree.
func (v *View) link(mounts []spec.Mount) {
	nodes := make([]Node, len(mounts))
	v.Nodes = make([]*Node, 0, len(mounts)+1)
	for i, m := range mounts {
		nodes[i].Mount = m
		nodes[i].slot = plan.NoSlot
		if m.Target == "/" {
			v.root, v.given = &nodes[i], true
			continue
		}
		v.Nodes = append(v.Nodes, &nodes[i])
	}
	v.order()
}

// order sorts Nodes, parents before children, and finds each one's parent.
func (v *View) order() {
	sortByPath(v.Nodes)
	at := v.root
	var previous *Node
	for _, n := range v.Nodes {
		for at != v.root && !spec.Beneath(n.Target, at.Target) {
			at = at.parent
		}
		n.parent = at
		at = n
		n.previous = previous
		previous = n
	}
}

// ours reports whether the tree at n is made by this sandbox, so that
// directories may be created in it.
func (n *Node) ours() bool {
	switch n.Type {
	case spec.MountTmpfs, spec.MountDev, spec.MountDir:
		return true
	case spec.MountHide:
		return n.Dir
	}
	return false
}

// sealed reports whether the tree at n becomes read-only once it is filled.
func (n *Node) sealed() bool {
	return n.Type == spec.MountDev || n.Type == spec.MountHide && n.Dir
}

// Writable reports whether the payload may write to the host's files in n.
func (n *Node) Writable() bool {
	return n.Type == spec.MountBind && n.Write || n.Type == spec.MountOverlay && n.Upper != ""
}

// base returns the nearest mount at or above n's parent directory: a
// MountDir is a directory of the mount around it, not one of its own.
func (n *Node) base() *Node {
	p := n.parent
	for p.Type == spec.MountDir && p.parent != nil {
		p = p.parent
	}
	return p
}

// rel returns n's target relative to the root of base.
func (n *Node) rel(base *Node) string { return relative(n.Target, base.Target) }

// relative returns path, which lies at or below dir, as seen from dir.
func relative(path, dir string) string {
	return strings.TrimPrefix(strings.TrimPrefix(path, dir), "/")
}

// hostPath returns the host's path of what n would cover, if a bind shows it.
func (n *Node) hostPath() (string, bool) {
	if b := n.base(); b.Type == spec.MountBind {
		return join(b.Source, n.rel(b)), true
	}
	return "", false
}

func join(dir, rel string) string {
	switch {
	case rel == "":
		return dir
	case dir == "/":
		return "/" + rel
	}
	return dir + "/" + rel
}

func failed(m *spec.Mount, op, object, reason, hint string) error {
	return &spec.Error{Op: op, Object: object, Reason: reason, Origin: m.Origin, Hint: hint}
}

func isSpecial(mode fs.FileMode) bool { return mode&(fs.ModeSocket|fs.ModeNamedPipe) != 0 }
