package main

import "strings"

// bashHead needs bash 4 and none of the functions of the bash-completion
// package. COMP_WORDS is split at "=" and ":" as well (COMP_WORDBREAKS).
const bashHead = `# bash completion for lichen

_lichen_reply() {
	local line
	while IFS= read -r line; do
		[[ $line ]] && COMPREPLY+=("$line")
	done
}

_lichen_complete() { # KIND...: fills COMPREPLY for $cur
	local kind
	for kind in "$@"; do
		case $kind in
		file)
			compopt -o filenames 2>/dev/null
			_lichen_reply < <(compgen -f -- "$cur")
			;;
		profile)
			_lichen_reply < <(compgen -W "$(lichen profile list --names 2>/dev/null)" -- "$cur")
			[[ $cur == */* ]] && _lichen_complete file
			;;
		sandbox)
			_lichen_reply < <(compgen -W "$(lichen ps --quiet 2>/dev/null)" -- "$cur")
			;;
		command)
			_lichen_reply < <(compgen -c -- "$cur")
			_lichen_complete file
			;;
		*) _lichen_reply < <(compgen -W "$kind" -- "$cur") ;;
		esac
	done
}

_lichen() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} i
	COMPREPLY=()
	if ((COMP_CWORD == 1)); then
		_lichen_complete @COMMANDS@ --version --help
		return
	fi
	for ((i = 2; i < COMP_CWORD; i++)); do
		if [[ ${COMP_WORDS[i]} == -- ]]; then
			if ((i + 1 == COMP_CWORD)); then _lichen_complete command; else _lichen_complete file; fi
			return
		fi
	done
	if [[ $cur == = ]]; then
		cur=
	elif [[ $prev == = ]] && ((COMP_CWORD > 2)); then
		prev=${COMP_WORDS[COMP_CWORD-2]}
	fi
	case ${COMP_WORDS[1]} in
`

const bashTail = `	esac
}

complete -F _lichen lichen
`

func bashCompletion(list []completedCommand) string {
	var b strings.Builder
	names := make([]string, 0, len(list))
	for _, c := range list {
		names = append(names, c.name)
	}
	b.WriteString(strings.Replace(bashHead, "@COMMANDS@", strings.Join(names, " "), 1))
	for i := range list {
		bashCommand(&b, &list[i])
	}
	b.WriteString(bashTail)
	return b.String()
}

func bashCommand(b *strings.Builder, c *completedCommand) {
	b.WriteString("\t" + c.name + ")\n\t\tcase $prev in\n")
	var words []string
	for i := range c.options {
		o := &c.options[i]
		words = append(words, o.spellings()...)
		if o.value == "" {
			continue
		}
		b.WriteString("\t\t" + strings.Join(o.spellings(), "|") + ")\n")
		if o.kind != "" {
			b.WriteString("\t\t\t_lichen_complete " + o.kind + "\n")
		}
		b.WriteString("\t\t\treturn\n\t\t\t;;\n")
	}
	b.WriteString("\t\tesac\n\t\tif [[ $cur == -* ]]; then\n\t\t\t_lichen_complete " + strings.Join(words, " ") + "\n")
	if c.operands != "" {
		b.WriteString("\t\telse\n\t\t\t_lichen_complete " + c.operands + "\n")
	}
	b.WriteString("\t\tfi\n\t\t;;\n")
}
