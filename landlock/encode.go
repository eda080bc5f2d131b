package landlock

import (
	"github.com/lichen-sandbox/lichen/internal/feature"
	"github.com/lichen-sandbox/lichen/internal/plan"
	"github.com/lichen-sandbox/lichen/internal/sys"
	"github.com/lichen-sandbox/lichen/internal/wire"
)

// Append appends the domain without what depends on the descriptors that a
// program starts with; see Parse.
func (d *Domain) Append(buf []byte) []byte {
	buf = wire.Uint(buf, d.handled.FS)
	buf = wire.Uint(buf, d.handled.Net)
	buf = wire.Uint(buf, d.handled.Scope)
	buf = wire.Uint(buf, uint64(len(d.rules)))
	for _, r := range d.rules {
		buf = wire.Uint(wire.String(buf, r.path), r.rights)
	}
	buf = wire.Uint(buf, uint64(len(d.ports)))
	for _, p := range d.ports {
		buf = wire.Uint(wire.Uint(buf, uint64(p.port)), p.rights)
	}
	return buf
}

// Parse reads a domain, for a program that joins a sandbox while its payload runs:
// rules are made of the same paths, without following any link (see Enforce).
func Parse(r *wire.Reader) *Domain {
	d := &Domain{joins: true}
	d.handled.FS, d.handled.Net, d.handled.Scope = r.Uint(), r.Uint(), r.Uint()
	for range r.Count() {
		d.rules = append(d.rules, rule{path: r.String(), rights: r.Uint()})
	}
	for range r.Count() {
		d.ports = append(d.ports, portRule{port: uint16(r.Below(1 << 16)), rights: r.Uint()})
	}
	return d
}

// WithStdio adds rules for the descriptors that a program starts with; see New.
func (d *Domain) WithStdio(stdio [3]feature.Descriptor) { d.addStdio(stdio) }

// openRule opens what a rule is for. While a payload runs, it could have put a link
// where a directory was that it may rename, so that the rule would be for what the
// link names. Without links the path leads into a mount that it may write anyway, or
// to what it was for; and the flags of a mount hold whatever a rule allows.
func (d *Domain) openRule(b *plan.Builder, path string) plan.Slot {
	if d.joins {
		return b.OpenResolve(plan.FDCWD, path, 0, sys.RESOLVE_NO_SYMLINKS)
	}
	return b.Open(plan.FDCWD, path, sys.O_PATH)
}
