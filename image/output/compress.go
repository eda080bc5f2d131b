package output

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
	"strconv"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/lichen-sandbox/lichen/image/source/oci"
	"github.com/lichen-sandbox/lichen/spec"
)

// Compression is how a layer is stored.
type Compression uint8

const (
	Gzip Compression = iota
	Zstd
	Plain
)

// ParseCompression reads the name of a compression; "" is gzip, which every
// engine reads.
func ParseCompression(s string) (Compression, error) {
	switch s {
	case "", "gzip":
		return Gzip, nil
	case "zstd":
		return Zstd, nil
	case "none":
		return Plain, nil
	}
	return 0, &spec.Error{Op: "compress", Reason: "there is no compression " + strconv.Quote(s) + ": gzip, zstd or none"}
}

func (c Compression) mediaType() string {
	return [...]string{oci.TypeLayerGzip, oci.TypeLayerZstd, oci.TypeLayer}[c]
}

// writer compresses to w. The levels are fixed, a gzip header has neither time
// nor name, and one goroutine does the work: with several, where blocks end
// would depend on the machine.
func (c Compression) writer(w io.Writer) (io.WriteCloser, error) {
	switch c {
	case Gzip:
		return gzip.NewWriterLevel(w, 6)
	case Zstd:
		return zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedDefault), zstd.WithEncoderConcurrency(1))
	}
	return plain{w}, nil
}

type plain struct{ io.Writer }

func (plain) Close() error { return nil }

// layerWriter takes an uncompressed layer and passes it on compressed.
type layerWriter struct {
	to   io.WriteCloser
	diff hash.Hash
}

func (c Compression) layer(w io.Writer) (*layerWriter, error) {
	to, err := c.writer(w)
	return &layerWriter{to: to, diff: sha256.New()}, err
}

func (l *layerWriter) Write(p []byte) (int, error) {
	l.diff.Write(p) // never fails
	return l.to.Write(p)
}

// close ends the layer and returns the digest of its uncompressed bytes.
func (l *layerWriter) close() (diffID string, err error) {
	return "sha256:" + hex.EncodeToString(l.diff.Sum(nil)), l.to.Close()
}
