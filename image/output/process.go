package output

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lichen-sandbox/lichen/image/source/oci"
	"github.com/lichen-sandbox/lichen/internal/subid"
	"github.com/lichen-sandbox/lichen/spec"
)

// job is a tree to read.
type job struct {
	order
	ids    *subid.Mapping // nil: in the caller's own namespace
	tree   string
	base   string // "" for none
	owners string // "" for none
}

// readable is what the worker keeps in its user namespace: to read files that
// their owner may not, such as those of mode 000. Ambient, because the ids are
// mapped after its execve, which would take it away (capabilities(7)).
var readable = []uintptr{unix.CAP_DAC_READ_SEARCH}

// namespaces are tried from the most to none, as hosts allow.
var namespaces = [...]uintptr{
	syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET | syscall.CLONE_NEWIPC | syscall.CLONE_NEWPID,
	syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET,
	syscall.CLONE_NEWUSER,
	0,
}

// worker is a started worker with the parent's ends of its pipes.
type worker struct {
	cmd    *exec.Cmd
	order  *os.File // to write
	report *os.File // to read
	tar    *os.File // to read
	stderr strings.Builder
}

// run has a worker read the tree and copies the tar stream to sink, whose error
// comes first.
func (j *job) run(ctx context.Context, sink io.Writer) (summary, error) {
	if err := ctx.Err(); err != nil {
		return summary{}, context.Cause(ctx)
	}
	files, err := j.open()
	defer closeAll(files)
	if err != nil {
		return summary{}, err
	}
	w, err := j.start(ctx, files)
	if err != nil {
		return summary{}, err
	}
	sum, err := w.talk(&j.order, sink)
	if ctx.Err() != nil {
		return summary{}, context.Cause(ctx)
	}
	return sum, err
}

// open opens what the worker reads.
func (j *job) open() ([]*os.File, error) {
	var files []*os.File
	for _, f := range [...]struct {
		path  string
		flags int
	}{{j.tree, unix.O_PATH | unix.O_DIRECTORY}, {j.base, unix.O_PATH | unix.O_DIRECTORY}, {j.owners, unix.O_RDONLY | unix.O_NONBLOCK}} {
		path, flags := f.path, f.flags|unix.O_NOFOLLOW
		if path == "" {
			path, flags = os.DevNull, unix.O_RDONLY
		}
		file, err := os.OpenFile(path, flags, 0)
		if err != nil {
			return files, &spec.Error{Op: "open", Object: path, Err: bare(err)}
		}
		files = append(files, file)
		if info, err := file.Stat(); err != nil || f.path != "" && f.flags&unix.O_PATH == 0 && !info.Mode().IsRegular() {
			return files, &spec.Error{Op: "open", Object: path, Reason: "not a regular file", Err: err}
		}
	}
	return files, nil
}

// start starts the worker in the most namespaces that the host allows.
func (j *job) start(ctx context.Context, files []*os.File) (*worker, error) {
	var last error
	for _, flags := range namespaces {
		switch {
		case flags == 0 && j.ids != nil && !j.ids.IsSingle():
			return nil, &spec.Error{Op: "make", Object: "a user namespace", Reason: "ranges of ids need one", Err: bare(last)}
		case flags != 0 && j.ids == nil:
			continue
		}
		w, err := j.startIn(ctx, flags, files)
		if err == nil {
			return w, nil
		}
		if last = err; !errors.Is(err, errForbidden) {
			break
		}
	}
	return nil, &spec.Error{Op: "start", Object: "the worker", Err: bare(last)}
}

// errForbidden is for hosts without namespaces; see clone(2).
var errForbidden = errors.New("no namespace")

