package unit

import (
	"slices"
	"strconv"
	"strings"
)

func (i *importer) binds(name, key string) {
	for _, s := range i.list("BindPaths", "BindReadOnlyPaths") {
		if s.name != name {
			continue
		}
		words, err := splitWords(s.value)
		if err != nil {
			i.miss(s, err.Error())
		}
		for _, w := range words {
			i.bind(s, w, key)
		}
	}
}

func (i *importer) bind(s setting, word, key string) {
	s.value = word
	rest := strings.TrimPrefix(word, "-")
	text, err := i.expand(rest)
	source, target, two := strings.Cut(text, ":")
	target, options, _ := strings.Cut(target, ":")
	if !two || target == "" {
		target = source
	}
	switch {
	case err != nil || !usablePath(source) || !usablePath(target) || cleaned(target) == "/":
		i.miss(s, "it is no pair of paths that a profile can name")
		return
	case options != "" && options != "rbind":
		i.miss(s, "what is mounted below the source is shown as well")
	}
	i.grant(grant{key: key, source: cleaned(source), target: cleaned(target), optional: rest != word, bind: true, from: s})
}

// below is the path of the host that the unit has at p: where a bind mount lies
// there, it is one in the source of that.
func (i *importer) below(p string) string {
	source, at := p, ""
	for _, g := range i.fs.list {
		if g.bind && within(p, g.target) && len(g.target) > len(at) {
			source, at = cleaned(g.source+strings.TrimPrefix(p, g.target)), g.target
		}
	}
	return source
}

// tmpfs is TemporaryFileSystem=. One that is read-only is an empty directory.
func (i *importer) tmpfs() {
	i.words(func(s setting, w string) {
		s.value = w
		p, options, _ := strings.Cut(w, ":")
		p, err := i.expand(p)
		if err != nil || !usablePath(p) {
			i.miss(s, "it is no path that a profile can name")
			return
		}
		p = cleaned(p)
		i.fs.closed = append(i.fs.closed, closed{p, true, s.name + "=" + p})
		if p == "/" {
			i.doc.add("remove", "fs.host")
			return
		}
		g := grant{key: "tmpfs", target: p, from: s}
		readOnly := false
		for option := range strings.SplitSeq(options, ",") {
			name, value, _ := strings.Cut(option, "=")
			size, ok := parseBytes(strings.ToUpper(value), 1024)
			switch {
			case option == "ro":
				readOnly = true
			case option == "noexec":
				g.options += ",noexec"
			case name == "mode" && value != "" && len(value) <= 4 && strings.Trim(value, "01234567") == "":
				g.options += ",mode=" + value
			case name == "size" && ok && size > 0:
				g.options += ",size=" + strconv.FormatUint(size, 10)
			case name == "size" || name == "mode" || name == "nr_inodes" || name == "nr_blocks":
				i.miss(s, name+" is not carried over: its size is 256M")
			}
		}
		if readOnly {
			i.doc.mounts = append(i.doc.mounts, "type = \"dir\"\ntarget = "+quoteTOML(p)+"\n")
			return
		}
		g.options = strings.TrimPrefix(g.options, ",")
		i.grant(g)
	}, "TemporaryFileSystem")
}

// noExec is NoExecPaths=. Landlock can take the right to execute from a tree,
// but a profile has no exception within one.
func (i *importer) noExec() {
	var allowed []string
	i.words(func(_ setting, w string) {
		if p, err := i.expand(strings.TrimLeft(w, "-+")); err == nil {
			allowed = append(allowed, cleaned(p))
		}
	}, "ExecPaths")
	i.words(func(s setting, w string) {
		s.value = w
		p, err := i.expand(strings.TrimLeft(w, "-+"))
		if err != nil || !usablePath(p) {
			i.miss(s, "it is no path that a profile can name")
			return
		}
		if p = i.resolved(cleaned(p)); !slices.ContainsFunc(allowed, func(a string) bool { return within(a, p) }) {
			i.doc.add("fs.noexec", escapeGrant(p)+"?")
			return
		}
		i.miss(s, "a profile has no exceptions like ExecPaths=: only what the program can write is closed")
		for _, t := range append([]string{"/tmp", "/dev/shm"}, i.writable()...) {
			if within(t, p) && !slices.ContainsFunc(allowed, func(a string) bool { return within(a, t) || within(t, a) && a != p }) {
				i.doc.add("fs.noexec", escapeGrant(t)+"?")
			}
		}
	}, "NoExecPaths")
}

func (i *importer) writable() []string {
	var out []string
	for _, g := range i.fs.list {
		if g.key == "rw" || g.key == "tmpfs" {
			out = append(out, g.target)
		}
	}
	return out
}

// devices is DeviceAllow=. The usual ones are in every sandbox.
func (i *importer) devices() {
	for _, s := range i.list("DeviceAllow") {
		node, access, _ := strings.Cut(s.value, " ")
		switch {
		case slices.Contains([]string{"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty", "/dev/ptmx", "char-pts"}, node):
			i.already = append(i.already, s.name)
		case i.on("PrivateDevices"):
			i.stricter = append(i.stricter, s.name+"="+s.value+": PrivateDevices= hides the node, here too.")
		case !strings.HasPrefix(node, "/dev/") || !usablePath(literal(node)) || strings.Contains(node, "%"):
			i.miss(s, "a profile names device nodes, not kinds of devices")
		default:
			options := `["dev", "optional"]`
			if strings.Contains(access, "w") {
				options = `["dev", "rw", "optional"]`
			}
			i.doc.mounts = append(i.doc.mounts, "type = \"bind\"\nsource = "+quoteTOML(literal(cleaned(node)))+"\noptions = "+options+"\n")
		}
	}
}
