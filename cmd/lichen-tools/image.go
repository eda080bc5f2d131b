package main

import (
	"context"
	"strings"
)

// verb is one word after "image".
type verb struct {
	name, args, summary string
	least, most         int // operands; most may be -1
	options             func() optionTable
	run                 func(ctx context.Context, u *ui, o optionTable, operands []string) int
}

// verbs lists them in the order of the help.
func verbs() []verb {
	return []verb{
		newVerb("pull", "REF...", "fetch images and unpack them", 1, -1, pullImages),
		newVerb("ls", "", "list the images in the store", 0, 0, listImages),
		newVerb("inspect", "REF...", "what an image in the store is made of", 1, -1, inspectImages),
		newVerb("config", "REF", "an image's configuration, and what it gives to a profile", 1, 1, showConfig),
		newVerb("rm", "REF...", "remove images from the store", 1, -1, removeImages),
		newVerb("prune", "", "remove what no image needs", 0, 0, pruneStore),
		newVerb("verify", "[REF]...", "find out whether what is stored is whole", 0, -1, verifyStore),
		newVerb("copy", "SRC DST", "copy an image between registries, layouts and archives", 2, 2, copyImage),
		newVerb("unpack", "REF DIR", "unpack an image into a plain directory", 2, 2, unpackImage),
		newVerb("export", "REF", "write an image's tree, or the image, to a file", 1, 1, exportImage),
		newVerb("commit", "KEPT NEWREF", "make an image of a kept writable layer", 2, 2, commitImage),
		newVerb("pack", "DIR NEWREF", "make an image of a directory", 2, 2, packDirectory),
	}
}

// newVerb makes a verb whose options are a table of type T.
func newVerb[T any, P interface {
	*T
	optionTable
}](name, args, summary string, least, most int, run func(ctx context.Context, u *ui, o P, operands []string) int) verb {
	return verb{
		name: name, args: args, summary: summary, least: least, most: most,
		options: func() optionTable { return P(new(T)) },
		run: func(ctx context.Context, u *ui, o optionTable, operands []string) int {
			return run(ctx, u, o.(P), operands)
		},
	}
}

// imageCommand is "lichen image VERB".
func imageCommand(ctx context.Context, u *ui, args []string) int {
	if len(args) == 0 {
		return u.fail(usageError("", "no verb is given"))
	}
	switch args[0] {
	case "--help", "-h":
		return u.print(overview())
	case "help":
		if len(args) == 2 {
			return u.help(args[1])
		}
		return u.print(overview())
	}
	for _, v := range verbs() {
		if v.name != args[0] {
			continue
		}
		o := v.options()
		operands, err := parse(v.name, o, args[1:])
		if err == nil && !o.helpWanted() {
			err = v.misused(operands)
		}
		switch {
		case err != nil:
			return u.fail(err)
		case o.helpWanted():
			return u.help(v.name)
		}
		return v.run(ctx, u, o, operands)
	}
	return u.fail(usageError("", "there is no verb "+quote(args[0])))
}

// misused returns what is wrong with the number of operands.
func (v *verb) misused(operands []string) error {
	switch n := len(operands); {
	case n < v.least:
		return usageError(v.name, v.name+" takes "+v.args)
	case v.most >= 0 && n > v.most:
		return usageError(v.name, quote(operands[v.most])+" is too much")
	}
	return nil
}

// overview lists the verbs.
func overview() string {
	var b strings.Builder
	b.WriteString("Usage: lichen image VERB [OPTION]... [OPERAND]...\n\nFetch, unpack and look after images.\n\nVerbs:\n")
	for _, v := range verbs() {
		b.WriteString("  " + pad(v.name, 10) + v.summary + "\n")
	}
	b.WriteString("\nlichen image VERB --help lists the options of one.\n\n" +
		"An image (REF) is a name in a registry (debian:bookworm, ghcr.io/x/y@sha256:...),\n" +
		"oci:DIR[:TAG], oci-archive:FILE[:TAG] or docker-archive:FILE[:TAG].\n" +
		"Exit status: 0, or 125 when something failed.\n\nExample: lichen image pull debian:bookworm\n")
	return b.String()
}

// help prints the options of one verb.
func (u *ui) help(name string) int {
	for _, v := range verbs() {
		if v.name != name {
			continue
		}
		p, err := newParser(v.name, v.options())
		if err != nil {
			return u.fail(usageError(v.name, err.Error()))
		}
		p.Usage = strings.TrimRight("[OPTION]... "+v.args, " ")
		p.ShortDescription = v.summary
		var b strings.Builder
		p.WriteHelp(&b)
		return u.print(b.String())
	}
	return u.fail(usageError("", "there is no verb "+quote(name)))
}
