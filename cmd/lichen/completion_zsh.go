package main

import "strings"

const zshHead = `#compdef lichen

_lichen_profiles() {
	local -a names
	names=(${(f)"$(lichen profile list --names 2>/dev/null)"})
	_describe profile names
	_files
}

_lichen_sandboxes() {
	local -a ids
	ids=(${(f)"$(lichen ps --quiet 2>/dev/null)"})
	_describe sandbox ids
}

_lichen() {
	local -a subcommands # not "commands": that is zsh's own
	subcommands=(
@COMMANDS@	)
	if ((CURRENT == 2)); then
		_describe command subcommands
		compadd -- --version --help
		return
	fi
	local -i dashes=${words[(i)--]}
	if ((dashes < CURRENT)); then
		shift $dashes words
		((CURRENT -= dashes))
		_normal
		return
	fi
	shift words
	((CURRENT--))
	case $words[1] in
`

const zshTail = `	esac
}

if [[ $funcstack[1] == _lichen ]]; then
	_lichen "$@"
else
	compdef _lichen lichen
fi
`

func zshCompletion(list []completedCommand) string {
	var commands, b strings.Builder
	for _, c := range list {
		commands.WriteString("\t\t" + shellQuote(c.name+":"+c.summary) + "\n")
	}
	b.WriteString(strings.Replace(zshHead, "@COMMANDS@", commands.String(), 1))
	for i := range list {
		c := &list[i]
		b.WriteString("\t" + c.name + ")\n\t\t_arguments -s -S")
		for j := range c.options {
			for _, s := range zshOption(&c.options[j]) {
				b.WriteString(" \\\n\t\t\t" + shellQuote(s))
			}
		}
		for _, s := range zshOperands(c.operands) {
			b.WriteString(" \\\n\t\t\t" + shellQuote(s))
		}
		b.WriteString("\n\t\t;;\n")
	}
	b.WriteString(zshTail)
	return b.String()
}

// zshOption returns the specifications of one option for _arguments.
func zshOption(o *completedOption) []string {
	var out []string
	for _, name := range o.spellings() {
		s := name
		if o.repeated {
			s = "*" + s
		}
		if o.value != "" {
			s += map[bool]string{true: "=", false: "+"}[strings.HasPrefix(name, "--")]
		}
		s += "[" + zshEscape(o.description) + "]"
		if o.value != "" {
			s += ":" + zshEscape(o.value) + ":" + zshAction(o.kind)
		}
		out = append(out, s)
	}
	return out
}

func zshAction(kind string) string {
	switch kind {
	case "":
		return " "
	case "file":
		return "_files"
	case "profile":
		return "_lichen_profiles"
	case "sandbox":
		return "_lichen_sandboxes"
	}
	return "(" + kind + ")"
}

// zshOperands returns the specifications of what follows the options.
func zshOperands(kind string) []string {
	switch kind {
	case "":
		return nil
	case "command":
		return []string{"(-):command: _command_names -e", "*::argument: _normal"}
	}
	if words, ok := strings.CutSuffix(kind, " profile"); ok {
		return []string{"1:operand:(" + words + ")", "*:profile:_lichen_profiles"}
	}
	return []string{"*:operand:" + zshAction(kind)}
}

// zshEscape protects what ends a part of a specification.
func zshEscape(s string) string {
	return strings.NewReplacer("[", `\[`, "]", `\]`, ":", `\:`).Replace(s)
}
