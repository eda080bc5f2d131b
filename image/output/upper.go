package output

import (
	"golang.org/x/sys/unix"
)

// overlayPolicy is for the upper directory of an overlay over a base tree: what
// the base has in the same form is left out, what the upper removes becomes a
// whiteout.
type overlayPolicy struct {
	base   int               // root of the base tree
	owners map[string]*owner // of the base
	single bool              // all files are the caller's, owners are in the owners file
}

const (
	overlayPrefix   = "user.overlay."
	overlayOpaque   = overlayPrefix + "opaque"
	overlayWhiteout = overlayPrefix + "whiteout"
)

// enter puts the whiteouts first, as the specification of layers wants it.
func (p *overlayPolicy) enter(d *node, children []*node) ([]*node, error) {
	opaque := d.xattrs[overlayOpaque]
	overDir := d.base != nil && d.base.kind() == unix.S_IFDIR
	var before, rest []*node
	if opaque == "y" && overDir && d.path != "" {
		before = append(before, mark(d.path, opaqueMarker))
	}
	for _, c := range children {
		c.hidden = !overDir || opaque == "y" && d.path != ""
		if err := expressible(c); err != nil {
			return nil, err
		}
		gone, err := c.whitedOut(opaque == "x")
		if err != nil {
			return nil, err
		}
		if !gone {
			rest = append(rest, c)
			continue
		}
		if err := p.find(c); err != nil {
			return nil, err
		}
		if c.base == nil {
			continue // nothing is there to be removed
		}
		if len(whiteoutPrefix)+len(c.name) > 255 {
			return nil, fail("read", c.path, "the name is too long for a layer to say that it was removed", nil)
		}
		before = append(before, mark(d.path, whiteoutPrefix+c.name))
	}
	return append(before, rest...), nil
}

// mark is a whiteout. It carries no time: that of the removal would make two
// layers of the same changes differ.
func mark(dir, name string) *node {
	path := joinPath(dir, name)
	return &node{path: path, name: name, made: &entry{path: path, kind: typeFile}}
}

// whitedOut reports whether the overlay hides what is below under this name.
// Since Linux 6.7 an empty file with an attribute does so too, where the
// directory has opaque "x".
func (n *node) whitedOut(byAttribute bool) (bool, error) {
	if isWhiteout(n) {
		return true, nil
	}
	if !byAttribute || n.kind() != unix.S_IFREG || n.stat.Size != 0 {
		return false, nil
	}
	probe := *n
	if err := probe.open(0); err != nil {
		return false, err
	}
	defer probe.file.Close() // it was only read
	err := probe.readXattrs()
	_, gone := probe.xattrs[overlayWhiteout]
	return gone, err
}

func (p *overlayPolicy) member(n *node, e *entry) (bool, error) {
	for _, name := range [...]string{"redirect", "metacopy"} {
		if _, ok := n.xattrs[overlayPrefix+name]; ok {
			return false, fail("read", n.path, "a layer cannot say what the overlay's attribute "+overlayPrefix+name+" says", nil)
		}
	}
	if err := p.find(n); err != nil {
		return false, err
	}
	same, err := p.compare(n)
	if err != nil {
		return false, err
	}
	if p.single {
		p.ownersOf(n, e, same.content)
	}
	return !same.all, nil
}

// ownersOf gives an entry the owner that the base has for its path, else root.
// The bits of set-id and the capabilities, which a tree of one id keeps in its
// owners file only, stay as long as the content does: a write to a file clears
// them (chmod(2), capabilities(7)).
func (p *overlayPolicy) ownersOf(n *node, e *entry, sameContent bool) {
	e.uid, e.gid = 0, 0
	o := p.owners[n.path]
	if o == nil || n.base == nil || o.kind != e.kind {
		return
	}
	e.uid, e.gid = o.uid, o.gid
	if !sameContent {
		return
	}
	if e.kind != typeSymlink && e.mode&0o777 == o.mode&0o777 {
		e.mode |= o.mode & 0o7000
	}
	e.addXattrs(o.xattrs)
}
