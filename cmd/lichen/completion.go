package main

import (
	"strings"
)

type completionOptions struct{ helpOption }

// completionCommand is "lichen completion SHELL".
func completionCommand(u *ui, args []string) int {
	var o completionOptions
	shells, err := parse("completion", &o, 0, args)
	switch {
	case err != nil:
		return u.fail(err)
	case o.Help:
		return u.help("completion")
	case len(shells) != 1:
		return u.fail(usageError("completion", "one shell is to be named: bash, zsh or fish"))
	}
	list, err := completable()
	if err != nil {
		return u.fail(err)
	}
	switch shells[0] {
	case "bash":
		return u.print(bashCompletion(list))
	case "zsh":
		return u.print(zshCompletion(list))
	case "fish":
		return u.print(fishCompletion(list))
	}
	return u.fail(usageError("completion", "there are no completions for "+quote(shells[0])))
}

// completedCommand is a command as completion scripts see it.
type completedCommand struct {
	name, summary string
	operands      string
	options       []completedOption
}

// completedOption is one option of it.
type completedOption struct {
	long, short string // without dashes; short may be ""
	value       string // the name of the value, "" for a flag
	kind        string // the tag "complete"
	repeated    bool
	description string
}

// completable reads the option tables.
func completable() ([]completedCommand, error) {
	var list []completedCommand
	for _, c := range commands() {
		p, err := newParser(c.name, c.options(), 0)
		if err != nil {
			return nil, usageError(c.name, err.Error())
		}
		cc := completedCommand{name: c.name, summary: c.summary, operands: c.operands}
		for _, o := range optionsOf(p) {
			co := completedOption{long: o.LongName, value: o.ValueName, kind: o.Field().Tag.Get("complete"), description: o.Description}
			if o.ShortName != 0 {
				co.short = string(o.ShortName)
			}
			co.repeated = strings.HasPrefix(o.Field().Type.String(), "[]")
			cc.options = append(cc.options, co)
		}
		list = append(list, cc)
	}
	return list, nil
}

// spellings are the option with its dashes, short form first.
func (o *completedOption) spellings() []string {
	if o.short != "" {
		return []string{"-" + o.short, "--" + o.long}
	}
	return []string{"--" + o.long}
}

// shellQuote makes a word of a POSIX shell, zsh or bash.
func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
