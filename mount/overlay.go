package mount

import (
	"strconv"

	"github.com/lichen-sandbox/lichen/internal/plan"
	"github.com/lichen-sandbox/lichen/internal/sys"
)

// firstOverlayFD is above what setting up a sandbox has open otherwise.
const firstOverlayFD = 500

// overlayDirs names the directories of an overlay. Its options name descriptors,
// at numbers known beforehand: a path would be walked again, and fsconfig(2)
// takes at most 255 bytes.
type overlayDirs struct {
	b       *plan.Builder
	next    int         // the next number
	scratch plan.Slot   // where layer looks, or NoSlot for the host
	fds     []plan.Slot // in use until close
}

// host names a directory of the host, whose path has no links.
func (o *overlayDirs) host(dir string) string {
	return o.open(plan.FDCWD, dir)
}

// layer names a directory below scratch, or of the host where there is none.
func (o *overlayDirs) layer(dir string) string {
	if o.scratch == plan.NoSlot {
		return o.host(dir)
	}
	return o.open(plan.From(o.scratch), dir)
}

func (o *overlayDirs) open(at plan.Arg, dir string) string {
	fd := o.b.OpenResolve(at, dir, sys.O_DIRECTORY, sys.RESOLVE_NO_SYMLINKS)
	number := o.next
	o.next++
	o.fds = append(o.fds, o.b.Into(sys.SYS_DUP3, plan.From(fd), plan.Val(number), plan.Val(sys.O_CLOEXEC)))
	o.b.Close(fd)
	return "/proc/self/fd/" + strconv.Itoa(number)
}

func (o *overlayDirs) close() {
	for _, f := range o.fds {
		o.b.Close(f)
	}
}

// overlay mounts n.Lower under n.Upper. userxattr is what the kernel asks for
// in a user namespace (Linux 5.11).
func (c *compiler) overlay(n *Node) plan.Slot {
	b := c.b
	dirs := overlayDirs{b: b, next: max(c.v.owner.FreeFD, firstOverlayFD), scratch: plan.NoSlot}
	lower := ""
	for _, l := range n.Lower {
		if lower != "" {
			lower += ":"
		}
		lower += dirs.host(l)
	}
	options := []plan.Option{{Key: "userxattr"}, {Key: "lowerdir", Value: lower}}
	attr := uint64(attrTree)
	if n.Upper != "" {
		options = append(options, plan.Option{Key: "upperdir", Value: dirs.host(n.Upper)}, plan.Option{Key: "workdir", Value: dirs.host(n.Work)})
	} else {
		attr |= sys.MOUNT_ATTR_RDONLY
	}
	if n.NoExec {
		attr |= sys.MOUNT_ATTR_NOEXEC
	}
	fd := b.NewFS("overlay", attr, options...)
	dirs.close()
	return fd
}
