package layout

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/lichen-sandbox/lichen/image/source/oci"
)

func opener(s string) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(s)), nil }
}

func blobOf(s string) oci.Descriptor {
	return oci.Descriptor{MediaType: oci.TypeLayer, Digest: oci.Digest([]byte(s)), Size: int64(len(s))}
}

// manifest names one config; n makes it another one.
func manifest(n int) []byte {
	return []byte(fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"config":{"mediaType":%q,"digest":%q,"size":%d},"layers":[]}`, oci.TypeManifest, oci.TypeConfig, oci.Digest(nil), n))
}

func create(t *testing.T, dir string, tags ...string) {
	t.Helper()
	l, err := Create(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := l.PutBlob(context.Background(), blobOf("the layer"), opener("the layer")); err != nil {
		t.Fatal(err)
	}
	for i, tag := range tags {
		if err := l.Publish(context.Background(), manifest(i), oci.TypeManifest, tag); err != nil {
			t.Fatal(err)
		}
	}
}

func files(t *testing.T, dir string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			names = append(names, strings.TrimPrefix(path, dir+"/"))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestRoundTrip(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a/b")
	create(t, dir, "v1", "v2")
	create(t, dir, "v1") // the same again, into the same layout
	if got := files(t, dir); len(got) != 5 {
		t.Errorf("files %v", got)
	}
	l, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx := context.Background()
	for i, name := range []string{"v1", "v2"} {
		for _, ask := range []string{name, oci.Digest(manifest(i))} {
			raw, d, err := l.Manifest(ctx, ask)
			if err != nil || string(raw) != string(manifest(i)) || d.Digest != oci.Digest(raw) || d.Size != int64(len(raw)) || d.MediaType != oci.TypeManifest {
				t.Errorf("%s: %s %+v %v", ask, raw, d, err)
			}
		}
	}
	for ask, want := range map[string]string{"": `several images in it; name one of the tags: "v2", "v1"`, "v3": `no tag "v3"`} {
		if _, _, err := l.Manifest(ctx, ask); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", ask, err)
		}
	}
	for _, offset := range []int64{0, 4, 9} {
		r, err := l.Blob(ctx, blobOf("the layer"), offset)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := io.ReadAll(r); err != nil || string(b) != "the layer"[offset:] {
			t.Errorf("from %d: %q %v", offset, b, err)
		}
		r.Close()
	}
	for _, offset := range []int64{-1, 10} {
		if _, err := l.Blob(ctx, blobOf("the layer"), offset); err == nil {
			t.Errorf("from %d: no error", offset)
		}
	}
	if _, err := l.Blob(ctx, blobOf("missing"), 0); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing blob: %v", err)
	}
}

// TestNotPublished: blobs alone change nothing, and a failed one is not there.
func TestNotPublished(t *testing.T) {
	dir := t.TempDir()
	create(t, dir, "v1")
	before, _ := os.ReadFile(filepath.Join(dir, "index.json"))
	l, err := Create(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx := context.Background()
	bad := blobOf("another layer")
	err = l.PutBlob(ctx, bad, func() (io.ReadCloser, error) {
		return io.NopCloser(oci.Verify(strings.NewReader("another LAYER"), bad)), nil
	})
	if err == nil {
		t.Error("a wrong blob was stored")
	}
	if err := l.PutBlob(ctx, blobOf("the layer"), func() (io.ReadCloser, error) { return nil, errors.New("opened") }); err != nil {
		t.Errorf("a blob that is there was asked for: %v", err)
	}
	if err := l.PutBlob(ctx, oci.Descriptor{Digest: "sha256:../../x"}, opener("")); err == nil {
		t.Error("a digest that is a path was taken")
	}
	if after, _ := os.ReadFile(filepath.Join(dir, "index.json")); string(after) != string(before) {
		t.Error("index.json changed")
	}
	for _, name := range files(t, dir) {
		if strings.Contains(name, "part") || strings.Contains(name, oci.Hex(bad.Digest)) {
			t.Errorf("left behind: %s", name)
		}
	}
}

func TestConcurrent(t *testing.T) {
	dir := t.TempDir()
	var wg sync.WaitGroup
	const n = 12
	for i := range n {
		wg.Go(func() {
			l, err := Create(dir)
			if err == nil {
				err = l.Publish(context.Background(), manifest(i), oci.TypeManifest, fmt.Sprint("v", i))
				l.Close()
			}
			if err != nil && !strings.Contains(err.Error(), "not empty") {
				t.Error(err)
			}
		})
		if i == 0 {
			wg.Wait() // the first makes the layout
		}
	}
	wg.Wait()
	l, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for i := range n {
		if raw, _, err := l.Manifest(context.Background(), fmt.Sprint("v", i)); err != nil || string(raw) != string(manifest(i)) {
			t.Errorf("v%d: %v", i, err)
		}
	}
}
