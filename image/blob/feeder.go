package blob

import (
	"io"
	"os"
	"sync"
)

// SinkError is an error of the sink of Ingest.
type SinkError struct{ Err error }

func (e *SinkError) Error() string { return e.Err.Error() }

// Unwrap returns what Write returned.
func (e *SinkError) Unwrap() error { return e.Err }

// feeder gives a sink the bytes of a file that grows. It reads them back from the
// file (which is still in memory) and not from who writes it, so that a sink that
// lags holds up nobody.
type feeder struct {
	file *os.File
	sink io.Writer

	mu    sync.Mutex
	more  *sync.Cond
	have  int64 // bytes that may be read
	whole bool  // there come no more
	quit  bool  // nobody wants the rest
	err   error
	ended chan struct{}
}

// startFeeder begins to feed the sink; without one it does nothing.
func startFeeder(f *os.File, sink io.Writer) *feeder {
	d := &feeder{file: f, sink: sink, ended: make(chan struct{})}
	d.more = sync.NewCond(&d.mu)
	if sink == nil {
		close(d.ended)
		return d
	}
	go func() {
		defer close(d.ended)
		if err := d.run(); err != nil {
			d.mu.Lock()
			d.err = err
			d.mu.Unlock()
		}
	}()
	return d
}

func (d *feeder) run() error {
	buf := make([]byte, chunk)
	for at := int64(0); ; {
		d.mu.Lock()
		for d.have == at && !d.whole && !d.quit {
			d.more.Wait()
		}
		have, quit := d.have, d.quit
		d.mu.Unlock()
		if quit || have == at {
			return nil
		}
		n, err := d.file.ReadAt(buf[:min(int64(len(buf)), have-at)], at)
		if n == 0 {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return err
		}
		if _, err := d.sink.Write(buf[:n]); err != nil {
			return &SinkError{err}
		}
		at += int64(n)
	}
}

// add says that n bytes more may be read.
func (d *feeder) add(n int64) { d.change(func() { d.have += n }) }

func (d *feeder) change(f func()) {
	d.mu.Lock()
	f()
	d.mu.Unlock()
	d.more.Signal()
}

// failed reports whether the sink has returned an error.
func (d *feeder) failed() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.err != nil
}

// finish waits until the sink has all bytes.
func (d *feeder) finish() error {
	d.change(func() { d.whole = true })
	<-d.ended
	return d.err
}

// stop ends the feeding early, and waits for a Write that goes on.
func (d *feeder) stop() error {
	d.change(func() { d.quit = true })
	<-d.ended
	return d.err
}
