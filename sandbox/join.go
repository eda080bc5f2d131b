package sandbox

import (
	"strings"

	"github.com/lichen-sandbox/lichen/internal/sys"
	"github.com/lichen-sandbox/lichen/internal/wire"
	"github.com/lichen-sandbox/lichen/landlock"
	"github.com/lichen-sandbox/lichen/seccomp"
	"github.com/lichen-sandbox/lichen/spec"
)

// Joinable is what confines the payload of a sandbox, as it was compiled: the
// domain, the filter, the limits. Another program that joins the sandbox gets the
// same, by the same code. So it holds no ops: those of the payload's start depend
// on what it started with.
type Joinable struct {
	flags   uint64 // the namespaces that PID 1 was started in
	ranges  bool   // ids of several, with capabilities of their own
	nested  bool
	cgroup  bool // the sandbox has a cgroup of its own, with limits
	ownNull bool // the sandbox has a /dev/null of its own
	// keepFiles and bits are what the filter does about files that are passed on.
	keepFiles bool
	bits      seccomp.SetIDBits

	kept    uint64 // capabilities
	domain  *landlock.Domain
	filters filters
	limits  []limit

	session bool
	umask   *uint32
	cwd     string
	env     []string
}

// joinable collects what it takes.
func (c *compiler) joinable(flags uint64) *Joinable {
	return &Joinable{
		flags: flags, ranges: c.ids.ranges, nested: c.s.Namespaces.Nested, cgroup: len(c.s.Limits.Cgroup) > 0 || c.s.Limits.CgroupDir != "",
		ownNull: c.ownNull(), keepFiles: c.keepFiles, bits: c.ids.bits,
		kept: c.keptCapabilities(), domain: c.domain, filters: c.filters, limits: c.limits,
		session: c.s.Process.NewSession, umask: c.s.Process.Umask, cwd: c.s.Process.Cwd, env: c.env,
	}
}

// OwnSession reports whether what runs in the sandbox has a session of its own.
func (j *Joinable) OwnSession() bool { return j.session }

// Append implements plan.Joinable.
func (j *Joinable) Append(buf []byte) []byte {
	buf = wire.Uint(buf, j.flags)
	for _, b := range [...]bool{j.ranges, j.nested, j.cgroup, j.ownNull, j.keepFiles, j.session, j.filters.unshareKills, j.umask != nil} {
		buf = wire.Bool(buf, b)
	}
	mask := uint32(0)
	if j.umask != nil {
		mask = *j.umask
	}
	for _, v := range [...]uint64{uint64(mask), uint64(j.bits), uint64(j.filters.unshareErrno), j.kept} {
		buf = wire.Uint(buf, v)
	}
	buf = wire.String(buf, j.filters.payload)
	buf = wire.Uint(buf, uint64(len(j.limits)))
	for _, l := range j.limits {
		buf = wire.Uint(wire.Uint(wire.String(buf, l.Name), l.Soft), l.Hard)
	}
	buf = wire.String(buf, j.cwd)
	buf = wire.Uint(buf, uint64(len(j.env)))
	for _, e := range j.env {
		buf = wire.String(buf, e)
	}
	return j.domain.Append(buf)
}

// ParseJoinable reads what Append has written. What is wrong with it in itself is
// an error; nothing keeps it from being another sandbox's.
func ParseJoinable(data []byte) (*Joinable, error) {
	j, r := &Joinable{}, wire.NewReader(data)
	j.flags = r.Uint()
	mask := false
	for _, b := range [...]*bool{&j.ranges, &j.nested, &j.cgroup, &j.ownNull, &j.keepFiles, &j.session, &j.filters.unshareKills, &mask} {
		*b = r.Bool()
	}
	umask := uint32(r.Below(0o1000))
	if mask {
		j.umask = &umask
	}
	j.bits = seccomp.SetIDBits(r.Below(1 << 8))
	j.filters.unshareErrno = uint16(r.Below(1 << 12)) // MAX_ERRNO
	j.kept = r.Uint()
	j.filters.payload = r.Bytes()
	known := true
	for range r.Count() {
		l := limit{Rlimit: spec.Rlimit{Name: r.String(), Soft: r.Uint(), Hard: r.Uint()}}
		var ok bool
		l.resource, ok = sys.RlimitByName(l.Name)
		known = known && ok
		j.limits = append(j.limits, l)
	}
	j.cwd, j.env = r.String(), r.Strings()
	j.domain = landlock.Parse(r)
	const instruction, most = 8, 4096 // BPF_MAXINSNS
	if n := len(j.filters.payload); !r.Done() || !known || n%instruction != 0 || n > most*instruction {
		return nil, &spec.Error{Op: "read", Object: "what the sandbox is made of", Reason: "it is damaged"}
	}
	if len(j.filters.payload) == 0 {
		j.filters.payload = nil
	}
	return j, nil
}

// ofService are variables that mean one process: who else has them takes its
// descriptors and watchdog for his own (sd_listen_fds(3), sd_notify(3)).
var ofService = [...]string{"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PIDFDID", "NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC", "JOURNAL_STREAM", "MAINPID"}

// environ is the payload's environment with other variables on top of it.
func (j *Joinable) environ(over []string) []string {
	out := make([]string, 0, len(j.env)+len(over))
	skip := func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		for _, o := range over {
			if strings.HasPrefix(o, name+"=") {
				return true
			}
		}
		for _, s := range ofService {
			if s == name {
				return true
			}
		}
		return false
	}
	for _, e := range j.env {
		if !skip(e) {
			out = append(out, e)
		}
	}
	return append(out, over...)
}

// ownNull reports whether the view has a /dev/null of its own.
func (c *compiler) ownNull() bool { return c.view != nil && c.view.Has("/dev/null") }
