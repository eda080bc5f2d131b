package main

import (
	"slices"
	"strings"

	"github.com/lichen-sandbox/lichen/seccomp"
	"github.com/lichen-sandbox/lichen/spec"
)

type groupJSON struct {
	Name    string   `json:"name"`
	Doc     string   `json:"doc"`
	Members []string `json:"members"`
	Guarded []string `json:"guarded"`
}

type guardJSON struct {
	Call   string `json:"call"`
	Rule   string `json:"rule"` // "": never
	Answer string `json:"answer"`
	When   string `json:"when,omitempty"`
}

// showGroups is "lichen seccomp groups [NAME]".
func showGroups(u *ui, o *seccompOptions, operands []string) int {
	groups, guards := seccomp.Groups(), seccomp.Guards()
	if len(operands) > 0 {
		name := "@" + strings.TrimPrefix(operands[0], "@")
		groups = slices.DeleteFunc(groups, func(g seccomp.Group) bool { return g.Name != name })
		if len(groups) == 0 {
			return u.fail(&spec.Error{Op: "show group", Object: name, Reason: "no such group", Hint: "lichen seccomp groups lists them"})
		}
		guards = slices.DeleteFunc(guards, func(g seccomp.GuardDoc) bool {
			return g.Option != "" || !slices.Contains(groups[0].Guarded, g.Call)
		})
	}
	if o.JSON {
		return u.printJSON(groupsJSON(groups, guards))
	}
	var b strings.Builder
	for i := range groups {
		groupText(&b, &groups[i])
	}
	guardsText(&b, guards)
	return u.print(b.String())
}

func groupsJSON(groups []seccomp.Group, guards []seccomp.GuardDoc) any {
	out := struct {
		Groups []groupJSON `json:"groups"`
		Guards []guardJSON `json:"guards"`
	}{[]groupJSON{}, []guardJSON{}}
	for _, g := range groups {
		out.Groups = append(out.Groups, groupJSON{g.Name, g.Doc, g.Members, append([]string{}, g.Guarded...)})
	}
	for _, g := range guards {
		out.Guards = append(out.Guards, guardJSON{g.Call, g.Rule, g.Answer, guardOption(g.Option)})
	}
	return out
}

// groupText writes a group as groups.txt has it: "?" marks the calls with a
// guard.
func groupText(b *strings.Builder, g *seccomp.Group) {
	b.WriteString(g.Name + "\n")
	wrap(b, "  # ", strings.Fields(g.Doc))
	members := slices.Clone(g.Members)
	for i, m := range members {
		if slices.Contains(g.Guarded, m) {
			members[i] += "?"
		}
	}
	wrap(b, "  ", members)
	b.WriteByte('\n')
}

// guardsText writes the guards, those with the same condition together.
func guardsText(b *strings.Builder, guards []seccomp.GuardDoc) {
	option := "none"
	for len(guards) > 0 {
		g := guards[0]
		same := func(x seccomp.GuardDoc) bool { return x.Option == g.Option && x.Rule == g.Rule && x.Answer == g.Answer }
		var calls []string
		for _, x := range guards {
			if same(x) {
				calls = append(calls, x.Call)
			}
		}
		guards = slices.DeleteFunc(guards, same)
		if g.Option != option {
			option = g.Option
			heading := "Calls with \"?\", unless they are allowed by name"
			if option != "" {
				heading = "\nIn addition, " + guardOption(option)
			}
			b.WriteString(heading + "\n")
		}
		wrap(b, "  ", calls)
		rule := "always " + g.Answer
		if g.Rule != "" {
			rule = "only where " + g.Rule + "; else " + g.Answer
		}
		wrap(b, "      ", strings.Fields(rule))
	}
}

// guardOption says when an option of the compiler is set (sandbox.FilterOptions).
func guardOption(name string) string {
	switch name {
	case "UnixOnly":
		return `without a network namespace, with the network "none"`
	case "NoSockets":
		return `the same, where Landlock has no right to connect to sockets (before ABI 9)`
	case "NoFastOpen":
		return "with rules for the TCP ports to connect to (landlock.tcp_connect)"
	case "NoGroupSignals":
		return "without a session of its own, where Landlock has no scope for signals (before ABI 6)"
	case "KeepFiles":
		return "with a file that is opened for reading as a descriptor, where Landlock has no right to truncate (before ABI 3)"
	case "FakeIDs":
		return `with rootfs.ids = "fake"; success means that nothing is done`
	case "SetIDBits":
		return `with rootfs.ids = "subuid" or "fake", where the program can write files of the host's (elsewhere it may set these bits)`
	case "InPlace":
		return `with isolation "landlock", unless they are allowed by name`
	}
	return name
}

// textWidth is how long lines of text get.
const textWidth = 80

// wrap writes words as lines that begin with indent.
func wrap(b *strings.Builder, indent string, words []string) {
	line := ""
	for _, w := range words {
		if line != "" && len(indent)+len(line)+1+len(w) > textWidth {
			b.WriteString(indent + line + "\n")
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += w
	}
	if line != "" {
		b.WriteString(indent + line + "\n")
	}
}
