package seccomp

import (
	"slices"

	"github.com/lichen-sandbox/lichen/spec"
)

// oracle decides a call by reading the policy word for word: no ranges, no tree,
// no instructions, and the widths of arguments taken from their definition.
type oracle struct {
	policy *spec.Seccomp
	opts   Options
}

func (o *oracle) decide(d Data) string {
	arch, ok := o.arch(d.Arch)
	if !ok {
		return "kill"
	}
	name, ok := CallName(arch, uint32(d.Nr))
	if !ok {
		return "errno:ENOSYS"
	}
	inAllow, guarded, _ := o.listed(o.policy.Allow, name)
	if o.opts.Nested {
		if in, _, _ := o.listed(entries("@mount", "@namespaces"), name); in {
			inAllow, guarded = true, false
		}
	}
	_, _, restored := o.listed(o.policy.Deny, name)
	if o.isDenied(name) {
		return ActionText(o.policy.DenyAction)
	}
	ruled, ok := o.rules(arch, name, d)
	if !ok && inAllow {
		ruled = verdictOf{answer: "allow", letsThrough: true}
	}
	if !ok && !inAllow {
		kind := o.policy.Default.Kind
		ruled = verdictOf{answer: ActionText(o.policy.Default), letsThrough: kind == spec.ActionAllow || kind == spec.ActionLog}
	}
	id, _ := callNamed(name)
	if o.opts.FakeIDs && fakeIDsGuardOf(id) != nil {
		if !ok || ruled.answer == "allow" || ruled.answer == "log" {
			return "success"
		}
		return ruled.answer
	}
	named := slices.ContainsFunc(o.policy.Allow, func(e spec.SyscallEntry) bool { return e.Name == name })
	for _, g := range o.guards(id, named, inAllow && guarded, restored) {
		if ruled.letsThrough && (g.rule == "" || !o.holds(arch, name+": "+g.rule, d)) {
			return returnText(g.otherwise)
		}
	}
	return ruled.answer
}

func (o *oracle) arch(audit uint32) (Arch, bool) {
	if audit == o.opts.Arch.AuditArch() {
		return o.opts.Arch, true
	}
	compat, ok := o.opts.Arch.Compat()
	return compat, ok && o.policy.Compat && audit == compat.AuditArch()
}

// listed tells whether a list names a call, whether only under its guard, and
// whether a group in it would restore the guard.
func (o *oracle) listed(list []spec.SyscallEntry, name string) (in, guarded, restores bool) {
	guarded = true
	for _, e := range list {
		if e.Name == name {
			in, guarded = true, false
		}
		g, ok := groupNamed(e.Name)
		if !ok || !slices.Contains(g.all.names(), name) {
			continue
		}
		in = true
		guarded = guarded && slices.Contains(g.guarded.names(), name)
		restores = restores || slices.Contains(g.restores.names(), name)
	}
	return in, guarded, restores
}

func (o *oracle) isDenied(name string) bool {
	return slices.ContainsFunc(o.policy.Deny, func(e spec.SyscallEntry) bool {
		in, _, restores := o.listed([]spec.SyscallEntry{e}, name)
		return in && !restores
	})
}

func (o *oracle) guards(id callID, named, guarded, restored bool) []*guard {
	var out []*guard
	if g := unixOnlyGuardOf(id); g != nil && o.opts.UnixOnly {
		out = append(out, g)
	}
	if g := noSocketsGuardOf(id); g != nil && o.opts.NoSockets {
		out = append(out, g)
	}
	if g := noFastOpenGuardOf(id); g != nil && o.opts.NoFastOpen {
		out = append(out, g)
	}
	if id == callKill && o.opts.NoGroupSignals {
		out = append(out, &groupSignalGuard)
	}
	if g := inPlaceGuardOf(id); g != nil && o.opts.InPlace && !named {
		out = append(out, g)
	}
	if g := guardOf(id); g != nil && (restored || guarded && !(g.nested && o.opts.Nested) && !(g.setID && o.opts.SetIDBits == SetIDAllowed)) {
		if p := pretendGuardOf(id); p != nil && !restored && o.opts.SetIDBits == SetIDPretended {
			g = p
		}
		out = append(out, g)
	}
	return out
}

// verdictOf is what the rules of a call say of it.
type verdictOf struct {
	answer      string
	letsThrough bool // they do for some arguments
	ended       bool // a step answers whatever is left
}

