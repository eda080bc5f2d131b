package unit

import (
	"slices"
	"strings"
)

// fileGrants are what a unit says about paths.
type fileGrants struct {
	list    []grant
	closed  []closed // trees that are empty or out of reach in the unit
	cwd     string
	program string // the path of the command, or ""
	root    string // RootDirectory=, or ""
}

// grant is an entry of the lists of [fs].
type grant struct {
	key            string // "ro", "rw", "hide", "tmpfs"
	source, target string
	options        string
	optional       bool
	bind           bool // brings its own source, so that nothing above hides it
	from           setting
}

// closed is a tree below which a path of the host means nothing.
type closed struct {
	path  string
	binds bool // a bind mount may still show something there
	from  string
}

// shown is what the profile "base" shows. A path there needs no grant to be
// read.
var shown = []string{"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc", "/nix/store", "/tmp", "/proc", "/dev"}

// files is [fs]. Where a unit shows all of the host and takes away, a profile
// shows only what is named: ProtectSystem= and ProtectHome= need nothing, but
// keep what they cover from being granted.
func (i *importer) files() {
	i.root()
	i.closedTrees()
	i.tmpfs()
	i.binds("BindPaths", "rw")
	i.binds("BindReadOnlyPaths", "ro")
	i.paths("InaccessiblePaths", "hide")
	i.paths("ReadOnlyPaths", "ro")
	i.paths("ReadWritePaths", "rw")
	i.devices()
	i.dropped()
	i.visible(i.fs.cwd)
	i.visible(i.fs.program)
	i.covered()
	for _, g := range i.fs.list {
		i.doc.add("fs."+g.key, g.text())
	}
	i.noExec()
	i.stricter = append(i.stricter, "The unit shows all files of the host that it does not take away; the profile shows the system (profile \"base\") and what is named.")
}

// root is RootDirectory=, whose files take the place of the host's.
func (i *importer) root() {
	s, ok := i.last("RootDirectory")
	if ok && s.value != "/" {
		dir, err := i.expand(strings.TrimPrefix(s.value, "-"))
		if err == nil && usablePath(dir) {
			i.doc.add("extends", "image")
			i.doc.text("rootfs.image", "dir:"+cleaned(dir))
			i.fs.root = cleaned(dir)
			return
		}
		i.miss(s, "it is no path that a profile can name")
	}
	i.doc.add("extends", "base")
}

func (i *importer) closedTrees() {
	if s, ok := i.kept("ProtectHome"); ok || i.on("DynamicUser") {
		value, isBool := parseBool(s.value)
		if value || !isBool && s.value != "read-only" && ok {
			for _, p := range []string{"/home", "/root", "/run/user"} {
				i.fs.closed = append(i.fs.closed, closed{p, s.value == "tmpfs", "ProtectHome=" + s.value})
			}
			i.already = append(i.already, "ProtectHome")
		}
	}
	if i.on("PrivateTmp") || i.on("DynamicUser") {
		for _, p := range []string{"/tmp", "/var/tmp"} {
			i.fs.closed = append(i.fs.closed, closed{p, true, "PrivateTmp="})
		}
		i.already = append(i.already, "PrivateTmp")
	}
	if i.on("DynamicUser") {
		s, _ := i.kept("DynamicUser")
		i.miss(s, "the sandbox runs as whoever starts lichen: keep it in the unit that does")
	}
}

// words reads the entries of settings that are lists of paths.
func (i *importer) words(f func(s setting, word string), names ...string) {
	for _, s := range i.list(names...) {
		words, err := splitWords(s.value)
		if err != nil {
			i.miss(s, err.Error())
		}
		for _, w := range words {
			f(s, w)
		}
	}
}

