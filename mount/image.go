package mount

import (
	"errors"
	"io/fs"
	"path"
	"strconv"

	"github.com/lichen-sandbox/lichen/internal/plan"
	"github.com/lichen-sandbox/lichen/internal/sys"
	"github.com/lichen-sandbox/lichen/spec"
)

// An image is somebody else's tree, with links that lead anywhere, and it is
// shared by everything that runs from it. So nothing is ever made in it: where
// it is written to, or lacks a target, the root is an overlay with the image
// below, and what is missing is made in the upper directory. Every path in it
// is walked inside the new root.

// inspectImage looks at the image itself.
func (v *View) inspectImage(n *Node, w *walker) error {
	mode, err := w.files.Stat(n.Source)
	if err != nil || !mode.IsDir() {
		if err == nil {
			err = errors.New("not a directory")
		}
		return &spec.Error{Op: "use", Object: "root file system " + n.Source, Err: err, Origin: n.Origin}
	}
	n.Dir, n.layered, n.rootMode = true, n.Write, uint32(mode.Perm())
	if n.Upper != "" {
		// keep.Open has resolved the path: a link on the way came after that, and
		// would lead the payload out of the layer.
		for _, dir := range [...]string{n.Upper, n.Work} {
			real, _, err := w.check(n, dir)
			if err != nil {
				return err
			}
			if real != dir {
				return &spec.Error{Op: "use", Object: "kept layer " + dir, Reason: "a symbolic link has come into its path", Origin: n.Origin}
			}
		}
	}
	return w.checkBind(n, false)
}

// inspectInImage decides what n's target in the image b is. Only what is
// missing there needs an overlay.
func (v *View) inspectInImage(n, b *Node, files imageFiles) (keep bool, err error) {
	rel := n.rel(b)
	mode, err := files.StatIn(b.Source, rel, true)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return v.missingInImage(n, b, files)
	case err != nil:
		return false, &spec.Error{Op: n.Type.String(), Object: n.Target + " in the image", Err: err, Origin: n.Origin}
	case n.Type == spec.MountSymlink:
		return false, nil // the image has something of its own there
	case n.Type == spec.MountHide:
		n.Dir = mode.IsDir()
	case n.Type == spec.MountDir && n.Optional:
		return false, nil // only asked for where nothing is
	case n.Type == spec.MountDir:
		n.Type = spec.MountHide
		if !mode.IsDir() {
			return false, failed(&n.Mount, "dir", n.Target, "the image has a file there", "")
		}
	case mode.IsDir() != n.Dir:
		return false, failed(&n.Mount, n.Type.String(), n.Target, "a "+kind(n.Dir)+" cannot cover a "+kind(mode.IsDir())+" of the image", "")
	}
	return true, nil
}

// imageFiles is the part of feature.Files that looks into an image.
type imageFiles interface {
	StatIn(root, rel string, follow bool) (fs.FileMode, error)
}

// missingInImage notes how much of n's target has to be made.
func (v *View) missingInImage(n, b *Node, files imageFiles) (keep bool, err error) {
	if n.Type == spec.MountHide {
		if n.Optional {
			return false, nil
		}
		return false, &spec.Error{Op: "hide", Object: n.Target, Reason: "the image has nothing there", Origin: n.Origin,
			Hint: `if it may be missing, mark it optional: "` + n.Target + `?"`}
	}
	first := n.rel(b)
	if mode, err := files.StatIn(b.Source, first, false); err == nil && mode&fs.ModeSymlink != 0 {
		if n.Optional && n.Type == spec.MountBind && !n.Dir {
			// /etc/resolv.conf of a system that a resolver writes it for.
			n.missing, n.replace, b.layered = first, true, true
			return true, nil
		}
		if n.Optional {
			return false, nil
		}
		return false, failed(&n.Mount, n.Type.String(), n.Target, "the image has a link there that leads nowhere", "name another target: SRC:DEST")
	}
	for dir := path.Dir(first); dir != "."; dir = path.Dir(dir) {
		if _, err := files.StatIn(b.Source, dir, true); !errors.Is(err, fs.ErrNotExist) {
			break
		}
		first = dir
	}
	if n.Type == spec.MountFile && n.Optional && first != n.rel(b) {
		return false, nil
	}
	n.missing, b.layered = first, true
	return true, nil
}