// rules asks the rules on the call; ok tells whether there are any.
func (o *oracle) rules(arch Arch, name string, d Data) (out verdictOf, ok bool) {
	otherwise := ActionText(o.policy.Default)
	asked := ""
	for _, r := range o.policy.Rules {
		parsed, err := parseRule(r.Text, arch)
		if err != nil || !slices.Contains(callStrings(parsed.calls), name) {
			continue
		}
		if parsed.cond == nil {
			asked = o.steps(arch, name, parsed, d, asked, &out)
			ok = true
			continue
		}
		if parsed.otherwise.Kind != spec.ActionUnset {
			otherwise = ActionText(parsed.otherwise)
		}
		if out.letsThrough, ok = true, true; o.evaluate(arch, name, parsed.cond, d) {
			asked = "allow"
		}
	}
	if out.answer = asked; asked == "" {
		out.answer = otherwise
	}
	kind := o.policy.Default.Kind
	out.letsThrough = out.letsThrough || !out.ended && (kind == spec.ActionAllow || kind == spec.ActionLog)
	return out, ok
}

// steps asks the steps of a rule, unless an earlier one has answered.
func (o *oracle) steps(arch Arch, name string, r *rule, d Data, asked string, out *verdictOf) string {
	for _, s := range r.steps {
		lets := s.action.Kind == spec.ActionAllow || s.action.Kind == spec.ActionLog
		out.letsThrough = out.letsThrough || lets
		yes := s.cond == nil
		out.ended = out.ended || yes
		switch {
		case yes:
		case lets:
			yes = o.evaluate(arch, name, s.cond, d)
		default:
			s.cond.negate()
			yes = !o.evaluate(arch, name, s.cond, d)
			s.cond.negate()
		}
		if yes && asked == "" {
			asked = ActionText(s.action)
		}
	}
	return asked
}

func (o *oracle) holds(arch Arch, rule string, d Data) bool {
	parsed, err := parseRule(rule, arch)
	return err == nil && o.evaluate(arch, parsed.calls[0].String(), parsed.cond, d)
}

func callStrings(ids []callID) []string {
	var out []string
	for _, id := range ids {
		out = append(out, id.String())
	}
	return out
}

func (o *oracle) evaluate(arch Arch, name string, c *condition, d Data) bool {
	id, _ := callNamed(name)
	sig := signature(arch, id)
	return !c.foreign && testable(c.expr, arch, sig) && naive(c.expr, arch, sig, d)
}

// testable tells whether all arguments of e sit on arch where rules say.
func testable(e *expr, arch Arch, sig string) bool {
	if e.left != nil {
		return testable(e.left, arch, sig) && testable(e.right, arch, sig)
	}
	if !arch.is32() {
		return true
	}
	n := int(e.arg)
	return n < len(sig) && sig[n] != 'u' && !slices.Contains([]byte(sig[:n+1]), 'q')
}

func naive(e *expr, arch Arch, sig string, d Data) bool {
	switch e.kind {
	case exprAnd:
		return naive(e.left, arch, sig, d) && naive(e.right, arch, sig, d)
	case exprOr:
		return naive(e.left, arch, sig, d) || naive(e.right, arch, sig, d)
	}
	x := d.Args[e.arg]
	typ := sig[e.arg]
	switch {
	case typ == 'h':
		return compares(e, x&0xffff, 0xffff)
	case typ == 'w' || typ == 'u' || arch.is32():
		return compares(e, x&0xffffffff, 0xffffffff)
	case typ == 'm':
		low := *e
		if !e.ordered() { // narrowed with the argument
			low.vals = nil
			for _, v := range e.vals {
				low.vals = append(low.vals, v&0xffffffff)
			}
		}
		return compares(e, x, noMask) && compares(&low, x&0xffffffff, 0xffffffff)
	}
	return compares(e, x, noMask)
}

// compares compares x, read at a width, with values that may be sign-extended
// beyond it.
func compares(e *expr, x, width uint64) bool {
	in := func() bool {
		return slices.ContainsFunc(e.vals, func(v uint64) bool {
			if v&^width != 0 && v|width != noMask {
				return false
			}
			return x&e.mask&width == v&width
		})
	}
	switch e.kind {
	case exprIn:
		return in()
	case exprNotIn:
		return !in()
	case exprLess:
		return x < e.vals[0]
	case exprNotLess:
		return x >= e.vals[0]
	case exprMore:
		return x > e.vals[0]
	}
	return x <= e.vals[0]
}
