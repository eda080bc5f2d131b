package seccomp

import (
	"strconv"

	"github.com/lichen-sandbox/lichen/spec"
)

// policy is a spec.Seccomp with its names resolved, for any architecture.
type policy struct {
	opts         Options
	source       *spec.Seccomp
	def, refused uint32 // answers: the default's and the deny list's
	allowed      callSet
	open         callSet // among allowed: without their guards
	named        callSet // among open: by their own names
	denied       callSet
	restored     callSet // their guards hold whatever lifts them
}

// resolve looks up the names of a policy.
func resolve(p *spec.Seccomp, o Options) (*policy, error) {
	r := &policy{opts: o, source: p}
	var err error
	if r.def, err = r.answer(p.Default, "seccomp.default", p.DefaultOrigin); err != nil {
		return nil, err
	}
	if r.refused, err = r.answer(p.DenyAction, "seccomp.deny_action", p.DenyActionOrigin); err != nil {
		return nil, err
	}
	if r.refused == RetAllow {
		return nil, &spec.Error{Op: "compile", Object: "seccomp.deny_action", Reason: "a denied call cannot be let through, and the action is \"allow\"", Origin: p.DenyActionOrigin}
	}
	if o.Nested {
		r.allowGroup("@namespaces")
		r.allowGroup("@mount")
	}
	for i := range p.Allow {
		if err := r.allow(&p.Allow[i]); err != nil {
			return nil, err
		}
	}
	for i := range p.Deny {
		if err := r.deny(&p.Deny[i]); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// answer returns the filter's return value for the action that a key of the
// profile has; an unset one is EPERM.
func (r *policy) answer(a spec.Action, key string, origin spec.Origin) (uint32, error) {
	if a.Kind == spec.ActionUnset {
		return RetErrno | eperm, nil
	}
	ret, err := r.encode(a)
	if err != nil {
		return 0, withOrigin("compile", key, err, origin)
	}
	return ret, nil
}

// encode returns the filter's return value for an action that the options
// permit.
//
// A filter that nobody listens to answers ENOSYS for SECCOMP_RET_USER_NOTIF
// (seccomp_unotify(2)): a program would take the call for one that the kernel
// does not have.
func (r *policy) encode(a spec.Action) (uint32, error) {
	if a.Kind == spec.ActionNotify && !r.opts.Notify {
		return 0, &spec.Error{Reason: "nobody listens: without a process that answers \"notify\" the call fails with ENOSYS",
			Hint: "write errno:ENOSYS if that is what it should get"}
	}
	return encode(a)
}

// encode returns the filter's return value for an action.
func encode(a spec.Action) (uint32, error) {
	switch a.Kind {
	case spec.ActionAllow:
		return RetAllow, nil
	case spec.ActionLog:
		return RetLog, nil
	case spec.ActionTrap:
		return RetTrap, nil
	case spec.ActionNotify:
		return RetUserNotif, nil
	case spec.ActionKillProcess:
		return RetKillProcess, nil
	case spec.ActionErrno:
		// The kernel cuts larger ones to MAX_ERRNO, and takes 0 as success:
		// the payload would believe that a refused call worked.
		if a.Errno == 0 || a.Errno > 4095 {
			return 0, &spec.Error{Reason: "error number " + strconv.Itoa(int(a.Errno)) + " is not between 1 and 4095"}
		}
		return RetErrno | uint32(a.Errno), nil
	}
	return 0, &spec.Error{Reason: "unknown action " + strconv.Itoa(int(a.Kind))}
}

func (r *policy) allowGroup(name string) bool {
	g, ok := groupNamed(name)
	if !ok {
		return false
	}
	r.allowed.addAll(&g.all)
	open := g.all
	open.removeAll(&g.guarded)
	r.open.addAll(&open)
	return true
}

func (r *policy) allow(e *spec.SyscallEntry) error {
	if r.allowGroup(e.Name) {
		return nil
	}
	id, err := lookUp(e, "seccomp allow")
	if err != nil {
		return err
	}
	r.allowed.add(id)
	r.open.add(id)
	r.named.add(id)
	return nil
}

func (r *policy) deny(e *spec.SyscallEntry) error {
	if g, ok := groupNamed(e.Name); ok {
		denied := g.all
		denied.removeAll(&g.restores)
		r.denied.addAll(&denied)
		r.restored.addAll(&g.restores)
		return nil
	}
	id, err := lookUp(e, "seccomp deny")
	if err != nil {
		return err
	}
	r.denied.add(id)
	return nil
}

// lookUp finds a call by an entry that names no group.
func lookUp(e *spec.SyscallEntry, op string) (callID, error) {
	if id, ok := callNamed(e.Name); ok {
		return id, nil
	}
	reason := "no such system call"
	if e.Name != "" && e.Name[0] == '@' {
		reason = "no such group"
	}
	return 0, &spec.Error{Op: op, Object: e.Name, Reason: reason, Origin: e.Origin, Hint: suggestEntry(e.Name)}
}
