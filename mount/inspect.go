package mount

import (
	"errors"
	"io/fs"
	"path"

	"github.com/lichen-sandbox/lichen/internal/feature"
	"github.com/lichen-sandbox/lichen/spec"
)

// inspect asks the host about sources and targets. Optional mounts that have
// nothing to show are left out.
func (v *View) inspect(f *feature.Facts) error {
	w, err := newWalker(v, f.Files)
	if err != nil {
		return err
	}
	switch {
	case v.root.Type == spec.MountImage:
		if err := v.inspectImage(v.root, w); err != nil {
			return err
		}
	case v.root.Type != spec.MountTmpfs:
		if v.root.Type != spec.MountBind && v.root.Type != spec.MountOverlay {
			return failed(&v.root.Mount, v.root.Type.String(), "/", "the root can only be a bind, an overlay or a tmpfs", "")
		}
		if _, err := v.inspectSource(v.root, w); err != nil {
			return err
		}
		if !v.root.Dir {
			return failed(&v.root.Mount, "bind", v.root.Source+" on /", "not a directory", "")
		}
	}
	if err := v.filter(func(n *Node) (bool, error) { return v.inspectSource(n, w) }); err != nil {
		return err
	}
	return v.filter(func(n *Node) (bool, error) { return v.inspectTarget(n, f.Files) })
}

// filter keeps the nodes for which keep is true, and links them again.
func (v *View) filter(keep func(*Node) (bool, error)) error {
	kept := v.Nodes[:0]
	for _, n := range v.Nodes {
		ok, err := keep(n)
		if err != nil {
			return err
		}
		if ok {
			kept = append(kept, n)
		}
	}
	v.Nodes = kept
	v.order()
	return nil
}

func (v *View) inspectSource(n *Node, w *walker) (keep bool, err error) {
	switch n.Type {
	case spec.MountBind:
		return v.inspectBind(n, w)
	case spec.MountOverlay:
		n.Dir = true
		return true, w.checkOverlay(n)
	case spec.MountFile, spec.MountSymlink, spec.MountHide:
	default:
		n.Dir = true
	}
	return true, nil
}

func (v *View) inspectBind(n *Node, w *walker) (keep bool, err error) {
	mode, err := w.files.Lstat(n.Source)
	link := err == nil && mode&fs.ModeSymlink != 0
	if link {
		if linked, keep, err := v.asLink(n, w.files); linked || err != nil {
			return keep, err
		}
		mode, err = w.files.Stat(n.Source)
	}
	if err != nil {
		if n.Optional && errors.Is(err, fs.ErrNotExist) {
			return false, nil
		}
		return false, sourceError(n, err)
	}
	if isSpecial(mode) && !n.Socket {
		return false, failed(&n.Mount, "bind", n.Source, "it is a "+specialName(mode)+", a door to whoever listens outside",
			`if that is meant, grant it with [[mount]] type = "bind", source, target and options = ["socket"]`)
	}
	if err := w.files.Usable(n.Source, mode); err != nil {
		return false, &spec.Error{Op: "bind", Object: n.Source, Reason: "you may not read it", Err: err, Origin: n.Origin}
	}
	n.Dir = mode.IsDir()
	return true, w.checkBind(n, !link)
}

func sourceError(n *Node, err error) error {
	e := &spec.Error{Op: "bind", Object: n.Source, Err: err, Origin: n.Origin}
	if errors.Is(err, fs.ErrNotExist) {
		e.Hint = `create it, or mark it optional: "` + n.Source + `?"`
		if n.Variable != "" {
			e.Hint = "have the service manager make it, or unset " + n.Variable
		}
	}
	return e
}

func specialName(mode fs.FileMode) string {
	if mode&fs.ModeSocket != 0 {
		return "socket"
	}
	return "fifo"
}

