// Package cgroup makes the cgroup of a sandbox, in a part of the cgroup v2
// hierarchy that is delegated to the caller (cgroups(7), and the kernel's
// Documentation/admin-guide/cgroup-v2.rst).
//
// A sandbox gets two directories, one in the other. The limits are those of the
// outer one; the processes are in the inner one. So a payload that can mount
// cgroup2, in namespaces of its own, has the inner one as the root of what it
// sees, and its limits above that, also where cgroup2 is not mounted with
// nsdelegate.
//
// Each directory carries the lock (flock(2)) of the launcher that made it. One
// that nobody holds is left over, and the next launcher takes it away.
package cgroup

import (
	"os"
	"path"
	"strconv"
	"strings"
)

// Host is where the launcher looks. The zero value is the real one.
type Host struct {
	Root   string // in front of every path
	UID    int    // whom the caller runs as
	Getenv func(string) string
	// Delegated is a unit that the service manager says is delegated to the caller.
	Delegated string
}

func (h *Host) read(file string) (string, error) {
	text, err := os.ReadFile(h.Root + file)
	return string(text), err
}

func (h *Host) exists(file string) bool {
	_, err := os.Lstat(h.Root + file)
	return err == nil
}

// membership is /proc/self/cgroup: where the caller is.
type membership struct {
	path string   // in the v2 hierarchy, as the caller's cgroup namespace sees it
	v1   []string // controllers of v1 hierarchies
}

func (h *Host) membership() (membership, error) {
	text, err := h.read("/proc/self/cgroup")
	if err != nil {
		return membership{}, err
	}
	return parseMembership(text), nil
}

// parseMembership reads lines of the form ID:CONTROLLERS:PATH.
func parseMembership(text string) membership {
	var m membership
	for line := range strings.Lines(text) {
		id, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		controllers, where, _ := strings.Cut(rest, ":")
		if id == "0" && controllers == "" {
			m.path = where
			continue
		}
		for c := range strings.SplitSeq(controllers, ",") {
			if !strings.HasPrefix(c, "name=") {
				m.v1 = append(m.v1, c)
			}
		}
	}
	return m
}

// onV1 reports whether a controller is in a hierarchy of cgroup v1, where the
// one for block devices has another name.
func (m *membership) onV1(controller string) bool {
	if controller == "io" {
		controller = "blkio"
	}
	for _, c := range m.v1 {
		if c == controller {
			return true
		}
	}
	return false
}

// mount is one place where the v2 hierarchy can be seen.
type mount struct {
	root  string // which cgroup is there
	point string
}

// mounts lists the mounts of cgroup2. In hybrid layouts that is not
// /sys/fs/cgroup but a directory in it.
func (h *Host) mounts() ([]mount, error) {
	text, err := h.read("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	return parseMounts(text), nil
}

// parseMounts reads mountinfo, proc_pid_mountinfo(5): root and mount point are
// the fourth and fifth field, the type is the first after a lone dash.
func parseMounts(text string) []mount {
	var list []mount
	for line := range strings.Lines(text) {
		before, after, ok := strings.Cut(line, " - ")
		f := strings.Fields(before)
		if !ok || len(f) < 5 || !strings.HasPrefix(after, "cgroup2 ") {
			continue
		}
		list = append(list, mount{root: unescape(f[3]), point: unescape(f[4])})
	}
	return list
}

// unescape undoes the kernel's octal escapes of blanks.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// locate returns the directory of the cgroup called where, and the mount that
// it is below. Names that begin with /.. are outside of the caller's cgroup
// namespace, and no mount shows them.
func locate(mounts []mount, where string) (dir string, m mount, ok bool) {
	for _, m := range mounts {
		if rel, ok := below(where, m.root); ok {
			return path.Join(m.point, rel), m, true
		}
	}
	return "", mount{}, false
}

// mountOf returns the mount that a directory is below.
func mountOf(mounts []mount, dir string) (best mount, ok bool) {
	for _, m := range mounts {
		if _, in := below(dir, m.point); in && len(m.point) >= len(best.point) {
			best, ok = m, true
		}
	}
	return best, ok
}

// below returns the rest of p under root.
func below(p, root string) (string, bool) {
	if root == "/" {
		return p, !strings.HasPrefix(p, "/..")
	}
	rest, ok := strings.CutPrefix(p, root)
	return rest, ok && (rest == "" || rest[0] == '/')
}

// common returns the deepest directory that a and b are both in.
func common(a, b string) string {
	for a != b {
		if len(a) > len(b) {
			a = path.Dir(a)
		} else {
			b = path.Dir(b)
		}
	}
	return a
}
