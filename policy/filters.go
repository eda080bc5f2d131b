package policy

import (
	"strings"

	"github.com/lichen-sandbox/lichen/seccomp"
)

// callName is a system call as a statement names it.
type callName struct {
	name string
	at   Position
}

// filters reads "NAME: FILTER" or the forms with blocks.
func (p *statement) filters() error {
	calls, err := p.callNames()
	if err != nil {
		return err
	}
	colon := p.tok()
	if !p.accept(":") {
		return p.want("a colon")
	}
	list, err := p.block(calls)
	if err != nil {
		return err
	}
	if err := p.end(); err != nil {
		return err
	}
	for _, c := range calls {
		for _, f := range list {
			if f.at = c.at; len(calls) > 1 {
				f.at = colon.at
			}
			if err := p.add(c.name, f); err != nil {
				return err
			}
		}
	}
	return nil
}

// callNames reads a name, or several in braces, and returns those that the
// architecture has.
func (p *statement) callNames() ([]callName, error) {
	open := p.tok()
	if !p.accept("{") {
		return p.descriptor()
	}
	if err := p.python(open, "a block"); err != nil {
		return nil, err
	}
	var out []callName
	for {
		names, err := p.descriptor()
		if err != nil {
			return nil, err
		}
		out = append(out, names...)
		if p.accept("}") {
			return out, nil
		}
		if !p.accept(",") {
			return nil, p.want("a comma or a closing brace")
		}
	}
}

// descriptor reads a name with its metadata.
func (p *statement) descriptor() ([]callName, error) {
	t := p.tok()
	if t.kind != tokenWord {
		return nil, p.want("the name of a system call")
	}
	p.next++
	here, err := p.metadata()
	if err != nil || !here {
		return nil, err
	}
	if name, namespace, ok := strings.Cut(t.text, "@"); ok {
		if err := p.python(t, "a group of system calls"); err != nil {
			return nil, err
		}
		return p.group(t, name, namespace)
	}
	return p.usable(t.text, t.at), nil
}

// usable returns the call, if the architecture has it.
func (p *reader) usable(name string, at Position) []callName {
	if known, ok := p.custom.callName(p.opts.Arch, name); ok {
		name = known
	}
	if _, ok := seccomp.Number(p.opts.Arch, name); ok {
		return []callName{{name, at}}
	}
	text := p.opts.Arch.Name() + " has no system call " + quote(name) + ": this line decides nothing"
	if !seccomp.Known(name) {
		text = "no system call " + quote(name) + " is known: this line decides nothing, and the call, if the kernel has it, answers ENOSYS"
		if hint := seccomp.SuggestCall(name); hint != "" {
			text += "; " + hint
		}
	}
	p.warn(at, text)
	return nil
}

// group returns the members of a group of constants.json.
func (p *statement) group(t token, name, namespace string) ([]callName, error) {
	members, ok := p.custom.group(namespace, name)
	if !ok {
		return nil, p.fail(t, "found the group "+quote(t.text)+", which no constants.json defines")
	}
	var out []callName
	for _, m := range members {
		out = append(out, p.usable(m, t.at)...)
	}
	return out, nil
}

// block reads a filter, or several in braces.
func (p *statement) block(calls []callName) ([]filter, error) {
	open := p.tok()
	if !p.accept("{") {
		return p.filter(calls)
	}
	if err := p.python(open, "a block"); err != nil {
		return nil, err
	}
	var out []filter
	for {
		start := p.tok()
		f, err := p.filter(calls)
		if err != nil {
			return nil, err
		}
		if n := len(out); n > 0 && out[n-1].cond == nil {
			return nil, p.fail(start, "found a filter behind one without a condition: it is never asked")
		}
		out = append(out, f...)
		if p.accept("}") {
			return out, nil
		}
		if !p.accept(",") {
			return nil, p.want("a comma or a closing brace")
		}
	}
}

// filter reads an action, or an expression with an action or without. In the
// library's dialect the action is for where the expression does not hold, which
// makes two filters.
func (p *statement) filter(calls []callName) ([]filter, error) {
	start := p.tok()
	if !isArgument(start) {
		a, err := p.action()
		return []filter{{action: a}}, err
	}
	cond, err := p.expression(calls)
	if err != nil {
		return nil, err
	}
	if !p.accept(";") {
		return []filter{{cond: cond, action: allow}}, nil
	}
	ret := p.tok()
	a, err := p.action()
	if err != nil {
		return nil, err
	}
	if p.dialect == MinijailC {
		if !ret.isWord("return") {
			return nil, p.fail(ret, "found "+ret.String()+" where return should be")
		}
		return []filter{{cond: cond, action: allow}, {action: a}}, nil
	}
	if ret.isWord("return") && p.disagree == nil {
		p.disagree = &mark{start.at, cond.source + "; return " + strings.TrimPrefix(a.text, "errno:")}
	}
	return []filter{{cond: cond, action: a}}, nil
}

// action reads what a call gets.
func (p *statement) action() (action, error) {
	t := p.tok()
	switch {
	case t.isWord("return"):
		p.next++
		return p.returned(t)
	case p.denylist:
		return action{}, p.want("return (a denylist says for each call what it returns)")
	case t.kind == tokenNumber:
		v, err := p.single()
		if err == nil && v.v == 1 {
			return allow, nil
		}
		if err == nil {
			err = p.fail(t, "found "+t.String()+" where 1, an expression or an action should be")
		}
		return action{}, err
	case t.kind == tokenWord && (p.dialect != MinijailC || isAction(t.text)):
		return p.namedAction()
	case p.dialect == MinijailC:
		return action{}, p.want("1, return or an expression that starts with arg0 to arg5")
	}
	return action{}, p.want("an action or an expression that starts with arg0 to arg5")
}

func isAction(word string) bool {
	switch word {
	case "allow", "kill", "kill-process", "kill-thread", "trap", "trace", "log", "user-notify":
		return true
	}
	return false
}
