package policy

import (
	"strconv"

	"github.com/lichen-sandbox/lichen/seccomp"
	"github.com/lichen-sandbox/lichen/spec"
)

// statement reads one statement of a minijail policy.
type statement struct {
	*minijail
	src    *source
	tokens []token
	next   int
	depth  int
}

func (p *statement) tok() token { return p.tokens[p.next] }

func (p *statement) advance() token {
	t := p.tok()
	if t.kind != tokenEnd {
		p.next++
	}
	return t
}

// accept skips the sign, if it comes next.
func (p *statement) accept(sign string) bool {
	if !p.tok().is(sign) {
		return false
	}
	p.next++
	return true
}

// want returns the error of a token that should be something else.
func (p *statement) want(what string) error {
	return p.fail(p.tok(), "found "+p.tok().String()+" where "+what+" should be")
}

func (p *statement) fail(t token, reason string) error {
	return &Error{Position: t.at, Reason: reason}
}

func (p *statement) end() error {
	if p.tok().kind != tokenEnd {
		return p.want("the end of the line")
	}
	return nil
}

// python notes something that only the offline compiler reads.
func (p *statement) python(t token, what string) error {
	if p.dialect == MinijailC {
		return &Error{Position: t.at, Reason: "found " + t.String() + ": " + what + " is of minijail's offline compiler, and the policy is one for its library", Hint: "name the dialect minijail-python, if it is for the compiler"}
	}
	if p.markPython == nil {
		p.markPython = &mark{t.at, what}
	}
	return nil
}

// directive reads a statement that starts with "@".
func (p *statement) directive(depth int) error {
	t := p.advance()
	switch t.text {
	case "@include":
		return p.includeFile(depth)
	case "@frequency":
		return p.frequency()
	case "@default":
		if err := p.python(t, "@default"); err != nil {
			return err
		}
		return p.defaultAction()
	case "@denylist":
		if err := p.python(t, "@denylist"); err != nil {
			return err
		}
		if !p.denylist {
			return p.fail(t, "found @denylist in a file that a policy without it includes")
		}
		return p.end()
	}
	return p.fail(t, "found "+t.String()+" where @include, @frequency, @default or @denylist should be")
}

// path reads the name of a file.
func (p *statement) path() (string, error) {
	t := p.tok()
	if t.kind != tokenPath {
		return "", p.want("the path of a file")
	}
	if t.text[0] != '/' && (len(t.text) < 3 || t.text[:2] != "./") {
		return "", p.fail(t, "found "+t.String()+" where a path that starts with ./ or / should be")
	}
	p.next++
	return t.text, p.end()
}

func (p *statement) includeFile(depth int) error {
	at := p.tok().at
	written, err := p.path()
	if err != nil {
		return err
	}
	if p.dialect == MinijailC && depth > 0 {
		return &Error{Position: at, Reason: "found an include in an included file: minijail's library has one level of them"}
	}
	name, err := p.include(p.src, at, written, depth)
	if err != nil {
		return err
	}
	src, err := p.open(name)
	if err != nil {
		return includedFrom(at, err)
	}
	return p.file(src, depth+1)
}

// includedFrom says where a file that cannot be read was asked for.
func includedFrom(at Position, err error) error {
	if e, ok := err.(*Error); ok {
		return &Error{Position: at, Reason: "cannot read " + e.File + ": " + e.Reason, Hint: e.Hint}
	}
	return err
}

// defaultAction reads what follows @default.
func (p *statement) defaultAction() error {
	t := p.tok()
	if t.kind != tokenWord {
		return p.want("kill, kill-process, kill-thread, trap or user-notify")
	}
	switch t.text {
	case "kill", "kill-process", "kill-thread", "trap", "user-notify":
		a, err := p.namedAction()
		if err != nil {
			return err
		}
		// "kill" in a denylist is EPERM, as for the calls that it denies.
		if p.def = a; p.denylist && t.text == "kill" {
			p.def = errnoAction(1)
		}
		return p.end()
	}
	return p.fail(t, "found "+t.String()+" where kill, kill-process, kill-thread, trap or user-notify should be: a default cannot let calls through")
}

// namedAction reads an action that is a word.
func (p *statement) namedAction() (action, error) {
	t := p.advance()
	if err := p.python(t, "a named action"); err != nil {
		return action{}, err
	}
	switch t.text {
	case "allow":
		return allow, nil
	case "kill", "kill-process", "kill-thread":
		return kill, nil
	case "trap":
		return action{spec.Action{Kind: spec.ActionTrap}, "trap"}, nil
	case "log":
		return action{spec.Action{Kind: spec.ActionLog}, "log"}, nil
	case "trace", "user-notify":
		p.warn(t.at, t.text+" answers ENOSYS, as where nobody "+map[string]string{"trace": "traces", "user-notify": "listens"}[t.text])
		return errnoAction(enosys), nil
	}
	return action{}, &Error{Position: t.at, Reason: "found " + t.String() + " where an action should be: allow, kill, kill-process, kill-thread, trap, trace, log, user-notify, or return and an error", Hint: ""}
}

const enosys = 38

func errnoAction(n uint16) action {
	a := spec.Action{Kind: spec.ActionErrno, Errno: n}
	return action{a, seccomp.ActionText(a)}
}

// returned reads what follows return.
func (p *statement) returned(ret token) (action, error) {
	if t := p.tok(); t.kind == tokenEnd || t.is(",") || t.is("}") {
		if p.dialect == MinijailPython || t.kind != tokenEnd {
			return action{}, p.want("an error number")
		}
		if p.markC == nil {
			p.markC = &mark{ret.at, "a return without a value"}
		}
		return kill, nil
	}
	t := p.tok()
	v, err := p.errorNumber()
	if err != nil {
		return action{}, err
	}
	if v == 0 || v > 4095 {
		return action{}, &Error{Position: t.at, Reason: "found the error number " + strconv.FormatUint(v, 10) + ", which is not between 1 and 4095: the program would take the refused call for done"}
	}
	return errnoAction(uint16(v)), nil
}

// errorNumber reads one constant; the library takes an expression.
func (p *statement) errorNumber() (uint64, error) {
	if p.dialect == MinijailC {
		v, err := p.value()
		return v.v, err
	}
	v, err := p.single()
	return v.v, err
}
