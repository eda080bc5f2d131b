package bwrap

import (
	"strconv"
	"strings"

	"github.com/lichen-sandbox/lichen/spec"
)

// Host is what Spec cannot know by itself.
type Host struct {
	Environ  []string
	Dir      string                       // the working directory; "" when it has no name
	Read     func(fd int) ([]byte, error) // takes what a descriptor holds, and closes it
	Path     func(fd int) (string, error) // the name of what a descriptor is open on
	Filters  [][]byte                     // what SeccompFDs hold
	Terminal string                       // the terminal that standard output is, or ""
	NoFile   *uint64                      // the soft limit on open files that the program was started with
	FreeFD   func() int                   // above every open descriptor
}

// OriginFile is the file in the origin of what an operation asks for; the line
// is the operation's number, from 1.
const OriginFile = "operation"

// Operation returns the operation that origin stands for.
func (c *Config) Operation(origin spec.Origin) (op *Op, ok bool) {
	if origin.File != OriginFile || origin.Line < 1 || origin.Line > len(c.Ops) {
		return nil, false
	}
	return &c.Ops[origin.Line-1], true
}

// Spec returns what the command line asks for. Errors are *spec.Error or
// *Error.
func (c *Config) Spec(h *Host) (*spec.Spec, error) {
	s := &spec.Spec{
		Name: "bwrap",
		// Without Linger, background processes would be killed at the payload's
		// end; bubblewrap leaves them running, without anybody who waits.
		Process: spec.Process{Command: c.Command, UID: c.UID, GID: c.GID, NewSession: c.NewSession, Linger: !c.DieWithParent},
		Namespaces: spec.Namespaces{User: true, Mount: true, PID: c.Unshare.PID, IPC: c.Unshare.IPC, UTS: c.Unshare.UTS,
			Cgroup: c.Unshare.Cgroup || c.Unshare.CgroupTry, Net: c.Unshare.Net},
		Script: &spec.Script{
			Argv0: c.Argv0, Env: environment(h.Environ, c.Env), Cwd: c.Chdir, Dir: h.Dir, Hostname: c.Hostname,
			AsPID1: c.AsPID1, ForbidUserns: c.DisableUserns, CheckUserns: c.AssertUsernsDisabled,
			UserNS: c.UserNS, UserNS2: c.UserNS2, PIDNS: c.PIDNS, MapsGiven: c.UsernsBlockFD != NoFD,
			Gated:   c.InfoFD != NoFD || c.StatusFD != NoFD || c.UsernsBlockFD != NoFD,
			BlockFD: c.BlockFD, LockFiles: c.LockFiles, Filters: h.Filters, Terminal: h.Terminal, NoFile: h.NoFile,
		},
	}
	const everything = 1<<41 - 1 // CAP_CHECKPOINT_RESTORE is the last one
	s.Script.Capabilities, _ = Effective(0, everything, c.Caps)
	if c.Chdir == nil {
		s.Script.CwdTries = tries(s.Script.Env, h.Dir)
	}
	steps, err := c.steps(h)
	if err != nil {
		return nil, err
	}
	s.Script.Steps = steps
	if c.numbered() {
		s.Script.FreeFD = h.FreeFD() + spec.FreeFDMargin
	}
	return s, nil
}

// numbered reports whether the sandbox needs descriptors of numbers known
// beforehand.
func (c *Config) numbered() bool {
	for i := range c.Ops {
		switch c.Ops[i].Kind {
		case OpChmod, OpOverlay, OpTmpOverlay, OpROOverlay:
			return true
		}
	}
	return len(c.LockFiles) > 0
}

// tries lists the working directories to try, of which the last counts.
func tries(env []string, dir string) []string {
	var out []string
	for _, e := range env {
		if home, ok := strings.CutPrefix(e, "HOME="); ok && home != "" {
			out = append(out, home)
		}
	}
	if dir != "" {
		out = append(out, dir)
	}
	return out
}

// environment carries out ops on the caller's environment. PWD is left out: the
// sandbox sets it.
func environment(caller []string, ops []EnvOp) []string {
	env := append([]string(nil), caller...)
	for _, op := range ops {
		if op.Kind == EnvClear {
			env = env[:0]
			continue
		}
		env = change(env, op)
	}
	return change(env, EnvOp{Kind: EnvUnset, Name: "PWD"})
}

func change(env []string, op EnvOp) []string {
	out, set := env[:0], false
	for _, e := range env {
		name, _, _ := strings.Cut(e, "=")
		switch {
		case name != op.Name:
			out = append(out, e)
		case op.Kind == EnvSet && !set:
			out, set = append(out, op.Name+"="+op.Value), true
		}
	}
	if op.Kind == EnvSet && !set {
		out = append(out, op.Name+"="+op.Value)
	}
	return out
}

func (c *Config) steps(h *Host) ([]spec.Step, error) {
	steps := make([]spec.Step, len(c.Ops))
	for i := range c.Ops {
		op, st := &c.Ops[i], &steps[i]
		*st = spec.Step{Kind: stepKinds[op.Kind], Source: op.Source, SourceFD: spec.NoFD, Target: op.Dest, Write: !op.ReadOnly, Dev: op.Dev,
			Optional: op.Try, Mode: op.Perms, Size: op.Size, Upper: op.Upper, Work: op.Work,
			Origin: spec.Origin{File: OriginFile, Line: i + 1}}
		switch op.Kind {
		case OpBind:
			if op.FD == NoFD {
				continue
			}
			if err := named(h, op, st); err != nil {
				return nil, err
			}
		case OpFile, OpBindData:
			data, err := h.Read(op.FD)
			if err != nil {
				return nil, &spec.Error{Op: "write to", Object: op.Dest, Err: err, Origin: st.Origin}
			}
			st.Content = data
		case OpOverlay, OpTmpOverlay, OpROOverlay:
			for j := len(op.Lower) - 1; j >= 0; j-- {
				st.Lower = append(st.Lower, op.Lower[j])
			}
		}
	}
	return steps, nil
}

// named finds the path of what is bound by descriptor: the mount that the
// descriptor is open on is another namespace's.
func named(h *Host, op *Op, st *spec.Step) error {
	name, err := h.Path(op.FD)
	if err != nil {
		return &spec.Error{Op: "find source", Object: "/proc/self/fd/" + strconv.Itoa(op.FD), Err: err, Origin: st.Origin}
	}
	st.Source, st.SourceFD = name, op.FD
	return nil
}

var stepKinds = [...]spec.StepKind{
	OpBind: spec.StepBind, OpProc: spec.StepProc, OpDev: spec.StepDev, OpTmpfs: spec.StepTmpfs, OpMqueue: spec.StepMqueue, OpDir: spec.StepDir,
	OpFile: spec.StepFile, OpBindData: spec.StepData, OpSymlink: spec.StepSymlink, OpRemountRO: spec.StepRemountRO, OpChmod: spec.StepChmod,
	OpOverlay: spec.StepOverlay, OpTmpOverlay: spec.StepTmpOverlay, OpROOverlay: spec.StepROOverlay,
}
