package landlock

import (
	"encoding/binary"
	"fmt"

	"github.com/lichen-sandbox/lichen/internal/feature"
	"github.com/lichen-sandbox/lichen/internal/plan"
	"github.com/lichen-sandbox/lichen/internal/sys"
	"github.com/lichen-sandbox/lichen/spec"
)

// Grant is one tree or file that the payload may use.
type Grant struct {
	Path    string // inside
	Dir     bool
	Write   bool
	Execute bool
	Device  bool // ioctl on device nodes is allowed
	Modify  bool // existing files may be written, nothing made or removed
	ListDir bool // only the listing of directories
	Connect bool // a socket to connect to
	Origin  spec.Origin
}

// Domain is a checked set of rights and rules.
type Domain struct {
	handled Rights
	rules   []rule
	ports   []portRule
	stdio   [3]uint64
	joins   bool     // rules are made while a payload runs; see openRule
	Dropped []string // what best_effort let go
}

type rule struct {
	path   string
	rights uint64
	origin spec.Origin
}

type portRule struct {
	port   uint16
	rights uint64
	origin spec.Origin
}

// New derives the domain of s from grants. It fails where the kernel's
// Landlock lacks something that the profile needs and that nothing else
// enforces.
func New(s *spec.Spec, grants []Grant, f *feature.Facts) (*Domain, error) {
	d := &Domain{}
	if s.Landlock.Mode == spec.LandlockOff {
		return d, nil
	}
	for _, r := range requirements(s) {
		if f.LandlockABI >= r.abi {
			continue
		}
		if !s.Landlock.BestEffort {
			return nil, unsupported(s, r, f.LandlockABI)
		}
		d.Dropped = append(d.Dropped, fmt.Sprintf("%s: %s takes Landlock %d (Linux %s), this kernel has %d",
			r.key, r.why, r.abi, abis[r.abi].linux, f.LandlockABI))
	}
	d.handled = wanted(s).and(Supported(f.LandlockABI))
	d.addRules(grants)
	d.addStdio(f.Stdio)
	d.addPorts(s.Landlock)
	return d, nil
}

// wanted is what the domain would handle on a kernel that knows everything.
func wanted(s *spec.Spec) Rights {
	r := Supported(len(abis))
	r.Net = 0
	if s.Namespaces.Nested {
		r.FS = 0 // any file-system rule set forbids mounting
	}
	if s.Landlock.TCPBind != nil {
		r.Net |= sys.LANDLOCK_ACCESS_NET_BIND_TCP
	}
	if s.Landlock.TCPConnect != nil {
		r.Net |= sys.LANDLOCK_ACCESS_NET_CONNECT_TCP
	}
	if s.Landlock.NoScopeAbstract {
		r.Scope &^= sys.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET
	}
	if s.Landlock.NoScopeSignal {
		r.Scope &^= sys.LANDLOCK_SCOPE_SIGNAL
	}
	return r
}

// requirements lists what s needs from Landlock. Where a namespace already
// keeps the payload in (signals: pid; abstract sockets: net) or a mount flag
// does, the kernel may lack the Landlock part.
func requirements(s *spec.Spec) []requirement {
	var rs []requirement
	alone := s.Namespaces.Isolation == spec.IsolationLandlock
	if !s.Namespaces.Nested {
		rs = append(rs, requirement{1, "landlock.mode", "enforcing the file-system rules"})
	}
	if alone {
		rs = append(rs, requirement{3, "namespaces.isolation", "keeping read-only files from truncation"},
			requirement{5, "namespaces.isolation", "keeping devices from ioctl"})
	}
	if s.Landlock.Mode == spec.LandlockRules && !s.Namespaces.Nested {
		rs = append(rs, requirement{3, "landlock.rules", "keeping a file from truncation where a rule allows less than its mount"})
	}
	if s.Landlock.TCPBind != nil {
		rs = append(rs, requirement{4, "landlock.tcp_bind", "restricting TCP ports"})
	}
	if s.Landlock.TCPConnect != nil {
		rs = append(rs, requirement{4, "landlock.tcp_connect", "restricting TCP ports"})
	}
	if !s.Landlock.NoScopeAbstract && !s.Namespaces.Net {
		rs = append(rs, requirement{6, "landlock.scope_abstract", "keeping abstract sockets outside out of reach"})
	}
	if alone && s.Network.Mode == spec.NetworkHost {
		// With the network off, the filter refuses sockets where this is missing.
		rs = append(rs, requirement{9, "namespaces.isolation", "keeping the sockets of other programs out of reach"})
	}
	// The payload is in the process group of the launcher's caller, which
	// kill(0) reaches from any pid namespace, unless the filter refuses it.
	groupOpen := s.Seccomp.Off && !s.Process.NewSession
	if !s.Landlock.NoScopeSignal && (!s.Namespaces.PID || groupOpen) {
		rs = append(rs, requirement{6, "landlock.scope_signal", "keeping processes outside from signals"})
	}
	return rs
}

