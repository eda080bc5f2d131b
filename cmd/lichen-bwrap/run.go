package main

import (
	"errors"
	"io"
	"os"
	"strconv"
	"syscall"

	"github.com/lichen-sandbox/lichen/bwrap"
	"github.com/lichen-sandbox/lichen/internal/feature"
	"github.com/lichen-sandbox/lichen/internal/forward"
	"github.com/lichen-sandbox/lichen/internal/nofile"
	"github.com/lichen-sandbox/lichen/internal/sys"
	"github.com/lichen-sandbox/lichen/sandbox"
)

// run carries out a command line and returns the exit status.
func run(u *ui, argv []string) int {
	// What the Go runtime would answer otherwise: a dump of its stacks, or
	// nothing.
	forward.Default(syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGALRM)
	program := "bwrap"
	if len(argv) > 0 {
		program, argv = argv[0], argv[1:]
	}
	in := &inputs{}
	c, err := bwrap.Parse(argv, bwrap.Options{Root: sys.Getuid() == 0, ReadArgs: in.args})
	u.warn(c.Warnings)
	if err != nil {
		return u.refused(c, err, program)
	}
	switch c.Action {
	case bwrap.ActionHelp:
		return u.print(bwrap.Usage(program))
	case bwrap.ActionVersion:
		return u.print(bwrap.VersionText)
	}
	status, err := launch(c, in)
	if err != nil {
		return u.fail(c, phrase(c, err))
	}
	return status
}

func (u *ui) refused(c *bwrap.Config, err error, program string) int {
	if e, ok := errors.AsType[*bwrap.Error](err); ok && e.Usage {
		_, _ = io.WriteString(u.err, bwrap.Usage(program)) // as in fail
		return exitFailed
	}
	return u.fail(c, err.Error())
}

// launch runs one sandbox from start to end.
func launch(c *bwrap.Config, in *inputs) (status int, err error) {
	if c.DieWithParent {
		if err := sys.DieWithParent(); err != nil {
			return 0, &bwrap.Error{Text: "prctl(PR_SET_PDEATHSIG): " + reason(err), Err: err}
		}
	}
	filters, err := in.filters(c)
	if err != nil {
		return 0, err
	}
	if err := claim(c); err != nil {
		return 0, err
	}
	s, err := c.Spec(newHost(in, filters))
	if err != nil {
		return 0, err
	}
	p, err := sandbox.Compile(s, feature.Gather(nil))
	if err != nil {
		return 0, err
	}
	i := info{c: c}
	process, err := sandbox.Start(p, sandbox.Options{Ready: i.started})
	if err != nil {
		return 0, err
	}
	if err := process.Started(); err != nil {
		return 0, err
	}
	exit, err := process.Wait()
	if err != nil && !exit.Total.Status.Signaled() {
		return 0, err
	}
	if err != nil {
		exit.Status = syscall.WaitStatus(exit.Total.Status) // killed from outside
	}
	status = exit.Status.ExitStatus()
	if exit.Status.Signaled() {
		status = exitSignal + int(exit.Status.Signal())
	}
	i.exited(status)
	return status, nil
}

// claim keeps the descriptors that options name from the payload, and marks
// nothing else: it inherits what the caller has left open for it. What is not
// open is told now, before a descriptor of ours has its number.
func claim(c *bwrap.Config) error {
	for _, d := range [...]struct {
		fd     *int
		failed string // "" where a bad one does not matter
	}{
		{&c.UserNS, "Joining specified user namespace failed"}, {&c.InfoFD, "Write to info_fd"}, {&c.StatusFD, "Write to info_fd"},
		{&c.UserNS2, "Setting userns2 failed"}, {&c.PIDNS, "Setting pidns failed"},
		{&c.SyncFD, ""}, {&c.BlockFD, ""}, {&c.UsernsBlockFD, "Read userns-block-fd"},
	} {
		switch {
		case *d.fd == bwrap.NoFD:
		case sys.FDOpen(*d.fd):
			sys.CloseOnExec(*d.fd)
		case d.failed != "":
			return &bwrap.Error{Text: d.failed + ": " + reason(syscall.EBADF), Err: syscall.EBADF}
		default:
			*d.fd = bwrap.NoFD
		}
	}
	for i := range c.Ops {
		if fd := c.Ops[i].FD; fd != bwrap.NoFD {
			sys.CloseOnExec(fd)
		}
	}
	return nil
}

// newHost answers what a Config asks of the host.
func newHost(in *inputs, filters [][]byte) *bwrap.Host {
	h := &bwrap.Host{Environ: os.Environ(), Read: in.content, Filters: filters, FreeFD: freeFD}
	if dir, err := syscall.Getwd(); err == nil && dir != "" && dir[0] == '/' {
		h.Dir = dir
	}
	if soft, ok := nofile.Soft(); ok {
		h.NoFile = &soft
	}
	h.Path = func(fd int) (string, error) { return sys.Readlink("/proc/self/fd/" + strconv.Itoa(fd)) }
	h.Terminal = terminal(1)
	return h
}
