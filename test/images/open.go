package images

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// OpenLayers opens the tar streams of an image in a layout, the lowest first.
func OpenLayers(layout, name string) ([]io.ReadCloser, error) {
	var list index
	if err := readJSON(filepath.Join(layout, "index.json"), &list); err != nil {
		return nil, err
	}
	for _, d := range list.Manifests {
		if d.Annotations[refName] == name {
			return openLayers(layout, d)
		}
	}
	return nil, fmt.Errorf("%s has no image %q", layout, name)
}

func openLayers(layout string, d Descriptor) ([]io.ReadCloser, error) {
	var m manifest
	if err := readJSON(blobPath(layout, d.Digest), &m); err != nil {
		return nil, err
	}
	var layers []io.ReadCloser
	for _, l := range m.Layers {
		r, err := openLayer(blobPath(layout, l.Digest), l.MediaType)
		if err != nil {
			for _, open := range layers {
				open.Close()
			}
			return nil, err
		}
		layers = append(layers, r)
	}
	return layers, nil
}

func openLayer(path, mediaType string) (io.ReadCloser, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	var r io.Reader = f
	switch {
	case strings.HasSuffix(mediaType, "gzip"):
		r, err = gzip.NewReader(f)
	case strings.HasSuffix(mediaType, "zstd"):
		r, err = zstd.NewReader(f, zstd.WithDecoderConcurrency(1))
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return struct {
		io.Reader
		io.Closer
	}{r, f}, nil
}

func blobPath(layout, digest string) string {
	return filepath.Join(layout, "blobs", "sha256", strings.TrimPrefix(digest, "sha256:"))
}

func readJSON(path string, v any) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// Blobs are the paths of an image's compressed layers in a layout, the lowest
// first.
func Blobs(layout, name string) ([]string, error) {
	var list index
	if err := readJSON(filepath.Join(layout, "index.json"), &list); err != nil {
		return nil, err
	}
	for _, d := range list.Manifests {
		if d.Annotations[refName] != name {
			continue
		}
		var m manifest
		if err := readJSON(blobPath(layout, d.Digest), &m); err != nil {
			return nil, err
		}
		var paths []string
		for _, l := range m.Layers {
			paths = append(paths, blobPath(layout, l.Digest))
		}
		return paths, nil
	}
	return nil, fmt.Errorf("%s has no image %q", layout, name)
}
