package mount

import (
	"errors"
	"io/fs"
	"path"
	"strings"

	"github.com/lichen-sandbox/lichen/internal/sys"
	"github.com/lichen-sandbox/lichen/spec"
)

// source is what is known of the source of a bind.
type source struct {
	path  string // without links and dots, where it is there
	dir   bool
	there bool
}

// check looks at the source of a step, and refuses one that is not there before
// anything is made.
func (c *script) check(i int, st *spec.Step) error {
	if st.Kind != spec.StepBind {
		return nil
	}
	real, mode, err := c.resolve(st.Source)
	c.sources[i] = source{real, mode.IsDir(), err == nil}
	if err != nil && !(st.Optional && errors.Is(err, fs.ErrNotExist)) {
		return &spec.Error{Op: "find source", Object: sourceName(st), Err: err, Origin: st.Origin}
	}
	return nil
}

// resolve returns a path of the host without links and dots. The child must not
// meet a "..": the new root lies over "/", and a walk that comes back to "/" from
// below goes on in the mount on top of it (follow_dotdot in fs/namei.c).
func (c *script) resolve(source string) (real string, mode fs.FileMode, err error) {
	source = c.host(source)
	if source == "" {
		return "", 0, sys.ENOENT
	}
	links := 0
	real, mode, err = c.walk("/", fs.ModeDir, source, &links)
	if err == nil && source[len(source)-1] == '/' && !mode.IsDir() {
		err = sys.ENOTDIR
	}
	return real, mode, err
}

// walk goes from the directory dir, which is real, along p.
func (c *script) walk(dir string, mode fs.FileMode, p string, links *int) (string, fs.FileMode, error) {
	if strings.HasPrefix(p, "/") {
		dir, mode = "/", fs.ModeDir
	}
	for len(p) > 0 {
		part := p
		if i := strings.IndexByte(p, '/'); i >= 0 {
			part, p = p[:i], p[i+1:]
		} else {
			p = ""
		}
		var err error
		switch part {
		case "", ".":
		case "..":
			dir, mode = path.Dir(dir), fs.ModeDir
		default:
			if dir, mode, err = c.enter(dir, part, links); err != nil {
				return "", 0, err
			}
		}
	}
	return dir, mode, nil
}

// enter goes from dir to one of its entries.
func (c *script) enter(dir, name string, links *int) (string, fs.FileMode, error) {
	at := join(dir, name)
	if _, ok := c.real[at]; ok {
		return at, fs.ModeDir, nil
	}
	mode, err := c.o.Files.Lstat(at)
	switch {
	case err != nil:
		return "", 0, err
	case mode.IsDir():
		c.real[at] = struct{}{}
		return at, mode, nil
	case mode&fs.ModeSymlink == 0:
		return at, mode, nil
	}
	if *links++; *links > maxLinks {
		return "", 0, sys.ELOOP
	}
	text, err := c.o.Files.Readlink(at)
	if err != nil {
		return "", 0, err
	}
	return c.walk(dir, fs.ModeDir, text, links)
}

// layerPath is resolve for the directory of an overlay; what is wrong with it is
// for the mount to say.
func (c *script) layerPath(dir string) string {
	if real, _, err := c.resolve(dir); err == nil {
		return real
	}
	return c.host(dir)
}
