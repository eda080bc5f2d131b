package profile

import (
	"strings"

	"github.com/lichen-sandbox/lichen/spec"
)

// serviceDir is a variable with directories that a service manager has made for a
// service (systemd.exec(5)).
type serviceDir struct {
	name  string
	write bool
	list  bool // separated by colons
}

var serviceDirs = [...]serviceDir{
	{name: "RUNTIME_DIRECTORY", write: true, list: true},
	{name: "STATE_DIRECTORY", write: true, list: true},
	{name: "CACHE_DIRECTORY", write: true, list: true},
	{name: "LOGS_DIRECTORY", write: true, list: true},
	{name: "CONFIGURATION_DIRECTORY", list: true},
	{name: "CREDENTIALS_DIRECTORY"},
}

// service grants the directories that the environment names where the profile asks
// for it, and passes the variables on.
//
// They are grants of the layer that asks, so that guards and later layers treat
// them as if they were written there.
func (r *resolver) service() error {
	if !r.spec.Service.Directories {
		return nil
	}
	e := r.m.find(keyServiceDirectories)
	for i := range serviceDirs {
		d := &serviceDirs[i]
		value := r.loader.Vars.getenv(d.name)
		if value == "" {
			continue
		}
		paths := []string{value}
		if d.list {
			paths = strings.Split(value, ":")
		}
		for _, p := range paths {
			if err := r.serviceGrant(e, d, p); err != nil {
				return place(err, "grant", d.name, r.m.at(e))
			}
		}
		r.spec.Env.Keep = append(r.spec.Env.Keep, spec.Pattern{Pattern: d.name, Origin: r.m.at(e)})
	}
	return nil
}

// serviceGrant grants one directory. The caller's environment is trusted to mean
// what it says, but not to have been made by a service manager.
func (r *resolver) serviceGrant(e *entry, d *serviceDir, p string) error {
	clean, err := cleanPath(p)
	if err != nil {
		return err
	}
	if err := r.loader.Vars.checkWorkDir(clean); err != nil {
		return bad(err.Error(), "a directory of the service alone is meant: have the service manager make it, or unset "+d.name)
	}
	r.spec.Mounts = append(r.spec.Mounts, spec.Mount{
		Type: spec.MountBind, Source: clean, Target: clean, Write: d.write, Variable: d.name,
		Layer: int(e.layer), Origin: r.m.at(e),
	})
	return nil
}
