package policy

import (
	"strconv"
	"strings"

	"github.com/lichen-sandbox/lichen/seccomp"
)

// condition is an expression in lichen's language.
type condition struct {
	text   string
	source string // as the policy has it, with single spaces
}

// value is a constant expression.
type value struct {
	v    uint64
	text string // in lichen's language
	one  bool   // no | in it
	not  string // the text of X, if text is ~X
}

// isArgument tells whether an expression starts here.
func isArgument(t token) bool {
	return t.kind == tokenWord && len(t.text) > 3 && t.text[:3] == "arg" && wordLength(t.text[3:], isDigit) == len(t.text)-3
}

// expression reads an expression in disjunctive normal form.
func (p *statement) expression(calls []callName) (*condition, error) {
	first := p.next
	var out []string
	for {
		var group []string
		for {
			atom, err := p.atom(calls)
			if err != nil {
				return nil, err
			}
			group = append(group, atom)
			if !p.accept("&&") {
				break
			}
		}
		text := strings.Join(group, " && ")
		out = append(out, text)
		if !p.accept("||") {
			break
		}
	}
	var source []string
	for _, t := range p.tokens[first:p.next] {
		source = append(source, t.text)
	}
	return &condition{strings.Join(out, " || "), strings.Join(source, " ")}, nil
}

// atom reads one comparison. && binds closer than || in lichen's language too.
func (p *statement) atom(calls []callName) (string, error) {
	arg := p.tok()
	if !isArgument(arg) {
		return "", p.want("arg0 to arg5")
	}
	if len(arg.text) != 4 || arg.text[3] > '5' {
		return "", p.fail(arg, "found "+arg.String()+" where arg0 to arg5 should be")
	}
	p.next++
	op := p.tok()
	ordered := op.is("<") || op.is("<=") || op.is(">") || op.is(">=")
	if !ordered && !op.is("==") && !op.is("!=") && !op.is("&") && !op.isWord("in") {
		return "", p.want("==, !=, <, <=, >, >=, & or in")
	}
	p.next++
	at := p.tok()
	v, err := p.value()
	if err != nil {
		return "", err
	}
	for _, c := range calls {
		test := v.v
		if op.isWord("in") { // bits that the argument does not have are never set
			test = 0
		}
		if reason := seccomp.CheckArgument(p.opts.Arch, c.name, arg.text[3]-'0', ordered, p.extend(test)); reason != "" {
			where := at
			if strings.HasPrefix(reason, c.name) { // it is about the argument
				where = arg
			}
			return "", p.fail(where, reason)
		}
	}
	return arg.text + " " + comparison(op.text, v), nil
}

// extend sign-extends a value of a 32-bit architecture.
func (p *reader) extend(v uint64) uint64 {
	if p.is32() {
		return uint64(int64(int32(v)))
	}
	return v
}

func (p *reader) is32() bool { return p.opts.Arch == seccomp.I386 || p.opts.Arch == seccomp.ARM }

// comparison spells a comparison in lichen's language.
func comparison(op string, v value) string {
	switch op {
	case "&":
		return "& " + v.grouped()
	case "in": // no bit beyond those of the value
		if v.not != "" {
			return "& " + v.not + " == 0"
		}
		return "& ~" + v.grouped() + " == 0"
	}
	return op + " " + v.text
}

// grouped returns the text as one term.
func (v value) grouped() string {
	if v.one {
		return v.text
	}
	return "(" + v.text + ")"
}

// value reads constants joined by |.
func (p *statement) value() (value, error) {
	out, err := p.term()
	for err == nil && p.accept("|") {
		var next value
		next, err = p.term()
		out = value{v: out.v | next.v, text: out.text + "|" + next.text}
	}
	return out, err
}

// maxParens bounds the nesting of parentheses, and so the parser's stack.
const maxParens = 32

// term reads a constant, or a value in parentheses, after a ~ or none.
func (p *statement) term() (value, error) {
	complement := p.accept("~")
	open := p.tok()
	var v value
	var err error
	if p.accept("(") {
		if p.depth++; p.depth > maxParens {
			return v, p.fail(open, "parentheses nest deeper than "+strconv.Itoa(maxParens))
		}
		if v, err = p.value(); err != nil {
			return v, err
		}
		p.depth--
		if !p.accept(")") {
			return v, p.want(`"|" or a closing parenthesis`)
		}
		v = value{v: v.v, text: v.grouped(), one: true}
	} else if v, err = p.single(); err != nil {
		return v, err
	}
	if complement {
		return value{v: p.truncate(^v.v), text: "~" + v.text, one: true, not: v.text}, nil
	}
	return v, nil
}

func (p *reader) truncate(v uint64) uint64 {
	if p.is32() {
		return v & 0xffffffff
	}
	return v
}

// single reads one constant.
func (p *statement) single() (value, error) {
	t := p.tok()
	if t.kind == tokenNumber {
		p.next++
		v, ok := p.number(t.text)
		if !ok {
			return value{}, p.fail(t, "found "+t.String()+" where a number should be: decimal, hexadecimal after 0x, octal after 0, and of no more bits than a register")
		}
		return value{v: v, text: t.text, one: true}, nil
	}
	if t.kind != tokenWord || t.isWord("return") || isArgument(t) {
		return value{}, p.want("a number or a constant")
	}
	p.next++
	return p.constant(t)
}

// number reads a number as strtol does with base 0.
func (p *reader) number(text string) (uint64, bool) {
	digits, negative := strings.CutPrefix(text, "-")
	if strings.ContainsAny(digits, "_oObB") && !strings.HasPrefix(digits, "0x") && !strings.HasPrefix(digits, "0X") || strings.Contains(digits, "_") {
		return 0, false
	}
	bits := 64
	if p.is32() {
		bits = 32
	}
	v, err := strconv.ParseUint(digits, 0, bits)
	if err != nil || negative && v > 1<<(bits-1) {
		return 0, false
	}
	if negative {
		v = p.truncate(-v)
	}
	return v, true
}

// constant looks up a name: first in constants.json, then in lichen's tables,
// then among the error numbers.
func (p *statement) constant(t token) (value, error) {
	own, ok, known := seccomp.Constant(p.opts.Arch, t.text)
	if v, given := p.custom.constant(t.text); given {
		if ok && v == own {
			return value{v: v, text: t.text, one: true}, nil
		}
		if ok {
			p.warn(t.at, t.text+" is "+hex(v)+" in constants.json and "+hex(own)+" on "+p.opts.Arch.Name())
		}
		return value{v: p.truncate(v), text: hex(v), one: true}, nil
	}
	if ok {
		return value{v: p.truncate(own), text: t.text, one: true}, nil
	}
	if n, ok := seccomp.Errno(t.text); ok {
		return value{v: uint64(n), text: strconv.Itoa(int(n)), one: true}, nil
	}
	if known {
		return value{}, p.fail(t, "found "+t.String()+", a constant that "+p.opts.Arch.Name()+" does not have")
	}
	return value{}, &Error{Position: t.at, Reason: "found " + t.String() + " where a number or a known constant should be", Hint: seccomp.SuggestConstant(t.text)}
}

func hex(v uint64) string { return "0x" + strconv.FormatUint(v, 16) }
