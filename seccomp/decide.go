package seccomp

import "slices"

// clause is one test on the way of a call.
type clause struct {
	cond *expr // nil: it never holds
	// answer is what the call gets where cond does not hold; with holds, where
	// it does.
	answer uint32
	holds  bool
}

// decision is what a call gets: the answer of the first clause that has one for
// it, or final.
type decision struct {
	clauses []clause
	final   uint32
}

// decisions holds the decision of each call on one architecture, as an index
// into list.
type decisions struct {
	of   [numCalls]uint16
	list []decision
	// guards holds the clauses of the guards, of which decisions have slices.
	guards []clause
}

// decide applies the policy to every call of a.
func (r *policy) decide(a Arch) (*decisions, error) {
	rules, err := r.bindRules(a)
	if err != nil {
		return nil, err
	}
	d := &decisions{list: make([]decision, 0, 24), guards: make([]clause, 0, 24)}
	extra := r.opts.hasGuards()
	for id := range callID(numCalls) {
		own := rules.forCall(id)
		switch {
		case r.denied.has(id):
			d.of[id] = d.plain(r.refused)
		case r.fakes(id):
			d.of[id] = d.add(fakeCall(own))
		case own != nil || guardOf(id) != nil || extra && r.opts.guardOf(id) != nil:
			d.of[id] = d.add(d.decideCall(r, id, own))
		case r.allowed.has(id):
			d.of[id] = d.plain(RetAllow)
		default:
			d.of[id] = d.plain(r.def)
		}
	}
	return d, nil
}

// decideCall decides a call that is not denied and may have conditions.
func (d *decisions) decideCall(r *policy, id callID, rules *callRules) decision {
	out := decision{final: r.def}
	switch {
	case rules != nil:
		out.final = rules.final
	case r.allowed.has(id):
		out.final = RetAllow
	}
	if !letsThrough(out.final) && !rules.letThrough() {
		if rules != nil {
			out.clauses = rules.clauses
		}
		return out
	}
	if g := r.guardInForce(id); g != nil && g.never() {
		return decision{final: g.otherwise}
	} else if g != nil {
		d.guards = append(d.guards, clause{cond: g.cond, answer: g.otherwise})
		out.clauses = slices.Clip(d.guards[len(d.guards)-1:])
	}
	if rules != nil {
		out.clauses = append(out.clauses, rules.clauses...)
	}
	return out
}

// fakes reports whether Options.FakeIDs is about a call.
func (r *policy) fakes(id callID) bool { return r.opts.FakeIDs && fakeIDsGuardOf(id) != nil }

// fakeCall is the decision on a call that seems to succeed, unless its rules
// refuse it.
func fakeCall(rules *callRules) decision {
	if rules == nil {
		return decision{final: succeed}
	}
	out := decision{clauses: slices.Clone(rules.clauses), final: fakeAnswer(rules.final)}
	for i := range out.clauses {
		out.clauses[i].answer = fakeAnswer(out.clauses[i].answer)
	}
	return out
}

func fakeAnswer(ret uint32) uint32 {
	if letsThrough(ret) {
		return succeed
	}
	return ret
}

// guardInForce returns the guard that a call has to meet, or nil.
func (r *policy) guardInForce(id callID) *guard {
	if g := r.opts.guardOf(id); g != nil && !(g.named && r.named.has(id)) {
		return g
	}
	g := guardOf(id)
	if g == nil || !r.guardHolds(id, g) {
		return nil
	}
	if p := pretendGuardOf(id); p != nil && r.opts.SetIDBits == SetIDPretended && !r.restored.has(id) {
		return p
	}
	return g
}

// guardHolds tells whether a guard of groups is in force: only they, or with
// Options.GuardDefault the default, let the call through, and nothing lifts it.
func (r *policy) guardHolds(id callID, g *guard) bool {
	switch {
	case r.restored.has(id):
		return true
	case r.open.has(id) || g.nested && r.opts.Nested || g.setID && r.opts.SetIDBits == SetIDAllowed:
		return false
	}
	return r.allowed.has(id) || r.opts.GuardDefault && letsThrough(r.def)
}

func letsThrough(ret uint32) bool { return ret == RetAllow || ret == RetLog }

// plain returns the index of the decision without conditions.
func (d *decisions) plain(ret uint32) uint16 {
	for i := range d.list {
		if len(d.list[i].clauses) == 0 && d.list[i].final == ret {
			return uint16(i)
		}
	}
	d.list = append(d.list, decision{final: ret})
	return uint16(len(d.list) - 1)
}

func (d *decisions) add(dec decision) uint16 {
	if len(dec.clauses) == 0 {
		return d.plain(dec.final)
	}
	for i := range d.list { // socket and socketpair share a guard
		if d.list[i].final == dec.final && slices.Equal(d.list[i].clauses, dec.clauses) {
			return uint16(i)
		}
	}
	d.list = append(d.list, dec)
	return uint16(len(d.list) - 1)
}
