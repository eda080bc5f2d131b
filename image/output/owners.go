package output

import (
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/lichen-sandbox/lichen/image/unpack"
)

// owner is what an owners file says of one path.
type owner struct {
	kind         byte
	mode         uint32
	uid, gid     uint32
	sec, nsec    int64
	major, minor uint32
	xattrs       map[string]string // that the file on disk does not have
}

var kinds = [...]struct {
	unpack unpack.Kind
	tar    byte
}{
	{unpack.KindFile, typeFile}, {unpack.KindDir, typeDir}, {unpack.KindSymlink, typeSymlink},
	{unpack.KindFifo, typeFifo}, {unpack.KindChar, typeChar}, {unpack.KindBlock, typeBlock},
}

// readOwners reads an owners file; the null device, which stands for none, has
// no entries.
func readOwners(f *os.File) (map[string]*owner, error) {
	all := map[string]*owner{}
	if info, err := f.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
		return all, nil
	}
	for e, err := range unpack.ReadOwners(f, unpack.DefaultLimits()) {
		if err != nil {
			return nil, err
		}
		o := &owner{mode: e.Mode, uid: e.UID, gid: e.GID, sec: e.Sec, nsec: int64(e.Nsec), major: e.Major, minor: e.Minor}
		for _, k := range kinds {
			if k.unpack == e.Kind {
				o.kind = k.tar
			}
		}
		for name, value := range e.Xattrs {
			if o.xattrs == nil {
				o.xattrs = map[string]string{}
			}
			o.xattrs[name] = string(value)
		}
		path := e.Path
		if path == "." {
			path = ""
		}
		all[path] = o
	}
	return all, nil
}

// apply gives an entry what the owners file says of it.
func (o *owner) apply(e *entry) {
	e.mode, e.uid, e.gid, e.major, e.minor = o.mode, o.uid, o.gid, o.major, o.minor
	e.addXattrs(o.xattrs)
}

func (e *entry) addXattrs(xattrs map[string]string) {
	for name, value := range xattrs {
		if e.xattrs == nil {
			e.xattrs = map[string]string{}
		}
		e.xattrs[name] = value
	}
}

// treePolicy is for a tree of the store: what its owners file says of a path
// comes before what the file system says.
type treePolicy struct {
	owners map[string]*owner
	below  map[string][]string // device nodes, which no tree has, by directory
}

func newTreePolicy(owners map[string]*owner) *treePolicy {
	p := &treePolicy{owners: owners, below: map[string][]string{}}
	for path, o := range owners {
		if o.kind == typeChar || o.kind == typeBlock {
			dir, name := splitPath(path)
			p.below[dir] = append(p.below[dir], name)
		}
	}
	return p
}

func splitPath(path string) (dir, name string) {
	i := strings.LastIndexByte(path, '/')
	return path[:max(i, 0)], path[i+1:]
}

// enter adds the device nodes, each where its name belongs.
func (p *treePolicy) enter(d *node, children []*node) ([]*node, error) {
	for _, name := range p.below[d.path] {
		path := joinPath(d.path, name)
		o := p.owners[path]
		e := &entry{path: path, kind: o.kind, sec: o.sec, nsec: o.nsec}
		o.apply(e)
		i, there := slices.BinarySearchFunc(children, name, func(n *node, s string) int { return strings.Compare(n.name, s) })
		if !there {
			children = slices.Insert(children, i, &node{path: path, name: name, made: e})
		}
	}
	return children, nil
}

func (p *treePolicy) member(n *node, e *entry) (bool, error) {
	if o := p.owners[n.path]; o != nil && o.kind == e.kind {
		o.apply(e)
	}
	return true, nil
}

// packPolicy is for a plain directory.
type packPolicy struct {
	keepOwners bool
	known      *treePolicy // nil without an owners file
}

func (p *packPolicy) enter(d *node, children []*node) ([]*node, error) {
	for _, c := range children {
		if err := expressible(c); err != nil {
			return nil, err
		}
		if isWhiteout(c) {
			return nil, fail("read", c.path, "it is an overlay's mark of a removed file: this directory is part of an overlay, not a tree", nil)
		}
	}
	if p.known != nil {
		return p.known.enter(d, children)
	}
	return children, nil
}

func (p *packPolicy) member(n *node, e *entry) (bool, error) {
	if !p.keepOwners {
		e.uid, e.gid = 0, 0
	}
	if p.known != nil {
		return p.known.member(n, e)
	}
	return true, nil
}

// expressible refuses names that mean something else in a layer.
func expressible(n *node) error {
	if strings.HasPrefix(n.name, whiteoutPrefix) {
		return fail("read", n.path, "a name that begins with "+whiteoutPrefix+" means a removed file in a layer", nil)
	}
	return nil
}

// isWhiteout: a character device 0:0 (overlayfs.rst, "whiteouts and opaque
// directories").
func isWhiteout(n *node) bool { return n.kind() == unix.S_IFCHR && n.stat.Rdev == 0 }
