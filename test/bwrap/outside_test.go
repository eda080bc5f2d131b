package bwrap

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

var (
	number   = regexp.MustCompile(`[0-9]{3,}`)
	told     = regexp.MustCompile(`(child-pid|-namespace)": [0-9]+`)
	inode    = regexp.MustCompile(`:\[[0-9]+\]`)
	bindfile = regexp.MustCompile(`/bindfile\w+`)
)

// umaskLock: the umask is the whole suite's, and a child takes it at its start.
var umaskLock sync.RWMutex

const usualUmask = 0o022

func umaskFor(mask int) (restore func()) {
	if mask == usualUmask {
		umaskLock.RLock()
		return umaskLock.RUnlock
	}
	umaskLock.Lock()
	unix.Umask(mask)
	return func() { unix.Umask(usualUmask); umaskLock.Unlock() }
}

// procStat returns the fields of /proc/PID/stat, with the name as one.
func procStat(pid string) []string {
	text, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return nil
	}
	s := string(text)
	open, end := strings.IndexByte(s, '('), strings.LastIndexByte(s, ')')
	if open < 0 || end < open {
		return nil
	}
	return append([]string{strings.TrimSpace(s[:open]), s[open+1 : end]}, strings.Fields(s[end+1:])...)
}

// outside looks at the reporting process from the host, which needs no /proc
// in the sandbox.
func (b *box) outside(pid, launcher int, o observation) {
	b.t.Helper()
	dir := "/proc/" + strconv.Itoa(pid)
	read := func(name string) string {
		text, err := os.ReadFile(dir + "/" + name)
		if err != nil {
			return "<" + err.Error() + ">"
		}
		return string(text)
	}
	for line := range strings.Lines(read("status")) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		switch key {
		case "Uid", "Gid", "Groups", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp", "Seccomp_filters",
			"SigBlk", "SigIgn", "SigCgt":
			o["status "+key] = strings.Join(strings.Fields(value), " ")
		case "NSpid":
			o["pid namespaces"] = strconv.Itoa(len(strings.Fields(value)))
		}
	}
	for _, ns := range []string{"user", "mnt", "pid", "net", "ipc", "uts", "cgroup", "time"} {
		o["namespace "+ns] = "the caller's"
		if link(dir+"/ns/"+ns) != link("/proc/self/ns/"+ns) {
			o["namespace "+ns] = "its own"
		}
	}
	for _, name := range []string{"uid_map", "gid_map", "setgroups", "oom_score_adj"} {
		o[name] = strings.Join(strings.Fields(read(name)), " ")
	}
	for line := range strings.Lines(read("limits")) {
		// What is not a name of two or three words is a number or a unit.
		if f := strings.Fields(line); len(f) > 3 {
			o["limit "+strings.TrimSpace(line[:min(len(line), 25)])] = strings.Join(strings.Fields(line[min(len(line), 25):]), " ")
		}
	}
	b.openFiles(dir, o)
	b.session(pid, launcher, o)
	b.mounts(read("mountinfo"), o)
}

func link(path string) string {
	s, err := os.Readlink(path)
	if err != nil {
		return "<" + err.Error() + ">"
	}
	return s
}

func (b *box) openFiles(dir string, o observation) {
	entries, err := os.ReadDir(dir + "/fd")
	b.check(err)
	for _, e := range entries {
		o["fd "+e.Name()] = b.plain(inode.ReplaceAllString(link(dir+"/fd/"+e.Name()), ""))
	}
}

// session says how the process stands to the launcher.
func (b *box) session(pid, launcher int, o observation) {
	self, caller := procStat(strconv.Itoa(pid)), procStat(strconv.Itoa(launcher))
	if len(self) < 8 || len(caller) < 8 {
		return
	}
	between := 0
	for p := self[3]; p != caller[0] && between < 5; between++ {
		stat := procStat(p)
		if len(stat) < 4 || p == "1" {
			break
		}
		if between == 0 {
			o["parent's user namespace"] = "the same"
			if link("/proc/"+p+"/ns/user") != link("/proc/"+self[0]+"/ns/user") {
				o["parent's user namespace"] = "another"
			}
		}
		p = stat[3]
	}
	o["processes between"] = strconv.Itoa(between)
	for i, name := range map[int]string{4: "process group", 5: "session"} {
		switch self[i] {
		case caller[i]:
			o[name] = "the caller's"
		case self[0]:
			o[name] = "its own"
		case self[3]:
			o[name] = "its parent's"
		default:
			o[name] = "another"
		}
	}
	o["terminal"] = self[6]
}

type mountLine struct{ id, parent, root, point, flags, fstype, super string }

// mounts notes the mounts that a path leads to. What lies covered, or outside
// the root, is nobody's business.
func (b *box) mounts(text string, o observation) {
	var all []mountLine
	for line := range strings.Lines(text) {
		front, back, _ := strings.Cut(strings.TrimSpace(line), " - ")
		f, g := strings.Fields(front), strings.Fields(back)
		if len(f) < 6 || len(g) < 3 {
			continue
		}
		all = append(all, mountLine{f[0], f[1], f[3], f[4], f[5], g[0], g[2]})
	}
	for i := range all {
		m := &all[i]
		if reached(all, m.point) != m {
			continue
		}
		root := m.root
		if m.fstype == "tmpfs" {
			root = bindfile.ReplaceAllString(root, "/bindfile")
		}
		o[b.plain("mount "+m.point)] = b.plain(m.flags + " " + m.fstype + " " + root + " " + options(m))
	}
}

// reached returns the mount that a lookup of path ends in.
func reached(all []mountLine, path string) *mountLine {
	parents := make(map[string]bool, len(all))
	for i := range all {
		parents[all[i].id] = true
	}
	var cur *mountLine
	for i := range all {
		if m := &all[i]; m.point == "/" && !parents[m.parent] {
			cur = m
		}
	}
	step := func(point string) {
		for again := true; again && cur != nil; {
			again = false
			for i := range all {
				if m := &all[i]; m.parent == cur.id && m.point == point && m != cur {
					cur, again = m, true
					break
				}
			}
		}
	}
	step("/")
	for i := 1; i <= len(path); i++ {
		if path != "/" && (i == len(path) || path[i] == '/') {
			step(path[:i])
		}
	}
	return cur
}

// options keeps of a super block what a sandbox decides.
func options(m *mountLine) string {
	var keep []string
	for opt := range strings.SplitSeq(m.super, ",") {
		key, value, _ := strings.Cut(opt, "=")
		switch {
		case m.fstype == "tmpfs" && (key == "size" || key == "mode"),
			m.fstype == "devpts" && strings.HasSuffix(key, "mode"),
			m.fstype == "overlay" && (key == "ro" || key == "rw"):
			keep = append(keep, opt)
		case m.fstype == "overlay" && strings.HasSuffix(key, "dir"):
			keep = append(keep, key+"="+strings.ReplaceAll(value, "/oldroot", ""))
		}
	}
	return strings.Join(keep, ",")
}
