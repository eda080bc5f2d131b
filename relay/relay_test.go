package relay

import (
	"bytes"
	"io"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lichen-sandbox/lichen/internal/sys"
)

const patience = 20 * time.Second

// pipeline is a relay with one stream into a pipe.
func pipeline(t *testing.T, limit uint64) (r *Relay, in, out *os.File, over chan bool) {
	t.Helper()
	r, in, out, over = prepared(t, limit)
	r.Start()
	return r, in, out, over
}

// prepared is pipeline before its start.
func prepared(t *testing.T, limit uint64) (r *Relay, in, out *os.File, over chan bool) {
	t.Helper()
	over = make(chan bool, 2)
	r, err := New(NewBudget(limit, func() { over <- true }))
	if err != nil {
		t.Fatal(err)
	}
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	end, err := r.Add(int(writer.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	in = os.NewFile(uintptr(end), "in")
	t.Cleanup(func() { in.Close(); reader.Close(); writer.Close() })
	go func() {
		r.Wait()
		writer.Close()
	}()
	return r, in, reader, over
}

// TestBytesArrive: everything, in order, and no byte more than the limit.
func TestBytesArrive(t *testing.T) {
	data := make([]byte, 3<<20+17)
	for i := range data {
		data[i] = byte(rand.Uint32())
	}
	for _, limit := range []int{len(data) + 1, len(data), len(data) - 1, 4096, 1, 0} {
		_, in, out, over := pipeline(t, uint64(limit))
		go func() {
			in.Write(data) // EPIPE past the limit
			in.Close()
		}()
		got, err := io.ReadAll(out)
		if want := data[:min(limit, len(data))]; err != nil || !bytes.Equal(got, want) {
			t.Errorf("limit %d: %d bytes, %v", limit, len(got), err)
		}
		exceeded := len(over) == 1
		if exceeded != (limit < len(data)) {
			t.Errorf("limit %d: exceeded %v", limit, exceeded)
		}
	}
}

// TestSharedBudget: two streams together pass exactly what is left.
func TestSharedBudget(t *testing.T) {
	const limit = 1 << 20
	over := make(chan bool, 2)
	r, err := New(NewBudget(limit, func() { over <- true }))
	if err != nil {
		t.Fatal(err)
	}
	var total [2]int64
	var read, write sync.WaitGroup
	var outs []*os.File
	for i := range total {
		reader, writer, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		end, err := r.Add(int(writer.Fd()))
		if err != nil {
			t.Fatal(err)
		}
		outs = append(outs, writer)
		read.Go(func() { total[i], _ = io.Copy(io.Discard, reader) })
		write.Go(func() {
			in := os.NewFile(uintptr(end), "in")
			for _, err := in.Write(make([]byte, 777)); err == nil; {
				_, err = in.Write(make([]byte, 777))
			}
			in.Close()
		})
	}
	r.Start()
	r.Wait()
	for _, w := range outs {
		w.Close()
	}
	read.Wait()
	write.Wait()
	if total[0]+total[1] != limit || len(over) != 1 {
		t.Errorf("%v of %d, over %d times", total, limit, len(over))
	}
}

// TestReaderGone: the writer is told, without a byte of its own being lost to a
// pipe that nobody reads.
func TestReaderGone(t *testing.T) {
	r, in, out, _ := pipeline(t, 1<<30)
	out.Close()
	if !r.WaitFor(patience) {
		t.Fatal("the stream goes on")
	}
	if _, err := unix.Write(int(in.Fd()), []byte("x")); err != unix.EPIPE {
		t.Error(err)
	}
	if _, err := r.Failed(); err != nil {
		t.Error(err)
	}
}

// TestFinish: an end that somebody still has does not hold up the end; what is in
// the pipe arrives.
func TestFinish(t *testing.T) {
	r, in, out, _ := pipeline(t, 1<<30)
	if _, err := in.Write(make([]byte, 40_000)); err != nil {
		t.Fatal(err)
	}
	r.Finish()
	got, err := io.ReadAll(out)
	if err != nil || len(got) != 40_000 || !r.WaitFor(patience) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

// TestSlowReader: nothing is lost, nothing piles up, and who does not want to wait
// any longer is told.
func TestSlowReader(t *testing.T) {
	r, in, out, _ := pipeline(t, 1<<30)
	if err := unix.SetNonblock(int(in.Fd()), true); err != nil {
		t.Fatal(err)
	}
	written := 0
	for quiet := 0; quiet < 20; {
		n, err := unix.Write(int(in.Fd()), make([]byte, 4096))
		if err == unix.EAGAIN {
			quiet++
			time.Sleep(10 * time.Millisecond)
			continue
		}
		quiet, written = 0, written+n
	}
	if written > 4*chunk {
		t.Errorf("%d bytes are on their way", written)
	}
	r.Finish()
	if r.WaitWhileMoving(100 * time.Millisecond) {
		t.Error("it ended with a full pipe")
	}
	got, err := io.ReadAll(out)
	if err != nil || len(got) != written {
		t.Errorf("%d of %d bytes, %v", len(got), written, err)
	}
}

// TestOutputs: files of all kinds, those that splice(2) refuses too, and those
// that others have made non-blocking.
func TestOutputs(t *testing.T) {
	dir := t.TempDir()
	const size = 1<<20 + 3
	for _, c := range []struct {
		name  string
		flags int
	}{{"file", 0}, {"append", os.O_APPEND}} {
		path := dir + "/" + c.name
		f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|c.flags, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		passThrough(t, int(f.Fd()), size)
		f.Close()
		if fi, err := os.Stat(path); err != nil || fi.Size() != size {
			t.Errorf("%s: %v %v", c.name, fi, err)
		}
	}
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	peer := os.NewFile(uintptr(fds[1]), "peer")
	got := make(chan int64)
	go func() {
		n, _ := io.Copy(io.Discard, peer)
		got <- n
	}()
	passThrough(t, fds[0], size)
	unix.Close(fds[0])
	if n := <-got; n != size {
		t.Errorf("socket: %d bytes", n)
	}
}

func passThrough(t *testing.T, out, size int) {
	t.Helper()
	r, err := New(NewBudget(1<<40, func() {}))
	if err != nil {
		t.Fatal(err)
	}
	end, err := r.Add(out)
	if err != nil {
		t.Fatal(err)
	}
	r.Start()
	in := os.NewFile(uintptr(end), "in")
	if _, err := in.Write(make([]byte, size)); err != nil {
		t.Error(err)
	}
	in.Close()
	if !r.WaitFor(patience) {
		t.Fatal("does not end")
	}
	if _, err := r.Failed(); err != nil {
		t.Error(err)
	}
}

// TestFullDisk: the writer ends as if nobody read, and the reason is known.
func TestFullDisk(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	r, err := New(NewBudget(100, func() {}))
	if err != nil {
		t.Fatal(err)
	}
	end, err := r.Add(int(full.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	defer sys.Close(end)
	r.Start()
	if _, err := sys.Write(end, []byte("x")); err != nil {
		t.Fatal(err)
	}
	if !r.WaitFor(patience) {
		t.Fatal("does not end")
	}
	if out, err := r.Failed(); out != int(full.Fd()) || err != unix.ENOSPC {
		t.Errorf("%d %v", out, err)
	}
}
