package seccomp

import (
	"strconv"

	"github.com/lichen-sandbox/lichen/spec"
)

// callRules is what the rules of one call make of it. Rules of the form "EXPR;
// return ACTION" are joined to one clause: one of them has to hold. Steps are
// asked in the order they stand in, over all rules of the call.
type callRules struct {
	clauses []clause
	final   uint32
	steps   bool
	ended   bool // a step answers whatever is left
	own     bool // a rule says itself what the call gets where none holds
}

// letThrough tells whether a step lets the call through.
func (c *callRules) letThrough() bool {
	if c == nil {
		return false
	}
	for i := range c.clauses {
		if c.clauses[i].holds && letsThrough(c.clauses[i].answer) {
			return true
		}
	}
	return false
}

// ruleSet holds the rules of each call.
type ruleSet struct {
	of [numCalls]*callRules
}

// forCall returns the rules of a call; nil without rules.
func (s *ruleSet) forCall(id callID) *callRules {
	if s == nil {
		return nil
	}
	return s.of[id]
}

// bindRules parses the policy's rules for a.
func (r *policy) bindRules(a Arch) (*ruleSet, error) {
	if len(r.source.Rules) == 0 {
		return nil, nil
	}
	out := &ruleSet{}
	for i := range r.source.Rules {
		src := &r.source.Rules[i]
		rule, err := parseRule(src.Text, a)
		if err != nil {
			return nil, withOrigin("seccomp rule", src.Text, err, src.Origin)
		}
		for _, id := range rule.calls {
			if out.of[id] == nil {
				out.of[id] = &callRules{steps: rule.cond == nil, final: r.def}
			}
			if err := r.addRule(out.of[id], rule, a, id); err != nil {
				return nil, withOrigin("seccomp rule", src.Text, err, src.Origin)
			}
		}
	}
	return out, nil
}

// addRule adds a rule to those of the call id.
func (r *policy) addRule(c *callRules, rule *rule, a Arch, id callID) error {
	if c.steps != (rule.cond == nil) {
		return &ruleError{reason: "an earlier rule on " + id.String() + " has the other form: where the order counts, all have to start with if or return"}
	}
	if c.steps {
		return r.addSteps(c, rule, a, id)
	}
	cond, err := bindCondition(rule.cond, a, id)
	if err != nil {
		return err
	}
	otherwise, err := r.otherwise(rule, id)
	if err != nil {
		return err
	}
	c.final = RetAllow
	own := rule.otherwise.Kind != spec.ActionUnset
	switch {
	case len(c.clauses) == 0:
		c.clauses = []clause{{cond: cond, answer: otherwise}}
	case own && c.own && c.clauses[0].answer != otherwise:
		return &ruleError{reason: "an earlier rule on " + id.String() + " returns another action (" + returnText(c.clauses[0].answer) + ")"}
	default:
		c.clauses[0].cond = &expr{kind: exprOr, left: c.clauses[0].cond, right: cond}
		if own {
			c.clauses[0].answer = otherwise
		}
	}
	c.own = c.own || own
	return nil
}

// addSteps adds a rule's steps.
//
// A condition fails closed on its own (see bind): where the kernel may read an
// argument in two ways, or the architecture cannot test it, it does not hold.
// So a step that lets through asks its condition, and one that refuses asks
// for the opposite of its condition to hold.
func (r *policy) addSteps(c *callRules, rule *rule, a Arch, id callID) error {
	if c.ended {
		return &ruleError{reason: "an earlier rule on " + id.String() + " decides what is left, so that this one is never asked"}
	}
	for _, s := range rule.steps {
		answer, err := r.encode(s.action)
		if err != nil {
			return err
		}
		if s.cond == nil {
			c.final, c.ended = answer, true
			return nil
		}
		cl := clause{answer: answer, holds: letsThrough(answer)}
		if !cl.holds {
			s.cond.negate()
		}
		cl.cond, err = bindCondition(s.cond, a, id)
		if !cl.holds { // the next call of the rule binds it again
			s.cond.negate()
		}
		if err != nil {
			return err
		}
		c.clauses = append(c.clauses, cl)
	}
	return nil
}

// bindCondition binds a condition for a call; see bind.
func bindCondition(c *condition, a Arch, id callID) (*expr, error) {
	cond, usable, err := bind(c.expr, a, id)
	if err != nil {
		return nil, err
	}
	if !usable || c.foreign {
		return constant(false), nil
	}
	return cond, nil
}

// otherwise returns what a call gets when its rules do not hold.
func (r *policy) otherwise(rule *rule, id callID) (uint32, error) {
	if rule.otherwise.Kind != spec.ActionUnset {
		return r.encode(rule.otherwise)
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
