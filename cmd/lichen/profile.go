package main

import (
	"strings"

	"github.com/lichen-sandbox/lichen/profile"
)

type profileOptions struct {
	Resolved bool `long:"resolved" description:"show: merged with all that it extends, with the origin of each value"`
	Names    bool `long:"names" description:"list: only the names"`
	helpOption
}

// profileCommand is "lichen profile list", "lichen profile show NAME" and
// "lichen profile from-bwrap -- ARGUMENT...".
func profileCommand(u *ui, args []string) int {
	var o profileOptions
	words, err := parse("profile", &o, 0, args)
	switch {
	case err != nil:
		return u.fail(err)
	case o.Help:
		return u.help("profile")
	case len(words) == 1 && words[0] == "list":
		return listProfiles(u, o.Names)
	case len(words) == 2 && words[0] == "show":
		return showProfile(u, words[1], o.Resolved)
	case len(words) == 1 && words[0] == "show":
		return u.fail(usageError("profile", "no profile is given"))
	case len(words) > 0 && words[0] == "from-bwrap":
		return profileFromBwrap(u, words[1:])
	case len(words) == 0:
		return u.fail(usageError("profile", "list, show or from-bwrap?"))
	}
	return u.fail(usageError("profile", quote(words[len(words)-1])+" is too much"))
}

// listProfiles prints the good ones, and says what is wrong with the others.
func listProfiles(u *ui, names bool) int {
	entries, err := newLoader().List()
	code := u.print(profileTable(entries, names))
	if err != nil {
		code = u.fail(err)
	}
	for _, e := range entries {
		if e.Err != nil && !names {
			code = u.fail(e.Err)
		}
	}
	return code
}

func profileTable(entries []profile.Entry, names bool) string {
	nameWidth, whereWidth := 0, 0
	for _, e := range entries {
		nameWidth, whereWidth = max(nameWidth, len(e.Name)), max(whereWidth, len(e.Where))
	}
	var b strings.Builder
	for _, e := range entries {
		line := e.Name
		if !names {
			line = pad(e.Name, nameWidth) + "  " + pad(printable(e.Where), whereWidth) + "  " + printable(e.Description)
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	return b.String()
}

func pad(s string, width int) string { return s + strings.Repeat(" ", max(0, width-len(s))) }

func showProfile(u *ui, name string, resolved bool) int {
	l := newLoader()
	if !resolved {
		text, _, err := l.Show(name)
		if err != nil {
			return u.fail(err)
		}
		return u.print(string(text))
	}
	p, err := l.Load(name)
	if err != nil {
		return u.fail(err)
	}
	return u.print(p.Resolved())
}
