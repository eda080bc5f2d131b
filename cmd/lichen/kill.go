package main

import (
	"errors"
	"strconv"
	"strings"
	"syscall"

	"github.com/lichen-sandbox/lichen/internal/sys"
	"github.com/lichen-sandbox/lichen/spec"
	"github.com/lichen-sandbox/lichen/state"
)

type killOptions struct {
	Signal string `short:"s" long:"signal" value-name:"SIGNAL" unquote:"false" complete:"TERM ABRT INT HUP QUIT USR1 USR2 WINCH CONT KILL" description:"what to send: TERM (the default), ABRT, INT, HUP, QUIT, USR1, USR2, WINCH, CONT; KILL ends the sandbox at once"`
	All    bool   `long:"all" description:"every sandbox that runs"`
	helpOption
}

// signals are those that a launcher passes on to its payload, and SIGKILL.
var signals = [...]struct {
	name   string
	signal syscall.Signal
}{
	{"TERM", syscall.SIGTERM}, {"ABRT", syscall.SIGABRT}, {"INT", syscall.SIGINT}, {"HUP", syscall.SIGHUP}, {"QUIT", syscall.SIGQUIT},
	{"USR1", syscall.SIGUSR1}, {"USR2", syscall.SIGUSR2}, {"WINCH", syscall.SIGWINCH}, {"CONT", syscall.SIGCONT}, {"KILL", syscall.SIGKILL},
}

// killCommand is "lichen kill".
func killCommand(u *ui, args []string) int {
	var o killOptions
	ids, err := parse("kill", &o, 0, args)
	switch {
	case err != nil:
		return u.fail(err)
	case o.Help:
		return u.help("kill")
	case o.All == (len(ids) > 0):
		return u.fail(usageError("kill", "it takes the ids of sandboxes, or --all"))
	}
	sig, err := signalOf(o.Signal)
	if err != nil {
		return u.fail(err)
	}
	code := exitOK
	for _, err := range killAll(o.All, ids, sig) {
		code = u.fail(err)
	}
	return code
}

func signalOf(name string) (syscall.Signal, error) {
	short := strings.TrimPrefix(strings.ToUpper(name), "SIG")
	if short == "" {
		return syscall.SIGTERM, nil
	}
	for _, s := range signals {
		if s.name == short || strconv.Itoa(int(s.signal)) == short {
			return s.signal, nil
		}
	}
	return 0, usageError("kill", quote(name)+" is no signal that a sandbox is sent")
}

// killAll sends the signal to each, and returns what went wrong.
func killAll(all bool, ids []string, sig syscall.Signal) (problems []error) {
	if !all {
		for _, id := range ids {
			r, err := findRunning(id)
			if err == nil {
				err = send(r, sig)
				r.Close()
			}
			if err != nil {
				problems = append(problems, err)
			}
		}
		return problems
	}
	dir, err := openList()
	if err != nil {
		return []error{err}
	}
	if dir == nil {
		return nil
	}
	defer dir.Close()
	list, err := dir.List()
	if err != nil {
		return []error{err}
	}
	for _, r := range list {
		// One that has ended by itself is what was asked for.
		if err := send(r, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
			problems = append(problems, err)
		}
	}
	return problems
}

// send sends the launcher a signal, which it passes on. SIGKILL goes to PID 1, with
// which everything inside ends, and the launcher tells so in its status; without a
// pid namespace it goes to the launcher, whose end PID 1 is there to see.
func send(r *state.Running, sig syscall.Signal) error {
	fail := func(err error) error {
		return &spec.Error{Op: "kill", Object: "sandbox " + quote(r.ID), Err: err}
	}
	pid := r.Launcher
	if sig == syscall.SIGKILL && !r.Alone {
		pid = r.Init
	}
	process, err := sys.OpenProcess(pid)
	if err != nil {
		return fail(err)
	}
	defer sys.Close(process)
	if !alive(r) {
		return fail(syscall.ESRCH)
	}
	if err := sys.SignalProcess(process, sig); err != nil {
		return fail(err)
	}
	return nil
}

// alive reports whether the entry tells of processes that are there: the launcher
// lives, and is the parent of PID 1, which is known by the time of its start. A
// launcher in another pid namespace, as of a container that shares the directory, is
// none of them. A process that was opened before is the one that is meant.
func alive(r *state.Running) bool {
	stat, err := sys.ReadProcStat(r.Init)
	return err == nil && stat.Start == r.Start && stat.Parent == r.Launcher && r.Held()
}
