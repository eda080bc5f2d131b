package blob

import (
	"crypto/sha256"
	"hash"
	"os"
	"syscall"

	"github.com/lichen-sandbox/lichen/image/store"
)

// Writer makes a blob whose digest is known when all is written. What is not
// committed vanishes.
type Writer struct {
	s       *store.Store
	writing *store.Lock
	lock    *store.Lock
	file    *os.File
	hash    hash.Hash
	size    int64
	done    bool
}

// NewWriter begins a blob. The Writer is closed in any case.
func NewWriter(s *store.Store) (*Writer, error) {
	writing, err := s.Writing()
	if err != nil {
		return nil, err
	}
	name, lock, err := s.NewPartial()
	if err != nil {
		writing.Close()
		return nil, err
	}
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		lock.Close()
		writing.Close()
		return nil, s.Fail("write blob", name, err)
	}
	return &Writer{s: s, writing: writing, lock: lock, file: f, hash: sha256.New()}, nil
}

// Write appends to the blob.
func (w *Writer) Write(p []byte) (int, error) {
	n, err := w.file.Write(p)
	w.hash.Write(p[:n])
	w.size += int64(n)
	return n, w.s.Fail("write blob", w.file.Name(), err)
}

// Commit makes the blob visible, and returns what it is. Nothing is written
// after it.
func (w *Writer) Commit() (Descriptor, error) {
	d := Descriptor{Digest: digestOf(w.hash.Sum(nil)), Size: w.size}
	if err := publish(w.s, w.file, d.Digest); err != nil {
		return Descriptor{}, w.s.Fail("write blob", d.Digest, err)
	}
	w.done = true
	return d, nil
}

// Close ends it, and throws away what was not committed. It may be called again.
func (w *Writer) Close() error {
	if w.lock == nil {
		return nil
	}
	var err error
	if !w.done {
		err = w.s.Fail("remove", w.file.Name(), os.Remove(w.file.Name()))
	}
	w.file.Close() // synced if committed, and garbage else
	w.lock.Close()
	w.writing.Close()
	w.lock = nil
	return err
}
