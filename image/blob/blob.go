// Package blob keeps content-addressed blobs in an image store: what has a name
// there is whole, and was hashed.
package blob

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"strconv"
	"syscall"

	"github.com/lichen-sandbox/lichen/image/store"
	"github.com/lichen-sandbox/lichen/spec"
)

// ErrMismatch says that bytes are not those of the digest or size.
var ErrMismatch = errors.New("not the bytes that were asked for")

// Descriptor says what a blob is.
type Descriptor struct {
	Digest string // "sha256:HEX"
	Size   int64  // in bytes
}

// mismatch is an error with words of its own that is ErrMismatch.
type mismatch string

func (m mismatch) Error() string { return string(m) }
func (m mismatch) Unwrap() error { return ErrMismatch }

// Has reports whether the store has a blob. Whether it still has the right bytes
// is Verify's question.
func Has(s *store.Store, digest string) bool {
	file, err := s.BlobPath(digest)
	if err != nil {
		return false
	}
	_, err = os.Lstat(file)
	return err == nil
}

// Open opens a blob, and returns its size. If it is not in the store, the error
// is fs.ErrNotExist. The bytes are those that were once verified.
func Open(s *store.Store, digest string) (*os.File, int64, error) {
	file, err := s.BlobPath(digest)
	if err != nil {
		return nil, 0, err
	}
	f, err := os.OpenFile(file, os.O_RDONLY|syscall.O_NOFOLLOW, 0)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = missing{}
		}
		return nil, 0, s.Fail("blob", digest, err)
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("it is not a regular file")
	}
	if err != nil {
		f.Close()
		return nil, 0, s.Fail("blob", digest, err)
	}
	return f, info.Size(), nil
}

type missing struct{}

func (missing) Error() string { return "it is not in the image store" }
func (missing) Unwrap() error { return fs.ErrNotExist }

// Read returns a blob of at most limit bytes, verified: a damaged one is
// ErrMismatch.
func Read(s *store.Store, digest string, limit int64) ([]byte, error) {
	f, size, err := Open(s, digest)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if size > limit {
		return nil, &spec.Error{Op: "blob", Object: digest, Reason: "it has " + strconv.FormatInt(size, 10) + " bytes, and " + strconv.FormatInt(limit, 10) + " are the most that are read"}
	}
	b, err := io.ReadAll(io.LimitReader(f, limit))
	if err != nil {
		return nil, s.Fail("blob", digest, err)
	}
	if got := sum(b); got != digest {
		return nil, damaged(digest, got)
	}
	return b, nil
}

// Put stores b, if the store lacks it, and returns its digest.
func Put(s *store.Store, b []byte) (digest string, err error) {
	if digest = sum(b); Has(s, digest) {
		return digest, nil
	}
	w, err := NewWriter(s)
	if err != nil {
		return "", err
	}
	defer w.Close()
	if _, err := w.Write(b); err != nil {
		return "", err
	}
	d, err := w.Commit()
	return d.Digest, err
}

// Verify reads a blob and compares its digest; a damaged one is ErrMismatch.
func Verify(s *store.Store, digest string) error {
	f, _, err := Open(s, digest)
	if err != nil {
		return err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.CopyBuffer(h, onlyReader{f}, make([]byte, chunk)); err != nil {
		return s.Fail("blob", digest, err)
	}
	if got := digestOf(h.Sum(nil)); got != digest {
		return damaged(digest, got)
	}
	return nil
}

func damaged(digest, got string) error {
	return &spec.Error{Op: "blob", Object: digest, Err: mismatch("it is damaged: its digest is " + got + " now")}
}

// List returns all blobs of the store.
func List(s *store.Store) ([]Descriptor, error) {
	digests, err := s.Blobs()
	if err != nil {
		return nil, err
	}
	list := make([]Descriptor, 0, len(digests))
	for _, d := range digests {
		file, err := s.BlobPath(d)
		if err != nil {
			return nil, err
		}
		info, err := os.Lstat(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue // deleted meanwhile
		} else if err != nil {
			return nil, s.Fail("blob", d, err)
		}
		list = append(list, Descriptor{Digest: d, Size: info.Size()})
	}
	return list, nil
}

// Delete removes a blob, a damaged one say. If it is not there, the error is
// fs.ErrNotExist. What records need is for the caller to know.
func Delete(s *store.Store, digest string) error {
	file, err := s.BlobPath(digest)
	if err != nil {
		return err
	}
	w, err := s.Writing()
	if err != nil {
		return err
	}
	defer w.Close()
	err = os.Remove(file)
	if errors.Is(err, fs.ErrNotExist) {
		err = missing{}
	}
	return s.Fail("delete blob", digest, err)
}

func sum(b []byte) string {
	h := sha256.Sum256(b)
	return digestOf(h[:])
}

func digestOf(sum []byte) string { return "sha256:" + hex.EncodeToString(sum) }

// onlyReader hides the other methods of a file, so that io.CopyBuffer uses its
// buffer.
type onlyReader struct{ io.Reader }
