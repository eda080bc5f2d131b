package unit

import (
	"path"
	"slices"
	"strings"
	"time"
)

// process is [process]: the command, and how it is started and ended.
func (i *importer) process() {
	d := &i.doc
	if i.description != "" {
		d.text("description", i.description)
	}
	i.command()
	i.workingDirectory()
	// A service has no terminal, and none is to reach it.
	d.set("process.new_session", "true")
	if s, ok := i.kept("UMask"); ok {
		if mask := strings.TrimLeft(s.value, "0"); len(mask) <= 3 && strings.Trim(mask, "01234567") == "" {
			d.text("process.umask", "0"+mask)
		} else {
			i.miss(s, "it is no file mode creation mask")
		}
	} else if !i.User {
		d.text("process.umask", "022") // a system service's, where nothing is said
	}
	i.span("RuntimeMaxSec", "process.timeout", "TERM is sent after this time, and then lichen exits with 124")
	i.span("TimeoutStopSec", "process.kill_after", "")
	i.span("TimeoutSec", "process.kill_after", "")
	if s, _ := i.kept("Type"); s.value == "forking" {
		d.set("process.linger", "true")
		i.miss(s, "the program stays in the sandbox, whose end is that of its last process: run it in the foreground if it can")
	}
	if s, ok := i.kept("KillSignal"); ok && !slices.Contains(forwarded, strings.TrimPrefix(s.value, "SIG")) {
		i.miss(s, "lichen passes "+strings.Join(forwarded, ", ")+" on, and no other signal")
	}
}

var forwarded = []string{"TERM", "INT", "HUP", "QUIT", "USR1", "USR2", "WINCH", "CONT"}

// span carries a time over. A longer one than a profile holds is none.
func (i *importer) span(name, key, note string) {
	s, ok := i.kept(name)
	if !ok {
		return
	}
	d, finite, valid := parseSpan(s.value)
	switch {
	case !valid:
		i.miss(s, "it is no time span")
	case !finite || d == 0:
		i.left = append(i.left, name)
	default:
		i.doc.text(key, d.Round(time.Millisecond).String())
		if note != "" {
			i.stricter = append(i.stricter, name+"="+s.value+": "+note+".")
		}
	}
}

// command is process.command, of the only ExecStart=.
func (i *importer) command() {
	list := i.list("ExecStart")
	if len(list) == 0 {
		return
	}
	for _, s := range list[1:] {
		i.miss(s, "a profile has one command, and this is another")
	}
	s := list[0]
	text := strings.TrimLeft(s.value, "@-:+!|")
	prefix := s.value[:len(s.value)-len(text)]
	if strings.ContainsAny(prefix, "+!") {
		i.miss(s, "the sandbox gives no privileges back")
	}
	words, more, err := splitCommand(text)
	if err != nil || len(words) == 0 {
		i.miss(s, "it cannot be read as a command line")
		return
	}
	if strings.Contains(prefix, "@") && len(words) > 1 {
		i.miss(s, "the program's argv[0] is its path; \""+words[1]+"\" is left out")
		words = slices.Delete(words, 1, 2)
	}
	if more {
		i.miss(s, "a profile has one command, and this has several")
	}
	var out []string
	for n, w := range words {
		expanded, err := i.word(w, n > 0 && !strings.Contains(prefix, ":"))
		if err != nil {
			i.miss(s, err.Error())
			return
		}
		out = append(out, expanded...)
	}
	for _, w := range out {
		i.doc.append("process.command", w)
	}
	if path.IsAbs(out[0]) && !strings.Contains(out[0], "$") {
		i.fs.program = out[0]
	}
}

// word expands specifiers and, with variables, those of Environment=.
func (i *importer) word(w string, variables bool) ([]string, error) {
	if !variables {
		text, err := i.expand(w)
		return []string{text}, err
	}
	if name, ok := strings.CutPrefix(w, "$"); ok && isName(name) {
		value, err := i.variable(name)
		if err != nil {
			return nil, err
		}
		return splitWords(value)
	}
	var b strings.Builder
	for {
		before, after, found := strings.Cut(w, "$")
		text, err := i.expand(before)
		if err != nil {
			return nil, err
		}
		b.WriteString(text)
		if !found {
			return []string{b.String()}, nil
		}
		name, rest, braces := strings.Cut(strings.TrimPrefix(after, "{"), "}")
		switch {
		case strings.HasPrefix(after, "$"):
			b.WriteString("$$")
			w = after[1:]
		case strings.HasPrefix(after, "{") && braces && isName(name):
			value, err := i.variable(name)
			if err != nil {
				return nil, err
			}
			b.WriteString(value)
			w = rest
		default:
			b.WriteString("$$")
			w = after
		}
	}
}

// variable looks a name up in Environment=. A file with variables, which counts
// more, is read by systemd alone.
func (i *importer) variable(name string) (string, error) {
	value, found := "", false
	for _, v := range i.variables() {
		if v.name == name {
			value, found = v.value, v.err == nil
		}
	}
	if !found || len(i.list("EnvironmentFile")) > 0 {
		return "", errVariable(name)
	}
	return value, nil
}

type errVariable string

func (e errVariable) Error() string {
	return "the value of $" + string(e) + " is known only when the unit starts"
}

func isName(s string) bool {
	return s != "" && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") == "" && (s[0] < '0' || s[0] > '9')
}

func (i *importer) workingDirectory() {
	s, ok := i.last("WorkingDirectory")
	if !ok {
		return
	}
	dir := strings.TrimPrefix(s.value, "-")
	if dir == "~" {
		i.doc.text("process.cwd", "${HOME}")
		i.fs.cwd = "${HOME}"
		return
	}
	expanded, err := i.expand(dir)
	if err != nil || !usablePath(expanded) {
		i.miss(s, "it is no path that a profile can name")
		return
	}
	expanded = cleaned(expanded)
	i.doc.text("process.cwd", expanded)
	i.fs.cwd = expanded
}
