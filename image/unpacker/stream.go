package unpacker

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"strconv"
	"sync/atomic"
)

// A layer that is not yet wanted is decompressed ahead up to so many bytes.
const (
	chunkSize   = 256 << 10
	chunksAhead = 16 << 20 / chunkSize
)

// stream is a layer being decompressed and hashed, each in a goroutine of its
// own, beside the one that applies it: with two processors the three overlap.
// It is read to its end, or left when the process ends.
type stream struct {
	chunks chan *chunk // decompressed, in order
	free   chan *chunk
	sum    chan string // gets "sha256:…" of all bytes, if there was no error
	err    error       // why chunks ended, io.EOF when well; set before chunks is closed
	now    *chunk      // being read
	off    int
	seen   error // err, once Read returned it
}

type chunk struct {
	buf    []byte // chunkSize
	n      int
	shared atomic.Int32 // readers that still need it
}

// newStream starts on a layer's compressed bytes. budget is how many bytes all
// layers together may still decompress to.
func newStream(in io.Reader, budget *atomic.Int64) *stream {
	s := &stream{chunks: make(chan *chunk, chunksAhead), free: make(chan *chunk, chunksAhead+4), sum: make(chan string, 1)}
	hashed := make(chan *chunk, chunksAhead)
	go s.hash(hashed)
	go func() {
		s.err = s.fill(in, hashed, budget)
		close(hashed)
		close(s.chunks)
	}()
	return s
}

func (s *stream) fill(in io.Reader, hashed chan<- *chunk, budget *atomic.Int64) error {
	r, err := decompress(bufio.NewReaderSize(in, chunkSize))
	if err != nil {
		return err
	}
	for {
		c := s.chunk()
		c.n, err = io.ReadFull(r, c.buf)
		if err == io.ErrUnexpectedEOF { // of ReadFull itself: a decompressor's are explained
			err = io.EOF
		}
		if c.n > 0 {
			if budget.Add(-int64(c.n)) < 0 {
				return errors.New("decompresses to more than the limits of an image allow")
			}
			c.shared.Store(2)
			hashed <- c
			s.chunks <- c
		}
		if err != nil {
			return err
		}
	}
}

// chunk returns one that is free, or a new one.
func (s *stream) chunk() *chunk {
	select {
	case c := <-s.free:
		return c
	default:
		return &chunk{buf: make([]byte, chunkSize)}
	}
}

// release is called by each reader of a chunk.
func (s *stream) release(c *chunk) {
	if c.shared.Add(-1) > 0 {
		return
	}
	select {
	case s.free <- c:
	default:
	}
}

func (s *stream) hash(chunks <-chan *chunk) {
	h := sha256.New()
	for c := range chunks {
		h.Write(c.buf[:c.n]) // never fails
		s.release(c)
	}
	s.sum <- "sha256:" + hex.EncodeToString(h.Sum(nil))
}

// Read returns uncompressed bytes.
func (s *stream) Read(p []byte) (int, error) {
	for s.now == nil {
		c, more := <-s.chunks
		if !more {
			s.seen = s.err
			return 0, s.err
		}
		s.now, s.off = c, 0
	}
	n := copy(p, s.now.buf[s.off:s.now.n])
	s.off += n
	if s.off == s.now.n {
		s.release(s.now)
		s.now = nil
	}
	return n, nil
}

// finish reads what the applier left, the bytes after the end of the archive,
// and compares the digest of all.
func (s *stream) finish(diffID string) error {
	if _, err := io.Copy(io.Discard, s); err != nil {
		return err
	}
	if sum := <-s.sum; sum != diffID {
		return errors.New("is not what the image's config says: its digest is " + sum + ", not " + diffID)
	}
	return nil
}

// layerName is what messages call a layer: its place from 1, and its diffID.
func layerName(i int, diffID string) string {
	return "layer " + strconv.Itoa(i+1) + " (" + diffID + ")"
}

// failed returns the error that ended the layer's bytes, once they were read
// to it.
func (s *stream) failed() error {
	if s.seen == io.EOF {
		return nil
	}
	return s.seen
}
