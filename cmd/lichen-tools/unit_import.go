package main

import (
	"context"
	"os"
	"strings"

	"github.com/lichen-sandbox/lichen/unit"
)

// exitLeftOut is the status of import --strict where something is left out.
const exitLeftOut = 1

type importOptions struct {
	Name   string `long:"name" value-name:"UNIT" unquote:"false" description:"read the file as this unit: an instance, where it is a template"`
	Strict bool   `long:"strict" description:"exit with 1 when something cannot be carried over"`
	helpOption
}

// importUnit is "lichen unit import". What is left out stands in the profile
// and, since that is often written to a file, on standard error.
func importUnit(_ context.Context, u *ui, o *importOptions, operands []string) int {
	files, options, err := unit.Find(operands[0], unit.DefaultDirs(os.Getenv))
	if err != nil {
		return u.fail(err)
	}
	if o.Name != "" {
		if options.Name = o.Name; !strings.HasSuffix(o.Name, ".service") {
			options.Name += ".service"
		}
	}
	got, err := unit.Import(files, options)
	if err != nil {
		return u.fail(err)
	}
	for _, m := range got.Missing {
		u.warn(m.Origin.String() + ": not carried over: " + m.String())
	}
	if code := u.print(got.Profile); code != exitOK || !o.Strict || len(got.Missing) == 0 {
		return code
	}
	return exitLeftOut
}
