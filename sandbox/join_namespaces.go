package sandbox

import (
	"errors"
	"syscall"

	"github.com/lichen-sandbox/lichen/internal/sys"
)

// through finds the namespaces of the sandbox in those of a child of PID 1's, and
// keeps their descriptors.
func (t *Target) through(pid, parent int, j *Joinable) error {
	ended := refuse("its processes end while they are looked at", "try again")
	process, err := sys.OpenProcess(pid)
	if errors.Is(err, syscall.ESRCH) {
		return ended
	}
	if err != nil {
		return refuse("its processes cannot be held: "+err.Error(), "")
	}
	defer sys.Close(process)
	stat, err := sys.ReadProcStat(pid)
	if err != nil || stat.Parent != parent || sys.Ended(process) {
		return ended
	}
	opened := &Target{}
	if err := opened.open(pid, j); err != nil {
		opened.Close()
		return err
	}
	// As with PID 1. A child of PID 1's has no other parent for as long as both live.
	if stat, err = sys.ReadProcStat(pid); err != nil || stat.Parent != parent || sys.Ended(process) {
		opened.Close()
		return ended
	}
	t.outer, t.inner, t.others = opened.outer, opened.inner, opened.others
	return nil
}

func (t *Target) open(pid int, j *Joinable) error {
	if err := t.openUser(pid); err != nil {
		return err
	}
	for i, n := range joined {
		own, err := sys.OpenNamespace(0, n.name)
		if err == sys.ENOENT && j.flags&n.flag == 0 {
			continue // a kernel without it (time: Linux 5.6)
		}
		if err != nil {
			return refuse("/proc/self/ns/"+n.name+": "+err.Error(), "")
		}
		defer sys.Close(own)
		fd, err := sys.OpenNamespace(pid, n.name)
		if err != nil {
			return refuse("its "+n.name+" namespace cannot be opened: "+err.Error(), "")
		}
		if j.flags&n.flag == 0 {
			same := sys.SameFD(fd, own)
			sys.Close(fd)
			if !same {
				return refuse("it shares the "+n.name+" namespace that its launcher is in, which is not yours", "join it from where it was started")
			}
			continue
		}
		t.others[i] = fd
		if !t.owns(fd) {
			return refuse("its processes have gone to an "+n.name+" namespace of their own", "")
		}
	}
	return nil
}

// openUser walks up from the user namespace of a process to the one below the
// caller's own: that is PID 1's, and the one before it the payload's. There can be
// 32 of them (create_user_ns).
func (t *Target) openUser(pid int) error {
	own, err := sys.OpenNamespace(0, "user")
	if err != nil {
		return refuse("/proc/self/ns/user: "+err.Error(), "")
	}
	defer sys.Close(own)
	at, err := sys.OpenNamespace(pid, "user")
	if err != nil {
		return refuse("its user namespace cannot be opened: "+err.Error(), "")
	}
	const deepest = 33
	for range deepest {
		up, err := sys.NamespaceParent(at)
		if err != nil { // EPERM: that is above the caller's
			sys.Close(at)
			return refuse("it is no sandbox: its processes are in no user namespace below yours", "")
		}
		if sys.SameFD(up, own) {
			sys.Close(up)
			t.outer = at
			return t.checkOuter()
		}
		if t.inner > 0 {
			sys.Close(t.inner)
		}
		t.inner, at = at, up
	}
	sys.Close(at)
	return refuse("its user namespaces lie too deep", "")
}

func (t *Target) checkOuter() error {
	uid, err := sys.NamespaceOwner(t.outer)
	switch {
	case err != nil || uid != sys.Geteuid():
		return refuse("its user namespace is not yours", "")
	case t.inner <= 0:
		return refuse("it is no sandbox of lichen's: its processes are in no user namespace of their own", "")
	}
	return nil
}

// owns reports whether PID 1's user namespace owns a namespace.
func (t *Target) owns(fd int) bool {
	user, err := sys.NamespaceUser(fd)
	if err != nil {
		return false
	}
	defer sys.Close(user)
	return sys.SameFD(user, t.outer)
}
