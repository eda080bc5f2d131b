package mount

import (
	"github.com/lichen-sandbox/lichen/internal/feature"
	"github.com/lichen-sandbox/lichen/spec"
)

// InPlace checks the grants of a sandbox that makes no mounts: the payload
// uses the host's paths, and Landlock alone says which. Rights of Landlock add
// up along a path, so a narrower grant below a wider one cannot be enforced.
func InPlace(s *spec.Spec, f *feature.Facts) ([]*Node, error) {
	mounts, err := resolveTies(s.Mounts)
	if err != nil {
		return nil, err
	}
	v := newView()
	v.link(mounts)
	if v.given {
		v.Nodes = append(v.Nodes, v.root)
		v.root = newView().root
	}
	w := &walker{files: f.Files}
	if err := v.filter(func(n *Node) (bool, error) { return v.inspectInPlace(n, w) }); err != nil {
		return nil, err
	}
	for _, p := range s.NoExec {
		if err := v.noExecInPlace(p); err != nil {
			return nil, err
		}
	}
	for _, n := range v.Nodes {
		for a := n.parent; a != nil && a.Type == spec.MountBind; a = a.parent {
			if a.Write && !n.Write || a.Dev && !n.Dev || !a.NoExec && n.NoExec {
				return nil, failed(&n.Mount, "bind", n.Target, `isolation = "landlock" cannot narrow the grant of `+a.Target+" ("+a.Origin.String()+")",
					`grant the parts of `+a.Target+` one by one, or use isolation = "namespaces"`)
			}
		}
	}
	return v.Nodes, nil
}

// inspectInPlace is inspectBind for a source that stays where it is.
func (v *View) inspectInPlace(n *Node, w *walker) (keep bool, err error) {
	mode, err := w.files.Stat(n.Source)
	if err != nil || isSpecial(mode) && !n.Socket {
		return v.inspectBind(n, w) // the same refusals, or left out
	}
	n.Dir = mode.IsDir()
	return true, nil
}

func (v *View) noExecInPlace(p spec.Path) error {
	covered := p.Optional
	for _, n := range v.Nodes {
		switch {
		case spec.Beneath(n.Target, p.Path):
			n.NoExec, covered = true, true
		case spec.Beneath(p.Path, n.Target) && n.NoExec:
			covered = true
		case spec.Beneath(p.Path, n.Target):
			return &spec.Error{Op: "noexec", Object: p.Path, Reason: `isolation = "landlock" cannot narrow the grant of ` + n.Target, Origin: p.Origin,
				Hint: "name " + n.Target + ` itself, or use isolation = "namespaces"`}
		}
	}
	if !covered {
		return &spec.Error{Op: "noexec", Object: p.Path, Reason: "no grant is at or below it", Origin: p.Origin,
			Hint: `mark it optional: "` + p.Path + `?"`}
	}
	return nil
}
