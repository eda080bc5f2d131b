package profile

import (
	"github.com/lichen-sandbox/lichen/spec"
)

// element puts one element of a list into the Spec.
func (r *resolver) element(e *entry) (err error) {
	s, at := r.spec, r.m.at(e)
	switch e.key {
	case keyKeepFDs:
		s.Process.KeepFDs = append(s.Process.KeepFDs, spec.FD{FD: int(e.num), Origin: at})
	case keyEnvKeep:
		s.Env.Keep = append(s.Env.Keep, spec.Pattern{Pattern: e.text, Origin: at})
	case keyEnvSet:
		v := spec.EnvVar{Name: e.name, Origin: at}
		v.Value, err = r.loader.Vars.expand(e.text)
		s.Env.Set = append(s.Env.Set, v)
	case keyNoExec:
		return r.noExec(e)
	case keyHost:
		if r.spec.Rootfs.Image != "" {
			return nil
		}
		return r.mount(e)
	case keyRO, keyRW, keyHide, keyTmpfs, keyMount:
		return r.mount(e)
	case keyLandlockRules:
		rule := *e.rule
		rule.Origin = at
		rule.Path, err = r.loader.Vars.expandPath(rule.Path)
		s.Landlock.Rules = append(s.Landlock.Rules, rule)
	case keyTCPBind:
		addPort(&s.Landlock.TCPBind, e, at)
	case keyTCPConnect:
		addPort(&s.Landlock.TCPConnect, e, at)
	case keyIOMax:
		l := spec.CgroupLimit{File: keys[e.key].file, Origin: at}
		l.Value, err = parseIOMax(e.text)
		s.Limits.Cgroup = append(s.Limits.Cgroup, l)
	case keySeccompAllow:
		s.Seccomp.Allow = append(s.Seccomp.Allow, spec.SyscallEntry{Name: e.text, Origin: at})
	case keySeccompDeny:
		s.Seccomp.Deny = append(s.Seccomp.Deny, spec.SyscallEntry{Name: e.text, Origin: at})
	case keySeccompRules:
		s.Seccomp.Rules = append(s.Seccomp.Rules, spec.SeccompRule{Text: e.text, Origin: at})
	}
	return err
}

// addPort adds a port; an empty list restricts as well, to no port at all.
func addPort(list **[]spec.Port, e *entry, at spec.Origin) {
	if *list == nil {
		*list = &[]spec.Port{}
	}
	if !e.empty {
		**list = append(**list, spec.Port{Port: uint16(e.num), Origin: at})
	}
}

func (r *resolver) noExec(e *entry) error {
	p := spec.Path{Optional: e.mount.Optional, Layer: int(e.layer), Origin: r.m.at(e)}
	var err error
	if p.Path, err = r.loader.Vars.expandPath(e.mount.Target); err != nil {
		return err
	}
	r.spec.NoExec = append(r.spec.NoExec, p)
	return nil
}

// mount gives the paths of a mount their values.
func (r *resolver) mount(e *entry) (err error) {
	v := &r.loader.Vars
	m := *e.mount
	m.Layer, m.Origin = int(e.layer), r.m.at(e)
	if m.Target, err = v.expandPath(m.Target); err != nil {
		return err
	}
	switch m.Type {
	case spec.MountBind:
		m.Source, err = r.grantSource(m.Source)
	case spec.MountSymlink:
		m.Source, err = v.expand(m.Source)
	case spec.MountFile:
		var text string
		text, err = v.expand(string(m.Content))
		m.Content = []byte(text)
	case spec.MountOverlay:
		err = r.overlay(&m)
	}
	if err != nil {
		return err
	}
	r.spec.Mounts = append(r.spec.Mounts, m)
	return nil
}

func (r *resolver) overlay(m *spec.Mount) (err error) {
	lower := make([]string, len(m.Lower))
	for i, p := range m.Lower {
		if lower[i], err = r.grantSource(p); err != nil {
			return err
		}
	}
	m.Lower = lower
	if m.Upper == "" {
		return nil
	}
	if m.Upper, err = r.grantSource(m.Upper); err != nil {
		return err
	}
	m.Work, err = r.loader.Vars.expandPath(m.Work)
	return err
}

// grantSource expands the path of a host directory that the payload gets.
func (r *resolver) grantSource(template string) (string, error) {
	p, err := r.loader.Vars.expandPath(template)
	if err == nil && (usesVar(template, "PWD") || usesVar(template, "PROJECT")) {
		err = r.loader.Vars.checkWorkDir(p)
	}
	return p, err
}
