package sandbox

import (
	"os"
	"path"
	"strconv"
	"strings"

	"github.com/lichen-sandbox/lichen/internal/sys"
	"github.com/lichen-sandbox/lichen/spec"
)

// Target is a running sandbox that was looked at, and is held by descriptors:
// whatever its processes do from here on, it is still the same one.
type Target struct {
	init  int // pidfd of PID 1
	outer int // PID 1's user namespace
	inner int // the payload's, below it
	// others are the namespaces that PID 1 was started in, but the user namespace.
	others [len(joined)]int
	cgroup int // the directory of PID 1's cgroup; 0: where the caller is
}

// joined are the namespaces besides the user's.
var joined = [...]struct {
	name string
	flag uint64
}{
	{"mnt", sys.CLONE_NEWNS}, {"pid", sys.CLONE_NEWPID}, {"net", sys.CLONE_NEWNET}, {"ipc", sys.CLONE_NEWIPC},
	{"uts", sys.CLONE_NEWUTS}, {"cgroup", sys.CLONE_NEWCGROUP}, {"time", sys.CLONE_NEWTIME},
}

// Close lets go of the sandbox.
func (t *Target) Close() {
	for _, fd := range append([]int{t.init, t.outer, t.inner, t.cgroup}, t.others[:]...) {
		if fd > 0 {
			sys.Close(fd)
		}
	}
}

// Gone reports whether the sandbox has ended.
func (t *Target) Gone() bool { return sys.Ended(t.init) }

func refuse(reason, hint string) error {
	return &spec.Error{Op: "join", Object: "the sandbox", Reason: reason, Hint: hint}
}

// Look opens the sandbox whose PID 1 is the process pid that was started at the
// given time, and refuses what is none of the caller's.
//
// PID 1 is closed to inspection. What it is in can be seen by its children, which
// are hostile: with nested they may have made namespaces of their own. So each
// namespace is taken only if the user namespace that owns it is PID 1's, in which
// no process but PID 1 ever has a capability. And that one is known by its owner,
// who is the caller, and by its parent, which is the caller's own.
func Look(pid int, start uint64, j *Joinable) (*Target, error) {
	if err := j.Check(); err != nil {
		return nil, err
	}
	t := &Target{}
	var err error
	if t.init, err = sys.OpenProcess(pid); err != nil {
		t.init = -1
		return nil, refuse("its PID 1 is gone", "")
	}
	if err = t.look(pid, start, j); err != nil {
		t.Close()
		return nil, err
	}
	return t, nil
}

// Check refuses the kinds of sandboxes that cannot be joined.
func (j *Joinable) Check() error {
	const needed = sys.CLONE_NEWUSER | sys.CLONE_NEWNS | sys.CLONE_NEWPID
	switch {
	case j.flags&sys.CLONE_NEWUSER == 0:
		return refuse(`with isolation = "landlock" there is nothing to join: its processes and signals are kept apart by a Landlock domain, which none but a child gets`,
			"start another one: lichen run")
	case j.flags&needed != needed:
		return refuse("it lacks a namespace of its own that joining takes", "")
	case j.ranges:
		return refuse(`with ids = "subuid" its command has ids and capabilities that none but its own processes get`, `use ids = "single" or "fake"`)
	}
	return nil
}

func (t *Target) look(pid int, start uint64, j *Joinable) error {
	status, err := describeInit(pid)
	if err != nil {
		return err
	}
	switch {
	case status.start != start:
		return refuse("its PID 1 is gone, and another process has its number", "")
	case !status.noNewPrivs || !status.first:
		return refuse("process "+strconv.Itoa(pid)+" is no PID 1 of a sandbox", "")
	}
	if j.cgroup {
		if t.cgroup, err = openCgroup(pid); err != nil {
			return err
		}
	}
	// What was read is of the process that the descriptor is of, if that is there
	// still.
	if t.Gone() {
		return refuse("it has ended", "")
	}
	why := refuse("none of its processes shows what it is in", "")
	for _, child := range status.children {
		if err := t.through(child, pid, j); err == nil {
			if t.Gone() {
				return refuse("it has ended", "")
			}
			return nil
		} else {
			why = err
		}
	}
	return why
}

// initStatus is what procfs tells everybody of a process.
type initStatus struct {
	start      uint64
	noNewPrivs bool
	first      bool // it has the number 1 in its own pid namespace
	children   []int
}

func describeInit(pid int) (s initStatus, err error) {
	dir := "/proc/" + strconv.Itoa(pid)
	stat, err := sys.ReadProcStat(pid)
	if err != nil {
		return s, refuse("it has ended", "")
	}
	s.start = stat.Start
	text, err := os.ReadFile(dir + "/status")
	if err != nil {
		return s, refuse("it has ended", "")
	}
	for line := range strings.Lines(string(text)) {
		switch key, value, _ := strings.Cut(line, ":"); key {
		case "NoNewPrivs":
			s.noNewPrivs = strings.TrimSpace(value) == "1"
		case "NSpid":
			numbers := strings.Fields(value)
			s.first = len(numbers) > 1 && numbers[len(numbers)-1] == "1"
		}
	}
	text, err = os.ReadFile(dir + "/task/" + strconv.Itoa(pid) + "/children")
	if err != nil {
		return s, refuse("its processes cannot be listed: this kernel lacks CONFIG_PROC_CHILDREN, or it has ended", "")
	}
	for word := range strings.FieldsSeq(string(text)) {
		if child, err := strconv.Atoi(word); err == nil {
			s.children = append(s.children, child)
		}
	}
	return s, nil
}

// openCgroup opens the cgroup of PID 1. Who joins without being counted there has
// no limits.
func openCgroup(pid int) (int, error) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cgroup")
	if err == nil {
		for line := range strings.Lines(string(text)) {
			where, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "0::")
			if !ok || where == "/" || path.Clean(where) != where || strings.HasPrefix(where, "/..") {
				continue // or it lies outside of the caller's cgroup namespace
			}
			if fd, err := sys.OpenCgroup(where); err == nil {
				return fd, nil
			}
		}
	}
	return 0, refuse("its cgroup cannot be opened, so that its limits would not hold", "")
}
