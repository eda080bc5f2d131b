package seccomp

import "strconv"

func (p *parser) or() (*expr, error) {
	return p.chain("||", exprOr, p.and)
}

func (p *parser) and() (*expr, error) {
	return p.chain("&&", exprAnd, p.unary)
}

// chain reads terms joined by sign.
func (p *parser) chain(sign string, kind exprKind, term func() (*expr, error)) (*expr, error) {
	e, err := term()
	for err == nil && p.accept(sign) {
		var right *expr
		if right, err = term(); err == nil {
			e = &expr{kind: kind, left: e, right: right}
		}
	}
	return e, err
}

// unary reads a comparison, a negation or a parenthesis.
func (p *parser) unary() (*expr, error) {
	if p.depth++; p.depth > maxRuleDepth {
		return nil, &ruleError{col: p.tok.col, reason: "nested too deep"}
	}
	defer func() { p.depth-- }()
	switch {
	case p.accept("!"):
		e, err := p.unary()
		if err == nil {
			e.negate()
		}
		return e, err
	case p.accept("("):
		e, err := p.or()
		if err != nil {
			return nil, err
		}
		return e, p.expect(")")
	}
	return p.comparison()
}

// comparison reads argN and what it is compared with.
func (p *parser) comparison() (*expr, error) {
	n, ok := argument(p.tok.text)
	if !ok {
		return nil, p.unexpected("arg0 to arg5")
	}
	e := &expr{arg: n, mask: noMask, col: p.tok.col}
	p.advance()
	var err error
	if p.accept("&") {
		if e.mask, err = p.value(); err != nil {
			return nil, err
		}
	}
	masked := e.mask != noMask
	switch op := p.tok.text; {
	case op == "in":
		p.advance()
		e.vals, err = p.set()
		return e, err
	case op == "==" || op == "!=" || !masked && ordering(op, e):
		p.advance()
		if op == "!=" {
			e.kind = exprNotIn
		}
		e.vals = make([]uint64, 1)
		e.vals[0], err = p.value()
		return e, err
	case masked:
		e.kind, e.vals = exprNotIn, []uint64{0}
		return e, nil
	}
	return nil, p.unexpected("a comparison")
}

// argument reads "arg0" to "arg5".
func argument(text string) (uint8, bool) {
	if len(text) == 4 && text[:3] == "arg" && text[3] >= '0' && text[3] <= '5' {
		return text[3] - '0', true
	}
	return 0, false
}

// ordering sets e's kind to the one of an ordering sign.
func ordering(op string, e *expr) bool {
	switch op {
	case "<":
		e.kind = exprLess
	case ">=":
		e.kind = exprNotLess
	case ">":
		e.kind = exprMore
	case "<=":
		e.kind = exprNotMore
	default:
		return false
	}
	return true
}

// set reads {VALUE, …}.
func (p *parser) set() ([]uint64, error) {
	if err := p.expect("{"); err != nil {
		return nil, err
	}
	var vals []uint64
	for {
		v, err := p.value()
		if err != nil {
			return nil, err
		}
		vals = append(vals, v)
		if !p.accept(",") {
			return vals, p.expect("}")
		}
	}
}

// value reads terms joined by |.
func (p *parser) value() (uint64, error) {
	v, err := p.term()
	for err == nil && p.accept("|") {
		var w uint64
		w, err = p.term()
		v |= w
	}
	return v, err
}

func (p *parser) term() (uint64, error) {
	if p.depth++; p.depth > maxRuleDepth {
		return 0, &ruleError{col: p.tok.col, reason: "nested too deep"}
	}
	defer func() { p.depth-- }()
	tok := p.tok
	switch {
	case p.accept("~"):
		v, err := p.term()
		return ^v, err
	case p.accept("-"):
		v, err := p.term()
		return -v, err
	case p.accept("("):
		v, err := p.value()
		if err != nil {
			return 0, err
		}
		return v, p.expect(")")
	case tok.isNumber():
		p.advance()
		v, err := strconv.ParseUint(tok.text, 0, 64)
		if err != nil {
			return 0, &ruleError{col: tok.col, object: tok.text, reason: "not a number of at most 64 bits"}
		}
		return v, nil
	case tok.isName():
		p.advance()
		return p.constant(tok)
	}
	return 0, p.unexpected("a number or a constant")
}

// constant looks up a name. One that only another architecture has makes the
// condition unusable on this one rather than wrong.
func (p *parser) constant(tok token) (uint64, error) {
	v, ok, known := constantNamed(p.arch, tok.text)
	if !known {
		return 0, &ruleError{col: tok.col, object: tok.text, reason: "no such constant", hint: didYouMean(tok.text, &constantNames)}
	}
	if !ok {
		p.foreign = true
	}
	return v, nil
}
