package mount

import (
	"slices"

	"github.com/lichen-sandbox/lichen/spec"
)

// resolveTies leaves one mount for each target: that of the latest layer, and
// within one layer the most restrictive.
func resolveTies(mounts []spec.Mount) ([]spec.Mount, error) {
	byTarget := make(map[string]int, len(mounts))
	out := make([]spec.Mount, 0, len(mounts))
	for _, m := range mounts {
		i, seen := byTarget[m.Target]
		if !seen {
			byTarget[m.Target] = len(out)
			out = append(out, m)
			continue
		}
		winner, err := resolveTie(out[i], m)
		if err != nil {
			return nil, err
		}
		out[i] = winner
	}
	return out, nil
}

func resolveTie(a, b spec.Mount) (spec.Mount, error) {
	if a.Layer != b.Layer {
		if a.Layer > b.Layer {
			return a, nil
		}
		return b, nil
	}
	ra, rb := permissiveness(a), permissiveness(b)
	switch {
	case ra < rb:
		return a, nil
	case rb < ra:
		return b, nil
	case a.Type == b.Type && a.Source == b.Source && a.Type != spec.MountFile && a.Type != spec.MountOverlay:
		a.NoExec = a.NoExec || b.NoExec
		a.Dev = a.Dev && b.Dev
		a.Socket = a.Socket && b.Socket
		a.Optional = a.Optional && b.Optional
		return a, nil
	}
	return a, failed(&b, b.Type.String(), b.Target, "the same target is taken by the "+a.Type.String()+" of "+a.Origin.String(),
		"keep one of the two, or put the one that should win into a profile that extends the other")
}

// permissiveness ranks what a mount lets the payload see and do.
func permissiveness(m spec.Mount) int {
	switch {
	case m.Type == spec.MountHide:
		return 0
	case m.Type != spec.MountBind && m.Type != spec.MountOverlay:
		return 1
	case !m.Write:
		return 2
	}
	return 3
}

// devices are the nodes of a minimal /dev; see null(4), random(4), tty(4).
var devices = [...]string{"null", "zero", "full", "random", "urandom", "tty"}

// devLinks are the links of a minimal /dev. ptmx has to be the one of the
// devpts instance inside; see pts(4).
var devLinks = [...][2]string{
	{"fd", "/proc/self/fd"}, {"stdin", "/proc/self/fd/0"}, {"stdout", "/proc/self/fd/1"},
	{"stderr", "/proc/self/fd/2"}, {"ptmx", "pts/ptmx"},
}

// expandDev adds what belongs in a /dev. The parts get the layer below every
// other, so that a mount of the profile on one of them wins.
func expandDev(mounts []spec.Mount) []spec.Mount {
	i := slices.IndexFunc(mounts, func(m spec.Mount) bool { return m.Type == spec.MountDev })
	if i < 0 {
		return mounts
	}
	out := slices.Clone(mounts)
	for _, m := range mounts[i:] {
		if m.Type != spec.MountDev {
			continue
		}
		part := func(t spec.MountType, name string) spec.Mount {
			return spec.Mount{Type: t, Target: join(m.Target, name), Layer: -1, Origin: m.Origin}
		}
		for _, d := range devices {
			p := part(spec.MountBind, d)
			p.Source, p.Write, p.Dev, p.NoExec = "/dev/"+d, true, true, true
			// A container may lack some; without null nothing works.
			p.Optional = d != "null"
			out = append(out, p)
		}
		for _, l := range devLinks {
			p := part(spec.MountSymlink, l[0])
			p.Source = l[1]
			out = append(out, p)
		}
		shm := part(spec.MountTmpfs, "shm")
		mode := uint32(0o1777)
		shm.Mode = &mode
		out = append(out, part(spec.MountDevpts, "pts"), shm)
	}
	return out
}

// applyNoExec marks what lies at and below each path. A path inside a bind
// becomes a mount of its own, because the flag belongs to a mount.
func (v *View) applyNoExec(paths []spec.Path) error {
	for _, p := range paths {
		at, any := v.root, false
		for _, n := range v.Nodes {
			if spec.Beneath(n.Target, p.Path) {
				n.NoExec, any = true, true
			}
			if spec.Beneath(p.Path, n.Target) {
				at = n
			}
		}
		if p.Path == "/" {
			v.root.NoExec, any = true, true
		}
		if at.Target == p.Path {
			continue
		}
		switch {
		case at.Type == spec.MountBind:
			m := at.Mount
			m.Source, m.Target, m.NoExec = join(at.Source, relative(p.Path, at.Target)), p.Path, true
			m.Origin, m.Optional = p.Origin, p.Optional
			v.Nodes = append(v.Nodes, &Node{Mount: m, slot: -1})
			v.order()
		case at.NoExec, any, p.Optional:
		default:
			return &spec.Error{Op: "noexec", Object: p.Path, Reason: "no grant is at, above or below it", Origin: p.Origin,
				Hint: `grant the path first (fs.ro, fs.rw), or mark it optional: "` + p.Path + `?"`}
		}
	}
	return nil
}

// sortByPath orders by path components, so that a parent comes before its
// children and a subtree is contiguous ("/a/b" before "/a-b").
func sortByPath(nodes []*Node) {
	slices.SortStableFunc(nodes, func(a, b *Node) int { return comparePaths(a.Target, b.Target) })
}

func comparePaths(a, b string) int {
	for i := 0; i < len(a) && i < len(b); i++ {
		x, y := a[i], b[i]
		switch {
		case x == y:
			continue
		case x == '/':
			return -1
		case y == '/':
			return 1
		}
		return int(x) - int(y)
	}
	return len(a) - len(b)
}
