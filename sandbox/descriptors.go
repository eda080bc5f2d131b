package sandbox

import (
	"strconv"

	"github.com/lichen-sandbox/lichen/internal/feature"
	"github.com/lichen-sandbox/lichen/internal/plan"
	"github.com/lichen-sandbox/lichen/internal/sys"
	"github.com/lichen-sandbox/lichen/landlock"
	"github.com/lichen-sandbox/lichen/spec"
)

// door says why a descriptor leads further than to one open file, or "":
// openat(2) walks from a directory, whatever the root is, and what O_PATH names
// can be changed by its path in /proc.
func door(k feature.DescriptorKind) (reason string) {
	switch k {
	case feature.DescriptorDir:
		return "it is a directory, from which the payload could open what is in it"
	case feature.DescriptorPath:
		return "it is a path (O_PATH), which the payload could open in a way of its own"
	}
	return ""
}

var redirect = [3]string{"</dev/null", ">/dev/null", "2>/dev/null"}

// checkDescriptors looks at what the payload would inherit.
func checkDescriptors(s *spec.Spec, f *feature.Facts) error {
	for fd, stdio := range f.Stdio {
		if reason := door(stdio.Kind); reason != "" {
			return &spec.Error{Op: "pass", Object: "descriptor " + strconv.Itoa(fd), Reason: reason, Hint: "redirect it: " + redirect[fd]}
		}
	}
	for _, keep := range s.Process.KeepFDs {
		e := &spec.Error{Op: "pass", Object: "descriptor " + strconv.Itoa(keep.FD), Origin: keep.Origin}
		kind := f.Descriptor(keep.FD).Kind
		if kind == feature.DescriptorClosed {
			e.Reason, e.Hint = "it is not open", "open it in the shell that starts lichen, for example "+strconv.Itoa(keep.FD)+"<FILE"
			return e
		}
		if e.Reason = door(kind); e.Reason != "" {
			e.Hint = "grant the path instead, with --ro or --rw"
			return e
		}
	}
	return nil
}

// checkReadOnlyFiles refuses a file that was opened for reading where nothing
// keeps the payload from opening it again for writing, through /proc/self/fd:
// the descriptor carries the host's mount, so that no flag of a mount does.
// filterNeeded tells that the filter has to keep it from truncation.
func checkReadOnlyFiles(s *spec.Spec, f *feature.Facts, d *landlock.Domain) (filterNeeded bool, err error) {
	fd, found := readOnlyFile(s, f)
	switch {
	case !found || d.KeepsLength():
		return false, nil
	case d.KeepsFiles() && !s.Seccomp.Off:
		return true, nil
	}
	return false, &spec.Error{Op: "pass", Object: "descriptor " + strconv.Itoa(fd),
		Reason: "it is a file opened for reading, which the payload could open again for writing: Landlock's file rules are off or not enough here",
		Hint:   "pass it through a pipe: cat FILE | lichen run …"}
}

func readOnlyFile(s *spec.Spec, f *feature.Facts) (fd int, found bool) {
	is := func(d feature.Descriptor) bool { return d.Kind == feature.DescriptorFile && d.Readable && !d.Writable }
	for fd, stdio := range f.Stdio {
		if is(stdio) {
			return fd, true
		}
	}
	for _, keep := range s.Process.KeepFDs {
		if is(f.Descriptor(keep.FD)) {
			return keep.FD, true
		}
	}
	return 0, false
}

// freeFD returns a number above every descriptor that is passed on.
func freeFD(s *spec.Spec) int {
	free := 0
	for _, keep := range s.Process.KeepFDs {
		free = max(free, keep.FD+1)
	}
	return free
}

// replaceNull gives the payload the sandbox's own /dev/null where it has the
// host's as a standard descriptor. The descriptor carries the host's writable
// mount, through which an owner can change the mode of the device: when root
// starts lichen, that is the payload.
func (c *compiler) replaceNull() {
	if !c.ownNull() {
		return
	}
	c.exchangeNull()
}

func (c *compiler) exchangeNull() {
	for fd, stdio := range c.f.Stdio {
		if stdio.Kind != feature.DescriptorNull {
			continue
		}
		c.b.Note("replace", "descriptor "+strconv.Itoa(fd), spec.Origin{})
		null := c.b.Open(plan.FDCWD, "/dev/null", accessMode(stdio))
		c.b.Call(sys.SYS_DUP3, plan.From(null), plan.Val(fd), plan.Val(0))
		c.b.Close(null)
	}
}

func accessMode(d feature.Descriptor) uint64 {
	switch {
	case d.Readable && d.Writable:
		return sys.O_RDWR
	case d.Writable:
		return sys.O_WRONLY
	}
	return sys.O_RDONLY
}

// passFDs lets execve close every descriptor but the standard ones and those
// that the profile lists.
func (c *compiler) passFDs() {
	b := c.b
	b.Note("close", "other descriptors at exec", spec.Origin{})
	b.Call(sys.SYS_CLOSE_RANGE, plan.Val(3), plan.Val(sys.LAST_FD), plan.Val(sys.CLOSE_RANGE_CLOEXEC))
	for _, fd := range c.s.Process.KeepFDs {
		b.Note("pass", "descriptor "+strconv.Itoa(fd.FD), fd.Origin)
		b.Call(sys.SYS_FCNTL, plan.Val(fd.FD), plan.Val(sys.F_SETFD), plan.Val(0))
	}
}
