package main

import (
	"os"
	"strings"

	"github.com/lichen-sandbox/lichen/internal/feature"
	"github.com/lichen-sandbox/lichen/internal/plan"
	"github.com/lichen-sandbox/lichen/sandbox"
	"github.com/lichen-sandbox/lichen/seccomp"
)

type checkOptions struct{ helpOption }

// checkCommand is "lichen check": whether each profile could start here. It
// goes through all of them, whatever it finds.
func checkCommand(u *ui, args []string) int {
	var o checkOptions
	names, err := parse("check", &o, 0, args)
	switch {
	case err != nil:
		return u.fail(err)
	case o.Help:
		return u.help("check")
	case len(names) == 0:
		return u.fail(usageError("check", "no profile is given"))
	}
	code := exitOK
	facts := feature.Gather(os.Environ())
	var out strings.Builder
	for _, name := range names {
		notes, errs := checkProfile(u, name, facts)
		for _, err := range errs {
			code = u.fail(err)
		}
		if len(errs) == 0 {
			out.WriteString(printable(name) + ": ok\n" + notes)
		}
	}
	return max(code, u.print(out.String()))
}

// checkProfile returns everything that is found wrong with one profile, or
// notes on what is not as it says: lines of text.
func checkProfile(u *ui, name string, facts *feature.Facts) (notes string, errs []error) {
	p, err := newLoader().Load(name)
	if err != nil {
		return "", []error{err}
	}
	if len(p.Spec.Process.Command) == 0 {
		// Most profiles leave the command to the command line.
		p.Spec.Process.Command = []string{"true"}
	}
	var found errorList
	found.add(seccomp.Check(&p.Spec.Seccomp))
	found.add(checkCgroup(p.Spec))
	err = (&image{ui: u}).attach(p.Spec)
	found.add(err)
	var compiled *plan.Plan
	if err == nil {
		compiled, err = sandbox.Compile(p.Spec, facts)
		found.add(err)
	}
	for _, s := range p.Skipped {
		notes += "  left out: " + printable(s.Text) + ": " + printable(s.Reason) + "\n"
	}
	if compiled != nil {
		for _, what := range compiled.Dropped {
			notes += "  not enforced here: " + printable(what) + "\n"
		}
		for _, remark := range compiled.Remarks {
			notes += "  note: " + printable(remark) + "\n"
		}
	}
	return notes, found
}

// errorList holds each message once: later steps repeat what earlier ones say.
type errorList []error

func (l *errorList) add(err error) {
	if err == nil {
		return
	}
	for _, e := range *l {
		if e.Error() == err.Error() {
			return
		}
	}
	*l = append(*l, err)
}
