package profile

import (
	"errors"
	"path"
	"strings"
	"syscall"

	"github.com/lichen-sandbox/lichen/spec"
)

// checkWorkDir refuses a work directory that is none. ${PWD} and ${PROJECT}
// are wherever the caller happens to stand: started from the home directory,
// "the work tree is writable" would mean every key and every dotfile, and from
// "/" the whole host. Who means that writes the path itself, or ${HOME}.
func (v *Vars) checkWorkDir(p string) error {
	switch {
	case p == "/" || p == "/dev" || spec.Beneath(p, "/proc") || spec.Beneath(p, "/sys"):
		return notWorkDir(p, "is not a work directory")
	case p == "/run" || p == "/tmp" || p == "/var" || p == "/var/tmp":
		// A read-only grant does not keep the payload from connecting: the
		// socket of a terminal multiplexer in /tmp runs commands outside.
		return notWorkDir(p, "holds the sockets of other programs")
	case v.holdsHome(p):
		return notWorkDir(p, "is the home directory, or holds it")
	}
	if run, err := v.Lookup("XDG_RUNTIME_DIR"); err == nil && spec.Beneath(run, p) {
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

// holdsHome reports whether p is the home directory or one above it.
func (v *Vars) holdsHome(p string) bool {
	home, err := v.Lookup("HOME")
	return err == nil && (spec.Beneath(home, p) || reaches(p, home))
}

// reaches reports whether p, or what of it exists, lies in the directory dir.
// Names differ where a symbolic link leads there, so files are compared.
func reaches(dir, p string) bool {
	var want, at, last syscall.Stat_t
	if syscall.Stat(dir, &want) != nil {
		return false // it cannot be granted either
	}
	for p != "/" && (syscall.Stat(p, &at) != nil || at.Mode&syscall.S_IFMT != syscall.S_IFDIR) {
		p = path.Dir(p)
	}
	for up := p; syscall.Stat(up, &at) == nil; up += "/.." {
		if sameFile(&want, &at) {
			return true
		}
		if sameFile(&last, &at) {
			return false // the root is its own parent
		}
		last = at
	}
	return false
}

func sameFile(a, b *syscall.Stat_t) bool { return a.Dev == b.Dev && a.Ino == b.Ino }

// guardProfiles refuses to let the payload write the profiles that say what
// the next run may do: the search directories, and files given by path.
func (r *resolver) guardProfiles() error {
	if keep := r.spec.Rootfs.Keep; keep != "" {
		if err := r.guardGrants(keep); err != nil {
			return err
		}
	}
	for _, list := range [][]string{r.loader.Dirs, r.loader.Guarded} {
		for _, dir := range list {
			if err := r.guard(dir); err != nil {
				return err
			}
		}
	}
	for _, dir := range r.loader.Running {
		err := r.guard(dir)
		if e, ok := errors.AsType[*spec.Error](err); ok {
			e.Reason = "the payload could write " + dir + ", where lichen ps, kill and exec look"
		}
		if err != nil {
			return err
		}
	}
	for _, file := range r.loader.Apart {
		err := r.guard(file)
		if e, ok := errors.AsType[*spec.Error](err); ok {
			e.Reason, e.Hint = "the payload could write "+file+", which is lichen's to write", "take a file in another directory, or a descriptor"
		}
		if err != nil {
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
	if keep := r.spec.Rootfs.Keep; keep != "" && overlaps(keep, p) {
		m := spec.Mount{Origin: r.spec.OriginOf(keys[keyRootfsWrite].name)}
		return exposes(&m, keep, p, "take a directory of its own")
	}
	return r.guardGrants(p)
}

// guardGrants refuses writable grants that hold p.
func (r *resolver) guardGrants(p string) error {
	for i := range r.spec.Mounts {
		m := &r.spec.Mounts[i]
		if m.Type == spec.MountOverlay && m.Upper != "" {
			for _, dir := range []string{m.Upper, m.Work} {
				if overlaps(dir, p) {
					return exposes(m, dir, p, "take a directory that holds no profile")
				}
			}
		}
		if m.Type != spec.MountBind || !m.Write || m.Dev {
			continue
		}
		var inside string
		switch {
		case spec.Beneath(p, m.Source):
			inside = strings.TrimSuffix(m.Target, "/") + strings.TrimPrefix(p, strings.TrimSuffix(m.Source, "/"))
		case spec.Beneath(m.Source, p):
			inside = m.Target
		case reaches(m.Source, p) || reaches(p, m.Source):
			return exposes(m, m.Source, p, "grant the directory by its own name, not through a symbolic link, and cover the profiles in it")
		default:
			continue
		}
		if r.top(inside) == m {
			return exposes(m, m.Source, p, "cover it: make it if it is missing, and grant "+inside+" read-only or hide it")
		}
	}
	return nil
}

// overlaps reports whether one of two directories is the other or lies in it.
func overlaps(a, b string) bool {
	return spec.Beneath(a, b) || spec.Beneath(b, a) || reaches(a, b) || reaches(b, a)
}

func exposes(m *spec.Mount, source, p, hint string) error {
	return &spec.Error{Op: "grant", Object: source, Origin: m.Origin, Hint: hint,
		Reason: "the payload could write " + p + ", which decides what the next run may do"}
}

// top returns the mount that decides about a path: the most specific one, of
// equals the one of the latest layer, of those the more restrictive. Optional
// ones may not be there and do not count.
func (r *resolver) top(p string) *spec.Mount {
	var best *spec.Mount
	for i := range r.spec.Mounts {
		m := &r.spec.Mounts[i]
		if !spec.Beneath(p, m.Target) || m.Optional && !m.Write {
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