func unsupported(s *spec.Spec, r requirement, abi int) error {
	reason := fmt.Sprintf("%s takes Landlock %d (Linux %s), and this kernel has %d", r.why, r.abi, abis[r.abi].linux, abi)
	if abi == 0 {
		reason = fmt.Sprintf("%s takes Landlock %d (Linux %s), and this kernel has none", r.why, r.abi, abis[r.abi].linux)
	}
	return &spec.Error{Op: "enforce", Object: r.key, Reason: reason, Origin: s.OriginOf(r.key),
		Hint: "to go on without it: landlock.best_effort = true"}
}

// Rights returns the file-system rights that g stands for.
func (g Grant) rights() uint64 {
	var r uint64
	switch {
	case g.ListDir:
		return readDir
	case g.Write:
		r = read | write | device
	case g.Modify:
		r = read | writeFile
	default:
		r = read
	}
	if g.Execute {
		r |= execute
	}
	if g.Device {
		r |= device
	}
	if g.Connect {
		r |= sys.LANDLOCK_ACCESS_FS_RESOLVE_UNIX
	}
	if !g.Dir {
		r &= onFile
	}
	return r
}

// addRules makes a rule of each grant, parents first. One that adds nothing to
// a grant above it needs no rule, because rights add up along the path.
func (d *Domain) addRules(grants []Grant) {
	if d.handled.FS == 0 {
		return
	}
	var above []rule
	for _, g := range grants {
		for len(above) > 0 && !spec.Beneath(g.Path, above[len(above)-1].path) {
			above = above[:len(above)-1]
		}
		r := rule{g.Path, g.rights() & d.handled.FS, g.Origin}
		var have uint64
		if len(above) > 0 {
			have = above[len(above)-1].rights
		}
		if r.rights&^have == 0 {
			continue
		}
		d.rules = append(d.rules, r)
		r.rights |= have
		above = append(above, r)
	}
}

// addStdio lets the payload open again what it has as standard input, output
// and error (/dev/stdout, /proc/self/fd/2), in the same mode. Pipes and
// sockets need no rule.
func (d *Domain) addStdio(stdio [3]feature.Descriptor) {
	for fd, s := range stdio {
		if s.Kind != feature.DescriptorFile && s.Kind != feature.DescriptorCharDev {
			continue
		}
		var r uint64
		if s.Readable {
			r |= readFile
		}
		if s.Writable {
			r |= writeFile
		}
		if s.Kind == feature.DescriptorCharDev {
			r |= device
		}
		d.stdio[fd] = r & d.handled.FS
	}
}

func (d *Domain) addPorts(l spec.Landlock) {
	add := func(ports *[]spec.Port, right uint64) {
		if ports == nil || d.handled.Net&right == 0 {
			return
		}
		for _, p := range *ports {
			d.ports = append(d.ports, portRule{p.Port, right, p.Origin})
		}
	}
	add(l.TCPBind, sys.LANDLOCK_ACCESS_NET_BIND_TCP)
	add(l.TCPConnect, sys.LANDLOCK_ACCESS_NET_CONNECT_TCP)
}

// ScopesSignals reports whether the domain keeps signals inside.
func (d *Domain) ScopesSignals() bool { return d.handled.Scope&sys.LANDLOCK_SCOPE_SIGNAL != 0 }

