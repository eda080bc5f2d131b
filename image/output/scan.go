package output

import (
	"cmp"
	"errors"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/lichen-sandbox/lichen/image/unpack"
)

// Limits bound what a hostile tree can make of this process and of those that
// read the layer. A field that is 0 is that of DefaultLimits.
type Limits struct {
	Entries int64
	Bytes   int64 // of content, without holes
	Size    int64 // of one file, with its holes
	Path    int   // bytes
	Depth   int   // directories in one another
}

// DefaultLimits are those of what unpacks the layer.
func DefaultLimits() Limits {
	u := unpack.DefaultLimits()
	return Limits{Entries: u.Entries, Bytes: u.Bytes, Size: u.SparseBytes, Path: u.NameLength, Depth: u.Depth}
}

func (l Limits) orDefaults() Limits {
	d := DefaultLimits()
	return Limits{cmp.Or(l.Entries, d.Entries), cmp.Or(l.Bytes, d.Bytes), cmp.Or(l.Size, d.Size), cmp.Or(l.Path, d.Path), cmp.Or(l.Depth, d.Depth)}
}

var (
	errChanged = errors.New("it changed while it was read")
	errTooMuch = errors.New("the tree is larger than what is taken")
)

// inode identifies a file while it is held open or known to stay.
type inode struct{ dev, ino uint64 }

// summary is what a scan says at its end.
type summary struct {
	Entries  int64    `json:"entries"`
	Newest   int64    `json:"newest"` // last modification of all that was written, s since 1970
	Warnings []string `json:"warnings,omitempty"`
}

// scan writes a tree as a tar stream.
type scan struct {
	tar      *tarWriter
	limits   Limits
	policy   policy
	clamp    *int64 // no time is later
	shared   bool   // other trees have links to the files
	links    map[inode]string
	parents  []*entry // directories on the way down that are not written yet
	bytes    int64
	sum      summary
	warnMore int
}

// policy says what becomes of what a scan finds.
type policy interface {
	// enter prepares for the children of a directory: it may leave some out,
	// put them into another order, and add some.
	enter(d *node, children []*node) ([]*node, error)
	// member fills in the owner of an entry. keep is false for what the lower
	// layers have already.
	member(n *node, e *entry) (keep bool, err error)
}

// run walks the tree from its root.
func (s *scan) run(root *os.File) error {
	n := &node{parent: int(root.Fd()), name: "."}
	if err := unix.Fstat(n.parent, &n.stat); err != nil {
		return fail("read", "", "", err)
	}
	if n.kind() != unix.S_IFDIR {
		return fail("read", "", "it is not a directory", nil)
	}
	if err := s.directory(n); err != nil {
		return err
	}
	if s.warnMore > 0 {
		s.sum.Warnings = append(s.sum.Warnings, strconv.Itoa(s.warnMore)+" more")
	}
	return s.tar.close()
}

// directory writes a directory and what is in it.
func (s *scan) directory(n *node) error {
	if err := n.open(unix.O_DIRECTORY); err != nil {
		return err
	}
	defer n.file.Close() // it was only read
	if err := n.readXattrs(); err != nil {
		return err
	}
	e := s.newEntry(n)
	keep, err := s.policy.member(n, e)
	if err != nil {
		return err
	}
	if keep || n.path != "" { // the root is there in any case
		s.parents = append(s.parents, e)
	}
	if keep {
		if err := s.flush(); err != nil {
			return err
		}
	}
	if err := s.children(n); err != nil {
		return err
	}
	if len(s.parents) > 0 && s.parents[len(s.parents)-1] == e {
		s.parents = s.parents[:len(s.parents)-1]
	}
	return n.unchanged(s.shared)
}

func (s *scan) children(n *node) error {
	children, err := n.list(s.limits.Entries)
	if err != nil {
		return err
	}
	children, err = s.policy.enter(n, children)
	if err != nil {
		return err
	}
	if n.depth++; n.depth > s.limits.Depth {
		return fail("read", n.path, "directories are more than "+strconv.Itoa(s.limits.Depth)+" deep", nil)
	}
	for _, c := range children {
		c.depth = n.depth
		if len(c.path) > s.limits.Path {
			return fail("read", n.path, "a path below it is longer than "+strconv.Itoa(s.limits.Path)+" bytes", nil)
		}
		if err := s.child(c); err != nil {
			return err
		}
	}
	return nil
}

func (s *scan) child(n *node) error {
	if n.made != nil {
		return s.write(n.made, nil)
	}
	switch n.kind() {
	case unix.S_IFDIR:
		return s.directory(n)
	case unix.S_IFSOCK:
		s.warn(n.path, "a socket, which a layer cannot hold")
		return nil
	case unix.S_IFREG:
		if err := n.open(0); err != nil {
			return err
		}
		defer n.file.Close() // it was only read
		if err := n.readXattrs(); err != nil {
			return err
		}
	case unix.S_IFLNK:
		if err := n.readlink(); err != nil {
			return err
		}
	}
	e := s.newEntry(n)
	keep, err := s.policy.member(n, e)
	if err != nil || !keep {
		return err
	}
	return s.write(e, n.file)
}

// warn keeps the first warnings and counts the rest.
func (s *scan) warn(path, what string) {
	if len(s.sum.Warnings) >= 100 {
		s.warnMore++
		return
	}
	s.sum.Warnings = append(s.sum.Warnings, strconv.Quote(path)+": "+what+": left out")
}

// newEntry describes a node as the file system has it.
func (s *scan) newEntry(n *node) *entry {
	st := &n.stat
	e := &entry{path: n.path, mode: st.Mode & 0o7777, uid: st.Uid, gid: st.Gid, sec: int64(st.Mtim.Sec), nsec: int64(st.Mtim.Nsec),
		link: n.link, xattrs: withoutOverlay(n.xattrs)}
	switch n.kind() {
	case unix.S_IFREG:
		e.kind, e.size = typeFile, st.Size
	case unix.S_IFDIR:
		e.kind = typeDir
	case unix.S_IFLNK:
		e.kind = typeSymlink
	case unix.S_IFIFO:
		e.kind = typeFifo
	case unix.S_IFCHR, unix.S_IFBLK:
		e.kind, e.major, e.minor = typeChar, unix.Major(st.Rdev), unix.Minor(st.Rdev)
		if n.kind() == unix.S_IFBLK {
			e.kind = typeBlock
		}
	}
	return e
}
