package archive

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lichen-sandbox/lichen/image/source/oci"
)

func opener(s string) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(s)), nil }
}

func writeImage(t *testing.T, path string, docker bool) string {
	t.Helper()
	_, manifest := layoutFiles()
	w, err := Create(path, docker)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	ctx := context.Background()
	for _, s := range []string{configFor("the layer"), "the layer", "the layer"} {
		d := oci.Descriptor{Digest: oci.Digest([]byte(s)), Size: int64(len(s))}
		if err := w.PutBlob(ctx, d, opener(s)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Publish(ctx, []byte(manifest), oci.TypeManifest, "one:v1"); err != nil {
		t.Fatal(err)
	}
	return manifest
}

func TestWrite(t *testing.T) {
	for _, docker := range []bool{false, true} {
		path := filepath.Join(t.TempDir(), "out.tar")
		if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
			t.Fatal(err)
		}
		manifest := writeImage(t, path, docker)
		a, err := Open(context.Background(), path, docker, "")
		if err != nil {
			t.Fatal(err)
		}
		raw, _, err := a.Manifest(context.Background(), "one:v1")
		if err != nil || string(raw) != manifest || (a.docker != nil) != docker {
			t.Errorf("docker %v: %s %v", docker, raw, err)
		}
		a.Close()
		first, _ := os.ReadFile(path)
		writeImage(t, path, docker)
		if second, _ := os.ReadFile(path); !bytes.Equal(first, second) {
			t.Error("the same image gave other bytes")
		}
		if names, _ := os.ReadDir(filepath.Dir(path)); len(names) != 1 {
			t.Errorf("left behind: %v", names)
		}
	}
}

// TestWriteFails: whatever fails, the old file stays and nothing is left.
func TestWriteFails(t *testing.T) {
	ctx := context.Background()
	d := oci.Descriptor{Digest: oci.Digest([]byte("the layer")), Size: 9}
	failing := func() (io.ReadCloser, error) { return nil, errors.New("no source") }
	for name, step := range map[string]func(w *Writer) error{
		"nothing":   func(w *Writer) error { return errors.New("not published") },
		"no source": func(w *Writer) error { return w.PutBlob(ctx, d, failing) },
		"short":     func(w *Writer) error { return w.PutBlob(ctx, d, opener("the")) },
		"long":      func(w *Writer) error { return w.PutBlob(ctx, d, opener("the layer and more")) },
		"published after a failure": func(w *Writer) error {
			w.PutBlob(ctx, d, opener("the"))
			_, manifest := layoutFiles()
			return w.Publish(ctx, []byte(manifest), oci.TypeManifest, "")
		},
		"index for docker": func(w *Writer) error {
			return w.Publish(ctx, []byte(`{"schemaVersion":2,"manifests":[]}`), oci.TypeIndex, "")
		},
		"bad digest": func(w *Writer) error { return w.PutBlob(ctx, oci.Descriptor{Digest: "sha256:../x"}, opener("")) },
	} {
		path := filepath.Join(t.TempDir(), "out.tar")
		if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
			t.Fatal(err)
		}
		w, err := Create(path, true)
		if err != nil {
			t.Fatal(err)
		}
		if err := step(w); err == nil {
			t.Errorf("%s: no error", name)
		}
		if err := w.Close(); err != nil {
			t.Errorf("%s: close: %v", name, err)
		}
		names, _ := os.ReadDir(filepath.Dir(path))
		if old, _ := os.ReadFile(path); string(old) != "old" || len(names) != 1 {
			t.Errorf("%s: %q, %v", name, old, names)
		}
		if err := w.PutBlob(ctx, d, opener("the layer")); err == nil && name != "" {
			t.Errorf("%s: written after close", name)
		}
	}
}
