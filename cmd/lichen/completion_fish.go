package main

import "strings"

const fishHead = `# fish completion for lichen

function __lichen_profiles
	lichen profile list --names 2>/dev/null
end

function __lichen_sandboxes
	lichen ps --quiet 2>/dev/null
end

complete -c lichen -f
complete -c lichen -n __fish_use_subcommand -l version -d 'print the version'
complete -c lichen -n __fish_use_subcommand -l help -d 'print the help'
`

func fishCompletion(list []completedCommand) string {
	var b strings.Builder
	b.WriteString(fishHead)
	for i := range list {
		c := &list[i]
		b.WriteString("\ncomplete -c lichen -n __fish_use_subcommand -a " + c.name + " -d " + fishQuote(c.summary) + "\n")
		on := "complete -c lichen -n '__fish_seen_subcommand_from " + c.name + "'"
		for j := range c.options {
			o := &c.options[j]
			b.WriteString(on + " -l " + o.long)
			if o.short != "" {
				b.WriteString(" -s " + o.short)
			}
			if o.value != "" {
				b.WriteString(fishValue(o.kind))
			}
			b.WriteString(" -d " + fishQuote(o.description) + "\n")
		}
		if c.operands != "" {
			b.WriteString(on + fishArgument(c.operands) + "\n")
		}
	}
	return b.String()
}

// fishValue says that an option has a value, and which.
func fishValue(kind string) string {
	if kind == "" || kind == "file" {
		return " -r" + fishArgument(kind)
	}
	return " -x" + fishArgument(kind) // no files besides
}

func fishArgument(kind string) string {
	switch kind {
	case "":
		return ""
	case "file":
		return " -F"
	case "command":
		return " -F -a '(__fish_complete_command)'"
	case "sandbox":
		return " -a '(__lichen_sandboxes)'"
	}
	words := strings.ReplaceAll(" "+kind+" ", " profile ", " (__lichen_profiles) ")
	return " -a '" + strings.TrimSpace(words) + "'"
}

// fishQuote: between single quotes fish knows two escapes.
func fishQuote(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(s) + "'"
}