// KeepsFiles reports whether the domain says which files may be opened for
// writing, and KeepsLength whether also which may be truncated. A descriptor
// that was opened for reading can be opened again through /proc/self/fd.
func (d *Domain) KeepsFiles() bool { return d.handled.FS&sys.LANDLOCK_ACCESS_FS_WRITE_FILE != 0 }

// KeepsLength: see KeepsFiles.
func (d *Domain) KeepsLength() bool { return d.handled.FS&sys.LANDLOCK_ACCESS_FS_TRUNCATE != 0 }

// ScopesPaths reports whether the domain keeps the payload from sockets of
// other programs that it finds in the file system.
func (d *Domain) ScopesPaths() bool { return d.handled.FS&sys.LANDLOCK_ACCESS_FS_RESOLVE_UNIX != 0 }

// Enforce adds the ops that build the rule set and restrict the process that
// runs them. They come after the pivot: a rule holds for the inode that its
// path leads to.
func (d *Domain) Enforce(b *plan.Builder, origin spec.Origin) {
	if d.handled == (Rights{}) {
		return
	}
	b.Note("make", "the Landlock rule set", origin)
	set := b.Into(sys.SYS_LANDLOCK_CREATE_RULESET, b.Words(d.handled.FS, d.handled.Net, d.handled.Scope),
		plan.Val(sys.SIZEOF_LANDLOCK_RULESET_ATTR), plan.Val(0))
	for _, r := range d.rules {
		b.Note("allow", r.path, r.origin)
		attr := pathBeneath(b, r.rights, -1)
		fd := d.openRule(b, r.path)
		b.Last().StoringAt(attr.Offset(8))
		b.Call(sys.SYS_LANDLOCK_ADD_RULE, plan.From(set), plan.Val(sys.LANDLOCK_RULE_PATH_BENEATH), attr, plan.Val(0))
		b.Close(fd)
	}
	for fd, rights := range d.stdio {
		if rights == 0 {
			continue
		}
		b.Note("allow", fmt.Sprintf("descriptor %d", fd), origin)
		// EBADFD: a file of a file system that no path leads into, such as a
		// memfd; nothing checks those.
		b.Call(sys.SYS_LANDLOCK_ADD_RULE, plan.From(set), plan.Val(sys.LANDLOCK_RULE_PATH_BENEATH),
			pathBeneath(b, rights, int32(fd)), plan.Val(0)).Tolerating(uint16(sys.EBADFD))
	}
	for _, p := range d.ports {
		b.Note("allow", fmt.Sprintf("TCP port %d", p.port), p.origin)
		b.Call(sys.SYS_LANDLOCK_ADD_RULE, plan.From(set), plan.Val(sys.LANDLOCK_RULE_NET_PORT),
			b.Words(p.rights, uint64(p.port)), plan.Val(0))
	}
	b.Note("enforce", "the Landlock rule set", origin)
	b.Call(sys.SYS_LANDLOCK_RESTRICT_SELF, plan.From(set), plan.Val(0))
	b.Close(set)
}

// Scopes adds a domain that only keeps signals in. PID 1 enters it where
// there is no pid namespace, so that it can end all that it started and
// nothing else.
func Scopes(b *plan.Builder, origin spec.Origin) {
	b.Note("enforce", "a Landlock scope for signals", origin)
	set := b.Into(sys.SYS_LANDLOCK_CREATE_RULESET, b.Words(0, 0, sys.LANDLOCK_SCOPE_SIGNAL),
		plan.Val(sys.SIZEOF_LANDLOCK_RULESET_ATTR), plan.Val(0))
	b.Call(sys.SYS_LANDLOCK_RESTRICT_SELF, plan.From(set), plan.Val(0))
	b.Close(set)
}

// pathBeneath puts a struct landlock_path_beneath_attr in the arena, for one
// rule alone: an op writes the descriptor into it.
func pathBeneath(b *plan.Builder, rights uint64, fd int32) plan.Arg {
	var attr [16]byte
	binary.NativeEndian.PutUint64(attr[:], rights)
	binary.NativeEndian.PutUint32(attr[8:], uint32(fd))
	return b.Buf(attr[:])
}
