package archive

import (
	"archive/tar"
	"context"
	"crypto/rand"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/lichen-sandbox/lichen/image/source/oci"
)

// Writer makes an archive: an OCI layout in a tar. For docker it holds
// docker's manifest.json too, as docker save has written both since version
// 25. The blobs stay as they are, compressed layers included; docker and
// podman load them. Same user, same image, same bytes.
type Writer struct {
	path   string
	docker bool

	mu   sync.Mutex
	file *os.File // beside path until it is published
	tar  *tar.Writer
	have map[string]bool
	err  error // of a write that was cut short: the file is of no use any more
}

// Create begins an archive. It appears under its name when it is published.
func Create(path string, docker bool) (*Writer, error) {
	temp := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".part-"+rand.Text())
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return nil, oci.Fail("write archive", oci.Quote(path), oci.PathReason(err))
	}
	w := &Writer{path: path, docker: docker, file: f, tar: tar.NewWriter(f), have: map[string]bool{}}
	for _, e := range [][2]string{{"oci-layout", oci.LayoutFile}, {"blobs/", ""}, {blobDir, ""}} {
		if err := w.put(e[0], []byte(e[1])); err != nil {
			w.Close() // the error above is the one to tell
			return nil, err
		}
	}
	return w, nil
}

// Close throws away what was not published.
func (w *Writer) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.file == nil {
		return nil
	}
	err := w.file.Close()
	if rerr := os.Remove(w.file.Name()); err == nil {
		err = rerr
	}
	w.file = nil
	return err
}

// PutBlob appends a blob, unless it was before.
func (w *Writer) PutBlob(_ context.Context, d oci.Descriptor, open func() (io.ReadCloser, error)) error {
	if err := oci.CheckDigest(d.Digest); err != nil {
		return w.fail(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	name := blobDir + oci.Hex(d.Digest)
	if w.have[name] {
		return nil
	}
	r, err := open()
	if err != nil {
		return err
	}
	defer r.Close() // only read from
	return w.entry(name, d.Size, r)
}

func (w *Writer) fail(err error) error {
	return oci.Fail("write archive", oci.Quote(w.path), oci.PathReason(err))
}

// entry writes one file; w.mu is held.
func (w *Writer) entry(name string, size int64, r io.Reader) error {
	if w.err == nil && w.file == nil {
		w.err = w.fail(os.ErrClosed)
	}
	if w.err != nil {
		return w.err
	}
	// skopeo unpacks an oci-archive to read it, and gives each file, and each
	// directory that has no entry, its owner: root, which a plain user may not
	// (skopeo 1.9). So all is the user's, as in the archives that it writes.
	h := &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o644, Uid: os.Getuid(), Gid: os.Getgid()}
	if strings.HasSuffix(name, "/") {
		h.Typeflag, h.Mode = tar.TypeDir, 0o755
	}
	err := w.tar.WriteHeader(h)
	if err == nil {
		_, err = io.Copy(w.tar, r)
	}
	if err == nil {
		err = w.tar.Flush() // which tells that bytes are missing
	}
	if err != nil {
		w.err = w.fail(err)
		return w.err
	}
	w.have[name] = true
	return nil
}

func (w *Writer) put(name string, content []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.have[name] {
		return nil
	}
	return w.entry(name, int64(len(content)), strings.NewReader(string(content)))
}

// PutManifest stores a manifest that an index lists.
func (w *Writer) PutManifest(_ context.Context, raw []byte, _ string) error {
	return w.put(blobDir+oci.Hex(oci.Digest(raw)), raw)
}

// Publish finishes the archive and gives it its name.
func (w *Writer) Publish(ctx context.Context, raw []byte, mediaType, tag string) error {
	if err := w.PutManifest(ctx, raw, mediaType); err != nil {
		return err
	}
	d := oci.Descriptor{MediaType: mediaType, Digest: oci.Digest(raw), Size: int64(len(raw))}
	index, err := oci.AddToIndex(nil, d, tag)
	if err != nil {
		return w.fail(err)
	}
	if err := w.put("index.json", index); err != nil {
		return err
	}
	if w.docker {
		m, _, err := oci.Parse(raw, mediaType)
		if err == nil && m == nil {
			err = oci.Reason("docker's form holds one image, not an index: choose a platform", nil)
		}
		if err != nil {
			return w.fail(err)
		}
		list, err := repoTags(m, tag)
		if err != nil {
			return w.fail(err)
		}
		if err := w.put("manifest.json", list); err != nil {
			return err
		}
	}
	return w.finish()
}

func (w *Writer) finish() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return w.err
	}
	err := w.tar.Close()
	if err == nil {
		err = w.file.Sync()
	}
	if err == nil {
		err = os.Rename(w.file.Name(), w.path)
	}
	if err != nil {
		w.err = w.fail(err)
		return w.err
	}
	err = w.file.Close()
	w.file = nil
	if err != nil {
		return w.fail(err)
	}
	return nil
}