func (j *job) startIn(ctx context.Context, flags uintptr, files []*os.File) (*worker, error) {
	var theirs [3]*os.File
	w := &worker{}
	defer func() { closeAll(theirs[:]) }()
	var err error
	if theirs[0], w.order, err = os.Pipe(); err == nil {
		if w.report, theirs[1], err = os.Pipe(); err == nil {
			w.tar, theirs[2], err = os.Pipe()
		}
	}
	if err == nil {
		w.cmd = exec.CommandContext(ctx, "/proc/self/exe")
		w.cmd.Args, w.cmd.Env, w.cmd.Dir = []string{Name}, workerEnv(), "/"
		w.cmd.Stderr, w.cmd.WaitDelay = &w.stderr, time.Second
		w.cmd.ExtraFiles = append(theirs[:], files...)
		w.cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: flags, Setsid: true}
		if flags != 0 {
			w.cmd.SysProcAttr.AmbientCaps = readable
		}
		err = w.cmd.Start()
	}
	if err != nil {
		w.close()
		refused := [...]error{syscall.EPERM, syscall.ENOSPC, syscall.EUSERS, syscall.EINVAL, syscall.ENOSYS, syscall.EACCES}
		if flags != 0 && slices.ContainsFunc(refused[:], func(e error) bool { return errors.Is(err, e) }) {
			err = errors.Join(errForbidden, err)
		}
		return nil, err
	}
	if flags != 0 {
		err = mapIDs(ctx, w.cmd.Process.Pid, j.ids)
	}
	if err != nil {
		_ = w.cmd.Process.Kill() // it waits for its order
		_ = w.cmd.Wait()
		w.close()
		return nil, err
	}
	return w, nil
}

func (w *worker) close() { closeAll([]*os.File{w.order, w.report, w.tar}) }

// talk sends the order, takes the stream and the report, and waits.
func (w *worker) talk(o *order, sink io.Writer) (summary, error) {
	defer w.close()
	line, err := json.Marshal(o)
	if err != nil {
		return summary{}, err
	}
	// One that does not take it has ended, and that is reported.
	_, _ = w.order.Write(append(line, '\n'))
	_, copyErr := io.Copy(sink, w.tar)
	if copyErr != nil {
		_ = w.cmd.Process.Kill() // it may have ended
	}
	said, readErr := io.ReadAll(io.LimitReader(w.report, 1<<20))
	waitErr := w.cmd.Wait()
	if copyErr != nil {
		if _, ok := errors.AsType[*spec.Error](copyErr); !ok {
			copyErr = &spec.Error{Op: "write", Object: "the output", Err: oci.PathReason(copyErr)}
		}
		return summary{}, copyErr
	}
	var r report
	if readErr != nil || json.Unmarshal(said, &r) != nil {
		first, _, _ := strings.Cut(w.stderr.String(), "\n")
		return summary{}, &spec.Error{Op: "read", Object: "the tree", Reason: "the worker ended without a report: " + strconv.Quote(first), Err: waitErr}
	}
	if r.Err != nil {
		return summary{}, r.Err.restore()
	}
	if waitErr != nil {
		return summary{}, &spec.Error{Op: "read", Object: "the tree", Reason: "the worker failed", Err: waitErr}
	}
	return r.Summary, nil
}

// mapIDs maps the ids of the worker's user namespace; see user_namespaces(7).
func mapIDs(ctx context.Context, pid int, ids *subid.Mapping) error {
	proc := "/proc/" + strconv.Itoa(pid)
	if ids.IsSingle() {
		if err := os.WriteFile(proc+"/setgroups", []byte("deny"), 0); err != nil {
			return err
		}
	}
	for _, m := range [...]struct {
		file, helper string
		ids          subid.Map
	}{{"/uid_map", "newuidmap", ids.UIDs}, {"/gid_map", "newgidmap", ids.GIDs}} {
		err := os.WriteFile(proc+m.file, []byte(m.ids.String()), 0)
		if err != nil && !m.ids.IsSingle() && errors.Is(err, syscall.EPERM) {
			err = runHelper(ctx, m.helper, pid, m.ids)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// runHelper has shadow's setuid program write a map.
func runHelper(ctx context.Context, helper string, pid int, ids subid.Map) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second) // it may ask a directory service
	defer cancel()
	cmd := exec.CommandContext(ctx, helper, append([]string{strconv.Itoa(pid)}, ids.Args()...)...)
	cmd.Env = []string{"LC_ALL=C"}
	out, err := cmd.CombinedOutput()
	if err != nil {
		return &spec.Error{Op: "map ids with", Object: helper, Reason: strconv.Quote(strings.TrimSpace(string(out))), Err: err}
	}
	return nil
}

func closeAll(files []*os.File) {
	for _, f := range files {
		if f != nil {
			_ = f.Close() // read from, or reported by the other end
		}
	}
}

// bare takes off the path that package os adds.
func bare(err error) error {
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return errno
	}
	return err
}
