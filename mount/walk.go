package mount

import (
	"errors"
	"io/fs"
	"path"
	"strings"

	"github.com/lichen-sandbox/lichen/internal/feature"
	"github.com/lichen-sandbox/lichen/spec"
)

// walker finds out where sources really lie, link by link.
//
// The child must not meet a link that climbs to "/": the new root lies over it,
// and a walk that comes back to "/" from below goes on in the mount on top
// (follow_dotdot in fs/namei.c). And a payload that may write a directory could
// plant a link there, so that the next run of the same profile grants what the
// link names (compare CVE-2026-87766). So, where a profile has a writable grant,
// a link inside a writable tree is an error. What was reached through a link, and
// with a writable grant every source, the child opens by the resulting path with
// RESOLVE_NO_SYMLINKS.
type walker struct {
	files    feature.Files
	writable []string        // directories of the host, without links
	real     map[string]bool // paths that are known to hold no link
}

// maxLinks is the kernel's own limit; see path_resolution(7).
const maxLinks = 40

func newWalker(v *View, files feature.Files) (*walker, error) {
	w := &walker{files: files}
	for _, n := range append([]*Node{v.root}, v.Nodes...) {
		for _, source := range writableSources(n) {
			real, err := w.walk(source)
			if errors.Is(err, fs.ErrNotExist) {
				continue // reported, or left out, with the mount itself
			}
			if err != nil {
				return nil, &spec.Error{Op: n.Type.String(), Object: source, Err: err, Origin: n.Origin}
			}
			w.writable = append(w.writable, real)
		}
	}
	if len(w.writable) == 0 {
		w.remember("/dev") // a directory everywhere, with a few sources in it
	}
	return w, nil
}

func writableSources(n *Node) []string {
	switch {
	case n.Type == spec.MountBind && n.Write && !n.Dev:
		return []string{n.Source}
	case (n.Type == spec.MountOverlay || n.Type == spec.MountImage) && n.Upper != "":
		return []string{n.Upper, n.Work}
	}
	return nil
}

// errPlanted marks a link in a writable tree.
type errPlanted struct{ link, tree string }

func (e errPlanted) Error() string {
	return e.link + " is a symbolic link in " + e.tree + ", which the payload may write"
}

// walk returns p, which is clean, without symbolic links.
func (w *walker) walk(p string) (string, error) {
	if p == "/" || w.real[p] {
		return p, nil
	}
	dir, err := w.walk(path.Dir(p))
	if err != nil {
		return "", err
	}
	links := 0
	real, err := w.step(dir, path.Base(p), &links)
	if err == nil && real == p {
		w.remember(p)
	}
	return real, err
}

// remember notes that p holds no link. What a link leads to is not remembered:
// whether it may be followed depends on the writable trees, which newWalker is
// still collecting.
func (w *walker) remember(p string) {
	if w.real == nil {
		w.real = make(map[string]bool)
	}
	w.real[p] = true
}

// step goes from dir, which is free of links, to one of its entries.
func (w *walker) step(dir, name string, links *int) (string, error) {
	at := join(dir, name)
	mode, err := w.files.Lstat(at)
	if err != nil || mode&fs.ModeSymlink == 0 {
		return at, err
	}
	for _, t := range w.writable {
		if spec.Beneath(dir, t) {
			return "", errPlanted{at, t}
		}
	}
	if *links++; *links > maxLinks {
		return "", errors.New("too many levels of symbolic links")
	}
	text, err := w.files.Readlink(at)
	if err != nil {
		return "", err
	}
	if strings.HasPrefix(text, "/") {
		dir = "/"
	}
	// Component by component: ".." means the parent of what the link before it
	// leads to.
	for _, part := range strings.Split(text, "/") {
		switch part {
		case "", ".":
		case "..":
			dir = path.Dir(dir)
		default:
			if dir, err = w.step(dir, part, links); err != nil {
				return "", err
			}
		}
	}
	return dir, nil
}

// walkPlain is walk for a path that is known to be no link itself.
func (w *walker) walkPlain(p string) (string, error) {
	if p == "/" || w.real[p] {
		return p, nil
	}
	dir, err := w.walk(path.Dir(p))
	if err != nil {
		return "", err
	}
	real := join(dir, path.Base(p))
	if real == p {
		w.remember(p)
	}
	return real, nil
}

// check walks source for n. exposed is true when it lies below a writable
// tree.
func (w *walker) check(n *Node, source string) (real string, exposed bool, err error) {
	real, err = w.walk(source)
	return w.judge(n, source, real, err)
}

// judge is check where the walk of source has come to real, or to err.
func (w *walker) judge(n *Node, source, real string, err error) (string, bool, error) {
	if err != nil {
		e := &spec.Error{Op: n.Type.String(), Object: source, Err: err, Origin: n.Origin}
		if planted := (errPlanted{}); errors.As(err, &planted) {
			e.Hint = "if you made the link yourself, name the place it leads to instead"
		}
		return "", false, e
	}
	exposed := false
	for _, t := range w.writable {
		if real != t && spec.Beneath(real, t) {
			exposed = true
		}
	}
	return real, exposed, nil
}

// checkBind finds out where the child finds n's source; plain says that it is no
// link itself.
func (w *walker) checkBind(n *Node, plain bool) error {
	walk := w.walk
	if plain {
		walk = w.walkPlain
	}
	real, err := walk(n.Source)
	if len(w.writable) > 0 {
		n.walked = true
		n.realPath, n.exposed, err = w.judge(n, n.Source, real, err)
		return err
	}
	// Some links of procfs have no text that could be walked, and /proc/self is
	// whoever follows it: there the child goes the way itself.
	n.walked = err == nil && real != n.Source && !ofProcess(real)
	n.realPath = n.Source
	if n.walked {
		n.realPath = real
	}
	return nil
}

// ofProcess reports whether p lies in a process's directory of procfs.
func ofProcess(p string) bool {
	pid, ok := strings.CutPrefix(p, "/proc/")
	return ok && pid != "" && pid[0] >= '0' && pid[0] <= '9'
}

// checkOverlay replaces the overlay's directories by their real paths. They
// must be directories already.
func (w *walker) checkOverlay(n *Node) error {
	dirs := make([]*string, 0, len(n.Lower)+2)
	lower := append([]string(nil), n.Lower...)
	for i := range lower {
		dirs = append(dirs, &lower[i])
	}
	n.Lower = lower
	if n.Upper != "" {
		dirs = append(dirs, &n.Upper, &n.Work)
	}
	for _, d := range dirs {
		mode, err := w.files.Stat(*d)
		if err == nil && !mode.IsDir() {
			err = errors.New("not a directory")
		}
		if err != nil {
			return &spec.Error{Op: "overlay", Object: *d, Err: err, Origin: n.Origin}
		}
		real, exposed, err := w.check(n, *d)
		if err != nil {
			return err
		}
		*d, n.exposed = real, n.exposed || exposed
	}
	return nil
}
