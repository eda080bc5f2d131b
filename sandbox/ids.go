package sandbox

import (
	"strconv"

	"github.com/lichen-sandbox/lichen/internal/feature"
	"github.com/lichen-sandbox/lichen/internal/plan"
	"github.com/lichen-sandbox/lichen/internal/subid"
	"github.com/lichen-sandbox/lichen/internal/sys"
	"github.com/lichen-sandbox/lichen/mount"
	"github.com/lichen-sandbox/lichen/seccomp"
	"github.com/lichen-sandbox/lichen/spec"
	"github.com/lichen-sandbox/lichen/userns"
)

// ids is what a launch knows of the ids inside.
type ids struct {
	ranges   bool          // IDsSubuid
	mapping  subid.Mapping // with ranges
	helped   []plan.IDMap  // likewise
	uid, gid uint32        // the payload's
	inner    plan.Slot     // with ranges: the payload's user namespace
	bits     seccomp.SetIDBits
}

// compileIDs checks that the payload can have the ids it is to have.
func compileIDs(s *spec.Spec, f *feature.Facts) (out ids, err error) {
	out.uid, out.gid = userns.IDs(s, f)
	kind := s.Rootfs.IDs
	if kind == spec.IDsSingle {
		return out, nil
	}
	refuse := func(reason, hint string) error {
		return &spec.Error{Op: "enforce", Object: "rootfs.ids", Reason: reason, Origin: s.OriginOf("rootfs.ids"), Hint: hint}
	}
	switch {
	case s.Namespaces.Isolation == spec.IsolationLandlock:
		return out, refuse("without a user namespace there are no ids but the caller's", `use isolation = "namespaces"`)
	case kind == spec.IDsFake && s.Seccomp.Off:
		return out, refuse(`"fake" is the system call filter's doing, and the filter is off`, `leave seccomp.mode = "off" out`)
	case kind == spec.IDsFake && s.Namespaces.Nested:
		return out, refuse(`a sandbox inside would be told that it has dropped its rights, and still have them`, `leave nested out, or use rootfs.ids = "subuid"`)
	case kind == spec.IDsFake:
		return out, nil
	}
	out.ranges = true
	if out.mapping, err = f.SubIDs(); err != nil {
		return out, err
	}
	for _, id := range []struct {
		key   string
		value uint32
		in    subid.Map
	}{{"process.uid", out.uid, out.mapping.UIDs}, {"process.gid", out.gid, out.mapping.GIDs}} {
		if err := id.in.Check(id.value); err != nil {
			return out, &spec.Error{Op: "enforce", Object: id.key, Err: err, Origin: s.OriginOf(id.key)}
		}
	}
	out.helped, err = userns.Helped(out.mapping, func(path string) bool {
		mode, err := f.Files.Stat(path)
		return err == nil && mode.IsRegular()
	})
	return out, err
}

// mapIDs makes the user namespaces, as far as that is PID 1's part, and returns
// the slot of a descriptor for the host's procfs.
func (c *compiler) mapIDs() plan.Slot {
	if !c.ids.ranges {
		return userns.MapOuter(c.b, c.f)
	}
	proc := userns.WaitForMaps(c.b)
	c.boundProcesses()
	c.ids.inner = userns.MakeInner(c.b, c.ids.mapping)
	return proc
}

// boundProcesses makes a limit on processes hold for all ids together: alone it
// would bound each of them. A user namespace keeps the limit of the process that
// made it (create_user_ns, Linux 5.14), and below it all are counted as its
// owner's. PID 1 is one of them.
func (c *compiler) boundProcesses() {
	for _, l := range c.limits {
		if l.Name != "nproc" || l.Hard >= c.f.HardLimit(l.resource) {
			continue // at the caller's own limit the caller's own namespace bounds them
		}
		c.b.Note("limit", l.Name, l.Origin)
		c.b.Call(sys.SYS_PRLIMIT64, plan.Val(0), plan.Val(l.resource), c.b.Words(l.Hard+1, l.Hard+1), plan.Null)
	}
}

// enterIDs gives the payload's process its user namespace and ids.
func (c *compiler) enterIDs() {
	if c.ids.ranges {
		userns.EnterInner(c.b, c.ids.inner, c.ids.uid, c.ids.gid)
		return
	}
	userns.MapPayload(c.b, c.proc, c.ids.uid, c.ids.gid)
}

// setIDBits decides what the filter does about setuid and setgid bits.
//
// They are refused because a file outlives the sandbox in a directory that is
// shared with the host. Package managers need them: dpkg stops at the first
// program that it cannot make setuid. Where the payload has none of the host's
// files to write, neither by path nor by descriptor, the bits can be let
// through: its own file systems end with it and are mounted nosuid, and a kept
// layer is in a directory that nobody else can enter. Elsewhere the call seems
// to succeed and changes nothing.
func (c *compiler) setIDBits() seccomp.SetIDBits {
	if c.s.Rootfs.IDs == spec.IDsSingle || c.view == nil {
		return seccomp.SetIDRefused
	}
	shared := c.sharedFiles()
	if shared == "" {
		return seccomp.SetIDAllowed
	}
	if !c.s.Seccomp.Off {
		c.remarks = append(c.remarks, "setuid and setgid bits seem to be set and are not, because the payload writes "+shared)
	}
	return seccomp.SetIDPretended
}

// sharedFiles names files that the payload can write and others on the host can
// reach, or returns "".
func (c *compiler) sharedFiles() string {
	is := func(d feature.Descriptor) bool { return d.Kind == feature.DescriptorFile }
	for fd, d := range c.f.Stdio {
		if is(d) {
			return "descriptor " + strconv.Itoa(fd) + ", which is a file of the host's (pass it through a pipe: … | cat)"
		}
	}
	for _, keep := range c.s.Process.KeepFDs {
		if is(c.f.Descriptor(keep.FD)) {
			return "descriptor " + strconv.Itoa(keep.FD) + ", which is a file of the host's"
		}
	}
	for _, n := range append([]*mount.Node{c.view.Root()}, c.view.Nodes...) {
		if c.shares(n) {
			return n.Target + ", where files of the host's are"
		}
	}
	return ""
}

// shares reports whether the payload can write files at n that others on the
// host can reach.
func (c *compiler) shares(n *mount.Node) bool {
	switch {
	case n.Type == spec.MountBind:
		return n.Write && !n.Socket && !(n.Dev && !n.Dir)
	case n.Type == spec.MountOverlay:
		return n.Upper != ""
	case n.Type == spec.MountImage && n.Upper != "":
		mode, err := c.f.Files.Stat(c.s.Rootfs.Keep)
		return err != nil || mode.Perm()&0o077 != 0
	}
	return false
}
