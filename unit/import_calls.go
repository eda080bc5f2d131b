package unit

import (
	"slices"
	"strconv"
	"strings"

	"github.com/lichen-sandbox/lichen/seccomp"
	"github.com/lichen-sandbox/lichen/spec"
)

// callRules become the rules of [seccomp]. A call has one: two rules on a call
// let through what either of them does.
type callRules struct {
	calls []string // in the order of their coming
	texts []string // what stands behind the colon
}

// rule decides a call by its arguments, unless something is decided already.
func (r *callRules) rule(call, text string) {
	if !slices.Contains(r.calls, call) {
		r.calls, r.texts = append(r.calls, call), append(r.texts, text)
	}
}

// lines joins calls that have the same rule.
func (r *callRules) lines() []string {
	var texts []string
	for _, t := range r.texts {
		if !slices.Contains(texts, t) {
			texts = append(texts, t)
		}
	}
	var out []string
	for _, t := range texts {
		var names []string
		for n, call := range r.calls {
			if r.texts[n] == t {
				names = append(names, call)
			}
		}
		out = append(out, strings.Join(names, ", ")+": "+t)
	}
	return out
}

// filter is SystemCallFilter= as systemd's parser has it: the first assignment
// decides whether the list allows or denies, those of the other kind take
// entries away again.
type filter struct {
	allows bool
	calls  map[string]string // and the action, where one is given
	named  []string          // not by a group
}

// calls is [seccomp]. The profile starts from lichen's group @default, with the
// guards of its members, and refuses what the unit does not allow of it. What
// the unit allows beyond that stays refused.
func (i *importer) calls() {
	f := i.filter()
	if f != nil {
		i.refused(f)
	}
	for _, r := range [...]struct{ directive, call, text string }{
		{"LockPersonality", "personality", "arg0 in {PER_LINUX, 0xffffffff}; return errno:EPERM"},
		{"MemoryDenyWriteExecute", "mmap", "!(arg2 & (PROT_EXEC | PROT_WRITE) == (PROT_EXEC | PROT_WRITE)); return errno:EPERM"},
		{"MemoryDenyWriteExecute", "mprotect", "!(arg2 & PROT_EXEC); return errno:EPERM"},
		{"MemoryDenyWriteExecute", "pkey_mprotect", "!(arg2 & PROT_EXEC); return errno:EPERM"},
		{"MemoryDenyWriteExecute", "shmat", "!(arg2 & 0x8000); return errno:EPERM"}, // SHM_EXEC
		// SCHED_OTHER, SCHED_BATCH and SCHED_IDLE; of sched_setattr the policy
		// is in memory.
		{"RestrictRealtime", "sched_setscheduler", "arg1 in {0, 3, 5}; return errno:EPERM"},
		{"RestrictRealtime", "sched_setattr", "return errno:EPERM"},
	} {
		if i.on(r.directive) {
			i.allowedRule(r.call, r.text)
		}
	}
	i.families()
	for _, line := range i.rules.lines() {
		i.doc.add("seccomp.rules", line)
	}
}

// allowedRule adds a rule to a call that is not refused as a whole.
func (i *importer) allowedRule(call, text string) {
	if !i.doc.contains("seccomp.deny", call) {
		i.rules.rule(call, text)
	}
}

// filter reads SystemCallFilter=.
func (i *importer) filter() *filter {
	list := i.list("SystemCallFilter")
	if len(list) == 0 {
		return nil
	}
	f := &filter{calls: map[string]string{}}
	for n, s := range list {
		value, inverted := strings.CutPrefix(s.value, "~")
		if n == 0 {
			f.allows = !inverted
			if f.allows {
				f.take(callsOf("@default"), "", true)
			}
		}
		words, err := splitWords(value)
		if err != nil {
			i.miss(s, err.Error())
		}
		for _, w := range words {
			i.filterWord(f, s, w, inverted)
		}
	}
	return f
}

