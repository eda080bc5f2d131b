package unpacker

import (
	"bytes"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestStreamBudget: streams share what all layers together may hold.
func TestStreamBudget(t *testing.T) {
	plain := make([]byte, 3*chunkSize+5)
	compressed := gzipped(t, plain)
	var budget atomic.Int64
	budget.Store(2 * int64(len(plain)))
	for i := range 2 {
		s := newStream(bytes.NewReader(compressed), &budget)
		if n, err := io.Copy(io.Discard, s); n != int64(len(plain)) || err != nil || s.failed() != nil {
			t.Errorf("stream %d: %d bytes, %v", i, n, err)
		}
		check(t, s.finish(digest(plain)))
	}
	budget.Store(int64(len(plain)) - 1)
	s := newStream(bytes.NewReader(compressed), &budget)
	if n, err := io.Copy(io.Discard, s); err == nil || !strings.Contains(err.Error(), "more than the limits") || n >= int64(len(plain)) || s.failed() != err {
		t.Errorf("over the budget: %d bytes, %v", n, err)
	}
}

// TestStreamAhead: a layer that nobody reads is decompressed only so far.
func TestStreamAhead(t *testing.T) {
	var budget atomic.Int64
	budget.Store(1 << 40)
	in := &counter{r: bytes.NewReader(make([]byte, 64<<20))} // a plain layer
	s := newStream(in, &budget)
	first := make([]byte, 1)
	_, err := io.ReadFull(s, first)
	check(t, err)
	for last := int64(-1); last != in.n.Load(); time.Sleep(50 * time.Millisecond) {
		last = in.n.Load()
	}
	if n := in.n.Load(); n > (chunksAhead+4)*chunkSize {
		t.Errorf("%d bytes ahead", n)
	}
	if n, err := io.Copy(io.Discard, s); n != 64<<20-1 || err != nil {
		t.Errorf("%d bytes, %v", n, err)
	}
}

type counter struct {
	r io.Reader
	n atomic.Int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n.Add(int64(n))
	return n, err
}
