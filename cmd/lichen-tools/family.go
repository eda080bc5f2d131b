package main

import (
	"context"
	"strings"
)

// family is a command of lichen with verbs: "image", "unit".
type family struct {
	name    string
	summary string
	tail    string // of the overview
	verbs   func() []verb
}

func (f *family) find(name string) (verb, bool) {
	for _, v := range f.verbs() {
		if v.name == name {
			return v, true
		}
	}
	return verb{}, false
}

// full is how usageError and parse know a verb: those of "lichen image" by their
// own name.
func (f *family) full(verb string) string {
	if f.name == "image" {
		return verb
	}
	return strings.TrimRight(f.name+" "+verb, " ")
}

// command is "lichen FAMILY VERB".
func (f *family) command(ctx context.Context, u *ui, args []string) int {
	if len(args) == 0 {
		return u.fail(usageError(f.full(""), "no verb is given"))
	}
	switch args[0] {
	case "--help", "-h":
		return u.print(f.overview())
	case "help":
		if len(args) == 2 {
			return f.help(u, args[1])
		}
		return u.print(f.overview())
	}
	v, ok := f.find(args[0])
	if !ok {
		return u.fail(usageError(f.full(""), "there is no verb "+quote(args[0])))
	}
	o := v.options()
	operands, err := parse(f.full(v.name), o, args[1:])
	if err == nil && !o.helpWanted() {
		err = v.misused(f.full(v.name), operands)
	}
	switch {
	case err != nil:
		return u.fail(err)
	case o.helpWanted():
		return f.help(u, v.name)
	}
	return v.run(ctx, u, o, operands)
}

// overview lists the verbs.
func (f *family) overview() string {
	var b strings.Builder
	b.WriteString("Usage: lichen " + f.name + " VERB [OPTION]... [OPERAND]...\n\n" + f.summary + "\n\nVerbs:\n")
	for _, v := range f.verbs() {
		b.WriteString("  " + pad(v.name, 10) + v.summary + "\n")
	}
	b.WriteString("\nlichen " + f.name + " VERB --help lists the options of one.\n\n" + f.tail)
	return b.String()
}

// help prints the options of one verb.
func (f *family) help(u *ui, name string) int {
	v, ok := f.find(name)
	if !ok {
		return u.fail(usageError(f.full(""), "there is no verb "+quote(name)))
	}
	p, err := newParser(f.full(v.name), v.options())
	if err != nil {
		return u.fail(usageError(f.full(v.name), err.Error()))
	}
	p.Usage = strings.TrimRight("[OPTION]... "+v.args, " ")
	p.ShortDescription = v.summary
	var b strings.Builder
	p.WriteHelp(&b)
	return u.print(b.String())
}

// commandOf is what a verb is called on the command line.
func commandOf(verb string) string {
	if verb == "unit" || strings.HasPrefix(verb, "unit ") {
		return "lichen " + verb
	}
	return strings.TrimRight("lichen image "+verb, " ")
}
