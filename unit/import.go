package unit

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/lichen-sandbox/lichen/spec"
)

// A Missing is a setting of a unit that a profile cannot hold.
type Missing struct {
	Setting string // "ProcSubset=pid"
	Reason  string
	Origin  spec.Origin
}

func (m *Missing) String() string { return m.Setting + ": " + m.Reason }

// Imported is a unit as a profile.
type Imported struct {
	Profile string // TOML
	Missing []Missing
}

// Import reads a unit and its drop-ins, in the order in which they count.
func Import(files []File, o Options) (*Imported, error) {
	if !strings.HasSuffix(o.Name, ".service") {
		return nil, &spec.Error{Op: "import unit", Object: o.Name, Reason: "only services run programs that a profile could hold"}
	}
	if len(files) == 0 || len(files) > maxDropIns+1 {
		return nil, &spec.Error{Op: "import unit", Object: o.Name, Reason: "no file, or more than 64 drop-ins"}
	}
	i := importer{Options: o}
	for _, f := range files {
		list, err := parseFile(f)
		if err != nil {
			return nil, err
		}
		for _, s := range list {
			i.take(s)
		}
	}
	if len(i.settings) == 0 {
		return nil, &spec.Error{Op: "import unit", Object: o.Name, Reason: "it has no section [Service]"}
	}
	i.run()
	return &Imported{Profile: i.text(files), Missing: i.missing}, nil
}

// importer holds a unit's settings and the profile that grows from them.
type importer struct {
	Options
	description string
	settings    []setting // of [Service]
	doc         document
	fs          fileGrants
	rules       callRules

	missing  []Missing
	already  []string // directives that every sandbox fulfils
	left     []string // directives that are systemd's business
	stricter []string // sentences: what the unit permits and the profile does not
}

// take sorts a setting in, under the name that is in use today.
func (i *importer) take(s setting) {
	switch {
	case s.section == "Unit" && s.name == "Description":
		i.description = s.value
		return
	case s.section != "Service":
		return
	case !utf8.ValidString(s.value) || !utf8.ValidString(s.name):
		i.miss(s, "it is no UTF-8")
		return
	}
	switch s.name {
	case "ReadWriteDirectories", "ReadOnlyDirectories", "InaccessibleDirectories":
		s.name = strings.TrimSuffix(s.name, "Directories") + "Paths"
	case "MemoryLimit":
		s.name = "MemoryMax"
	}
	i.settings = append(i.settings, s)
}

// list returns what is left of a setting that adds up: an empty assignment
// takes back what came before it.
func (i *importer) list(names ...string) []setting {
	var out []setting
	for _, s := range i.settings {
		switch {
		case !slices.Contains(names, s.name):
		case s.value == "":
			out = nil
		default:
			out = append(out, s)
		}
	}
	return out
}

// last returns a setting of which only the last assignment counts.
func (i *importer) last(name string) (setting, bool) {
	found := setting{}
	for _, s := range i.settings {
		if s.name == name {
			found = s
		}
	}
	return found, found.value != ""
}

// kept is last for a switch, a word of a few, a limit or a time. Of those an empty
// assignment takes nothing back: systemd says that it cannot read it, and goes on
// (config_parse_bool and DEFINE_CONFIG_PARSE_ENUM of src/shared/conf-parser.[ch]).
func (i *importer) kept(name string) (setting, bool) {
	found := setting{}
	for _, s := range i.settings {
		if s.name == name && s.value != "" {
			found = s
		}
	}
	return found, found.value != ""
}

// on reports whether a switch is on. What is no boolean is taken for one that
// is: the value may be of a newer systemd, and then it is a restriction.
func (i *importer) on(name string) bool {
	s, ok := i.kept(name)
	value, known := parseBool(s.value)
	return ok && (value || !known)
}

func (i *importer) miss(s setting, reason string) {
	i.missing = append(i.missing, Missing{Setting: s.name + "=" + s.value, Reason: reason, Origin: s.origin()})
}

func (i *importer) run() {
	i.process()
	i.environment()
	i.files()
	i.network()
	i.calls()
	i.limits()
	i.service()
	i.fates()
	slices.SortStableFunc(i.missing, func(a, b Missing) int { return strings.Compare(a.Setting, b.Setting) })
}

// text is the profile, with what has become of the rest as comments.
func (i *importer) text(files []File) string {
	var b strings.Builder
	b.WriteString("# What `lichen unit import` has made of " + plain(i.Name) + ", from:\n")
	for _, f := range files {
		b.WriteString("#   " + plain(f.Path) + "\n")
	}
	if len(i.missing) > 0 {
		b.WriteString("#\n# NOT CARRIED OVER:\n")
	}
	for _, m := range i.missing {
		b.WriteString(comment("#   ", plain(m.String())))
	}
	if len(i.stricter) > 0 {
		b.WriteString("#\n# Stricter than the unit:\n")
	}
	for _, s := range i.stricter {
		b.WriteString(comment("#   ", plain(s)))
	}
	names := func(title string, list []string) {
		if len(list) > 0 {
			slices.Sort(list)
			b.WriteString("#\n" + comment("# "+title+": ", plain(strings.Join(slices.Compact(list), ", "))))
		}
	}
	names("So in every sandbox", i.already)
	names("Left to systemd", i.left)
	b.WriteString("\nversion = 1\n" + strings.TrimLeft(i.doc.String(), "\n"))
	return b.String()
}

// comment breaks text into lines of a comment.
func comment(first, text string) string {
	const width = 100
	var b strings.Builder
	line := first
	begun := false
	for word := range strings.FieldsSeq(text) {
		if begun && len(line)+1+len(word) > width {
			b.WriteString(line + "\n")
			line, begun = "#     ", false
		}
		if begun {
			line += " "
		}
		line += word
		begun = true
	}
	b.WriteString(line + "\n")
	return b.String()
}
