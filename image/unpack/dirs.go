package unpack

import (
	"golang.org/x/sys/unix"

	"github.com/lichen-sandbox/lichen/internal/pathsafe"
)

// cachedDirs is how many directories are kept open.
const cachedDirs = 64

// dirCache keeps descriptors (O_PATH) of the directories that were used last.
// Its key is the node, not a path, so that it cannot be out of date: a
// directory that was replaced is another node.
type dirCache struct {
	t     *Tree
	slots [cachedDirs]struct {
		n    *node
		fd   int
		last uint64
	}
	clock uint64
}

// fd returns a descriptor of the directory n. It is valid until the cache is
// asked for others; see [dirCache.pair].
func (c *dirCache) fd(n *node) (int, error) {
	if n.parent == nil {
		return c.t.root.FD(), nil
	}
	c.clock++
	if n.slot > 0 {
		s := &c.slots[n.slot-1]
		s.last = c.clock
		return s.fd, nil
	}
	// Without x, nothing below a directory can be opened.
	for p := n.parent; p != nil; p = p.parent {
		if p.unwritable() {
			if err := c.makeWritable(p); err != nil {
				return -1, err
			}
		}
	}
	fd, err := c.t.root.OpenBeneath(n.path())
	if err != nil {
		return -1, changed(n.path(), err)
	}
	c.keep(n, fd)
	return fd, nil
}

// keep gives the descriptor the slot that was not used for longest.
func (c *dirCache) keep(n *node, fd int) {
	oldest := 0
	for i := range c.slots {
		if c.slots[i].last < c.slots[oldest].last {
			oldest = i
		}
	}
	s := &c.slots[oldest]
	if s.n != nil {
		c.drop(s.n)
	}
	s.n, s.fd, s.last = n, fd, c.clock
	n.slot = int32(oldest + 1)
}

// drop closes the descriptor of n, if it has one. Those of directories below
// it stay until their slot is needed; nothing asks for them.
func (c *dirCache) drop(n *node) {
	if n.slot == 0 {
		return
	}
	s := &c.slots[n.slot-1]
	// O_PATH: nothing was written through it.
	_ = unix.Close(s.fd)
	s.n, s.last, n.slot = nil, 0, 0
}

func (c *dirCache) closeAll() {
	for i := range c.slots {
		if n := c.slots[i].n; n != nil {
			c.drop(n)
		}
	}
}

// writable returns a descriptor of the directory n after making sure that
// names can be made and removed in it.
func (c *dirCache) writable(n *node) (int, error) {
	fd, err := c.fd(n)
	if err == nil && n.unwritable() {
		err = c.makeWritable(n)
	}
	return fd, err
}

// pair returns descriptors of two directories that are valid together, names
// can be made in the second.
func (c *dirCache) pair(from, to *node) (fromfd, tofd int, err error) {
	// Once for what has to be opened or made writable on the way, which may
	// take any number of slots; then nothing is left but the two.
	for range 2 {
		if tofd, err = c.writable(to); err != nil {
			return -1, -1, err
		}
		if fromfd, err = c.fd(from); err != nil {
			return -1, -1, err
		}
	}
	return fromfd, tofd, nil
}

// unwritable says whether the mode on disk of the directory keeps its owner out
// or hands down the group. Who made the directories of a cloned tree may have
// set their final mode or a writable one.
func (n *node) unwritable() bool {
	mode := n.disk
	if mode == modeUnknown {
		mode = n.mode
	}
	return mode&0o700 != 0o700 || mode&unix.S_ISGID != 0
}

func (c *dirCache) makeWritable(n *node) error {
	var err error
	switch {
	case n.parent == nil:
		err = pathsafe.FChmod(int(c.t.file.Fd()), writableMode)
	case n.slot > 0:
		err = pathsafe.FChmod(c.slots[n.slot-1].fd, writableMode)
	default:
		fd, parentErr := c.writable(n.parent)
		if parentErr != nil {
			return parentErr
		}
		err = pathsafe.Chmod(fd, n.name, writableMode)
	}
	if err != nil {
		return wrap(n.path(), err)
	}
	n.disk = writableMode
	return nil
}
