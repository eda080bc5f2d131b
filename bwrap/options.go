package bwrap

// kind says how an option is handled.
type kind uint8

const (
	kindHelp kind = iota
	kindVersion
	kindArgs
	kindFlag   // parser.flag
	kindText   // parser.text
	kindNumber // parser.number: a descriptor or an id, of which the last counts
	kindEnv    // parser.env
	kindCap    // parser.cap
	kindPerms
	kindSize
	kindSeccomp
	kindLower
	kindOp // parser.op: from the option's template
)

// option is one line of the table: all that the parser and the help text know.
type option struct {
	name string
	args int
	meta string // names of the arguments, for the help text
	kind kind
	op   Op // kindOp: what is already known of the operation
	help string
}

func (o *option) missing() error {
	name, takes := o.name, "an argument"
	switch o.name {
	case "argv0", "chdir", "remount-ro":
		takes = "one argument"
	case "ro-bind-fd":
		name = "bind-fd" // as bubblewrap says
	}
	switch o.args {
	case 2:
		takes = "two arguments"
	case 3:
		takes = "three arguments"
	}
	return refuse("--" + name + " takes " + takes)
}

func find(arg string) *option {
	if len(arg) < 3 || arg[:2] != "--" {
		return nil
	}
	for i := range options {
		if options[i].name == arg[2:] {
			return &options[i]
		}
	}
	return nil
}

// VersionText is what --version prints. Callers compare it.
const VersionText = "bubblewrap 0.11.1\n"

// Usage returns the help text.
func Usage(program string) string {
	const column = 33
	b := []byte("usage: " + program + " [OPTIONS...] [--] COMMAND [ARGS...]\n\n")
	for i := range options {
		o := &options[i]
		start := len(b)
		b = append(b, "    --"+o.name...)
		if o.meta != "" {
			b = append(b, " "+o.meta...)
		}
		if len(b)-start >= column {
			b = append(b, '\n')
			start = len(b)
		}
		for len(b)-start < column {
			b = append(b, ' ')
		}
		b = append(b, o.help+"\n"...)
	}
	return string(b)
}
