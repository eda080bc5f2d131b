package unpack

// A whiteout acts on what lower layers made. What this layer makes stays,
// whether its entry comes before or after.

// whiteout removes what p names. That nothing has the name is no error:
// builders write whiteouts of files that came and went in one step.
func (t *Tree) whiteout(p entryPath) error {
	n, err := t.find(p)
	if n == nil || err != nil {
		return err
	}
	return t.prune(n)
}

// opaque removes what lower layers have in the directory at path. The marker of
// a directory that takes the place of a symlink may come before the entry of
// the directory; it is then not for where the symlink leads, which only the end
// of the layer tells.
func (t *Tree) opaque(path string) error {
	p := entryPath{}
	if path != "" {
		var err error
		if p, err = t.splitName(path); err != nil {
			return err
		}
	}
	n, err := t.find(p)
	switch {
	case n == nil || err != nil:
		return err
	case n.kind == KindDir:
		return t.pruneBelow(n)
	case n.kind == KindSymlink:
		t.opaques = append(t.opaques, path)
		return t.keep(len(path))
	}
	return nil
}

// lateOpaques applies the markers that [Tree.opaque] put off. Where a directory
// took the symlink's place, all that is in it is this layer's.
func (t *Tree) lateOpaques() error {
	for _, path := range t.opaques {
		dir, err := t.dir(path, false)
		if err == nil && dir != nil {
			err = t.pruneBelow(dir)
		}
		if err != nil {
			return err
		}
	}
	t.opaques = t.opaques[:0]
	return nil
}

// prune removes what lower layers made of n and below it, or leaves n where
// something of this layer needs it.
func (t *Tree) prune(n *node) error {
	if n.kind != KindDir {
		if n.layer == t.layer {
			return nil
		}
		return t.remove(n)
	}
	if err := t.pruneBelow(n); err != nil {
		return err
	}
	switch {
	case n.layer == t.layer || n.parent == nil:
		return nil
	case len(n.children) == 0:
		return t.remove(n)
	}
	// The directory of the lower layers is gone; the one that holds this
	// layer's files has no entry.
	old := n.attr
	n.attr, n.layer = implicitAttr(), t.layer
	if err := t.chown(n); err != nil {
		return err
	}
	return t.setDirXattrs(n, old.applied)
}

func (t *Tree) pruneBelow(n *node) error {
	for _, child := range n.children {
		if err := t.prune(child); err != nil {
			return err
		}
	}
	return nil
}
