package profile

import (
	"github.com/lichen-sandbox/lichen/spec"
)

// seccompDefaults makes a profile that says nothing of system calls a safe
// one: the usual calls work, the others fail.
func (r *resolver) seccompDefaults() {
	s := &r.spec.Seccomp
	if s.Off || s.Default.Kind != spec.ActionUnset {
		return
	}
	s.Default = spec.Action{Kind: spec.ActionErrno, Errno: 1} // EPERM
	if len(s.Allow) == 0 {
		s.Allow = []spec.SyscallEntry{{Name: "@default"}}
	}
}

// contradiction reports a key whose value cannot hold along with another.
func (r *resolver) contradiction(id keyID, reason, hint string) error {
	return place(bad(reason, hint), "read", keys[id].name, r.spec.OriginOf(keys[id].name))
}

// check finds values that are right alone and wrong together.
func (r *resolver) check() error {
	s := r.spec
	if s.Landlock.Mode == spec.LandlockOff && len(s.Landlock.Rules) > 0 {
		return r.contradiction(keyLandlockMode, `the mode is "off", but there are rules`, `take the inherited ones away with remove = ["landlock.rules"]`)
	}
	for _, id := range []keyID{keyTCPBind, keyTCPConnect} {
		if name := keys[id].name; s.Landlock.Mode == spec.LandlockOff && r.m.find(id) != nil {
			return r.contradiction(keyLandlockMode, `the mode is "off", but there is `+name, `take it away with remove = ["`+name+`"]`)
		}
	}
	if len(s.Landlock.Rules) > 0 {
		s.Landlock.Mode = spec.LandlockRules
	}
	if err := r.checkSeccomp(); err != nil {
		return err
	}
	if err := r.checkRootfs(); err != nil {
		return err
	}
	return s.ValidateIsolation()
}

func (r *resolver) checkSeccomp() error {
	s := &r.spec.Seccomp
	s.DefaultOrigin = r.spec.OriginOf(keys[keySeccompDefault].name)
	s.DenyActionOrigin = r.spec.OriginOf(keys[keyDenyAction].name)
	k := s.Default.Kind
	if !s.Off && k != spec.ActionAllow && k != spec.ActionLog && len(s.Allow)+len(s.Rules) == 0 {
		return r.contradiction(keySeccompDefault, "every call is denied and none is allowed: nothing could start", `add allow = ["@default"]`)
	}
	return nil
}