func (i *importer) paths(name, key string) {
	i.words(func(s setting, w string) {
		s.value = w
		rest := strings.TrimPrefix(w, "-")
		p, err := i.expand(strings.TrimPrefix(rest, "+"))
		if inner, ok := strings.CutPrefix(p, i.fs.root+"/"); ok && i.fs.root != "" && !strings.HasPrefix(rest, "+") {
			p = "/" + inner // it is a path of the host where there is no "+"
		}
		switch {
		case err != nil || !usablePath(p):
			i.miss(s, "it is no path that a profile can name")
			return
		case cleaned(p) == "/" && key == "ro":
			i.already = append(i.already, name)
			return
		case cleaned(p) == "/":
			i.miss(s, "a profile names what it opens and closes, not everything")
			return
		case key != "hide" && i.doc.has("rootfs.image"):
			i.miss(s, "it is a path of the host where RootDirectory= shows another tree; write a [[mount]] if the program needs it")
			return
		case slices.Contains([]string{"/proc", "/dev", "/sys"}, top(cleaned(p))) && key != "hide":
			i.stricter = append(i.stricter, name+"="+w+": "+top(cleaned(p))+" is the sandbox's own.")
			return
		}
		i.path(s, key, cleaned(p), rest != w)
	}, name)
}

// path adds a path and, where it is a symbolic link, what it leads to: systemd
// follows it and covers that.
func (i *importer) path(s setting, key, p string, optional bool) {
	real := i.resolved(p)
	if key == "hide" {
		for _, c := range []string{p, real} {
			i.fs.closed = append(i.fs.closed, closed{c, false, s.name + "=" + s.value})
		}
		i.grant(grant{key: key, source: real, target: real, optional: true, from: s})
		return
	}
	i.grant(grant{key: key, source: i.below(p), target: p, optional: optional, from: s})
	if key == "ro" && real != p {
		i.grant(grant{key: key, source: real, target: real, optional: true, from: s})
	}
}

// resolved is what a path leads to on this host, as text of a profile.
func (i *importer) resolved(p string) string {
	if i.Resolve == nil || strings.Contains(p, "$") || i.doc.has("rootfs.image") {
		return p
	}
	real, err := i.Resolve(p)
	if err != nil || !usablePath(literal(real)) {
		return p
	}
	return literal(real)
}

// covered closes what a grant further up would show: /run/user, and /var/tmp,
// where the profile "base" has a link that cannot be made in a tree of the host.
func (i *importer) covered() {
	shows := func(p string) bool {
		return slices.ContainsFunc(i.fs.list, func(g grant) bool { return g.key != "hide" && g.target == p })
	}
	if shows("/run") && slices.ContainsFunc(i.fs.closed, func(c closed) bool { return c.path == "/run/user" }) {
		i.grant(grant{key: "hide", source: "/run/user", target: "/run/user", optional: true})
	}
	if shows("/var") {
		i.grant(grant{key: "tmpfs", target: "/var/tmp", options: "mode=1777"})
	}
}

// grant adds one. Of two on the same target the stricter holds, as in systemd.
func (i *importer) grant(g grant) {
	for n := range i.fs.list {
		old := &i.fs.list[n]
		if old.target != g.target {
			continue
		}
		rank := func(key string) int { return slices.Index([]string{"hide", "tmpfs", "ro", "rw"}, key) }
		if rank(g.key) < rank(old.key) {
			if old.bind && g.key == "ro" {
				old.key = "ro"
				return
			}
			*old = g
		}
		return
	}
	i.fs.list = append(i.fs.list, g)
}

// dropped takes grants away that the unit itself closes further up.
func (i *importer) dropped() {
	i.fs.list = slices.DeleteFunc(i.fs.list, func(g grant) bool {
		for _, c := range i.fs.closed {
			inside := within(g.target, c.path) && (g.target != c.path || !g.bind)
			if !g.bind { // a link would lead around what is closed
				inside = inside || within(i.resolved(g.target), c.path)
			}
			if g.key == "hide" || g.key == "tmpfs" || !inside || g.bind && c.binds {
				continue
			}
			i.stricter = append(i.stricter, g.from.name+"="+g.from.value+": left out, because "+c.from+" closes it.")
			return true
		}
		return false
	})
}

// visible shows a path that the program needs, unless the unit closes it.
func (i *importer) visible(p string) {
	if p == "" || p == "/" || i.doc.has("rootfs.image") {
		return
	}
	for _, c := range i.fs.closed {
		if within(p, c.path) || within(i.resolved(p), c.path) {
			return
		}
	}
	for _, s := range shown {
		if within(p, s) {
			return
		}
	}
	for _, g := range i.fs.list {
		if within(p, g.target) {
			return
		}
	}
	i.grant(grant{key: "ro", source: p, target: p, optional: true})
}
