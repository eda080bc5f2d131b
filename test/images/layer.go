package images

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"time"
)

// Epoch is the time of entries that name none.
var Epoch = time.Unix(1700000000, 0)

// Entry is one entry of a layer's tar stream, as it shall stand there.
type Entry struct {
	Name     string
	Type     byte  // as in archive/tar; 0 is a regular file
	Mode     int64 // with setuid, setgid and sticky bits; 0 is 0644, or 0755 for a directory; see ModeZero
	UID, GID int
	Link     string
	Body     string
	ModTime  time.Time // zero: Epoch
	Xattrs   map[string]string
	Major    int64
	Minor    int64
	Sparse   *Sparse // instead of Body
	// RawName writes the name as it is, in GNU's format, which takes any byte
	// but NUL.
	RawName bool
}

// ModeZero is mode 0000.
const ModeZero = -1

// Layer is an uncompressed tar stream, in memory or in a file.
type Layer struct {
	data   []byte
	path   string
	digest string
}

// NewLayer writes entries to a layer, in their order.
func NewLayer(entries []Entry) (Layer, error) {
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, e := range entries {
		if err := e.write(w, &buf); err != nil {
			return Layer{}, fmt.Errorf("entry %q: %w", e.Name, err)
		}
	}
	if err := w.Close(); err != nil {
		return Layer{}, err
	}
	return RawLayer(buf.Bytes()), nil
}

// RawLayer takes bytes as a layer, whatever they are.
func RawLayer(data []byte) Layer {
	sum := sha256.Sum256(data)
	return Layer{data: data, digest: "sha256:" + hex.EncodeToString(sum[:])}
}

// DiffID is the digest of the tar stream.
func (l Layer) DiffID() string { return l.digest }

// Open reads the tar stream.
func (l Layer) Open() (io.ReadCloser, error) {
	if l.path != "" {
		return os.Open(l.path)
	}
	return io.NopCloser(bytes.NewReader(l.data)), nil
}

func (e Entry) write(w *tar.Writer, buf *bytes.Buffer) error {
	if e.Sparse != nil {
		if err := w.Flush(); err != nil {
			return err
		}
		return e.writeSparse(buf)
	}
	if err := w.WriteHeader(e.header()); err != nil {
		return err
	}
	_, err := io.WriteString(w, e.Body)
	return err
}

func (e Entry) header() *tar.Header {
	h := &tar.Header{
		Name: e.Name, Typeflag: e.Type, Linkname: e.Link, Mode: e.mode(), Uid: e.UID, Gid: e.GID,
		ModTime: e.modTime(), Devmajor: e.Major, Devminor: e.Minor, Format: tar.FormatPAX,
	}
	if e.Type == 0 {
		h.Typeflag = tar.TypeReg
	}
	if h.Typeflag == tar.TypeReg {
		h.Size = int64(len(e.Body))
	}
	if e.RawName {
		h.Format = tar.FormatGNU
		h.ModTime = h.ModTime.Truncate(time.Second)
	}
	for name, value := range e.Xattrs {
		if h.PAXRecords == nil {
			h.PAXRecords = make(map[string]string)
		}
		h.PAXRecords["SCHILY.xattr."+name] = value
	}
	return h
}

func (e Entry) mode() int64 {
	switch {
	case e.Mode == ModeZero:
		return 0
	case e.Mode != 0:
		return e.Mode
	case e.Type == tar.TypeDir:
		return 0o755
	case e.Type == tar.TypeSymlink:
		return 0o777
	}
	return 0o644
}

func (e Entry) modTime() time.Time {
	if e.ModTime.IsZero() {
		return Epoch
	}
	return e.ModTime
}
