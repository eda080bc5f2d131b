package profile

import (
	"strings"
	"syscall"

	"github.com/lichen-sandbox/lichen/spec"
)

// within reports whether p is dir or below it, by name.
func within(p, dir string) bool {
	return dir == "/" || strings.HasPrefix(p, dir) && (len(p) == len(dir) || p[len(dir)] == '/')
}

// checkWorkDir refuses a work directory that is none. ${PWD} and ${PROJECT}
// are wherever the caller happens to stand: started from the home directory,
// "the work tree is writable" would mean every key and every dotfile, and from
// "/" the whole host. Who means that writes the path itself, or ${HOME}.
func (v *Vars) checkWorkDir(p string) error {
	switch {
	case p == "/" || p == "/dev" || within(p, "/proc") || within(p, "/sys"):
		return notWorkDir(p, "is not a work directory")
	case p == "/run" || p == "/tmp" || p == "/var" || p == "/var/tmp":
		// A read-only grant does not keep the payload from connecting: the
		// socket of a terminal multiplexer in /tmp runs commands outside.
		return notWorkDir(p, "holds the sockets of other programs")
	case v.holdsHome(p):
		return notWorkDir(p, "is the home directory, or holds it")
	}
	if run, err := v.Lookup("XDG_RUNTIME_DIR"); err == nil && within(run, p) {
		return notWorkDir(p, "holds the sockets of the user")
	}
	return nil
}

func notWorkDir(p, reason string) error {
	return &problem{
		reason: quote(p) + " " + reason, absent: true,
		hint: "change to a project directory, or grant the path by its name instead of ${PWD} or ${PROJECT}",
	}
}

// holdsHome reports whether p is the home directory or one above it. Names can
// differ where a symbolic link leads to the home, so files are compared.
func (v *Vars) holdsHome(p string) bool {
	home, err := v.Lookup("HOME")
	if err != nil {
		return false
	}
	if within(home, p) {
		return true
	}
	var dir, above, last syscall.Stat_t
	if syscall.Stat(p, &dir) != nil {
		return false // it cannot be granted either
	}
	for up := home; syscall.Stat(up, &above) == nil; up += "/.." {
		if sameFile(&dir, &above) {
			return true
		}
		if sameFile(&last, &above) {
			return false // the root is its own parent
		}
		last = above
	}
	return false
}

func sameFile(a, b *syscall.Stat_t) bool { return a.Dev == b.Dev && a.Ino == b.Ino }

// guardProfiles refuses to let the payload write the profiles that say what
// the next run may do: the search directories, and files given by path.
func (r *resolver) guardProfiles() error {
	for _, dir := range r.loader.Dirs {
		if err := r.guard(dir); err != nil {
			return err
		}
	}
	for _, src := range r.m.sources {
		if src.Path == "" {
			continue
		}
		p, err := r.loader.absolute(src.Path)
		if err != nil {
			continue // with ".." after a name: not comparable by name
		}
		if err := r.guard(p); err != nil {
			return err
		}
	}
	return nil
}

func (r *resolver) guard(p string) error {
	for i := range r.spec.Mounts {
		m := &r.spec.Mounts[i]
		if m.Type != spec.MountBind || !m.Write {
			continue
		}
		var inside string
		switch {
		case within(p, m.Source):
			inside = strings.TrimSuffix(m.Target, "/") + strings.TrimPrefix(p, strings.TrimSuffix(m.Source, "/"))
		case within(m.Source, p):
			inside = m.Target
		default:
			continue
		}
		if r.top(inside) == m {
			return &spec.Error{
				Op: "grant", Object: m.Source, Origin: m.Origin,
				Reason: "the payload could write " + p + ", which decides what the next run may do",
				Hint:   "cover it: make it if it is missing, and grant " + inside + " read-only or hide it",
			}
		}
	}
	return nil
}

// top returns the mount that decides about a path: the most specific one, of
// equals the one of the latest layer, of those the more restrictive. Optional
// ones may not be there and do not count.
func (r *resolver) top(p string) *spec.Mount {
	var best *spec.Mount
	for i := range r.spec.Mounts {
		m := &r.spec.Mounts[i]
		if !within(p, m.Target) || m.Optional && !m.Write {
			continue
		}
		switch {
		case best == nil || len(m.Target) > len(best.Target):
			best = m
		case len(m.Target) < len(best.Target):
		case m.Layer > best.Layer || m.Layer == best.Layer && !m.Write:
			best = m
		}
	}
	return best
}