// image makes the root of an image: the tree itself, read-only, or an overlay.
func (c *compiler) image(n *Node) plan.Slot {
	b := c.b
	if !n.layered {
		b.Note("bind", bindObject(n), n.Origin)
		return c.bind(n)
	}
	b.Note("layer over", n.Source, n.Origin)
	upper, work := n.Upper, n.Work
	scratch := plan.NoSlot
	if upper == "" {
		scratch = c.layerInMemory(n)
		upper, work = "upper", "work"
	}
	l := overlayDirs{b: b, next: max(c.v.owner.FreeFD, firstOverlayFD), scratch: scratch}
	options := []plan.Option{
		{Key: "userxattr"},
		{Key: "lowerdir", Value: l.host(n.realPath)},
		{Key: "upperdir", Value: l.layer(upper)},
		{Key: "workdir", Value: l.layer(work)},
	}
	attr := uint64(attrTree)
	if n.NoExec {
		attr |= sys.MOUNT_ATTR_NOEXEC
	}
	fd := b.NewFS("overlay", attr, options...)
	l.close()
	if scratch != plan.NoSlot {
		// What the overlay holds is a clone of its own. A mount between the old
		// root and the new one would stay there; see scratch.go.
		b.Call(sys.SYS_FCHDIR, plan.From(scratch))
		b.Call(sys.SYS_UMOUNT2, b.Str("."), plan.Val(sys.MNT_DETACH))
		b.Close(scratch)
	}
	return fd
}

// layerInMemory makes a bounded tmpfs with an upper and a work directory. An
// overlay takes only mounts that are attached in the caller's namespace
// (clone_private_mount), so it lies on the old root until the overlay is made.
func (c *compiler) layerInMemory(n *Node) plan.Slot {
	b := c.b
	size := n.Size
	if size == 0 {
		size = spec.DefaultRootfsSize
	}
	fd := b.NewFS("tmpfs", attrTree,
		plan.Option{Key: "size", Value: strconv.FormatUint(size, 10)},
		plan.Option{Key: "nr_inodes", Value: strconv.FormatUint(max(size>>10, 1024), 10)},
		plan.Option{Key: "mode", Value: "0700"})
	b.MoveTo(fd, plan.FDCWD, "/")
	b.Mkdir(plan.From(fd), "upper", n.rootMode) // which the root inside has
	b.Mkdir(plan.From(fd), "work", 0o700)
	return fd
}

// makeInImage makes what n's target lacks in the upper directory, which its
// overlay shows. Links of the image are followed inside the new root, but not
// into another mount: nothing is made on the host.
func (c *compiler) makeInImage(n *Node) {
	if n.missing == "" {
		return
	}
	rel := n.rel(c.v.root)
	for i := len(n.missing); i <= len(rel); i++ {
		if i == len(rel) || rel[i] == '/' {
			c.makeOne(n, rel[:i], i == len(rel))
		}
	}
}

func (c *compiler) makeOne(n *Node, rel string, last bool) {
	b := c.b
	dir, base := path.Split(rel)
	at := plan.From(c.v.root.slot)
	parent := plan.NoSlot
	if dir != "" {
		parent = b.OpenResolve(at, path.Clean(dir), sys.O_DIRECTORY, sys.RESOLVE_IN_ROOT|sys.RESOLVE_NO_MAGICLINKS|sys.RESOLVE_NO_XDEV)
		at = plan.From(parent)
	}
	switch {
	case last && n.Type == spec.MountSymlink:
		b.Call(sys.SYS_SYMLINKAT, b.Str(n.Source), at, b.Str(base)).Tolerating(uint16(sys.EEXIST))
	case last && !n.Dir:
		if n.replace {
			b.Call(sys.SYS_UNLINKAT, at, b.Str(base), plan.Val(0)).Tolerating(uint16(sys.ENOENT))
		}
		// A mode without a type means a regular file; see mknod(2).
		b.Call(sys.SYS_MKNODAT, at, b.Str(base), plan.Val(0o444), plan.Val(0)).Tolerating(uint16(sys.EEXIST))
	case last && n.Type == spec.MountDir:
		b.Mkdir(at, base, modeOr(n.Mode, 0o755))
	default:
		b.Mkdir(at, base, 0o755)
	}
	if parent != plan.NoSlot {
		b.Close(parent)
	}
}
