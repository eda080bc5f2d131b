package bwrap

import "strings"

// flag sets what options without an argument set.
func (p *parser) flag(name string) {
	c, u := p.c, &p.c.Unshare
	switch name {
	case "unshare-all":
		*u = Unshare{User: u.User, UserTry: true, IPC: true, PID: true, Net: true, UTS: true, Cgroup: u.Cgroup, CgroupTry: true}
	case "share-net":
		u.Net = false
	case "unshare-user":
		u.User = true
	case "unshare-user-try":
		u.UserTry = true
	case "unshare-ipc":
		u.IPC = true
	case "unshare-pid":
		u.PID = true
	case "unshare-net":
		u.Net = true
	case "unshare-uts":
		u.UTS = true
	case "unshare-cgroup":
		u.Cgroup = true
	case "unshare-cgroup-try":
		u.CgroupTry = true
	case "disable-userns":
		c.DisableUserns = true
	case "assert-userns-disabled":
		c.AssertUsernsDisabled = true
	case "level-prefix":
		c.LevelPrefix = true
	case "new-session":
		c.NewSession = true
	case "die-with-parent":
		c.DieWithParent = true
	case "as-pid-1":
		c.AsPID1 = true
	}
}

// once warns at the second use of an option of which the last one counts.
func (p *parser) once(name string) {
	if p.seen[name] {
		p.c.warn("Only the last --" + name + " option will take effect")
	}
	if p.seen == nil {
		p.seen = make(map[string]bool)
	}
	p.seen[name] = true
}

func (p *parser) text(name, arg string) error {
	c := p.c
	switch name {
	case "lock-file":
		c.LockFiles = append(c.LockFiles, arg)
		return nil
	case "argv0":
		if c.Argv0 != nil {
			return refuse("--argv0 used multiple times")
		}
		c.Argv0 = &arg
		return nil
	}
	p.once(name)
	switch name {
	case "hostname":
		c.Hostname = &arg
	case "chdir":
		c.Chdir = &arg
	case "exec-label":
		c.ExecLabel = &arg
		return p.labels()
	case "file-label":
		c.FileLabel = &arg
		return p.labels()
	}
	return nil
}

func (p *parser) labels() error {
	if !p.o.Labels {
		return refuse("labeling not supported on this system")
	}
	return nil
}

// number reads ids and the descriptors of which the last one counts.
func (p *parser) number(name, arg string) (err error) {
	p.once(name)
	c := p.c
	switch name {
	case "uid":
		c.UID, err = parseID(name, arg)
		return err
	case "gid":
		c.GID, err = parseID(name, arg)
		return err
	}
	fd, err := parseFD(arg)
	if err != nil {
		return err
	}
	switch name {
	case "userns":
		c.UserNS = fd
	case "userns2":
		c.UserNS2 = fd
	case "pidns":
		c.PIDNS = fd
	case "sync-fd":
		c.SyncFD = fd
	case "block-fd":
		c.BlockFD = fd
	case "userns-block-fd":
		c.UsernsBlockFD = fd
	case "info-fd":
		c.InfoFD = fd
	case "json-status-fd":
		c.StatusFD = fd
	}
	return nil
}

func (p *parser) seccomp(name, arg string) error {
	const replaced, added = "seccomp", "add-seccomp-fd"
	other := added
	if name == added {
		other = replaced
	}
	if p.seen[other] {
		return refuse("--" + name + " cannot be combined with --" + other)
	}
	if name == replaced {
		p.once(name)
	} else if p.seen == nil {
		p.seen = make(map[string]bool)
	}
	p.seen[name] = true
	fd, err := parseFD(arg)
	if err != nil {
		return err
	}
	if name == replaced {
		p.c.SeccompFDs = nil
	}
	p.c.SeccompFDs = append(p.c.SeccompFDs, fd)
	return nil
}

func (p *parser) env(name string, args []string) error {
	op := EnvOp{Kind: EnvClear}
	if name != "clearenv" {
		op = EnvOp{Kind: EnvUnset, Name: args[0]}
		if name == "setenv" {
			op.Kind, op.Value = EnvSet, args[1]
		}
		if op.Name == "" || strings.Contains(op.Name, "=") {
			return refuse(name + " failed")
		}
	}
	p.c.Env = append(p.c.Env, op)
	return nil
}

func (p *parser) cap(name, arg string) error {
	op, err := parseCap(arg)
	if err != nil {
		return err
	}
	op.Drop = name == "cap-drop"
	p.c.Caps = append(p.c.Caps, op)
	return nil
}

func (p *parser) setPerms(arg string) (err error) {
	if p.perms != nil {
		return refuse("--perms given twice for the same action")
	}
	p.perms, err = parsePerms("perms", arg)
	return err
}

func (p *parser) setSize(arg string) (err error) {
	if p.size != 0 {
		return refuse("--size given twice for the same action")
	}
	p.size, err = parseSize(arg)
	return err
}
