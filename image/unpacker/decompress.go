package unpacker

import (
	"bufio"
	"errors"
	"io"
	"runtime"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// maxWindow is the largest zstd window that is decoded, in bytes: what
// zstd --ultra -22 makes, and the most that the zstd program itself takes
// unless told (--long, --memory).
const maxWindow = 128 << 20

// unsupported are formats that no image specification has, by their first
// bytes: the message is better than what the tar reader would say.
var unsupported = []struct{ magic, name string }{
	{"\xfd7zXZ\x00", "xz"}, {"BZh", "bzip2"}, {"\x04\x22\x4d\x18", "lz4"}, {"PK\x03\x04", "zip"},
}

// decompress returns the uncompressed bytes of a layer, whatever its media
// type says: some registries' is wrong. A layer made to be read at random
// (estargz, zstd:chunked) is an ordinary one with several gzip members, or
// with zstd frames that are skipped.
func decompress(in *bufio.Reader) (io.Reader, error) {
	head, err := in.Peek(6)
	if err != nil && err != io.EOF {
		return nil, err
	}
	magic := string(head)
	switch {
	case strings.HasPrefix(magic, "\x1f\x8b"):
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, explain(err, false)
		}
		return &explained{r: z}, nil
	case strings.HasPrefix(magic, "\x28\xb5\x2f\xfd"), isSkippable(magic):
		z, err := zstd.NewReader(in, zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderMaxMemory(maxWindow),
			zstd.WithDecoderConcurrency(min(2, runtime.GOMAXPROCS(0))))
		if err != nil {
			return nil, explain(err, false)
		}
		return &explained{r: z}, nil
	}
	for _, u := range unsupported {
		if strings.HasPrefix(magic, u.magic) {
			return nil, errors.New("is compressed with " + u.name + ", which images are not")
		}
	}
	return in, nil
}

// isSkippable tells a zstd frame without content (RFC 8878, section 3.1.2).
func isSkippable(magic string) bool {
	return len(magic) >= 4 && magic[0]&0xf0 == 0x50 && magic[1:4] == "\x2a\x4d\x18"
}

// explained gives a decompressor's errors words that name the damage.
type explained struct {
	r   io.Reader
	any bool // there was data
}

func (e *explained) Read(p []byte) (int, error) {
	n, err := e.r.Read(p)
	if n > 0 {
		e.any = true
	}
	return n, explain(err, e.any)
}

func explain(err error, any bool) error {
	switch {
	case err == nil || err == io.EOF:
		return err
	case errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("ends in the middle of its compressed data")
	case errors.Is(err, zstd.ErrWindowSizeExceeded), errors.Is(err, zstd.ErrDecoderSizeExceeded):
		return errors.New("needs more memory than the 128 MiB that zstd layers may have as their window")
	case any && (errors.Is(err, gzip.ErrHeader) || errors.Is(err, zstd.ErrMagicMismatch)):
		return errors.New("has other data after its compressed data")
	}
	return errors.New("has damaged compressed data: " + err.Error())
}
