package sandbox

import (
	"cmp"
	"slices"

	"github.com/lichen-sandbox/lichen/landlock"
	"github.com/lichen-sandbox/lichen/mount"
	"github.com/lichen-sandbox/lichen/spec"
)

// viewGrants derives from what the mounts show what Landlock allows, so that
// one policy is enforced twice.
func viewGrants(v *mount.View, hostRoot bool) []landlock.Grant {
	grants := make([]landlock.Grant, 0, len(v.Nodes)+1)
	grants = append(grants, nodeGrant(v.Root(), hostRoot))
	for _, n := range v.Nodes {
		if n.Type == spec.MountSymlink || n.Type == spec.MountDir || n.Type == spec.MountHide {
			continue // a link has no rights, and directories are listed by the root's
		}
		grants = append(grants, nodeGrant(n, hostRoot))
	}
	return grants
}

func nodeGrant(n *mount.Node, hostRoot bool) landlock.Grant {
	g := landlock.Grant{Path: n.Target, Dir: n.Dir, Execute: !n.NoExec, Origin: n.Origin}
	switch n.Type {
	case spec.MountBind:
		g.Write, g.Device, g.Connect = n.Writable(), n.Dev, n.Socket
	case spec.MountOverlay:
		g.Write = n.Writable()
	case spec.MountImage:
		g.Write = n.Write
	case spec.MountTmpfs:
		// The root that lichen itself makes is only a place for the rest.
		g.Write = !n.Origin.IsZero()
		g.ListDir = !g.Write
	case spec.MountDev:
		g.ListDir = true
	case spec.MountDevpts:
		g.Modify, g.Device, g.Execute = true, true, false
	case spec.MountProc:
		g.Modify, g.Execute = !hostRoot, false
	case spec.MountMqueue:
		g.Write, g.Execute = true, false
	}
	return g
}

func ruleGrants(rules []spec.LandlockRule) []landlock.Grant {
	grants := make([]landlock.Grant, 0, len(rules))
	for _, r := range rules {
		grants = append(grants, landlock.Grant{Path: r.Path, Dir: true, Write: r.Write, Execute: r.Execute, Origin: r.Origin})
	}
	return grants
}

// pathGrants derives the grants for a sandbox without namespaces, where paths
// inside are the host's. Landlock knows no right to change modes, owners and
// times; the filter keeps a user from that, but root would need more.
func (c *compiler) pathGrants() ([]landlock.Grant, error) {
	if c.hostRoot() {
		return nil, &spec.Error{Op: "enforce", Object: "namespaces.isolation", Reason: `"landlock" is too little for a payload that is root`,
			Origin: c.s.OriginOf("namespaces.isolation"), Hint: `start lichen as another user, or use isolation = "namespaces"`}
	}
	if c.f.LandlockABI < landlock.ScopesABI {
		return nil, &spec.Error{Op: "enforce", Object: "namespaces.isolation", Reason: `"landlock" takes Landlock 6 (Linux 6.12), whose scope for signals is how stray processes are ended`,
			Origin: c.s.OriginOf("namespaces.isolation"), Hint: `use isolation = "namespaces"`}
	}
	nodes, err := mount.InPlace(c.s, c.f)
	if err != nil {
		return nil, err
	}
	grants := make([]landlock.Grant, 0, len(nodes))
	for _, n := range nodes {
		grants = append(grants, nodeGrant(n, false))
	}
	slices.SortStableFunc(grants, func(a, b landlock.Grant) int { return cmp.Compare(a.Path, b.Path) })
	return grants, nil
}
