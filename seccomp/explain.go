package seccomp

import (
	"strconv"

	"github.com/lichen-sandbox/lichen/spec"
)

// Reason is a part of a policy that decides a call.
type Reason struct {
	// What is "deny", "allow", "rule", "guard", "default", "nested", "ids" for
	// what Options.FakeIDs answers, or "unknown" for a number without a call.
	What string
	// Text is the entry or the rule as written, or the guard's condition.
	Text string
	// Origin is where it is written; zero for what comes from lichen itself.
	Origin spec.Origin
}

// String returns "rule \"ioctl: …\" (FILE:LINE)".
func (r Reason) String() string {
	s := r.What
	if r.Text != "" {
		s += " " + strconv.Quote(r.Text)
	}
	if o := r.Origin.String(); o != "" {
		s += " (" + o + ")"
	}
	return s
}

// Part is one of the things that are asked about a call, in their order.
type Part struct {
	Reason
	// Answer is what the call gets from it, as an action is spelled.
	Answer string
	// Conditional tells that it answers for some arguments only, and leaves the
	// others to the parts behind it.
	Conditional bool

	cond  *expr // nil: always, or never with never
	holds bool
	never bool
}

// CallVerdict is what a policy makes of a call.
type CallVerdict struct {
	Name   string
	Number uint32
	Parts  []Part // the last is unconditional
}

// Answer returns the one answer of a call; ok is false where its arguments
// decide.
func (v *CallVerdict) Answer() (answer string, ok bool) {
	return v.Parts[len(v.Parts)-1].Answer, len(v.Parts) == 1
}

// Show returns the verdicts on all calls of an architecture, sorted by name.
func Show(p *spec.Seccomp, o Options, a Arch) ([]CallVerdict, error) {
	x, err := newExplainer(p, o, a)
	if err != nil {
		return nil, err
	}
	var out []CallVerdict
	for id := range callID(numCalls) {
		if nr, ok := Number(a, id.String()); ok {
			out = append(out, CallVerdict{Name: id.String(), Number: nr, Parts: x.parts(id)})
		}
	}
	return out, nil
}

// Explanation is what a policy answers to one call, and why.
type Explanation struct {
	Answer string
	Reason Reason
}

// Explain answers one call as the policy's program does.
func Explain(p *spec.Seccomp, o Options, a Arch, d Data) (*Explanation, error) {
	x, err := newExplainer(p, o, a)
	if err != nil {
		return nil, err
	}
	name, ok := CallName(a, uint32(d.Nr))
	if !ok {
		return &Explanation{returnText(RetErrno | enosys), Reason{What: "unknown", Text: strconv.Itoa(int(d.Nr))}}, nil
	}
	id, _ := callNamed(name)
	for _, part := range x.parts(id) {
		if part.answers(d, a.is32()) {
			return &Explanation{part.Answer, part.Reason}, nil
		}
	}
	return nil, &spec.Error{Op: "explain", Object: name, Reason: "nothing decides the call"} // the last part always does
}

func (p *Part) answers(d Data, narrow bool) bool {
	switch {
	case p.never:
		return false
	case p.cond == nil:
		return true
	}
	return p.cond.eval(d, narrow) == p.holds
}

// eval tells whether a bound condition holds for a call.
func (e *expr) eval(d Data, narrow bool) bool {
	switch e.kind {
	case exprNever, exprAlways:
		return e.kind == exprAlways
	case exprAnd:
		return e.left.eval(d, narrow) && e.right.eval(d, narrow)
	case exprOr:
		return e.left.eval(d, narrow) || e.right.eval(d, narrow)
	}
	width := noMask
	if !e.wide || narrow {
		width >>= 32
	}
	x := d.Args[e.arg] & e.mask & width
	v := e.vals[0] & width
	switch e.kind {
	case exprIn, exprNotIn:
		for _, v := range e.vals {
			if x == v&width {
				return e.kind == exprIn
			}
		}
		return e.kind == exprNotIn
	case exprLess:
		return x < v
	case exprNotLess:
		return x >= v
	case exprMore:
		return x > v
	}
	return x <= v
}

// explainer knows where each part of a policy comes from.
type explainer struct {
	*policy
	arch  Arch
	rules []*rule // as Rules of the policy
	bound *ruleSet
}

