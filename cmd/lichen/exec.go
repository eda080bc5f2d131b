package main

import (
	"errors"
	"os"
	"path"
	"strings"
	"syscall"

	"github.com/jessevdk/go-flags"

	"github.com/lichen-sandbox/lichen/internal/feature"
	"github.com/lichen-sandbox/lichen/internal/sys"
	"github.com/lichen-sandbox/lichen/sandbox"
	"github.com/lichen-sandbox/lichen/spec"
	"github.com/lichen-sandbox/lichen/state"
)

type execOptions struct {
	Env []string `long:"env" value-name:"NAME[=VALUE]" unquote:"false" description:"keep an environment variable of the caller's, or set one"`
	Cwd string   `long:"cwd" value-name:"DIR" unquote:"false" complete:"file" description:"working directory inside (default: the sandbox's)"`
	helpOption
}

// execCommand is "lichen exec".
func execCommand(u *ui, args []string) int {
	var o execOptions
	words, err := parse("exec", &o, flags.PassAfterNonOption, args)
	if err != nil {
		return u.fail(err)
	}
	if o.Help {
		return u.help("exec")
	}
	if len(words) > 1 && words[1] == "--" {
		words = append(words[:1], words[2:]...)
	}
	if len(words) < 2 {
		return u.fail(usageError("exec", "it takes the id of a sandbox, and a command"))
	}
	command, err := o.command(words[1:])
	if err != nil {
		return u.fail(err)
	}
	if err := runSealed(); err != nil {
		return u.fail(err)
	}
	r, err := findRunning(words[0])
	if err != nil {
		return u.fail(err)
	}
	code, err := joinRunning(r, command)
	if err != nil {
		u.report(err)
		return failureCode(err)
	}
	return code
}

func (o *execOptions) command(words []string) (c sandbox.Command, err error) {
	if o.Cwd != "" && !path.IsAbs(o.Cwd) {
		return c, usageError("exec", "--cwd "+quote(o.Cwd)+" is no absolute path")
	}
	c = sandbox.Command{Args: words, Cwd: o.Cwd}
	if c.Args[0] == "" {
		return c, usageError("exec", "the command is empty")
	}
	for _, e := range o.Env {
		name, _, set := strings.Cut(e, "=")
		if name == "" {
			return c, usageError("exec", "--env "+quote(e)+" names no variable")
		}
		if !set {
			value, ok := os.LookupEnv(name)
			if !ok {
				continue // as run does: there is nothing to keep
			}
			e = name + "=" + value
		}
		c.Env = append(c.Env, e)
	}
	return c, nil
}

// runSealed has this program start again from a copy in memory that nobody can
// change. The process that joins is this program until it becomes the command, and
// a command that the payload may write can be a script of the interpreter
// /proc/self/exe: then this program runs inside, as the payload's user, and its
// file could be written or given another mode through /proc/PID/exe, past every
// mount of the sandbox (CVE-2019-5736).
func runSealed() error {
	if sys.RunsSealed() {
		return nil
	}
	fd, err := sys.SealedCopy()
	if err == nil {
		err = sys.Become(fd, os.Args, os.Environ())
		sys.Close(fd)
	}
	e := &spec.Error{Op: "start", Object: "a sealed copy of lichen", Err: err}
	switch {
	case errors.Is(err, syscall.EACCES):
		e.Hint = "programs in memory may be forbidden here: sysctl vm.memfd_noexec"
	case errors.Is(err, syscall.EFBIG):
		e.Hint = "the limit on the size of files is below that of lichen: ulimit -f"
	}
	return e
}

// joinable returns what it takes to join a sandbox, or tells why nobody can.
func joinable(r *state.Running) (*sandbox.Joinable, error) {
	refuse := func(reason string) error {
		return &spec.Error{Op: "join", Object: "sandbox " + quote(r.ID), Reason: reason}
	}
	switch {
	case r.Other:
		return nil, refuse("another version of lichen has started it, which is the one to join it with")
	case len(r.Join) == 0:
		return nil, refuse("it was started without what joining takes")
	}
	j, err := sandbox.ParseJoinable(r.Join)
	if err != nil {
		return nil, err
	}
	return j, j.Check()
}

// joinRunning starts the command in the sandbox and returns its exit status.
func joinRunning(r *state.Running, command sandbox.Command) (int, error) {
	j, err := joinable(r)
	if err != nil {
		return 0, err
	}
	target, err := sandbox.Look(r.Init, r.Start, j)
	if err != nil {
		return 0, err
	}
	defer target.Close()
	if !alive(r) {
		return 0, &spec.Error{Op: "join", Object: "sandbox " + quote(r.ID), Reason: "it has ended"}
	}
	p, err := j.Join(target, command, feature.Gather(os.Environ()))
	if err != nil {
		return 0, err
	}
	joined, err := sandbox.StartJoined(p, target, j.OwnSession())
	if err != nil {
		return 0, err
	}
	exit, err := joined.Wait()
	if err != nil {
		return 0, err
	}
	o := outcome{status: exit.Status}
	return o.exitCode(), nil
}
