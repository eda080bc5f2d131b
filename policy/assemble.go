package policy

import (
	"errors"
	"strconv"

	"github.com/lichen-sandbox/lichen/seccomp"
	"github.com/lichen-sandbox/lichen/spec"
)

// finish turns what was read into a spec.Seccomp.
func (m *minijail) finish() error {
	out := &m.out.Seccomp
	out.Default = m.def.Action
	for _, c := range m.calls {
		m.call(c)
	}
	return m.check()
}

// check compiles the policy once: what the engine still finds wrong with it, like
// a rule too long for it, is an error of the reader.
func (r *reader) check() error {
	_, err := seccomp.Compile(&r.out.Seccomp, seccomp.Options{Arch: r.opts.Arch})
	e, ok := errors.AsType[*spec.Error](err)
	if !ok {
		return err
	}
	out := &Error{Position: Position{File: r.file}, Reason: e.Reason, Hint: e.Hint}
	if !e.Origin.IsZero() {
		out.Position = Position{File: e.Origin.File, Line: e.Origin.Line}
	}
	return out
}

// call writes the filters of a call in the shortest form that lichen has for
// them.
func (m *minijail) call(c *callFilters) {
	out := &m.out.Seccomp
	first, last := &c.filters[0], &c.filters[len(c.filters)-1]
	rule := func(at Position, text string) {
		out.Rules = append(out.Rules, spec.SeccompRule{Text: c.name + ": " + text, Origin: at.origin()})
	}
	switch {
	case first.cond == nil && first.action == allow:
		out.Allow = append(out.Allow, spec.SyscallEntry{Name: c.name, Origin: first.at.origin()})
		return
	case len(c.filters) == 2 && first.cond != nil && first.action == allow && last.cond == nil && last.action.Kind != spec.ActionAllow:
		rule(first.at, first.cond.text+"; return "+last.action.text)
		return
	case m.def.Kind != spec.ActionAllow && c.onlyAllows():
		for i := range c.filters {
			rule(c.filters[i].at, c.filters[i].cond.text)
		}
		return
	}
	for i := range c.filters {
		f := &c.filters[i]
		text := "return " + f.action.text
		if f.cond != nil {
			text = "if " + f.cond.text + " " + text
		}
		rule(f.at, text)
	}
}

// onlyAllows tells whether all filters let through on a condition.
func (c *callFilters) onlyAllows() bool {
	for i := range c.filters {
		if c.filters[i].cond == nil || c.filters[i].action != allow {
			return false
		}
	}
	return true
}

// frequency reads the file that @frequency names: how often each call is made.
func (p *statement) frequency() error {
	at := p.tok().at
	written, err := p.path()
	if err != nil {
		return err
	}
	if p.dialect == MinijailC {
		p.warn(at, "minijail's library ignores @frequency, and so does this reader in its dialect")
		return nil
	}
	name, err := p.include(p.src, at, written, 0)
	if err != nil {
		return err
	}
	src, err := p.open(name)
	if err != nil {
		return includedFrom(at, err)
	}
	if err := src.checkText(); err != nil {
		return err
	}
	l := &lexer{src: src, dialect: p.dialect, rest: src.text}
	for {
		tokens, err := l.next()
		if tokens == nil || err != nil {
			return err
		}
		line := &statement{minijail: p.minijail, src: src, tokens: tokens}
		if err := line.weight(); err != nil {
			return err
		}
	}
}

// maxWeight keeps sums of weights from overflowing.
const maxWeight = 1 << 40

// weight reads "NAME: NUMBER".
func (p *statement) weight() error {
	calls, err := p.descriptor()
	if err != nil {
		return err
	}
	if !p.accept(":") {
		return p.want("a colon")
	}
	t := p.tok()
	if t.kind != tokenNumber {
		return p.want("a number")
	}
	p.next++
	n, ok := p.number(t.text)
	if !ok || t.text[0] == '-' {
		return p.fail(t, "found "+t.String()+" where a number from 0 on should be")
	}
	if n > maxWeight {
		return p.fail(t, "found "+t.String()+", which is more than "+strconv.Itoa(maxWeight))
	}
	for _, c := range calls {
		p.out.Frequency[c.name] = min(p.out.Frequency[c.name]+n, maxWeight)
	}
	return p.end()
}
