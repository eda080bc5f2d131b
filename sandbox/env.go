package sandbox

import (
	"path"
	"slices"
	"strings"

	"github.com/lichen-sandbox/lichen/spec"
)

// environment returns the payload's environment, sorted: what e names, and
// nothing else.
func environment(e spec.Env, caller []string) []string {
	out := make([]string, 0, len(e.Set)+len(e.Keep))
	for _, v := range e.Set {
		out = append(out, v.Name+"="+v.Value)
	}
	for _, pair := range caller {
		name, _, ok := strings.Cut(pair, "=")
		if ok && name != "" && kept(e, name) {
			out = append(out, pair)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func kept(e spec.Env, name string) bool {
	for _, v := range e.Set {
		if v.Name == name {
			return false
		}
	}
	for _, p := range e.Keep {
		if ok, _ := path.Match(p.Pattern, name); ok { // Validate checked the pattern
			return true
		}
	}
	return false
}
