package store

import (
	"strings"

	"github.com/lichen-sandbox/lichen/image/ref"
)

// The places of blobs are here, so that one package knows the layout; image/blob
// fills them.

// BlobPath returns the file of a blob, whether it exists or not. Only whole and
// verified ones are there.
func (s *Store) BlobPath(digest string) (string, error) {
	if err := ref.CheckDigest(digest); err != nil {
		return "", err
	}
	return s.path(blobsDir + "/" + strings.TrimPrefix(digest, "sha256:")), nil
}

// PartialPath returns the file of a blob that is not whole yet. Its lock is the
// same with ".lock".
func (s *Store) PartialPath(digest string) (string, error) {
	if err := ref.CheckDigest(digest); err != nil {
		return "", err
	}
	return s.path(partialDir + "/" + strings.TrimPrefix(digest, "sha256:")), nil
}

// NewPartial returns the file of a blob whose digest nobody knows yet, and its
// lock. The file does not exist.
func (s *Store) NewPartial() (string, *Lock, error) {
	var file string
	var l *Lock
	err := retryTemporary(func(unique string) (err error) {
		file = s.path(partialDir + "/new-" + unique)
		l, err = lockNew(file)
		return err
	})
	return file, l, s.Fail("make", file, err)
}

// Blobs returns the digests of all blobs, sorted.
func (s *Store) Blobs() ([]string, error) {
	names, err := s.names(blobsDir)
	if err != nil {
		return nil, err
	}
	digests := names[:0]
	for _, name := range names {
		if isHex(name) {
			digests = append(digests, "sha256:"+name)
		}
	}
	return digests, nil
}

func isHex(name string) bool { return ref.CheckDigest("sha256:"+name) == nil }

// SyncBlobs makes the names of all blobs durable.
func (s *Store) SyncBlobs() error { return SyncDir(s.path(blobsDir)) }
