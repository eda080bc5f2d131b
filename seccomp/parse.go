package seccomp

import (
	"errors"
	"strconv"
	"strings"

	"github.com/lichen-sandbox/lichen/spec"
)

// Bounds on a rule, so that no text makes the parser or the emitter deep. A
// longer rule would not fit a program anyway.
const (
	maxRuleLength = 16 << 10
	maxRuleDepth  = 64
)

// rule is one parsed line; the package documentation has its grammar.
type rule struct {
	calls []callID
	text  string

	// The form "EXPR; return ACTION".
	cond      *condition
	otherwise spec.Action // ActionUnset: the policy's default

	// The form "if EXPR return ACTION; …", when cond is nil.
	steps []step
}

// condition is an expression as written.
type condition struct {
	*expr
	// foreign tells that it uses a constant which this architecture does not
	// have, though another does. It then never holds.
	foreign bool
}

// step is one "if EXPR return ACTION" of a rule, or the "return ACTION" at its
// end.
type step struct {
	cond   *condition // nil: always
	action spec.Action
}

// parser reads one rule for one architecture.
type parser struct {
	lexer
	tok     token
	arch    Arch
	rule    *rule
	depth   int
	foreign bool // of the condition being read
}

// parseRule reads a rule; constants have their values of a.
func parseRule(text string, a Arch) (*rule, error) {
	if len(text) > maxRuleLength {
		return nil, &ruleError{reason: "longer than 16 KiB"}
	}
	p := &parser{lexer: lexer{text: text}, arch: a, rule: &rule{text: text}}
	p.advance()
	if err := p.names(); err != nil {
		return nil, err
	}
	if p.tok.text == "if" || p.tok.text == "return" {
		return p.rule, p.steps()
	}
	var err error
	if p.rule.cond, err = p.condition(); err != nil {
		return nil, err
	}
	return p.rule, p.otherwise()
}

// condition reads an expression.
func (p *parser) condition() (*condition, error) {
	p.foreign = false
	e, err := p.or()
	return &condition{e, p.foreign}, err
}

// steps reads "if EXPR return ACTION; …" up to the end, of which only the last
// may come without its condition.
func (p *parser) steps() error {
	for p.tok.text != "" {
		var s step
		var err error
		if p.accept("if") {
			if s.cond, err = p.condition(); err != nil {
				return err
			}
		}
		if err := p.expect("return"); err != nil {
			return err
		}
		if s.action, err = p.action(); err != nil {
			return err
		}
		p.rule.steps = append(p.rule.steps, s)
		if s.cond == nil && p.tok.text != "" {
			return &ruleError{col: p.tok.col, object: p.tok.text, reason: "nothing is left to decide after a return without its if"}
		}
	}
	return nil
}

func (p *parser) advance() { p.tok = p.next() }

// accept skips the token text, if it comes next.
func (p *parser) accept(text string) bool {
	if p.tok.text != text {
		return false
	}
	p.advance()
	return true
}

func (p *parser) expect(text string) error {
	if p.accept(text) {
		return nil
	}
	return p.unexpected(`"` + text + `"`)
}

func (p *parser) unexpected(want string) error {
	return &ruleError{col: p.tok.col, object: p.tok.text, reason: "found " + p.tok.String() + " where " + want + " should be"}
}

// names reads the calls up to the colon.
func (p *parser) names() error {
	for {
		if !p.tok.isName() {
			return p.unexpected("the name of a system call")
		}
		id, ok := callNamed(p.tok.text)
		if !ok {
			return p.unknownCall()
		}
		p.rule.calls = append(p.rule.calls, id)
		p.advance()
		if !p.accept(",") {
			return p.expect(":")
		}
	}
}

func (p *parser) unknownCall() error {
	if p.tok.text[0] == '@' {
		return &ruleError{col: p.tok.col, object: p.tok.text, reason: "a rule tests arguments, which the calls of a group do not share"}
	}
	return &ruleError{col: p.tok.col, object: p.tok.text, reason: "no such system call", hint: didYouMean(p.tok.text, &callNames)}
}

// otherwise reads "; return ACTION", or nothing.
func (p *parser) otherwise() error {
	if p.accept(";") && p.tok.text != "" {
		if err := p.expect("return"); err != nil {
			return err
		}
		start := p.tok
		action, err := p.action()
		if err != nil {
			return err
		}
		if action.Kind == spec.ActionAllow {
			return &ruleError{col: start.col, object: "allow", reason: "the call would be let through whether the rule holds or not; it is when the rule holds"}
		}
		p.rule.otherwise = action
	}
	if p.tok.text != "" {
		return p.unexpected("&&, || or ; return ACTION")
	}
	return nil
}

// action reads an action and the semicolon after it, if there is one.
func (p *parser) action() (spec.Action, error) {
	start := p.tok.col - 1
	text, rest, _ := strings.Cut(p.text[start:], ";")
	p.pos = len(p.text) - len(rest)
	p.advance()
	text = strings.TrimRight(text, " \t\n")
	action, err := ParseAction(text)
	if err != nil {
		return action, actionError(start+1, text, err)
	}
	return action, nil
}

// actionError puts a column to an error of ParseAction.
func actionError(col int, text string, err error) error {
	out := &ruleError{col: col, object: text, reason: err.Error()}
	var e *spec.Error
	if errors.As(err, &e) {
		out.hint = e.Hint
	}
	return out
}

// ParseAction reads "allow", "errno:NAME", "kill", "log", "notify" or "trap".
func ParseAction(text string) (spec.Action, error) {
	switch text {
	case "allow":
		return spec.Action{Kind: spec.ActionAllow}, nil
	case "kill":
		return spec.Action{Kind: spec.ActionKillProcess}, nil
	case "log":
		return spec.Action{Kind: spec.ActionLog}, nil
	case "trap":
		return spec.Action{Kind: spec.ActionTrap}, nil
	case "notify":
		return spec.Action{Kind: spec.ActionNotify}, nil
	}
	name, ok := strings.CutPrefix(text, "errno:")
	if !ok {
		return spec.Action{}, &spec.Error{Reason: "not an action: allow, errno:NAME, kill, log, notify or trap"}
	}
	n, ok := Errno(name)
	if v, err := strconv.ParseUint(name, 10, 16); err == nil {
		n, ok = uint16(v), true
	}
	if !ok {
		return spec.Action{}, &spec.Error{Reason: "no such error number", Hint: didYouMean(name, &errnoNames)}
	}
	a := spec.Action{Kind: spec.ActionErrno, Errno: n}
	_, err := encode(a)
	return a, err
}
