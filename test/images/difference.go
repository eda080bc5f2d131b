package images

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

var pythonLayer = sync.OnceValues(func() (Layer, error) { return difference("debian", "python") })

// difference is the layer that makes the tar file of name out of that of base.
// It is kept in the cache.
func difference(base, name string) (Layer, error) {
	dir, err := prepared()
	if err != nil {
		return Layer{}, err
	}
	path := filepath.Join(dir, name+"-layer.tar")
	if _, err := os.Stat(path + ".sha256"); err != nil {
		if err := writeDifference(filepath.Join(dir, base+".tar"), filepath.Join(dir, name+".tar"), path); err != nil {
			return Layer{}, fmt.Errorf("make %s: %w", path, err)
		}
	}
	return baseLayer(name + "-layer")
}

func writeDifference(basePath, path, to string) error {
	old := make(map[string]string)
	err := each(basePath, func(h *tar.Header, r io.Reader) (err error) {
		old[h.Name], err = identity(h, r)
		return err
	})
	if err != nil {
		return err
	}
	hash := sha256.New()
	err = publish(to, func(f *os.File) error {
		w := tar.NewWriter(io.MultiWriter(f, hash))
		if err := writeChanged(w, path, old); err != nil {
			return err
		}
		return w.Close()
	})
	if err != nil {
		return err
	}
	return publish(to+".sha256", func(f *os.File) error { _, err := fmt.Fprintf(f, "%x\n", hash.Sum(nil)); return err })
}

// writeChanged writes what is not in old, and whiteouts of what only old has.
func writeChanged(w *tar.Writer, path string, old map[string]string) error {
	err := each(path, func(h *tar.Header, r io.Reader) error {
		body, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		id, err := identity(h, bytes.NewReader(body))
		if err != nil {
			return err
		}
		was := old[h.Name]
		delete(old, h.Name)
		if was == id {
			return nil
		}
		if err := w.WriteHeader(h); err != nil {
			return err
		}
		_, err = w.Write(body)
		return err
	})
	if err != nil {
		return err
	}
	if len(old) > 0 {
		return errors.New("whiteouts would be needed")
	}
	return nil
}

// identity tells two entries of the same name apart.
func identity(h *tar.Header, r io.Reader) (string, error) {
	hash := sha256.New()
	if _, err := io.Copy(hash, r); err != nil {
		return "", err
	}
	return fmt.Sprint(h.Typeflag, h.Mode, h.Uid, h.Gid, h.Size, h.Linkname, h.ModTime, h.PAXRecords, hash.Sum(nil)), nil
}

func each(path string, f func(h *tar.Header, r io.Reader) error) error {
	in, err := os.Open(path)
	if err != nil {
		return err
	}
	defer in.Close()
	for r := tar.NewReader(in); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := f(h, r); err != nil {
			return err
		}
	}
}

// file reads one regular file of a layer that comes from a file.
func (l Layer) file(name string) (string, error) {
	var body []byte
	err := each(l.path, func(h *tar.Header, r io.Reader) (err error) {
		if strings.TrimPrefix(h.Name, "./") == name {
			body, err = io.ReadAll(r)
		}
		return err
	})
	if err == nil && body == nil {
		err = os.ErrNotExist
	}
	return string(body), err
}
