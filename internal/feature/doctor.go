package feature

import (
	"os"
	"path"
	"strconv"
	"strings"

	"github.com/lichen-sandbox/lichen/internal/subid"
	"github.com/lichen-sandbox/lichen/internal/sys"
)

// Status is the outcome of a check.
type Status string

const (
	OK   Status = "ok"
	Warn Status = "warn" // something is missing that some profiles use
	Fail Status = "fail" // no sandbox can be made
)

// Finding is what a check found.
type Finding struct {
	Name   string `json:"name"`
	Status Status `json:"status"`
	Detail string `json:"detail,omitempty"`
	Cause  string `json:"cause,omitempty"`
	Fix    string `json:"fix,omitempty"` // a command, where there is one
}

// Host is what the checks look at.
type Host struct {
	UID, GID    int
	Groups      []int
	User        string // login name, for /etc/subuid
	LandlockABI int
	Executable  string // this program's file; "" when it is not known
	Missing     []sys.Probe
	ReadFile    func(path string) (string, error)
	Access      func(path string, mode uint32) error
	LookPath    func(name string) (string, error)
}

// Examine returns the real host.
func Examine() *Host {
	h := &Host{
		UID: sys.Getuid(), GID: sys.Getgid(), User: subid.Caller(uint32(sys.Getuid())).Name, LandlockABI: sys.LandlockABI(),
		Access: sys.Access, LookPath: lookPath,
		ReadFile: func(path string) (string, error) {
			data, err := os.ReadFile(path)
			return string(data), err
		},
	}
	h.Groups, _ = sys.Getgroups() // unknown is none: only a warning hangs on it
	h.Executable, _ = os.Readlink("/proc/self/exe")
	for _, p := range sys.Probes() {
		if p.Missing() {
			h.Missing = append(h.Missing, p)
		}
	}
	return h
}

// lookPath finds a program in PATH.
func lookPath(name string) (string, error) {
	for dir := range strings.SplitSeq(os.Getenv("PATH"), ":") {
		if p := path.Join(dir, name); path.IsAbs(p) && sys.Access(p, sys.X_OK) == nil {
			return p, nil
		}
	}
	return "", sys.ENOENT
}

// check is one question; it answers nil where the question does not arise.
type check func(*Host) *Finding

// checks are in the order of the report: the most general first.
func checks() []check {
	return []check{
		checkKernel, checkCalls, checkConfined, checkNamespaceLimits, checkUsernsSwitch, checkAppArmor, checkProc, checkExecutable,
		checkLandlock, checkSeccomp, checkOverlay, checkTIOCSTI, checkGroups, checkRoot, checkIDRanges,
	}
}

// Doctor asks all questions about a host.
func Doctor(h *Host) []Finding {
	var all []Finding
	for _, c := range checks() {
		if f := c(h); f != nil {
			all = append(all, *f)
		}
	}
	return all
}

func fine(name, detail string) *Finding { return &Finding{Name: name, Status: OK, Detail: detail} }

// number reads a file with one number in it.
func (h *Host) number(path string) (int, bool) {
	text, err := h.ReadFile(path)
	if err != nil {
		return 0, false
	}
	n, err := strconv.Atoi(strings.TrimSpace(text))
	return n, err == nil
}

// filtered reports whether a seccomp filter is in force on this process; see
// proc_pid_status(5).
func (h *Host) filtered() bool {
	text, err := h.ReadFile("/proc/self/status")
	return err == nil && strings.Contains(text, "\nSeccomp:\t2")
}
