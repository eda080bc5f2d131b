package main

import (
	"strings"

	"github.com/jessevdk/go-flags"
)

// planOptions are those of run, and how to print.
type planOptions struct {
	sandboxOptions
	JSON bool `long:"json" description:"print JSON"`
}

// planCommand is "lichen plan".
func planCommand(u *ui, args []string) int {
	var o planOptions
	command, err := parse("plan", &o, flags.PassAfterNonOption, args)
	if err != nil {
		return u.fail(err)
	}
	if o.Help {
		return u.help("plan")
	}
	if _, err := openStatus(u, o.StatusFD); err != nil {
		return u.fail(err)
	}
	_, p, err := o.compile(command, &image{ui: u}, &service{plan: true})
	if err != nil {
		return u.fail(err)
	}
	if o.JSON {
		text, err := p.MarshalJSON()
		if err != nil {
			return u.fail(err)
		}
		return u.print(string(text) + "\n")
	}
	var text strings.Builder
	if err := p.WriteText(&text); err != nil {
		return u.fail(err)
	}
	return u.print(text.String())
}
