package sandbox

import (
	"errors"
	"strconv"
	"syscall"

	pid1 "github.com/lichen-sandbox/lichen/init"
	"github.com/lichen-sandbox/lichen/internal/feature"
	"github.com/lichen-sandbox/lichen/internal/plan"
	"github.com/lichen-sandbox/lichen/internal/sys"
	"github.com/lichen-sandbox/lichen/spec"
)

// Code classifies a failure for a program that reads the status.
type Code string

const (
	// CodeProfile: the profile or the command line asks for what cannot be.
	CodeProfile Code = "profile"
	// CodeCannotSandbox: this host forbids or lacks what every sandbox needs.
	CodeCannotSandbox Code = "cannot_sandbox"
	// CodeResources: a limit of the caller or the host was met.
	CodeResources Code = "resources"
	// CodeSetup: an operation of this profile failed.
	CodeSetup Code = "setup"
	// CodeNotExecutable and CodeNotFound: the sandbox stood, the command did
	// not start.
	CodeNotExecutable Code = "not_executable"
	CodeNotFound      Code = "not_found"
	// CodeKilled: the sandbox was killed from outside before it could answer.
	CodeKilled Code = "killed"
)

// Failure is a sandbox that did not start, or ended without the payload's
// status.
type Failure struct {
	Cause spec.Error
	Code  Code
	Op    int           // index in the plan, or -1
	Call  string        // the failed system call, or ""
	Errno syscall.Errno // 0 when the call succeeded and should not have
}

// Error implements error.
func (f *Failure) Error() string { return f.Cause.Error() }

// Unwrap returns the error number.
func (f *Failure) Unwrap() error { return f.Cause.Err }

func startError(p *plan.Plan, what string, err error) error {
	f := &Failure{Code: CodeCannotSandbox, Op: -1}
	f.Cause = spec.Error{Op: what, Err: err}
	errors.As(err, &f.Errno)
	if f.Errno == sys.EMFILE || f.Errno == sys.ENFILE || f.Errno == sys.EAGAIN || f.Errno == sys.ENOMEM {
		f.Code = CodeResources
	}
	f.Cause.Hint = feature.HintClone(p.CloneFlags, f.Errno)
	return f
}

// explain makes a sentence of the numbers that the child reported.
func explain(p *plan.Plan, m pid1.Message) error {
	f := &Failure{Code: CodeSetup, Op: int(m.Op), Errno: syscall.Errno(m.Errno)}
	op, section, ok := p.At(f.Op)
	if !ok {
		f.Cause = spec.Error{Op: "set up", Reason: "the child reported op " + strconv.Itoa(f.Op) + ", which the plan does not have"}
		return f
	}
	note := p.Notes[op.Note]
	f.Call = plan.CallName(op.Nr)
	if f.Op == p.Base(plan.Payload) {
		f.Call = "clone" // which the first op of the section stands for
	}
	f.Cause = spec.Error{Op: note.Op, Object: note.Object, Origin: note.Origin}
	switch {
	case m.Errno == pid1.ErrnoKilled:
		f.Errno, f.Code = 0, CodeKilled
		f.Cause.Reason = f.Call + ": the payload's process was killed there"
		return f
	case op.Nr == sys.SYS_EXECVE:
		explainExec(f, m)
		f.Cause.Hint = hintExec(p, section, f)
		return f
	case f.Errno == 0:
		f.Cause.Reason = f.Call + ": succeeded, and must not have"
		if op.Check == plan.CheckEqual {
			f.Cause.Reason = f.Call + ": unexpected result"
		}
	default:
		f.Cause.Reason, f.Cause.Err = f.Call, f.Errno
	}
	hint := feature.Diagnose(f.Call, note.Op, note.Object, f.Errno, section == plan.Payload)
	f.Cause.Hint = hint.Text
	switch {
	case hint.Host:
		f.Code = CodeCannotSandbox
	case f.Errno == sys.EMFILE || f.Errno == sys.ENFILE || f.Errno == sys.EAGAIN || f.Errno == sys.ENOMEM || f.Errno == sys.ENOSPC:
		f.Code = CodeResources
	}
	return f
}

// explainExec tells a command that is missing (127) from one that cannot be
// executed (126), as a shell does.
func explainExec(f *Failure, m pid1.Message) {
	if m.Noted == int32(sys.EACCES) && (f.Errno == sys.ENOENT || f.Errno == sys.ENOTDIR) {
		f.Errno = sys.EACCES // one directory of PATH had it, but not executable
	}
	f.Cause.Err = f.Errno
	f.Code = CodeNotExecutable
	if f.Errno == sys.ENOENT || f.Errno == sys.ENOTDIR {
		f.Code = CodeNotFound
	}
}

// hintExec looks for the command outside, where it may exist without being
// granted.
func hintExec(p *plan.Plan, section plan.Section, f *Failure) string {
	if f.Code != CodeNotFound {
		return ""
	}
	for i := range p.Ops[section] {
		op := &p.Ops[section][i]
		if op.Nr != sys.SYS_EXECVE {
			continue
		}
		path := p.Text(op, 0)
		if mode, err := sys.Stat(path, 0); err == nil && mode.IsRegular() {
			return path + " exists outside: grant it with --ro " + path + ", or, if it is granted, what it needs to start (its interpreter or its dynamic loader)"
		}
	}
	return ""
}

// vanished is the error for a PID 1 that ended without a word.
func vanished(exit sys.Exit) error {
	f := &Failure{Code: CodeKilled, Op: -1}
	f.Cause = spec.Error{Op: "wait for", Object: "the sandbox", Reason: "its PID 1 ended early"}
	if exit.Status.Signaled() {
		f.Cause.Reason = "its PID 1 was killed by " + sys.SignalName(exit.Status.Signal())
		f.Cause.Hint = "if nobody did that (lichen kill -s KILL does), look for the out-of-memory killer: dmesg | grep -i oom"
	}
	return f
}
