package unpacker

import (
	"errors"
	"os"
	"runtime"
	"slices"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/lichen-sandbox/lichen/spec"
)

// capabilities are what the worker keeps in its own user namespace: to read,
// write and give away files whose ids are mapped there. They are ambient
// because the ids are mapped only after the worker's execve, which would take
// any others away (capabilities(7)).
var capabilities = []uintptr{unix.CAP_CHOWN, unix.CAP_DAC_OVERRIDE, unix.CAP_FOWNER, unix.CAP_FSETID, unix.CAP_SETFCAP}

// namespaces are tried from the most to none: containers and administrators
// forbid some (user.max_*_namespaces) or all. There is no mount namespace: the
// worker mounts nothing, and without one of its own it could not.
var namespaces = []uintptr{
	syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET | syscall.CLONE_NEWIPC | newPID,
	syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET,
	syscall.CLONE_NEWUSER,
	0,
}

// names returns what Confinement calls the namespaces.
func names(flags uintptr) []string {
	var out []string
	for _, n := range []struct {
		flag uintptr
		name string
	}{{syscall.CLONE_NEWUSER, "user"}, {syscall.CLONE_NEWNET, "net"}, {syscall.CLONE_NEWIPC, "ipc"}, {syscall.CLONE_NEWPID, "pid"}} {
		if flags&n.flag != 0 {
			out = append(out, n.name)
		}
	}
	return out
}

// forbidden are the errors that a namespace is refused with: see clone(2); and
// EACCES by security modules.
var forbidden = []error{syscall.EPERM, syscall.ENOSPC, syscall.EUSERS, syscall.EINVAL, syscall.ENOSYS, syscall.EACCES}

// process is a started worker.
type process struct {
	os         *os.Process
	namespaces []string
	control    *os.File // to write to; its end ends the worker
	report     *os.File // to read from
	stderr     *os.File // to read from: what a crash says
	done       chan struct{}
	state      *os.ProcessState // valid when done is closed
}

// start starts the worker with these descriptors from fdStaging on, in the most
// namespaces that this host allows, and maps its ids. It waits for its order
// meanwhile. It must be stopped.
func start(ids Mapping, files []*os.File) (*process, error) {
	for _, flags := range namespaces {
		p, err := startIn(flags, ids, files)
		switch {
		case err == nil:
			return p, nil
		case flags == 0 || !slices.ContainsFunc(forbidden, func(f error) bool { return errors.Is(err, f) }):
			return nil, startError(err)
		case flags == syscall.CLONE_NEWUSER && !ids.IsSingle():
			return nil, startError(err)
		}
	}
	return nil, startError(syscall.EINVAL) // not reached: the last row returns
}

func startError(err error) error {
	var e *spec.Error
	if errors.As(err, &e) {
		return e
	}
	return &spec.Error{Op: "start", Object: "the unpacker", Err: bare(err)}
}

func startIn(flags uintptr, ids Mapping, files []*os.File) (*process, error) {
	p := &process{done: make(chan struct{}), namespaces: names(flags)}
	theirs, err := p.pipes()
	defer closeAll(theirs...)
	if err == nil {
		attr := &os.ProcAttr{Dir: "/", Env: workerEnv(), Files: append(theirs, files...),
			Sys: &syscall.SysProcAttr{Cloneflags: flags, Setsid: true}}
		if flags != 0 {
			attr.Sys.AmbientCaps = capabilities
		}
		err = p.run(attr)
	}
	if err != nil {
		closeAll(p.control, p.report, p.stderr)
		if flags != 0 && !ids.IsSingle() {
			err = &spec.Error{Op: "make", Object: "a user namespace", Reason: "ranges of ids need one", Err: bare(err)}
		}
		return nil, err
	}
	if flags != 0 {
		if err := mapIDs(p.os.Pid, ids); err != nil {
			p.stop()
			return nil, err
		}
	}
	return p, nil
}

// pipes makes the pipes to the worker, and returns its descriptors up to
// fdReport.
func (p *process) pipes() (theirs []*os.File, err error) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	theirs = []*os.File{null, null}
	control, ours, err := os.Pipe()
	if err != nil {
		return theirs, err
	}
	p.control = ours
	ours, report, err := os.Pipe()
	if err != nil {
		return append(theirs, control), err
	}
	p.report = ours
	ours, stderr, err := os.Pipe()
	if err != nil {
		return append(theirs, control, report), err
	}
	p.stderr = ours
	return append(theirs, stderr, control, report), nil
}

// run starts the process and waits for it. The thread that starts it stays
// until it ended: the worker asks to be killed when that thread is gone
// (PR_SET_PDEATHSIG in prctl(2)).
//
// The program is found by its magic link, so that it is this one even when an
// update has replaced the file meanwhile.
func (p *process) run(attr *os.ProcAttr) error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		var err error
		p.os, err = os.StartProcess("/proc/self/exe", []string{Name}, attr)
		started <- err
		if err == nil {
			p.state, _ = p.os.Wait() // fails only when waited for elsewhere; the state is nil then
			close(p.done)
		}
	}()
	return <-started
}

// kill ends the worker; wait tells when it has ended.
func (p *process) kill() { _ = p.os.Kill() } // fails only when it has ended

// stop ends the worker, waits for it, and closes what belongs to it.
func (p *process) stop() {
	p.kill()
	<-p.done
	closeAll(p.control, p.report, p.stderr)
}

// ended describes how the process ended, "" if well.
func (p *process) ended() string {
	if p.state == nil {
		return "its end was lost"
	}
	ws, ok := p.state.Sys().(syscall.WaitStatus)
	switch {
	case ok && ws.Signaled():
		return "killed by " + unix.SignalName(ws.Signal())
	case p.state.ExitCode() != 0:
		return "exit code " + strconv.Itoa(p.state.ExitCode())
	}
	return ""
}

// closeAll closes descriptors that hold nothing to be lost; nil ones are
// skipped.
func closeAll(files ...*os.File) {
	for _, f := range files {
		if f != nil {
			f.Close()
		}
	}
}

// bare takes off what the os package puts around an errno: the path there is
// an internal one.
func bare(err error) error {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return err
}
