package unpacker

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"strconv"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/lichen-sandbox/lichen/image/tree"
	"github.com/lichen-sandbox/lichen/image/unpack"
	"github.com/lichen-sandbox/lichen/internal/subid"
	"github.com/lichen-sandbox/lichen/spec"
)

// Worker is the worker's main function: it returns its exit code. Without the
// descriptors that Run gives it, it does nothing.
func Worker() int {
	return serve(func(root *os.File, o unpack.Options) applier { return unpack.New(root, o) })
}

// applier is what the worker needs of unpack.Tree.
type applier interface {
	Load(owners io.Reader) error
	Apply(layer io.Reader) error
	Finish(owners io.Writer) (unpack.Summary, error)
}

type newApplier func(root *os.File, o unpack.Options) applier

// Exit codes. The report says more.
const (
	exitDone = iota
	exitFailed
	exitUnasked // not started by Run
)

func serve(newTree newApplier) int {
	control, out := os.NewFile(fdControl, "control"), os.NewFile(fdReport, "report")
	// Held for the whole run, so that the kernel sends it: see process.run.
	// Where the parent is gone already, the control pipe has ended.
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil || control == nil || out == nil {
		return exitUnasked
	}
	d := json.NewDecoder(control)
	var o order
	if err := d.Decode(&o); err != nil {
		return exitUnasked
	}
	go func() {
		// The parent writes no more; the end is its own.
		_, _ = io.Copy(io.Discard, control)
		os.Exit(exitFailed)
	}()
	rep, err := o.do(newTree)
	rep.Err = encodeError(err)
	data, e := rep.encode()
	if e == nil {
		_, e = out.Write(data)
	}
	if err != nil || e != nil {
		return exitFailed
	}
	return exitDone
}

// do carries out an order. What comes before confine handles nothing that a
// stranger wrote.
func (o *order) do(newTree newApplier) (report, error) {
	if err := restrain(fdLayers + len(o.Layers)); err != nil {
		return report{}, err
	}
	staging, base := os.NewFile(fdStaging, "staging"), os.NewFile(fdBase, "base")
	switch o.Kind {
	case kindUnpack:
		return o.unpack(staging, base, newTree)
	case kindRemove:
		if err := confine(fdStaging); err != nil {
			return report{}, err
		}
		return report{}, tree.Remove(staging, o.Name)
	}
	return report{}, &spec.Error{Op: "unpack", Reason: "unknown order " + strconv.Quote(o.Kind)}
}

func (o *order) unpack(staging, base *os.File, newTree newApplier) (report, error) {
	var rep report
	root, err := makeRoot(staging)
	if err != nil {
		return rep, err
	}
	var owners *os.File
	if o.HasBase {
		if rep.Cloned, owners, err = takeOver(base, root); err != nil {
			return rep, err
		}
	}
	base.Close()
	if err := confine(fdStaging); err != nil {
		return rep, err
	}
	t := newTree(root, o.options())
	if owners != nil {
		if err := t.Load(bufio.NewReader(owners)); err != nil {
			return rep, err
		}
		owners.Close()
	}
	if err := o.apply(t); err != nil {
		return rep, err
	}
	rep.Summary, err = finish(t, staging)
	return rep, err
}

// makeRoot makes the new tree's root directory and opens it.
func makeRoot(staging *os.File) (*os.File, error) {
	dir := int(staging.Fd())
	if err := unix.Mkdirat(dir, rootfsName, 0o755); err != nil {
		return nil, &spec.Error{Op: "make", Object: rootfsName, Err: err}
	}
	return openBelow(dir, rootfsName, unix.O_RDONLY|unix.O_DIRECTORY, 0)
}

func openBelow(dir int, name string, flags int, mode uint32) (*os.File, error) {
	fd, err := unix.Openat(dir, name, flags|unix.O_NOFOLLOW|unix.O_CLOEXEC, mode)
	if err != nil {
		return nil, &spec.Error{Op: "open", Object: name, Err: err}
	}
	return os.NewFile(uintptr(fd), name), nil
}

// takeOver clones the tree to start from, and opens its owners. It comes
// before Landlock, which would refuse the links: in the new tree they have
// more rights than in the old one.
func takeOver(base, root *os.File) (tree.Stats, *os.File, error) {
	from, err := openBelow(int(base.Fd()), rootfsName, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return tree.Stats{}, nil, err
	}
	defer from.Close()
	owners, err := openBelow(int(base.Fd()), ownersName, unix.O_RDONLY, 0)
	if err != nil {
		return tree.Stats{}, nil, err
	}
	stats, err := tree.Clone(from, root)
	return stats, owners, err
}

func (o *order) options() unpack.Options {
	out := unpack.Options{Owners: unpack.OwnersRecord, Limits: o.Limits, NoSetID: o.NoSetID}
	if !o.IDs.IsSingle() {
		out.Owners = unpack.OwnersChown
		out.UIDs, out.GIDs = inside(o.IDs.UIDs), inside(o.IDs.GIDs)
	}
	return out
}

// inside returns the ids that exist in the namespace.
func inside(m subid.Map) []unpack.Range {
	var out []unpack.Range
	for _, e := range m.Extents {
		out = append(out, unpack.Range{First: e.Inside, Count: e.Count})
	}
	return out
}

// apply applies the layers in order, and decompresses the next ones meanwhile.
func (o *order) apply(t applier) error {
	var budget atomic.Int64
	budget.Store(o.Limits.Bytes)
	if o.Limits.Bytes == 0 {
		budget.Store(unpack.DefaultLimits().Bytes)
	}
	var streams []*stream
	for i := range o.Layers {
		for len(streams) < min(i+layersAhead(), len(o.Layers)) {
			in := os.NewFile(uintptr(fdLayers+len(streams)), "layer")
			streams = append(streams, newStream(in, &budget))
		}
		s := streams[i]
		streams[i] = nil // its buffers are garbage when it is done
		err := t.Apply(s)
		if err == nil {
			err = s.finish(o.Layers[i].DiffID)
		} else if s.failed() != nil {
			err = s.failed() // the cause; what was made of it says less
		}
		if err != nil {
			return inLayer(layerName(o.First+i, o.Layers[i].DiffID), err)
		}
	}
	return nil
}

// inLayer says which layer an error is of.
func inLayer(layer string, err error) error {
	return &spec.Error{Op: "unpack", Object: layer, Err: err}
}

// finish makes the tree whole and writes its owners beside it.
func finish(t applier, staging *os.File) (sum unpack.Summary, err error) {
	f, err := openBelow(int(staging.Fd()), ownersName, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL, 0o600)
	if err != nil {
		return sum, err
	}
	defer func() {
		if e := f.Close(); err == nil && e != nil { // where NFS tells that its disk is full
			err = &spec.Error{Op: "write", Object: ownersName, Err: bare(e)}
		}
	}()
	w := bufio.NewWriterSize(f, chunkSize)
	if sum, err = t.Finish(w); err != nil {
		return sum, err
	}
	if e := w.Flush(); e != nil {
		return sum, &spec.Error{Op: "write", Object: ownersName, Err: bare(e)}
	}
	return sum, nil
}
