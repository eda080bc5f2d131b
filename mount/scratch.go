package mount

import (
	"strconv"

	"github.com/lichen-sandbox/lichen/internal/plan"
	"github.com/lichen-sandbox/lichen/internal/sys"
	"github.com/lichen-sandbox/lichen/spec"
)

// A file that covers a file of the host is a mount too, and needs an inode to
// show. It is made in a scratch tmpfs on top of the new root, which is taken
// away before the pivot while the covers keep their inodes. It must not stay
// below the new root: the payload's user namespace would be refused, because
// the root would not be the topmost mount of its namespace (current_chrooted).

// needsScratch reports whether anything is mounted over a file.
func (c *compiler) needsScratch() bool {
	for _, n := range c.v.Nodes {
		if n.Type == spec.MountHide && !n.Dir || n.Type == spec.MountFile && !n.base().ours() {
			return true
		}
	}
	return false
}

// scratchSize bounds a tmpfs that the launcher alone fills: the contents, each
// rounded up to a page, and a megabyte for the rest.
func (c *compiler) scratchSize() string {
	const page = 64 << 10 // the largest page size of any architecture
	size := 1 << 20
	for _, n := range c.v.Nodes {
		size += (len(n.Content) + page - 1) &^ (page - 1)
	}
	return strconv.Itoa(size)
}

// cover makes the detached mount of a file: n's content, or nothing for a
// hidden one. All hidden files share one inode.
func (c *compiler) cover(n *Node) plan.Slot {
	b, scratch := c.b, plan.From(c.scratch)
	name := "empty"
	switch {
	case n.Type == spec.MountFile:
		c.files++
		name = strconv.Itoa(c.files)
		c.fill(scratch, name, n)
	case !c.empty:
		c.empty = true
		b.Close(b.CreateFile(scratch, name, 0o444))
	}
	fd := b.OpenTree(scratch, name, 0)
	b.SetAttr(fd, sys.MOUNT_ATTR_RDONLY|attrData, false)
	return fd
}

// maxWrite is what one write(2) transfers at most (MAX_RW_COUNT is larger;
// smaller pieces keep the op's arguments readable in a plan).
const maxWrite = 1 << 20

// fill creates the file path below dir with n's content.
func (c *compiler) fill(dir plan.Arg, path string, n *Node) {
	f := c.b.CreateFile(dir, path, modeOr(n.Mode, 0o444))
	for data := n.Content; len(data) > 0; {
		part := data[:min(len(data), maxWrite)]
		c.b.Write(f, part)
		data = data[len(part):]
	}
	c.b.Close(f)
}