// asLink handles a source that is itself a symbolic link, like /bin on a
// system with merged /usr. When another grant shows the link's target at its
// own place, the link is made as a link, or left alone where its directory
// already shows it; otherwise the bind follows it.
func (v *View) asLink(n *Node, files feature.Files) (linked, keep bool, err error) {
	if n.Source != n.Target {
		return false, false, nil
	}
	text, err := files.Readlink(n.Source)
	if err != nil {
		return false, false, sourceError(n, err)
	}
	target := text
	if !path.IsAbs(text) {
		target = path.Join(path.Dir(n.Source), text)
	}
	at := v.root
	for _, o := range v.Nodes {
		if o != n && spec.Beneath(path.Clean(target), o.Target) {
			at = o
		}
	}
	if at.Type != spec.MountBind || at.Source != at.Target || at.Write != n.Write || at.NoExec != n.NoExec {
		return false, false, nil
	}
	b := n.base()
	if b.Type == spec.MountBind && b.Source == b.Target {
		return true, false, nil
	}
	if !b.ours() {
		return false, false, nil
	}
	n.Type, n.Source = spec.MountSymlink, text
	return true, true, nil
}

// inspectTarget checks that there will be something to mount on, and never
// leaves that to a stub made on the host.
func (v *View) inspectTarget(n *Node, files feature.Files) (keep bool, err error) {
	b := n.base()
	switch {
	case b.Type == spec.MountSymlink:
		return false, failed(&n.Mount, n.Type.String(), n.Target, b.Target+" is a link to "+b.Source,
			"name the place the link leads to")
	case !b.Dir && b.Type != spec.MountHide:
		return false, failed(&n.Mount, n.Type.String(), n.Target, b.Target+" is not a directory", "")
	case b.Type == spec.MountImage:
		return v.inspectInImage(n, b, files)
	case b.ours():
		if n.Type == spec.MountHide {
			// Nothing is granted here; it matters only as a place for what
			// lies below it.
			n.Dir = true
			return v.hasChildren(n), nil
		}
		return true, nil
	}
	return v.inspectCovered(n, b, files)
}

// inspectCovered looks at the host's file that n covers, in the mount b.
func (v *View) inspectCovered(n, b *Node, files feature.Files) (keep bool, err error) {
	if n.Type == spec.MountSymlink {
		return false, failed(&n.Mount, "symlink", n.Target, "it lies in "+b.Target+", a tree that lichen does not write to",
			"put a tmpfs on its directory, or make the link outside the sandbox")
	}
	host, known := n.hostPath()
	if !known {
		if b.Type == spec.MountProc {
			host = join("/proc", n.rel(b))
		} else if n.Type == spec.MountHide {
			n.Dir = true
			return true, nil
		} else {
			return true, nil
		}
	}
	mode, err := files.Stat(host)
	switch {
	case err != nil && n.Type == spec.MountHide:
		if n.Optional && errors.Is(err, fs.ErrNotExist) {
			return false, nil
		}
		return false, &spec.Error{Op: "hide", Object: n.Target, Err: err, Origin: n.Origin,
			Hint: `if it may be missing, mark it optional: "` + n.Target + `?"`}
	case err != nil:
		return false, v.missingTarget(n, b, host, err)
	case n.Type == spec.MountHide:
		n.Dir = mode.IsDir()
	case n.Type == spec.MountDir:
		// An empty directory was asked for: what the host has there is covered.
		n.Type = spec.MountHide
		if !mode.IsDir() {
			return false, failed(&n.Mount, "dir", n.Target, "a file is there", "")
		}
	case mode.IsDir() != n.Dir:
		return false, failed(&n.Mount, n.Type.String(), n.Target, "a "+kind(n.Dir)+" cannot cover a "+kind(mode.IsDir()), "")
	}
	return true, nil
}

func (v *View) missingTarget(n, b *Node, host string, err error) error {
	e := &spec.Error{Op: n.Type.String(), Object: n.Target,
		Reason: "no such target in " + b.Target + ", and lichen makes none on the host", Origin: n.Origin}
	if !errors.Is(err, fs.ErrNotExist) {
		e.Reason, e.Err = "", err
		return e
	}
	if n.Dir {
		e.Hint = "create it first: mkdir -p " + host
	} else {
		e.Hint = "create it first: touch " + host
	}
	return e
}

func kind(dir bool) string {
	if dir {
		return "directory"
	}
	return "file"
}

func (v *View) hasChildren(n *Node) bool {
	for _, o := range v.Nodes {
		if o.parent == n {
			return true
		}
	}
	return false
}
