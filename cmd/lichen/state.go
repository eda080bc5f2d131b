package main

import (
	"os"
	"strconv"
	"time"

	"github.com/lichen-sandbox/lichen/internal/plan"
	"github.com/lichen-sandbox/lichen/internal/sys"
	"github.com/lichen-sandbox/lichen/sandbox"
	"github.com/lichen-sandbox/lichen/spec"
	"github.com/lichen-sandbox/lichen/state"
)

// registration is the entry of a running sandbox in the list of them. It is made
// once the payload runs, so that nobody waits for it; only a name is taken before,
// because two sandboxes cannot have the same.
type registration struct {
	ui   *ui
	name string
	own  *state.Own
}

// newRegistration takes the name, if there is one.
func newRegistration(u *ui, name string) (*registration, error) {
	r := &registration{ui: u, name: name}
	if name == "" {
		return r, nil
	}
	dir := state.Path(os.Getenv)
	if dir == "" {
		return r, noList()
	}
	return r, r.reserve(dir)
}

// listVersion is whose entries are taken for one's own, besides their form. It costs
// nothing: versionText would read what the linker has noted.
func listVersion() string {
	if version != "" {
		return version
	}
	return "development"
}

func noList() error {
	return &spec.Error{Op: "list", Object: "sandboxes", Reason: "there is no directory to keep the list in: XDG_RUNTIME_DIR is not set to an absolute path, and /run/user/" + strconv.Itoa(os.Geteuid()) + " is not there, or not yours",
		Hint: "set XDG_RUNTIME_DIR to a directory of your own (mode 0700), as a login does"}
}

func (r *registration) reserve(path string) error {
	dir, err := state.Open(path, listVersion(), true)
	if err != nil {
		return err
	}
	if r.own, err = dir.Reserve(r.name, uint64(time.Now().UnixNano())); err != nil {
		dir.Close()
	}
	return err
}

// started puts the sandbox on the list. Where that cannot be, it runs without being
// listed: the list is a convenience, unless a name was asked for.
func (r *registration) started(p *sandbox.Process, s *spec.Spec, compiled *plan.Plan) {
	if r.own == nil {
		path := state.Path(os.Getenv)
		if path == "" || r.reserve(path) != nil {
			return
		}
	}
	stat, err := sys.ReadProcStat(p.PID)
	if err != nil {
		return // it has ended
	}
	e := state.Entry{Launcher: stat.Parent, Init: p.PID, Start: stat.Start, Profile: s.Name, Command: s.Process.Command, Began: time.Now()}
	if compiled.Join != nil {
		e.Join = compiled.Join.Append(make([]byte, 0, 4<<10))
	}
	e.Alone = !s.Namespaces.PID
	if err := r.own.Write(&e); err != nil && r.name != "" {
		r.ui.report(err)
	}
}

// close takes the sandbox off the list.
func (r *registration) close() {
	if r != nil && r.own != nil {
		r.own.Remove()
		r.own = nil
	}
}

// openList opens the list for a command that reads it; nil, without an error, means
// that there is none yet.
func openList() (*state.Dir, error) {
	path := state.Path(os.Getenv)
	if path == "" {
		return nil, noList()
	}
	if _, err := os.Lstat(path); os.IsNotExist(err) {
		return nil, nil
	}
	return state.Open(path, listVersion(), false)
}

// findRunning returns the sandbox that a user means.
func findRunning(id string) (*state.Running, error) {
	dir, err := openList()
	if err != nil {
		return nil, err
	}
	if dir == nil {
		return nil, &spec.Error{Op: "find", Object: "sandbox " + quote(id), Reason: "none is running", Hint: "lichen ps lists them"}
	}
	defer dir.Close()
	return dir.Find(id)
}
