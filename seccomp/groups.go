package seccomp

import (
	"cmp"
	"slices"
)

// group is one group of groups.txt.
type group struct {
	name, doc string
	all       callSet
	guarded   callSet // let through as far as their guards allow
	restores  callSet // in a deny list, they get their guards back
}

func groupNamed(name string) (*group, bool) {
	i, ok := slices.BinarySearchFunc(groups[:], name, func(g group, name string) int { return cmp.Compare(g.name, name) })
	if !ok {
		return nil, false
	}
	return &groups[i], true
}

// Group is a set of system calls that a policy names as one.
type Group struct {
	Name string // "@default"
	Doc  string // what it is for and why it stands apart
	// Members are the names of its calls, sorted, of all architectures.
	Members []string
	// Guarded are those among Members that the group lets through only as far
	// as Guards says.
	Guarded []string
}

// Groups returns all groups, sorted by name.
func Groups() []Group {
	out := make([]Group, len(groups))
	for i := range groups {
		g := &groups[i]
		out[i] = Group{Name: g.name, Doc: g.doc, Members: g.all.names(), Guarded: g.guarded.names()}
	}
	return out
}

func (s *callSet) names() []string {
	var out []string
	for id := range callID(numCalls) {
		if s.has(id) {
			out = append(out, id.String())
		}
	}
	return out
}

// suggestEntry returns the hint for an entry of a list that is unknown.
func suggestEntry(name string) string {
	if name == "" || name[0] != '@' {
		return didYouMean(name, &callNames)
	}
	var t nameTable
	for i := range groups {
		t.blob += groups[i].name
		t.ends = append(t.ends, uint16(len(t.blob)))
	}
	return didYouMean(name, &t)
}
