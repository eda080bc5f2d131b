package profile

import (
	"strings"
	"time"

	"github.com/lichen-sandbox/lichen/spec"
)

// defaultKillAfter is the grace between SIGTERM and SIGKILL.
const defaultKillAfter = 10 * time.Second

// Skipped is an optional entry that was left out, because a variable in it has
// no value or its work directory is none.
type Skipped struct {
	Text   string // as written
	Reason string
	Origin spec.Origin
	entry  int
}

// resolver makes the Spec of what was merged.
type resolver struct {
	loader  *Loader
	m       *merged
	spec    *spec.Spec
	skipped []Skipped
}

func (r *resolver) resolve() error {
	r.defaults()
	for i := range r.m.entries {
		e := &r.m.entries[i]
		err := r.entry(e)
		if isAbsent(err) && e.mount != nil && e.mount.Optional {
			r.skipped = append(r.skipped, Skipped{Text: e.text, Reason: err.Error(), Origin: r.m.at(e), entry: i})
			continue
		}
		if err != nil {
			return place(err, "read", keys[e.key].name, r.m.at(e))
		}
	}
	if err := r.service(); err != nil {
		return err
	}
	r.seccompDefaults()
	if err := r.check(); err != nil {
		return err
	}
	return r.guardProfiles()
}

// defaults fills in what holds when the profile says nothing.
func (r *resolver) defaults() {
	s := r.spec
	s.Origins = make(map[string]spec.Origin, 16)
	s.Mounts = make([]spec.Mount, 0, len(r.m.entries))
	s.Process.KillAfter = defaultKillAfter
	if e := r.m.find(keyIsolation); e != nil {
		s.Namespaces.Isolation = spec.Isolation(e.num)
	}
	if e := r.m.find(keyNetMode); e != nil {
		s.Network.Mode = spec.NetworkMode(e.num)
	}
	if e := r.m.find(keyImage); e != nil {
		s.Rootfs.Image = e.text // decides about fs.host; its variables come later
	}
	if s.Namespaces.Isolation == spec.IsolationNamespaces {
		n := &s.Namespaces
		n.User, n.Mount, n.PID, n.IPC, n.UTS, n.Cgroup = true, true, true, true, true, true
		n.Net = s.Network.Mode == spec.NetworkNone
	}
}

// entry puts one entry into the Spec.
func (r *resolver) entry(e *entry) error {
	k := keys[e.key].kind
	if k.isList() {
		return r.element(e)
	}
	r.spec.Origins[keys[e.key].name] = r.m.at(e)
	switch k {
	case kindBool:
		r.setBool(e.key, e.num == 1)
	case kindLimit:
		r.spec.Limits.Rlimits = append(r.spec.Limits.Rlimits, spec.Rlimit{
			Name: strings.TrimPrefix(keys[e.key].name, "limits."),
			Soft: e.num, Hard: e.hard, Origin: r.m.at(e),
		})
	case kindCgroup:
		r.spec.Limits.Cgroup = append(r.spec.Limits.Cgroup, spec.CgroupLimit{File: keys[e.key].file, Value: e.name, Origin: r.m.at(e)})
	default:
		return r.scalar(e)
	}
	return nil
}

func (r *resolver) setBool(id keyID, on bool) {
	if id == keyScopeAbstract || id == keyScopeSignal {
		on = !on // the Spec says which scopes are lifted
	}
	if to := r.boolField(id); to != nil {
		*to = on
	}
}

func (r *resolver) boolField(id keyID) *bool {
	p, n, l := &r.spec.Process, &r.spec.Namespaces, &r.spec.Landlock
	switch id {
	case keyNewSession:
		return &p.NewSession
	case keyPty:
		return &p.PTY
	case keyLinger:
		return &p.Linger
	case keyExitBySignal:
		return &p.ExitBySignal
	case keyServiceListen:
		return &r.spec.Service.Listen
	case keyServiceNotify:
		return &r.spec.Service.Notify
	case keyServiceDirectories:
		return &r.spec.Service.Directories
	case keyNested:
		return &n.Nested
	case keyNSUser:
		return &n.User
	case keyNSMount:
		return &n.Mount
	case keyNSPID:
		return &n.PID
	case keyNSIPC:
		return &n.IPC
	case keyNSUTS:
		return &n.UTS
	case keyNSCgroup:
		return &n.Cgroup
	case keyNSNet:
		return &n.Net
	case keyNSTime:
		return &n.Time
	case keyBestEffort:
		return &l.BestEffort
	case keyScopeAbstract:
		return &l.NoScopeAbstract
	case keyScopeSignal:
		return &l.NoScopeSignal
	case keyCompat:
		return &r.spec.Seccomp.Compat
	}
	return nil
}

// scalar sets what is neither a boolean nor a limit.
func (r *resolver) scalar(e *entry) (err error) {
	p, n := &r.spec.Process, uint32(e.num)
	switch e.key {
	case keyCommand:
		return r.command(e)
	case keyCwd:
		p.Cwd, err = r.loader.Vars.expandPath(e.text)
	case keyHostname:
		if p.Hostname, err = r.loader.Vars.expand(e.text); err == nil {
			err = checkHostname(p.Hostname)
		}
	case keyUID:
		p.UID = &n
	case keyGID:
		p.GID = &n
	case keyUmask:
		p.Umask = &n
	case keyImage, keyPlatform, keyPull, keyIDs, keyEntrypoint, keyRootfsWrite, keyRootfsSize:
		return r.rootfs(e)
	case keyLimitOutput:
		if r.spec.Limits.Output = e.num; e.num == 0 {
			return bad("nothing at all is no limit that a program can keep", `redirect its output, or take the limit away: remove = ["limits.output"]`)
		}
	case keyCgroup:
		r.spec.Limits.CgroupDir = e.text
	case keyTimeout:
		p.Timeout = time.Duration(e.num)
	case keyKillAfter:
		p.KillAfter = time.Duration(e.num)
	case keyLandlockMode:
		r.spec.Landlock.Mode = spec.LandlockMode(e.num)
	case keySeccompMode:
		r.spec.Seccomp.Off = e.num == 1
	case keySeccompDefault:
		r.spec.Seccomp.Default = e.action
	case keyDenyAction:
		r.spec.Seccomp.DenyAction = e.action
	}
	return err
}

func (r *resolver) command(e *entry) error {
	argv := make([]string, len(e.list))
	for i, s := range e.list {
		var err error
		if argv[i], err = r.loader.Vars.expand(s); err != nil {
			return err
		}
	}
	r.spec.Process.Command = argv
	return nil
}

// checkHostname takes what sethostname(2) and a shell prompt take.
func checkHostname(s string) error {
	if s == "" || len(s) > 64 || strings.ContainsFunc(s, func(c rune) bool {
		return c != '-' && c != '.' && c != '_' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z')
	}) {
		return badValue(s, "is not a host name", "up to 64 letters, digits, dots and dashes")
	}
	return nil
}
