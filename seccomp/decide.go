package seccomp

import (
	"slices"
	"strconv"

	"github.com/lichen-sandbox/lichen/spec"
)

// clause is a condition that a call has to pass.
type clause struct {
	cond      *expr // nil: never
	otherwise uint32
}

// decision is what a call gets: the answer of the first clause that does not
// hold, or final.
type decision struct {
	clauses []clause
	final   uint32
}

// decisions holds the decision of each call on one architecture, as an index
// into list.
type decisions struct {
	of   [numCalls]uint16
	list []decision
}

// decide applies the policy to every call of a.
func (r *policy) decide(a Arch) (*decisions, error) {
	rules, err := r.bindRules(a)
	if err != nil {
		return nil, err
	}
	d := &decisions{list: make([]decision, 0, 16)}
	for id := range callID(numCalls) {
		clause := rules.clause(id)
		switch {
		case r.denied.has(id):
			d.of[id] = d.plain(r.refused)
		case clause != nil || guardOf(id) != nil || r.opts.UnixOnly && unixOnlyGuardOf(id) != nil:
			d.of[id] = d.add(r.decideCall(id, clause))
		case r.allowed.has(id):
			d.of[id] = d.plain(RetAllow)
		default:
			d.of[id] = d.plain(r.def)
		}
	}
	return d, nil
}

// decideCall decides a call that is not denied and may have conditions.
func (r *policy) decideCall(id callID, rules *clause) decision {
	out := decision{final: r.def}
	if rules != nil || r.allowed.has(id) {
		out.final = RetAllow
	}
	if !letsThrough(out.final) {
		return out
	}
	if r.opts.UnixOnly {
		out.addGuard(unixOnlyGuardOf(id))
	}
	if g := guardOf(id); g != nil && r.guardHolds(id, g) {
		out.addGuard(g)
	}
	if rules != nil {
		out.clauses = append(out.clauses, *rules)
	}
	return out
}

// guardHolds tells whether a guard is in force: only groups let the call
// through, and nothing lifts it. A default that lets calls through is no group.
func (r *policy) guardHolds(id callID, g *guard) bool {
	if r.restored.has(id) {
		return true
	}
	return r.allowed.has(id) && !r.open.has(id) && !(g.nested && r.opts.Nested)
}

func (d *decision) addGuard(g *guard) {
	if g != nil {
		d.clauses = append(d.clauses, clause{g.cond, g.otherwise})
	}
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

// ruleSet joins the rules of each call.
type ruleSet struct {
	of  [numCalls]*clause
	own callSet // calls of which a rule says itself what they get otherwise
}

// clause returns what the rules of a call ask; nil without rules.
func (s *ruleSet) clause(id callID) *clause {
	if s == nil {
		return nil
	}
	return s.of[id]
}

// bindRules parses the policy's rules for a and joins those of one call: one of
// them has to hold.
func (r *policy) bindRules(a Arch) (*ruleSet, error) {
	if len(r.source.Rules) == 0 {
		return nil, nil
	}
	out := &ruleSet{}
	for i := range r.source.Rules {
		src := &r.source.Rules[i]
		rule, err := parseRule(src.Text, a)
		if err != nil {
			return nil, withOrigin(err, src.Text, src.Origin)
		}
		for _, id := range rule.calls {
			c, err := r.bindRule(rule, a, id)
			if err == nil {
				err = out.join(id, c, rule.otherwise.Kind != spec.ActionUnset)
			}
			if err != nil {
				return nil, withOrigin(err, src.Text, src.Origin)
			}
		}
	}
	return out, nil
}

func (r *policy) bindRule(rule *rule, a Arch, id callID) (clause, error) {
	cond, usable, err := bind(rule.cond, a, id)
	if err != nil {
		return clause{}, err
	}
	if !usable || rule.foreign != "" {
		cond = constant(false)
	}
	otherwise, err := r.otherwise(rule, id)
	return clause{cond, otherwise}, err
}

// join adds a rule's clause to those of the call; own tells that the rule says
// itself what the call gets otherwise.
func (s *ruleSet) join(id callID, c clause, own bool) error {
	old := s.of[id]
	switch {
	case old == nil:
		s.of[id] = &c
	case own && s.own.has(id) && old.otherwise != c.otherwise:
		return &ruleError{reason: "an earlier rule on " + id.String() + " returns another action (" + returnText(old.otherwise) + ")"}
	default:
		old.cond = &expr{kind: exprOr, left: old.cond, right: c.cond}
		if own {
			old.otherwise = c.otherwise
		}
	}
	if own {
		s.own.add(id)
	}
	return nil
}

// otherwise returns what a call gets when its rules do not hold.
func (r *policy) otherwise(rule *rule, id callID) (uint32, error) {
	if rule.otherwise.Kind != spec.ActionUnset {
		return encode(rule.otherwise)
	}
	// A rule without effect would look like a lock.
	if r.def == RetAllow {
		return 0, &ruleError{
			reason: "the default lets " + id.String() + " through where the rule does not hold",
			hint:   "say what it returns then: " + strconv.Quote(rule.text+"; return errno:EPERM"),
		}
	}
	return r.def, nil
}