func (i *importer) filterWord(f *filter, s setting, word string, inverted bool) {
	name, errno, _ := strings.Cut(word, ":")
	s.value = word
	if inverted {
		s.value = "~" + word
	}
	calls := callsOf(name)
	action, ok := errnoAction(errno)
	switch {
	case calls == nil && f.allows && !inverted:
		i.stricter = append(i.stricter, "SystemCallFilter="+word+": there is no such call or group here; it stays refused.")
		return
	case calls == nil || !ok:
		i.miss(s, "lichen knows no such call, group or error number")
		if calls == nil {
			return
		}
	}
	if name[0] != '@' && !inverted {
		f.named = append(f.named, name)
	}
	// An error number in either kind of list refuses the call with it.
	f.take(calls, action, inverted != f.allows || action != "" && f.allows)
}

func (f *filter) take(calls []string, action string, add bool) {
	for _, c := range calls {
		if add {
			f.calls[c] = action
		} else {
			delete(f.calls, c)
		}
	}
}

// callsOf returns the calls that a word of SystemCallFilter= names, or nil.
func callsOf(name string) []string {
	if strings.HasPrefix(name, "@") {
		members, _ := callGroup(name)
		return members
	}
	known, _ := callGroup("@known")
	if slices.Contains(known, name) {
		return []string{name}
	}
	for _, g := range seccomp.Groups() {
		if slices.Contains(g.Members, name) {
			return []string{name}
		}
	}
	return nil
}

// errnoAction is the action of an error number, or "" for the filter's own.
func errnoAction(s string) (action string, ok bool) {
	switch s {
	case "":
		return "", true
	case "kill":
		return "kill", true
	}
	n, known := seccomp.Errno(s)
	if v, err := strconv.ParseUint(s, 10, 12); err == nil {
		n, known = uint16(v), true
	}
	text := seccomp.ActionText(spec.Action{Kind: spec.ActionErrno, Errno: n})
	if !known || n == 0 || !strings.HasPrefix(text, "errno:E") {
		return "kill", false
	}
	// Of two names for a number a profile takes the older.
	return strings.NewReplacer("ENOTSUP", "EOPNOTSUPP", "EFSCORRUPTED", "EUCLEAN").Replace(text), true
}

// refused finds out what of @default the unit refuses, and how.
func (i *importer) refused(f *filter) {
	action := "kill"
	if s, ok := i.last("SystemCallErrorNumber"); ok {
		var known bool
		if action, known = errnoAction(s.value); !known {
			i.miss(s, "lichen knows no such error number, and kills instead")
		}
	}
	i.doc.add("seccomp.allow", "@default")
	known, _ := callGroup("@known")
	usual := lichenDefault()
	for _, c := range usual {
		own, listed := f.calls[c]
		switch {
		case f.allows == listed && own == "":
		case c == "execve" || c == "exit_group":
			s := i.list("SystemCallFilter")[0]
			s.value = "~" + c
			i.miss(s, "the command is started by it, or cannot end without it")
		case own != "" && own != action:
			i.rules.rule(c, "return "+own)
		case f.allows && !slices.Contains(known, c):
			// A newer call than the list: systemd answers as an old kernel does,
			// so that programs take the way they took before.
			i.rules.rule(c, "return errno:ENOSYS")
		default:
			i.doc.add("seccomp.deny", c)
		}
	}
	if i.doc.has("seccomp.deny") {
		i.doc.text("seccomp.deny_action", action)
	}
	var beyond []string
	for _, c := range f.named {
		if _, in := f.calls[c]; in && f.allows && !slices.Contains(usual, c) && !slices.Contains(beyond, c) {
			beyond = append(beyond, c)
		}
	}
	if len(beyond) > 0 {
		i.stricter = append(i.stricter, "Calls outside of lichen's @default that the unit allows by name: "+strings.Join(beyond, ", ")+". Add to seccomp.allow what the program needs.")
	}
	i.stricter = append(i.stricter, "Other calls outside of lichen's @default fail with EPERM, whatever the unit does with them; groups are those of systemd 252.")
}

func lichenDefault() []string {
	for _, g := range seccomp.Groups() {
		if g.Name == "@default" {
			return g.Members
		}
	}
	return nil
}
