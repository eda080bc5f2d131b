package unit

import (
	_ "embed"
	"strings"
)

//go:embed groups.txt
var groupsText string

// callGroup returns the members of one of systemd's groups, those of the groups
// within it included.
func callGroup(name string) (members []string, ok bool) {
	for line := range strings.Lines(groupsText) {
		rest, found := strings.CutPrefix(line, name+" ")
		if !found {
			continue
		}
		for word := range strings.FieldsSeq(rest) {
			if word[0] != '@' {
				members = append(members, word)
				continue
			}
			inner, _ := callGroup(word)
			members = append(members, inner...)
		}
		return members, true
	}
	return nil, false
}
