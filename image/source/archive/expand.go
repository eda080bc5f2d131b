package archive

import (
	"bytes"
	"context"
	"io"
	"os"
	"strconv"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/lichen-sandbox/lichen/image/source/oci"
)

// A compressed archive may grow to plainMost and by ratioMost for each of its
// bytes, so that a small file does not fill the disk. The layers in it are as
// a rule compressed themselves or shrink to a third.
const (
	plainMost = 1 << 30
	ratioMost = 100
)

// compression tells how a file is compressed by its first bytes.
func compression(head []byte) string {
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		return "gzip"
	case bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		return "zstd"
	case bytes.HasPrefix(head, []byte("BZh")):
		return "bzip2"
	case bytes.HasPrefix(head, []byte{0xfd, '7', 'z', 'X', 'Z', 0}):
		return "xz"
	}
	return ""
}

func headOf(f io.ReaderAt, offset, size int64) ([]byte, error) {
	head := make([]byte, min(6, size))
	n, err := f.ReadAt(head, offset)
	if err == io.EOF {
		err = nil
	}
	return head[:n], err
}

// expand returns f itself, or an unnamed file with its uncompressed content
// and the size of that.
func expand(ctx context.Context, f *os.File, size int64, tmp string) (*os.File, int64, error) {
	head, err := headOf(f, 0, size)
	if err != nil {
		return nil, 0, err
	}
	kind := compression(head)
	if kind == "" {
		return f, size, nil
	}
	section := io.NewSectionReader(f, 0, size)
	var r io.Reader
	switch kind {
	case "gzip":
		r, err = gzip.NewReader(section)
	case "zstd":
		var z *zstd.Decoder
		if z, err = zstd.NewReader(section, zstd.WithDecoderMaxWindow(128<<20), zstd.WithDecoderConcurrency(1)); err == nil {
			defer z.Close()
			r = z
		}
	default:
		err = oci.Reason("compressed with "+kind+", which lichen does not read; unpack it first", nil)
	}
	if err != nil {
		return nil, 0, err
	}
	out, err := os.CreateTemp(tmp, "lichen-archive-")
	if err != nil {
		return nil, 0, err
	}
	err = os.Remove(out.Name())
	var n int64
	if err == nil {
		n, err = copyMost(ctx, out, r, plainMost+ratioMost*size)
	}
	if err != nil {
		out.Close() // the error above is the one to tell
		return nil, 0, err
	}
	return out, n, nil
}

func copyMost(ctx context.Context, w io.Writer, r io.Reader, most int64) (int64, error) {
	buf := make([]byte, 1<<20)
	for n := int64(0); ; {
		if err := ctx.Err(); err != nil {
			return n, err
		}
		got, err := r.Read(buf)
		if n += int64(got); n > most {
			return n, oci.Reason("uncompressed, it has more than "+strconv.FormatInt(most, 10)+" bytes", nil)
		}
		if _, werr := w.Write(buf[:got]); werr != nil {
			return n, werr
		}
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
}
