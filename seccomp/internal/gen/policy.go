package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

// group is a parsed group of groups.txt; calls are IDs.
type group struct {
	name, doc              string
	all, guarded, restores map[int]bool
}

func readGroups(file string, calls []string) ([]*group, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	words := map[string][]string{}
	var groups []*group
	for n, line := range strings.Split(string(text), "\n") {
		trimmed := strings.TrimSpace(line)
		switch {
		case trimmed == "" || line[0] == '#':
		case line[0] == '@':
			if words[trimmed] != nil {
				return nil, fmt.Errorf("%s:%d: %s twice", file, n+1, trimmed)
			}
			words[trimmed] = []string{}
			groups = append(groups, &group{name: trimmed, all: map[int]bool{}, guarded: map[int]bool{}, restores: map[int]bool{}})
		case len(groups) == 0:
			return nil, fmt.Errorf("%s:%d: member outside of a group", file, n+1)
		case trimmed[0] == '#':
			g := groups[len(groups)-1]
			g.doc = strings.TrimSpace(g.doc + " " + strings.TrimSpace(trimmed[1:]))
		default:
			name := groups[len(groups)-1].name
			words[name] = append(words[name], strings.Fields(line)...)
		}
	}
	for _, g := range groups {
		if err := g.fill(g.name, words, calls, 0); err != nil {
			return nil, fmt.Errorf("%s: %s: %w", file, g.name, err)
		}
	}
	slices.SortFunc(groups, func(a, b *group) int { return strings.Compare(a.name, b.name) })
	return groups, nil
}

// fill adds the members of the group called name to g.
func (g *group) fill(name string, words map[string][]string, calls []string, depth int) error {
	members, ok := words[name]
	if !ok || depth > len(words) {
		return fmt.Errorf("no group %s, or a circle through it", name)
	}
	for _, w := range members {
		if w[0] == '@' {
			if err := g.fill(w, words, calls, depth+1); err != nil {
				return err
			}
			continue
		}
		id, ok := slices.BinarySearch(calls, strings.TrimRight(w, "?!"))
		if !ok {
			return fmt.Errorf("no call %s", w)
		}
		g.all[id] = true
		switch w[len(w)-1] {
		case '?':
			g.guarded[id] = true
		case '!':
			g.restores[id] = true
		}
	}
	return nil
}

// signature is the types of a call's parameters.
type signature struct{ native, i386 string }

func readSignatures(file string, calls []string) ([]signature, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	out := make([]signature, len(calls))
	for n, line := range strings.Split(string(text), "\n") {
		f := strings.Fields(line)
		if len(f) == 0 || line[0] == '#' {
			continue
		}
		id, ok := slices.BinarySearch(calls, f[0])
		if !ok || len(f) < 2 || len(f) > 3 {
			return nil, fmt.Errorf("%s:%d: no such call, or no signature", file, n+1)
		}
		out[id] = signature{native: f[1], i386: f[len(f)-1]}
	}
	if i := slices.Index(out, signature{}); i >= 0 {
		return nil, fmt.Errorf("%s: no signature of %s", file, calls[i])
	}
	return out, nil
}
