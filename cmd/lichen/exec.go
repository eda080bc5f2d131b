package main

import (
	"errors"
	"os"
	"path"
	"strings"
	"syscall"

	"github.com/jessevdk/go-flags"

	"github.com/lichen-sandbox/lichen/internal/feature"
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
		hintAtRunning(err)
		u.report(err)
		return failureCode(err)
	}
	return code
}

// hintAtRunning takes a hint about grants away: those of a sandbox that runs are
// made.
func hintAtRunning(err error) {
	f, ok := errors.AsType[*sandbox.Failure](err)
	if ok && f.Cause.Op == "enter" && f.Errno == syscall.ENOENT {
		f.Cause.Hint = "choose a directory that the sandbox shows, with --cwd"
	}
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
