package cgroup

import (
	"path"
	"slices"
	"strings"
	"syscall"

	"github.com/lichen-sandbox/lichen/spec"
)

// Place is a cgroup in which the one of a sandbox can be made.
type Place struct {
	Dir    string // as the host names it
	host   *Host
	limits *spec.Limits
	enable []string // controllers that the cgroups in it have not got yet
	// alone: the launcher is the only process in it. No cgroup but the root has
	// both processes and cgroups with controllers in it, so that the launcher has
	// to go into one of its own.
	alone bool
}

// Ask is an error that holds unless the service manager has another answer.
type Ask struct {
	// Unit is one of which it is not known whether it is delegated. With "" it is
	// known that a scope of the caller's own is what is missing.
	Unit string
	// User says that it is the user's manager that knows, not the system's.
	User bool
	err  error
}

func (a *Ask) Error() string { return a.err.Error() }

// Unwrap returns the error without the question.
func (a *Ask) Unwrap() error { return a.err }

// finder looks for a place.
type finder struct {
	*Host
	limits *spec.Limits
	need   []string
	member membership
	mounts []mount
	own    string // the caller's cgroup; "" where no mount shows it
	top    string // the mount point above it
}

// Find looks for a place where these limits can be set.
func (h *Host) Find(l *spec.Limits) (*Place, error) {
	f, err := h.finder(l)
	if err != nil {
		return nil, err
	}
	if l.CgroupDir != "" {
		return f.named(path.Clean(l.CgroupDir))
	}
	return f.find()
}

// Check finds out whether these limits can be set anywhere on the host.
func (h *Host) Check(l *spec.Limits) error {
	_, err := h.finder(l)
	return err
}

// finder looks around, and refuses what the host lacks.
func (h *Host) finder(l *spec.Limits) (*finder, error) {
	f := &finder{Host: h, limits: l}
	for i := range l.Cgroup {
		if c := controllerOf(l.Cgroup[i].File); !slices.Contains(f.need, c) {
			f.need = append(f.need, c)
		}
	}
	var err error
	if f.member, err = h.membership(); err != nil {
		return nil, f.refuse("", "it is not known which cgroup lichen is in: "+unwrapPath(err).Error(), "")
	}
	if f.mounts, err = h.mounts(); err != nil {
		return nil, f.refuse("", "it is not known where cgroups are mounted: "+unwrapPath(err).Error(), "")
	}
	if len(f.mounts) == 0 {
		return nil, f.refuse("", "cgroup v2 is not mounted here", "")
	}
	for _, c := range f.need {
		if f.member.onV1(c) {
			return nil, f.refuse(c, "the host has the "+c+" controller on cgroup v1", "boot with cgroup_no_v1=all on the kernel's command line, under systemd also with systemd.unified_cgroup_hierarchy=1")
		}
	}
	var m mount
	f.own, m, _ = locate(f.mounts, f.member.path)
	f.top = m.point
	return f, nil
}

// named takes the directory that the profile names.
func (f *finder) named(dir string) (*Place, error) {
	m, ok := mountOf(f.mounts, dir)
	switch {
	case !path.IsAbs(dir):
		return nil, f.refuse("", quote(dir)+" is not an absolute path", "")
	case !ok:
		return nil, f.refuse("", dir+" is not below a mount of cgroup v2", "cgroup v2 is at "+f.mounts[0].point)
	case !f.exists(dir + "/cgroup.procs"):
		return nil, f.refuse("", dir+" is no cgroup", "")
	}
	f.top = m.point
	return f.use(dir)
}

// find takes the nearest cgroup above the caller that it may use. Where a
// service manager rules, that is one which it has delegated.
func (f *finder) find() (*Place, error) {
	if f.own == "" {
		return nil, f.refuse("", "no mount of cgroup v2 shows the cgroup that lichen is in, "+f.member.path, "")
	}
	unit, delegated := f.unit()
	if unit != "" && !delegated {
		return nil, f.undelegated(unit)
	}
	last := f.top
	if unit != "" {
		last = unit
	}
	p, first := f.use(f.own)
	for dir := f.own; first != nil && dir != last; {
		dir = path.Dir(dir)
		if p, err := f.use(dir); err == nil {
			return p, nil
		}
	}
	if first != nil && unit == "" && f.managed() {
		return nil, f.scopeMissing()
	}
	return p, first
}

// unit returns the nearest unit of systemd's that the caller is in, and whether
// systemd has delegated it, which it notes in an extended attribute (Control
// Group APIs and Delegation, systemd.io/CGROUP_DELEGATION; that users can read
// since version 251, and 252 does not do it for units of a user's manager). That
// the caller can write there says nothing: a user owns the cgroups of all the
// user's services.
func (f *finder) unit() (dir string, delegated bool) {
	for dir = f.own; dir != f.top && dir != "/"; dir = path.Dir(dir) {
		if isUnit(path.Base(dir)) {
			return dir, f.delegated(dir)
		}
	}
	return "", false
}

func isUnit(name string) bool {
	return strings.HasSuffix(name, ".service") || strings.HasSuffix(name, ".scope")
}

func (f *finder) delegated(dir string) bool {
	if f.Delegated != "" && path.Base(dir) == f.Delegated {
		return true
	}
	for _, name := range []string{"user.delegate", "trusted.delegate"} {
		var value [8]byte
		n, err := syscall.Getxattr(f.Root+dir, name, value[:])
		if err == nil && string(value[:n]) == "1" {
			return true
		}
	}
	return false
}

// managed reports whether a service manager is there that makes scopes for the
// caller.
func (f *finder) managed() bool {
	if f.UID == 0 {
		return f.exists("/run/systemd/private")
	}
	dir := f.Getenv("XDG_RUNTIME_DIR")
	if dir == "" {
		dir = "/run/user/" + itoa(f.UID)
	}
	return f.exists(dir+"/systemd/private") || f.exists(dir+"/bus") || f.Getenv("DBUS_SESSION_BUS_ADDRESS") != ""
}
