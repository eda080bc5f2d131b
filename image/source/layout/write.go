package layout

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"os"
	"syscall"

	"github.com/lichen-sandbox/lichen/image/source/oci"
)

// Create opens a layout for writing and makes what is missing of it. A
// directory that holds something else is refused.
func Create(dir string) (*Layout, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, oci.Fail("write image", oci.Quote(dir), oci.PathReason(err))
	}
	l, err := openRoot(dir)
	if err != nil {
		return nil, err
	}
	if err = l.prepare(); err != nil {
		l.Close() // the error above is the one to tell
		return nil, err
	}
	return l, nil
}

func (l *Layout) prepare() error {
	raw, err := l.small("oci-layout")
	switch {
	case err == nil:
		if err := oci.CheckLayoutFile(raw); err != nil {
			return oci.Fail("write image", oci.Quote(l.path), err)
		}
	case !errors.Is(err, fs.ErrNotExist):
		return err
	default:
		if err := l.refuseFull(); err != nil {
			return err
		}
		if err := l.replace("oci-layout", []byte(oci.LayoutFile)); err != nil {
			return err
		}
	}
	if err := l.root.MkdirAll(blobDir, 0o755); err != nil {
		return l.fail("make", blobDir, oci.PathReason(err))
	}
	return nil
}

func (l *Layout) refuseFull() error {
	f, err := l.root.Open(".")
	if err != nil {
		return oci.Fail("write image", oci.Quote(l.path), oci.PathReason(err))
	}
	defer f.Close() // only read from
	if names, err := f.Readdirnames(1); len(names) > 0 || err != io.EOF {
		return oci.Fail("write image", oci.Quote(l.path), oci.Reason("the directory is not empty and not an OCI layout", nil))
	}
	return nil
}

// PutBlob stores a blob unless one of that digest and size is there.
func (l *Layout) PutBlob(_ context.Context, d oci.Descriptor, open func() (io.ReadCloser, error)) error {
	if err := oci.CheckDigest(d.Digest); err != nil {
		return oci.Fail("write image", oci.Quote(l.path), err)
	}
	name := blobDir + "/" + oci.Hex(d.Digest)
	if info, err := l.root.Lstat(name); err == nil && info.Mode().IsRegular() && info.Size() == d.Size {
		return nil
	}
	r, err := open()
	if err != nil {
		return err
	}
	defer r.Close() // only read from
	return l.write(name, r)
}

// write stores a file under its name once it is complete and on the disk.
func (l *Layout) write(name string, r io.Reader) error {
	temp := name + ".part-" + rand.Text()
	f, err := l.root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return l.fail("write", name, oci.PathReason(err))
	}
	_, err = io.Copy(f, r)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = l.root.Rename(temp, name)
	}
	if err != nil {
		l.root.Remove(temp) // the error above is the one to tell
		return l.fail("write", name, oci.PathReason(err))
	}
	return nil
}

func (l *Layout) replace(name string, content []byte) error {
	return l.write(name, bytes.NewReader(content))
}

// PutManifest stores a manifest by its digest.
func (l *Layout) PutManifest(_ context.Context, raw []byte, _ string) error {
	return l.replace(blobDir+"/"+oci.Hex(oci.Digest(raw)), raw)
}

// Publish stores the outermost manifest and enters it in index.json. Others
// who write to the same layout wait for each other.
func (l *Layout) Publish(ctx context.Context, raw []byte, mediaType, tag string) error {
	if err := l.PutManifest(ctx, raw, mediaType); err != nil {
		return err
	}
	lock, err := l.root.Open(".")
	if err == nil {
		defer lock.Close() // which unlocks
		err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX)
	}
	if err != nil {
		return l.fail("lock", ".", oci.PathReason(err))
	}
	old, err := l.small("index.json")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	d := oci.Descriptor{MediaType: mediaType, Digest: oci.Digest(raw), Size: int64(len(raw))}
	index, err := oci.AddToIndex(old, d, tag)
	if err != nil {
		return l.fail("write", "index.json", err)
	}
	return l.replace("index.json", index)
}
