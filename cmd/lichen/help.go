package main

import (
	"strings"
)

// helpCommand is "lichen --help", "lichen help" and "lichen help COMMAND".
func helpCommand(u *ui, args []string) int {
	switch len(args) {
	case 0:
		return u.print(overview())
	case 1:
		if args[0] == "image" {
			return imageCommand(u, []string{"--help"})
		}
		if args[0] == "unit" {
			return unitCommand(u, []string{"--help"})
		}
		return u.help(args[0])
	}
	return u.fail(usageError("", "help takes one command"))
}

// overview lists the commands.
func overview() string {
	var b strings.Builder
	b.WriteString("Usage: lichen COMMAND [OPTION]...\n\nStart a program in a sandbox, without root.\n\nCommands:\n")
	for _, c := range commands() {
		b.WriteString("  " + pad(c.name, 12) + c.summary + "\n")
	}
	b.WriteString("  " + pad("--version", 12) + "print the version\n" +
		"  " + pad("--help", 12) + "print this help; lichen COMMAND --help lists the options of one\n" +
		"\nExit status of run: the command's own; 128+N when signal N ended it; 124 at a\n" +
		"timeout; 125 when lichen failed; 126 when the command cannot be executed; 127\n" +
		"when it is not there.\n\nExample: lichen run -p build --rw out -- make\n")
	return b.String()
}

// help prints the options of one command.
func (u *ui) help(name string) int {
	for _, c := range commands() {
		if c.name != name {
			continue
		}
		text, err := commandHelp(c)
		if err != nil {
			return u.fail(err)
		}
		return u.print(text)
	}
	return u.fail(usageError("", "there is no command "+quote(name)))
}

func commandHelp(c command) (string, error) {
	p, err := newParser(c.name, c.options(), 0)
	if err != nil {
		return "", usageError(c.name, err.Error())
	}
	p.Usage = "[OPTION]... " + c.args
	p.ShortDescription = c.summary
	var b strings.Builder
	p.WriteHelp(&b)
	if c.verbs != nil {
		b.WriteString("\nVerbs:\n")
		for _, v := range c.verbs() {
			b.WriteString("  " + v.name + " " + v.args + "\n" + strings.Repeat(" ", 6) + v.summary + "\n")
		}
	}
	return b.String(), nil
}
