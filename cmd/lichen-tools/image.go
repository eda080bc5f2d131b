package main

import (
	"context"
)

// verb is one word after "image" or "unit".
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

// imageFamily is "lichen image VERB".
func imageFamily() *family {
	return &family{
		name: "image", summary: "Fetch, unpack and look after images.", verbs: verbs,
		tail: "An image (REF) is a name in a registry (debian:bookworm, ghcr.io/x/y@sha256:...),\n" +
			"oci:DIR[:TAG], oci-archive:FILE[:TAG] or docker-archive:FILE[:TAG].\n" +
			"Exit status: 0, or 125 when something failed.\n\nExample: lichen image pull debian:bookworm\n",
	}
}

// misused returns what is wrong with the number of operands. name is what
// usageError takes.
func (v *verb) misused(name string, operands []string) error {
	switch n := len(operands); {
	case n < v.least:
		return usageError(name, v.name+" takes "+v.args)
	case v.most >= 0 && n > v.most:
		return usageError(name, quote(operands[v.most])+" is too much")
	}
	return nil
}
