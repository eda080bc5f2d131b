package unpacker

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"

	"github.com/lichen-sandbox/lichen/image/tree"
	"github.com/lichen-sandbox/lichen/spec"
)

// Run does a job in a worker process and waits for it. After an error the
// staging directory may hold anything, and only removing it makes sense; a
// context that ends kills the worker.
//
// The error of a layer's source comes before what the worker makes of the end
// of its bytes.
func Run(ctx context.Context, job Job) (Result, error) {
	if err := job.validate(); err != nil {
		return Result{}, err
	}
	layers := job.Layers[job.BaseLayers:]
	o := order{Kind: kindUnpack, HasBase: job.Base != "", First: job.BaseLayers, IDs: job.IDs, Limits: job.Limits, NoSetID: job.NoSetID}
	for _, l := range layers {
		o.Layers = append(o.Layers, layerOrder{MediaType: l.MediaType, DiffID: l.DiffID})
	}
	dirs, err := openDirs(job.Staging, job.Base)
	if err != nil {
		return Result{}, err
	}
	defer closeAll(dirs...)
	read, write, err := layerPipes(len(layers))
	if err != nil {
		return Result{}, err
	}
	p, err := start(job.IDs, append(dirs, read...))
	closeAll(read...)
	if err != nil {
		closeAll(write...)
		return Result{}, err
	}
	f := &feeder{layers: layers, first: job.BaseLayers, pipes: write}
	f.run(p.kill)
	rep, err := p.ask(ctx, &o)
	p.stop()
	if e := f.stop(); e != nil {
		err = e
	}
	if e := ctx.Err(); e != nil {
		err = &spec.Error{Op: "unpack", Err: context.Cause(ctx)}
	}
	if err != nil {
		return Result{}, err
	}
	return Result{Summary: rep.Summary, Cloned: rep.Cloned, Confinement: p.confinement()}, nil
}

// Remove removes a tree, or anything else at dir. With ranges of ids it takes
// a worker, since the files belong to ids that only the user namespace has.
func Remove(dir string, ids Mapping) error {
	parent, err := openDir(filepath.Dir(dir))
	if err != nil {
		return err
	}
	defer parent.Close()
	name := filepath.Base(dir)
	if ids.IsSingle() {
		return tree.Remove(parent, name)
	}
	null, err := openDirs(filepath.Dir(dir), "")
	if err != nil {
		return err
	}
	defer closeAll(null...)
	p, err := start(ids, null)
	if err != nil {
		return err
	}
	defer p.stop()
	_, err = p.ask(context.Background(), &order{Kind: kindRemove, Name: name, IDs: ids})
	return err
}

// openDirs opens the directories of a job; without a base, the null device
// takes its place.
func openDirs(staging, base string) ([]*os.File, error) {
	s, err := openDir(staging)
	if err != nil {
		return nil, err
	}
	var b *os.File
	if base != "" {
		b, err = openDir(base)
	} else if b, err = os.Open(os.DevNull); err != nil {
		err = &spec.Error{Op: "open", Object: os.DevNull, Err: bare(err)}
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	return []*os.File{s, b}, nil
}

func openDir(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, &spec.Error{Op: "open", Object: path, Err: bare(err)}
	}
	return f, nil
}

// ask sends the order and waits for the report and the process's end.
func (p *process) ask(ctx context.Context, o *order) (*report, error) {
	data, err := json.Marshal(o)
	if err != nil {
		return nil, &spec.Error{Op: "unpack", Err: err}
	}
	cancelled := context.AfterFunc(ctx, p.kill)
	defer cancelled()
	said := make(chan string, 1)
	go func() { said <- firstLine(p.stderr) }()
	// A worker that does not take it has ended, and that is reported.
	_, _ = p.control.Write(append(data, '\n'))
	rep, err := readReport(p.report)
	if err != nil && err != errNoReport {
		p.kill() // it may wait for its report to be read
	}
	<-p.done
	crash := <-said
	if err == nil {
		if rep.Err != nil {
			return nil, rep.Err.decode()
		}
		if end := p.ended(); end == "" {
			return rep, nil
		}
		err = errNoReport
	}
	e := &spec.Error{Op: "unpack", Object: "in the worker", Err: err}
	e.Reason = strings.Trim(p.ended()+": "+crash, ": ")
	return nil, e
}

// firstLine reads to the end and returns the first line of what a crash says.
func firstLine(r io.Reader) string {
	head, _ := io.ReadAll(io.LimitReader(r, 4<<10)) // what there is
	_, _ = io.Copy(io.Discard, r)
	line, _, _ := strings.Cut(strings.TrimSpace(string(head)), "\n")
	return printable(clip(line, 200))
}

// confinement is what the worker had. It refuses to work when it cannot get
// what this kernel has, so nothing of this is taken from its report.
func (p *process) confinement() Confinement {
	abi, err := ll.LandlockGetABIVersion()
	if err != nil {
		abi = 0 // not in this kernel, or switched off
	}
	c := Confinement{Namespaces: p.namespaces, Landlock: abi, Missing: missing(abi, p.namespaces)}
	if !haveFilters() {
		c.Missing = append(c.Missing, "system calls")
	}
	return c
}

// landlockNeeds says which ABI of Landlock confines what, and which namespace
// does the same; see landlock(7).
var landlockNeeds = []struct {
	abi       int
	namespace string
	what      string
}{
	// Hard links across directories need a right that ABI 1 does not have.
	{2, "", "files outside the new tree"},
	{3, "", "truncating files"},
	{4, "net", "TCP"},
	{6, "pid", "signals"},
	{6, "net", "abstract sockets"},
	{10, "net", "UDP"},
}

// missing names what neither Landlock nor a namespace confines.
func missing(abi int, namespaces []string) []string {
	var out []string
	for _, n := range landlockNeeds {
		if abi < n.abi && !slices.Contains(namespaces, n.namespace) {
			out = append(out, n.what)
		}
	}
	return out
}
