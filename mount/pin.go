package mount

import "github.com/lichen-sandbox/lichen/spec"

// pinParents keeps the way to what is covered in a writable tree as it is. A
// mount point cannot be renamed or removed (EBUSY), but a directory above it
// can: the payload would rename it, make a new one of the same name, and the
// next run would cover the new one and show the old. So each directory between
// the writable mount and the cover is mounted onto itself.
func (v *View) pinParents() {
	pinned := make(map[string]bool)
	var pins []*Node
	for _, n := range v.Nodes {
		base := n.base()
		if base.Type != spec.MountBind || !base.Write {
			continue
		}
		rel := n.rel(base)
		for i := 1; i < len(rel); i++ {
			if rel[i] != '/' || pinned[join(base.Target, rel[:i])] {
				continue
			}
			m := base.Mount
			m.Source, m.Target, m.Origin = join(base.Source, rel[:i]), join(base.Target, rel[:i]), n.Origin
			pinned[m.Target] = true
			pins = append(pins, &Node{Mount: m, Dir: true, exposed: true, walked: true,
				realPath: join(base.realPath, rel[:i]), slot: -1})
		}
	}
	if len(pins) > 0 {
		v.Nodes = append(v.Nodes, pins...)
		v.order()
	}
}