func newExplainer(p *spec.Seccomp, o Options, a Arch) (*explainer, error) {
	if p.Off {
		return nil, &spec.Error{Op: "explain", Reason: "the policy is off: there is no filter"}
	}
	if o.Arch >= numArches || a >= numArches {
		return nil, unknownArch()
	}
	r, err := resolve(p, o)
	if err != nil {
		return nil, err
	}
	x := &explainer{policy: r, arch: a}
	if x.bound, err = r.bindRules(a); err != nil {
		return nil, err
	}
	for i := range p.Rules {
		rule, err := parseRule(p.Rules[i].Text, a)
		if err != nil {
			return nil, withOrigin("seccomp rule", p.Rules[i].Text, err, p.Rules[i].Origin)
		}
		x.rules = append(x.rules, rule)
	}
	return x, nil
}

// parts returns what is asked about a call.
func (x *explainer) parts(id callID) []Part {
	if x.denied.has(id) {
		return []Part{{Reason: x.entry("deny", x.source.Deny, id), Answer: returnText(x.refused)}}
	}
	rules := x.bound.forCall(id)
	if x.fakes(id) {
		return x.fakeParts(id, rules)
	}
	final := Part{Reason: Reason{What: "default"}, Answer: returnText(x.def)}
	last := x.def
	switch {
	case rules != nil:
		last = rules.final
	case x.allowed.has(id):
		last = RetAllow
		final = Part{Reason: x.entry("allow", x.source.Allow, id), Answer: "allow"}
	}
	var out []Part
	if letsThrough(last) || rules.letThrough() {
		if g := x.guardInForce(id); g != nil {
			guard := Part{Reason: Reason{What: "guard", Text: g.rule}, Answer: returnText(g.otherwise), cond: g.cond, Conditional: true}
			if g.never() {
				guard.Conditional = false
				return []Part{guard}
			}
			out = append(out, guard)
		}
	}
	if rules == nil {
		return append(out, final)
	}
	return x.ruleParts(out, id, rules, final)
}

// fakeParts returns what is asked about a call of Options.FakeIDs.
func (x *explainer) fakeParts(id callID, rules *callRules) []Part {
	fake := Part{Reason: Reason{What: "ids"}, Answer: returnText(succeed)}
	if rules == nil {
		return []Part{fake}
	}
	out := x.ruleParts(nil, id, rules, Part{Reason: Reason{What: "default"}, Answer: returnText(x.def)})
	for i := range out {
		if out[i].Answer == "allow" || out[i].Answer == "log" {
			out[i].Answer = returnText(succeed)
		}
	}
	return out
}

// ruleParts appends what the rules of a call ask.
func (x *explainer) ruleParts(out []Part, id callID, rules *callRules, final Part) []Part {
	clauses := rules.clauses
	for i, r := range x.rules {
		if !r.has(id) {
			continue
		}
		reason := Reason{What: "rule", Text: x.source.Rules[i].Text, Origin: x.source.Rules[i].Origin}
		if r.cond != nil {
			cond, _ := bindCondition(r.cond, x.arch, id) // bound without an error before
			out = append(out, Part{Reason: reason, Answer: "allow", Conditional: true, cond: cond, holds: true})
			if r.otherwise.Kind != spec.ActionUnset {
				final = Part{Reason: reason, Answer: returnText(rules.clauses[0].answer)}
			}
			continue
		}
		for _, s := range r.steps {
			if s.cond == nil {
				return append(out, Part{Reason: reason, Answer: returnText(rules.final)})
			}
			c := clauses[0]
			clauses = clauses[1:]
			out = append(out, Part{Reason: reason, Answer: returnText(c.answer), Conditional: true, cond: c.cond, holds: c.holds})
		}
	}
	return append(out, final)
}

func (r *rule) has(id callID) bool {
	for _, c := range r.calls {
		if c == id {
			return true
		}
	}
	return false
}

// entry finds the entry of a list that decides a call: its own name before a
// group.
func (x *explainer) entry(what string, list []spec.SyscallEntry, id callID) Reason {
	out := Reason{What: "nested"}
	for i := range list {
		e := &list[i]
		g, ok := groupNamed(e.Name)
		switch {
		case e.Name == id.String():
			return Reason{What: what, Text: e.Name, Origin: e.Origin}
		case ok && g.all.has(id) && out.Text == "" && !(what == "deny" && g.restores.has(id)):
			out = Reason{What: what, Text: e.Name, Origin: e.Origin}
		}
	}
	return out
}
