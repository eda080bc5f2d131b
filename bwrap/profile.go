package bwrap

import (
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// ProfileOptions are what a profile needs to know of the host.
type ProfileOptions struct {
	Dir string // the caller's working directory
	// IsSocket tells whether a path of the host is a socket or a fifo, which
	// a profile must ask for by name; nil: none is.
	IsSocket func(path string) bool
}

// Profile returns the lichen profile that a command line amounts to. What has
// no place in a profile is a comment that names the option and the reason.
//
// A profile has no order: the most specific path decides. So operations that
// a later one covers are left out.
func (c *Config) Profile(o ProfileOptions) string {
	w := &writer{c: c, o: o, env: make(map[string]string)}
	w.ops()
	w.fsNotes, w.notes = w.notes, nil
	w.line("version = 1")
	w.line(`description = "From a bwrap command line"`)
	w.process()
	w.environment()
	w.grants()
	w.namespaces()
	w.without()
	w.tables()
	return w.b.String()
}

type writer struct {
	c      *Config
	o      ProfileOptions
	b      strings.Builder
	mounts []mount
	env    map[string]string
	notes  []string // comments for the table being written

	fsNotes []string // those on operations
}

func (w *writer) line(s string) {
	w.b.WriteString(s)
	w.b.WriteByte('\n')
}

// note adds a comment. Nothing that a command line holds ends it early.
func (w *writer) note(option, why string) {
	w.notes = append(w.notes, "# "+plain("--"+option)+": "+why)
}

func (w *writer) flush() {
	for _, n := range w.notes {
		w.line(n)
	}
	w.notes = nil
}

func (w *writer) process() {
	c := w.c
	w.line("\n[process]")
	if !utf8.ValidString(strings.Join(c.Command, "\n")) {
		w.note("", "command: "+notUTF8)
	} else if len(c.Command) > 0 {
		w.line("command = " + list(c.Command))
	}
	w.cwd()
	if c.Hostname != nil {
		if hostname(*c.Hostname) {
			w.line("hostname = " + template(*c.Hostname))
		} else {
			w.note("hostname", "a profile takes letters, digits, dots, dashes and underscores")
		}
	}
	if c.UID != nil {
		w.line("uid = " + strconv.FormatUint(uint64(*c.UID), 10))
	}
	if c.GID != nil {
		w.line("gid = " + strconv.FormatUint(uint64(*c.GID), 10))
	}
	if c.NewSession {
		w.line("new_session = true")
	}
	if !c.DieWithParent {
		w.line("linger = true # what the program leaves in the background is waited for")
		w.line("# The sandbox always ends with the process that started it, as with --die-with-parent.")
	}
	if c.Argv0 != nil {
		w.note("argv0", "a program sees the name it was started by")
	}
	if c.AsPID1 {
		w.note("as-pid-1", "lichen's own process 1 stays")
	}
	w.line("# bwrap passes on every open descriptor; name those that the program needs: keep_fds = [3]")
	w.flush()
}

// hostname tells whether a profile takes a name.
func hostname(s string) bool {
	return s != "" && len(s) <= 64 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == ""
}

// cwd follows bubblewrap's choice as far as it is known before the start.
func (w *writer) cwd() {
	if dir := w.c.Chdir; dir != nil && utf8.ValidString(*dir) {
		w.line("cwd = " + template(path.Join("/", *dir)))
		return
	}
	for _, m := range slices.Backward(w.mounts) {
		if m.op.Kind == OpBind && m.source == m.target && within(w.o.Dir, m.target) {
			w.line("cwd = " + template(w.o.Dir))
			return
		}
	}
	w.line("# bwrap would go to the caller's directory or to $HOME, if either is there; set cwd where that matters.")
}

func (w *writer) environment() {
	clear := false
	var names []string
	for _, op := range w.c.Env {
		switch op.Kind {
		case EnvClear:
			clear, names = true, nil
			w.env = make(map[string]string)
		case EnvSet:
			if !utf8.ValidString(op.Name + "\n" + op.Value) {
				w.note("setenv "+op.Name, notUTF8)
				continue
			}
			if !slices.Contains(names, op.Name) {
				names = append(names, op.Name)
			}
			w.env[op.Name] = op.Value
		case EnvUnset:
			names = slices.DeleteFunc(names, func(n string) bool { return n == op.Name })
			delete(w.env, op.Name)
			if !clear {
				w.note("unsetenv "+op.Name, "keep lists what comes in; nothing can be taken out of \"*\"")
			}
		}
	}
	w.line("\n[env]")
	if clear {
		w.line("keep = []")
	} else {
		w.line("# bwrap passes on the whole environment, with the secrets in it: name what is needed.")
		w.line(`keep = ["*"]`)
	}
	w.flush()
	for i, n := range names {
		if i == 0 {
			w.line("\n[env.set]")
		}
		w.line(quote(n) + " = " + template(w.env[n]))
	}
}

func (w *writer) namespaces() {
	u := w.c.Unshare
	w.line("\n[namespaces]")
	for _, ns := range [...]struct {
		name string
		own  bool
	}{{"ipc", u.IPC}, {"uts", u.UTS || w.c.Hostname != nil}, {"cgroup", u.Cgroup || u.CgroupTry}} {
		if !ns.own {
			w.line(ns.name + " = false")
		}
	}
	if !u.PID {
		w.line("# Without --unshare-pid bwrap shows the host's processes; lichen always has its own.")
	}
	if !w.c.DisableUserns {
		w.line("# nested = true lets the program make sandboxes of its own, as bwrap does without --disable-userns.")
	}
	w.line("\n[network]")
	if u.Net {
		w.line(`mode = "none"`)
	} else {
		w.line(`mode = "host"`)
	}
}

// without names the options that a profile has no place for.
func (w *writer) without() {
	c := w.c
	for _, x := range [...]struct {
		used        bool
		option, why string
	}{
		{c.UserNS != NoFD, "userns", "lichen makes its own user namespaces"},
		{c.UserNS2 != NoFD, "userns2", "lichen makes its own user namespaces"},
		{c.PIDNS != NoFD, "pidns", "lichen makes its own pid namespace"},
		{c.UsernsBlockFD != NoFD, "userns-block-fd", "lichen writes the id maps"},
		{c.BlockFD != NoFD, "block-fd", "the program starts at once"},
		{c.SyncFD != NoFD, "sync-fd", "watch lichen itself, or use lichen run --status-fd"},
		{c.InfoFD != NoFD, "info-fd", "use lichen run --status-fd"},
		{c.StatusFD != NoFD, "json-status-fd", "use lichen run --status-fd"},
		{len(c.SeccompFDs) > 0, "seccomp", "the filter is code; lichen's default policy stands in [seccomp]"},
		{len(c.Caps) > 0, "cap-add, --cap-drop", "the program gets no capability"},
		{len(c.LockFiles) > 0, "lock-file", "no file is locked"},
		{c.ExecLabel != nil, "exec-label", "lichen sets no labels"},
		{c.FileLabel != nil, "file-label", "lichen sets no labels"},
	} {
		if x.used {
			w.note(x.option, x.why)
		}
	}
	if len(c.SeccompFDs) == 0 {
		w.line("\n# bwrap filters no system calls. lichen's default policy holds; where a program needs more:")
		w.line("# [seccomp]")
		w.line(`# mode = "off"`)
	}
	if len(w.notes) > 0 {
		w.line("")
	}
	w.flush()
}
