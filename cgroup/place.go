package cgroup

import (
	"os"
	"slices"
	"strings"
	"syscall"
)

// use checks that a sandbox's cgroup can be made in dir.
func (f *finder) use(dir string) (*Place, error) {
	p := &Place{Dir: dir, host: f.Host, limits: f.limits}
	have, err := f.words(dir + "/cgroup.controllers")
	if err != nil {
		return nil, f.refuse("", "it cannot be read which controllers "+dir+" has: "+unwrapPath(err).Error(), "")
	}
	on, err := f.words(dir + "/cgroup.subtree_control")
	if err != nil {
		return nil, f.refuse("", "it cannot be read which controllers cgroups in "+dir+" get: "+unwrapPath(err).Error(), "")
	}
	for _, c := range f.need {
		if !slices.Contains(have, c) {
			return nil, f.missing(c, dir)
		}
		if !slices.Contains(on, c) {
			p.enable = append(p.enable, c)
		}
	}
	if err := f.writable(dir, len(p.enable) > 0); err != nil {
		return nil, err
	}
	return p, f.occupied(p)
}

func (f *finder) words(file string) ([]string, error) {
	text, err := f.read(file)
	return strings.Fields(text), err
}

// writable checks what a delegatee may write: the directory, its cgroup.procs
// and its cgroup.subtree_control. To move a process takes the same right in the
// deepest cgroup that old and new place have in common (cgroups(7)).
func (f *finder) writable(dir string, control bool) error {
	files := []string{dir, dir + "/cgroup.procs"}
	if control {
		files = append(files, dir+"/cgroup.subtree_control")
	}
	for _, file := range files {
		if err := syscall.Access(f.Root+file, writeAccess); err != nil {
			return f.refuse("", file+" is not yours to write", "")
		}
	}
	if f.own == "" {
		return nil // the clone will say it
	}
	shared := common(f.own, dir) + "/cgroup.procs"
	if err := syscall.Access(f.Root+shared, writeAccess); err != nil {
		return f.refuse("", "lichen is in "+f.own+", and nothing may be moved from there to "+dir+" without write access to "+shared,
			"start lichen in a cgroup below "+dir)
	}
	return nil
}

const writeAccess = 2 // W_OK

// occupied finds out whether processes are in the place itself.
func (f *finder) occupied(p *Place) error {
	text, err := f.read(p.Dir + "/cgroup.procs")
	if err != nil {
		return f.refuse("", "it cannot be read which processes are in "+p.Dir+": "+unwrapPath(err).Error(), "")
	}
	pids := strings.Fields(text)
	// The root has neither file (cgroup-v2.rst): the rule is not for it. What
	// sets no limit needs no controller, and cgroups without any mix with processes.
	if len(pids) == 0 || !f.exists(p.Dir+"/cgroup.type") || len(f.need) == 0 {
		return nil
	}
	if len(pids) == 1 && pids[0] == itoa(os.Getpid()) {
		p.alone = true
		return nil
	}
	if f.limits.CgroupDir != "" {
		return f.refuse("", "processes are in "+p.Dir+" itself, and a cgroup with processes gives no controller to cgroups in it", "move them into a cgroup below it")
	}
	return f.refuse("", "other processes are in lichen's cgroup, "+p.Dir+", and a cgroup with processes gives no controller to cgroups in it", "")
}
