package cgroup

import (
	"errors"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/lichen-sandbox/lichen/spec"
)

// controllerOf returns the controller that a file belongs to.
func controllerOf(file string) string {
	c, _, _ := strings.Cut(file, ".")
	return c
}

// Key is the key of a profile that a file's limit comes from.
func Key(file string) string {
	if file == "memory.swap.max" {
		return "limits.swap_max"
	}
	return "limits." + strings.ReplaceAll(file, ".", "_")
}

// about returns an error about a limit that cannot be enforced.
func about(l *spec.CgroupLimit, reason, hint string) *spec.Error {
	return &spec.Error{Op: "enforce", Object: Key(l.File), Reason: reason, Origin: l.Origin, Hint: hint}
}

// refuse names the first limit that needs a controller; "" is any.
func (f *finder) refuse(controller, reason, hint string) error {
	for i := range f.limits.Cgroup {
		if l := &f.limits.Cgroup[i]; controller == "" || controllerOf(l.File) == controller {
			return about(l, reason, hint)
		}
	}
	return &spec.Error{Op: "use", Object: "limits.cgroup", Reason: reason, Hint: hint}
}

// undelegated is the error where a service manager has not delegated the unit
// that lichen is in, as far as that can be seen. What systemd calls a service it
// watches as a whole, so that lichen does not leave it by itself.
func (f *finder) undelegated(dir string) error {
	unit := path.Base(dir)
	if strings.HasSuffix(unit, ".scope") {
		return f.scopeMissing()
	}
	hint := ""
	pids, err := f.words(f.own + "/cgroup.procs")
	switch {
	case err == nil && len(pids) == 1:
		hint = "write Delegate=yes into [Service] of " + unit
	case f.managed() && f.UID != 0:
		hint = "leave the service: systemd-run --user --scope lichen run ..."
	}
	refused := f.refuse("", "lichen is in "+unit+", whose cgroup is not delegated", hint)
	return &Ask{Unit: unit, User: managerOf(path.Dir(dir)) != "", err: refused}
}

// managerOf returns the unit of the user's manager that dir is below, or "".
func managerOf(dir string) string {
	for ; dir != "/" && dir != "."; dir = path.Dir(dir) {
		if name := path.Base(dir); strings.HasPrefix(name, "user@") && strings.HasSuffix(name, ".service") {
			return name
		}
	}
	return ""
}

// scopeMissing is the error where lichen needs a scope, and perhaps nobody is
// there to ask for one.
func (f *finder) scopeMissing() error {
	const none = "lichen is in no cgroup that is delegated to it"
	if f.managed() {
		return &Ask{User: f.UID != 0, err: f.refuse("", none, "")}
	}
	return f.refuse("", none+", and no service manager of yours is running", "have a directory below "+f.mounts[0].point+" delegated to you, and name it in limits.cgroup")
}

// missing explains why dir lacks a controller: what is above it has it, and does
// not hand it down.
func (f *finder) missing(controller, dir string) error {
	giver := ""
	for up := dir; up != f.top && up != "/"; {
		up = path.Dir(up)
		if have, err := f.words(up + "/cgroup.controllers"); err == nil && slices.Contains(have, controller) {
			giver = up
			break
		}
	}
	if giver == "" {
		return f.refuse(controller, "there is no "+controller+" controller here: "+f.top+"/cgroup.controllers does not list it", "")
	}
	reason := "the " + controller + " controller is not delegated: " + giver + "/cgroup.subtree_control does not list it"
	if managerOf(dir) != "" {
		return f.refuse(controller, reason, "as root: systemctl edit user@.service, write [Service] and Delegate=cpu cpuset io memory pids, and restart the user's manager")
	}
	return f.refuse(controller, reason, "as root: echo +"+controller+" >"+giver+"/cgroup.subtree_control")
}

// unwrapPath takes the operation and the path away that package os adds.
func unwrapPath(err error) error {
	if inner := errors.Unwrap(err); inner != nil {
		return inner
	}
	return err
}

func itoa(n int) string     { return strconv.Itoa(n) }
func quote(s string) string { return strconv.Quote(s) }
