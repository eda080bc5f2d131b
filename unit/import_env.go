package unit

import (
	"errors"
	"slices"
	"strings"
)

// assignment is one of Environment=.
type assignment struct {
	name  string
	value string // as a profile writes it
	err   error
	from  setting
}

// environment is [env]. The caller's environment stays outside but for what is
// named, so that UnsetEnvironment= takes away what the unit itself sets.
func (i *importer) environment() {
	for _, s := range i.list("EnvironmentFile") {
		i.miss(s, "systemd reads it before lichen starts: keep it in the unit that does, and name its variables in env.keep")
	}
	var unset []string
	i.words(func(_ setting, w string) { unset = append(unset, w) }, "UnsetEnvironment")
	var names, items []string
	for _, v := range i.variables() {
		switch {
		case v.err != nil:
			i.miss(v.from, v.err.Error())
			continue
		case slices.Contains(unset, v.name):
			continue
		}
		item := v.name + " = " + quoteTOML(v.value)
		if n := slices.Index(names, v.name); n >= 0 {
			items[n] = item
			continue
		}
		names, items = append(names, v.name), append(items, item)
	}
	kept := []string{"HOME", "USER", "LOGNAME", "SHELL", "INVOCATION_ID", "JOURNAL_STREAM"}
	i.words(func(_ setting, w string) { kept = append(kept, w) }, "PassEnvironment")
	for _, name := range kept {
		if isName(name) && !slices.Contains(names, name) && !slices.Contains(unset, name) {
			i.doc.add("env.keep", name)
		}
	}
	if len(items) > 0 {
		i.doc.set("env.set", "{ "+strings.Join(items, ", ")+" }")
	}
}

// variables reads all of Environment=.
func (i *importer) variables() []assignment {
	var out []assignment
	for _, s := range i.list("Environment") {
		words, err := splitWords(s.value)
		if err != nil {
			out = append(out, assignment{err: err, from: s})
		}
		for _, w := range words {
			v := assignment{from: s}
			name, value, ok := strings.Cut(w, "=")
			v.name = name
			v.value, v.err = i.expand(value)
			if !ok || !isName(name) {
				v.err = errAssignment
			}
			out = append(out, v)
		}
	}
	return out
}

var errAssignment = errors.New("it is no assignment of a variable")
