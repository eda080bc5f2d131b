package unpacker

import (
	"errors"
	"io"
	"os"
	"runtime"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/lichen-sandbox/lichen/spec"
)

// layersAhead is how many layers are fetched and decompressed at the same
// time, the one being applied included. Each may hold some memory.
func layersAhead() int { return max(2, min(4, runtime.GOMAXPROCS(0))) }

// feeder copies layers into the worker's pipes.
type feeder struct {
	layers []Layer
	first  int        // of layers in the image, for messages
	pipes  []*os.File // to write to

	all     sync.WaitGroup
	mu      sync.Mutex
	stopped bool
	open    map[int]io.Closer
	err     error // the first
}

// run feeds all layers, the lowest first and no more than layersAhead at once,
// and calls failed when the source of one fails. Its slots are taken in the
// layers' order, so the layer that the worker applies is always among them.
func (f *feeder) run(failed func()) {
	f.open = map[int]io.Closer{}
	slots := make(chan struct{}, layersAhead())
	f.all.Go(func() {
		for i := range f.layers {
			slots <- struct{}{}
			f.all.Go(func() {
				defer func() { <-slots }()
				if err := f.feed(i); err != nil {
					f.fail(i, err)
					failed()
				}
			})
		}
	})
}

// feed copies one layer, and returns the error of its source. That the worker
// reads no more is none: its report says why.
func (f *feeder) feed(i int) error {
	defer f.pipes[i].Close()
	if f.isStopped() {
		return nil
	}
	in, err := f.layers[i].Open()
	if err != nil {
		return err
	}
	if !f.register(i, in) {
		return in.Close()
	}
	// More than 64 KiB is worth while; the kernel may refuse (pipe(7)).
	if raw, err := f.pipes[i].SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { _, _ = unix.FcntlInt(fd, unix.F_SETPIPE_SZ, 1<<20) })
	}
	_, err = io.CopyBuffer(sink{f.pipes[i]}, source{in}, make([]byte, 256<<10))
	if e := f.unregister(i); err == nil {
		err = e
	}
	var s sinkError
	if errors.As(err, &s) {
		return nil
	}
	return err
}

// source and sink hide the faster ways that io.Copy knows, of which some read
// in small pieces, and tell whose error it is.
type source struct{ io.Reader }

type sink struct{ io.Writer }

type sinkError struct{ error }

func (s sink) Write(p []byte) (int, error) {
	n, err := s.Writer.Write(p)
	if err != nil {
		err = sinkError{err}
	}
	return n, err
}

func (f *feeder) isStopped() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.stopped
}

// register notes an open source, unless the feeder is stopped.
func (f *feeder) register(i int, in io.Closer) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.stopped {
		f.open[i] = in
	}
	return !f.stopped
}

// unregister closes a source, unless stop has.
func (f *feeder) unregister(i int) error {
	f.mu.Lock()
	in := f.open[i]
	delete(f.open, i)
	f.mu.Unlock()
	if in == nil {
		return nil
	}
	return in.Close()
}

// fail keeps the first error. What fails because the feeder was stopped is
// none.
func (f *feeder) fail(i int, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil && !f.stopped {
		f.err = &spec.Error{Op: "read", Object: layerName(f.first+i, f.layers[i].DiffID), Err: err}
	}
}

// stop ends all copying, and returns the first error of a source. The worker
// must have ended, so that no writer waits for it.
func (f *feeder) stop() error {
	f.mu.Lock()
	f.stopped = true
	open := f.open
	f.open = map[int]io.Closer{}
	f.mu.Unlock()
	for _, in := range open {
		in.Close() // the bytes are not wanted any more
	}
	f.all.Wait()
	return f.err
}

// layerPipes makes a pipe for each layer.
func layerPipes(n int) (read, write []*os.File, err error) {
	for range n {
		r, w, err := os.Pipe()
		if err != nil {
			closeAll(append(read, write...)...)
			hint := ""
			if errors.Is(err, syscall.EMFILE) {
				hint = "raise the limit of open files (ulimit -n)"
			}
			return nil, nil, &spec.Error{Op: "unpack", Reason: "no pipe for each layer", Err: bare(err), Hint: hint}
		}
		read, write = append(read, r), append(write, w)
	}
	return read, write, nil
}
