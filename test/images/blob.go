package images

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// Compression is how layers are compressed.
type Compression string

// The compressions of the OCI image specification.
const (
	Plain Compression = "plain"
	Gzip  Compression = "gzip"
	Zstd  Compression = "zstd"
)

// Compressions lists them, for tests that try all.
var Compressions = []Compression{Plain, Gzip, Zstd}

func (c Compression) mediaType() string {
	const layer = "application/vnd.oci.image.layer.v1.tar"
	if c == Plain {
		return layer
	}
	return layer + "+" + string(c)
}

// blob is a file's worth of bytes with its digest, in memory or in a file.
type blob struct {
	data   []byte
	path   string
	digest string
	size   int64
}

func memoryBlob(data []byte) blob {
	sum := sha256.Sum256(data)
	return blob{data: data, digest: "sha256:" + hex.EncodeToString(sum[:]), size: int64(len(data))}
}

// compress makes the layer's blob. What stems from a file is kept in the cache,
// by diffID: compressing it takes seconds.
func (l Layer) compress(c Compression) (blob, error) {
	if l.path == "" {
		var buf bytes.Buffer
		err := l.compressTo(&buf, c)
		return memoryBlob(buf.Bytes()), err
	}
	if c == Plain {
		info, err := os.Stat(l.path)
		if err != nil {
			return blob{}, err
		}
		return blob{path: l.path, digest: l.digest, size: info.Size()}, nil
	}
	dir, err := prepared()
	if err != nil {
		return blob{}, err
	}
	path := filepath.Join(dir, strings.TrimPrefix(l.digest, "sha256:")+"."+string(c))
	if b, err := cachedBlob(path); err == nil {
		return b, nil
	}
	err = publish(path, func(f *os.File) error {
		hash := sha256.New()
		if err := l.compressTo(io.MultiWriter(f, hash), c); err != nil {
			return err
		}
		sum := hex.EncodeToString(hash.Sum(nil)) + "\n"
		return publish(path+".sha256", func(f *os.File) error { _, err := io.WriteString(f, sum); return err })
	})
	if err != nil {
		return blob{}, fmt.Errorf("compress %s: %w", path, err)
	}
	return cachedBlob(path)
}

func cachedBlob(path string) (blob, error) {
	info, err := os.Stat(path)
	if err != nil {
		return blob{}, err
	}
	sum, err := os.ReadFile(path + ".sha256")
	return blob{path: path, digest: "sha256:" + strings.TrimSpace(string(sum)), size: info.Size()}, err
}

func (l Layer) compressTo(w io.Writer, c Compression) error {
	in, err := l.Open()
	if err != nil {
		return err
	}
	defer in.Close()
	out := io.WriteCloser(noClose{w})
	switch c {
	case Gzip:
		out = gzip.NewWriter(w)
	case Zstd:
		// One thread, so that the same bytes come out on every machine.
		if out, err = zstd.NewWriter(w, zstd.WithEncoderConcurrency(1)); err != nil {
			return err
		}
	}
	if _, err := io.Copy(out, in); err != nil {
		return err
	}
	return out.Close()
}

type noClose struct{ io.Writer }

func (noClose) Close() error { return nil }

// put writes the blob into a layout, as a hard link of the cache where that works.
func (b blob) put(layout string) error {
	path := filepath.Join(layout, "blobs", "sha256", strings.TrimPrefix(b.digest, "sha256:"))
	if _, err := os.Lstat(path); err == nil {
		return nil
	}
	if b.path == "" {
		return os.WriteFile(path, b.data, 0o644)
	}
	if os.Link(b.path, path) == nil {
		return nil
	}
	in, err := os.Open(b.path)
	if err != nil {
		return err
	}
	defer in.Close()
	return publish(path, func(f *os.File) error { _, err := io.Copy(f, in); return err })
}
