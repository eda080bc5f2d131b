package sandbox

import (
	"errors"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/lichen-sandbox/lichen/internal/plan"
	"github.com/lichen-sandbox/lichen/internal/sys"
	"github.com/lichen-sandbox/lichen/spec"
)

// gate is the pipe that PID 1 waits on for its id maps.
type gate struct {
	child, own int
	open       bool
}

// openGate makes the pipe, if the plan waits for anything.
func openGate(p *plan.Plan) (g gate, err error) {
	if len(p.IDMaps) == 0 && !p.Gate {
		return g, nil
	}
	g.child, g.own, err = sys.Pipe()
	g.open = err == nil
	return g, err
}

func (g *gate) close() {
	if g.open {
		sys.Close(g.child)
		sys.Close(g.own)
	}
}

// pass has the id maps of the process pid written, calls ready, which may be
// nil, and lets the process go on. The pipe stays open: its end would be news to
// PID 1.
func (g *gate) pass(p *plan.Plan, pid int, ready func(pid int) error) error {
	if !g.open {
		return nil
	}
	if len(p.IDMaps) > 0 {
		if err := writeMaps(p.IDMaps, pid); err != nil {
			return err
		}
	}
	if ready != nil {
		if err := ready(pid); err != nil {
			return err
		}
	}
	// We hold the reading end, so that a PID 1 that is gone is no error here: the
	// control socket tells.
	if err := sys.WriteByte(g.own, 1); err != nil {
		return startError(p, "open the gate of PID 1", err)
	}
	return nil
}

// mapper is a running newuidmap(1) or newgidmap(1).
type mapper struct {
	plan.IDMap
	process *os.Process
	output  *os.File
}

// writeMaps runs the programs side by side: each takes two milliseconds, and
// neither needs the other.
func writeMaps(maps []plan.IDMap, pid int) (err error) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return &spec.Error{Op: "open", Object: os.DevNull, Err: cause(err)}
	}
	defer null.Close()
	var running []mapper
	for _, m := range maps {
		started, startErr := startMapper(m, pid, null)
		if startErr != nil {
			err = startErr
			break
		}
		running = append(running, started)
	}
	for _, m := range running {
		if waitErr := m.wait(pid); err == nil {
			err = waitErr
		}
	}
	return err
}

// startMapper starts a program with nothing of the caller's but its ids.
func startMapper(m plan.IDMap, pid int, null *os.File) (mapper, error) {
	fail := func(err error) (mapper, error) {
		return mapper{}, &Failure{Code: CodeCannotSandbox, Op: -1, Cause: spec.Error{Op: "start", Object: m.Program, Err: cause(err)}}
	}
	r, w, err := sys.Pipe()
	if err != nil {
		return fail(err)
	}
	// Descriptors that block: os then needs no poller.
	output, peer := os.NewFile(uintptr(r), "output"), os.NewFile(uintptr(w), "output")
	defer peer.Close()
	args := append([]string{m.Program, strconv.Itoa(pid)}, m.Args...)
	process, err := os.StartProcess(m.Program, args, &os.ProcAttr{Dir: "/", Env: []string{}, Files: []*os.File{null, peer, peer}})
	if err != nil {
		output.Close()
		return fail(err)
	}
	return mapper{m, process, output}, nil
}

// maxOutput bounds what is read of what a program says, in bytes.
const maxOutput = 1024

// wait returns what the program has to say when it fails.
func (m *mapper) wait(pid int) error {
	said, _ := io.ReadAll(io.LimitReader(m.output, maxOutput)) // its status decides
	m.output.Close()                                           // before the wait: who says more than that would not end
	state, err := m.process.Wait()
	if err == nil && state.Success() {
		return nil
	}
	f := &Failure{Code: CodeCannotSandbox, Op: -1}
	f.Cause = spec.Error{Op: "write", Object: "/proc/" + strconv.Itoa(pid) + "/" + m.File, Err: err}
	if err == nil {
		f.Cause.Reason = m.Program + ": " + state.String()
		if said := strings.TrimSpace(string(said)); said != "" {
			f.Cause.Reason = m.Program + ": " + strconv.Quote(said)
		}
		f.Cause.Hint = mapperHint(m.Program)
	}
	return f
}

// mapperHint looks for why a program may not do what it is for.
func mapperHint(program string) string {
	if status, err := os.ReadFile("/proc/self/status"); err == nil && strings.Contains(string(status), "\nNoNewPrivs:\t1\n") {
		return "lichen itself runs with no_new_privs (a sandbox, or NoNewPrivileges= of systemd), so that " + program + " has no rights of its own"
	}
	if fi, err := os.Stat(program); err == nil && fi.Mode()&os.ModeSetuid == 0 {
		return program + " is not setuid: if it has no capability either (getcap " + program + "), install its package again (Debian: apt-get install --reinstall uidmap)"
	}
	return "what it allows is in /etc/subuid and /etc/subgid, and the caller's group has to be the one in /etc/passwd (newgidmap(1))"
}

// cause returns what a *os.PathError wraps: the message names the path itself.
func cause(err error) error {
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}
