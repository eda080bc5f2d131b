package source

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"log"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	fake "github.com/google/go-containerregistry/pkg/registry"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/lichen-sandbox/lichen/image/ref"
	"github.com/lichen-sandbox/lichen/image/source/oci"
)

// store is a source in memory that counts and may lie.
type store struct {
	blobs map[string][]byte
	tags  map[string]string
	types map[string]string // media types that the source gives for a digest
}

func newStore() *store {
	return &store{blobs: map[string][]byte{}, tags: map[string]string{}, types: map[string]string{}}
}

func (s *store) Close() error { return nil }

func (s *store) Manifest(_ context.Context, name string) ([]byte, Descriptor, error) {
	digest := name
	if d, ok := s.tags[name]; ok {
		digest = d
	}
	raw, ok := s.blobs[digest]
	if !ok {
		return nil, Descriptor{}, fs.ErrNotExist
	}
	return raw, Descriptor{MediaType: s.types[digest], Digest: digest, Size: int64(len(raw))}, nil
}

func (s *store) Blob(_ context.Context, d Descriptor, offset int64) (io.ReadCloser, error) {
	raw, ok := s.blobs[d.Digest]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return io.NopCloser(bytes.NewReader(raw[offset:])), nil
}

func (s *store) put(mediaType string, raw []byte) Descriptor {
	d := Descriptor{MediaType: mediaType, Digest: oci.Digest(raw), Size: int64(len(raw))}
	s.blobs[d.Digest] = raw
	return d
}

func (s *store) putJSON(mediaType string, v any) Descriptor {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return s.put(mediaType, raw)
}

type doc = map[string]any

// tarLayer is a layer of one file.
func tarLayer(name, content string) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	w.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(content))})
	io.WriteString(w, content)
	w.Close()
	return b.Bytes()
}

// image adds an image with a gzip, a zstd and a plain layer.
func (s *store) image(arch string, withZstd bool) Descriptor {
	a, b, c := tarLayer("a", "one "+arch), tarLayer("b", "two"), tarLayer("c", "three")
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	w.Write(a)
	w.Close()
	layers := []Descriptor{s.put(oci.TypeLayerGzip, zipped.Bytes()), s.put(oci.TypeLayer, c)}
	ids := []string{oci.Digest(a), oci.Digest(c)}
	if withZstd {
		e, _ := zstd.NewWriter(nil)
		layers = append(layers, s.put(oci.TypeLayerZstd, e.EncodeAll(b, nil)))
		ids = append(ids, oci.Digest(b))
	}
	config := s.putJSON(oci.TypeConfig, doc{
		"architecture": arch, "os": "linux", "config": doc{"Cmd": []string{"/bin/sh"}},
		"rootfs": doc{"type": "layers", "diff_ids": ids},
	})
	d := s.putJSON(oci.TypeManifest, doc{"schemaVersion": 2, "mediaType": oci.TypeManifest, "config": config, "layers": layers})
	d.Platform = &oci.Platform{OS: "linux", Architecture: arch}
	return d
}

// multi adds an index of two images and an attestation.
func (s *store) multi() Descriptor {
	proof := s.putJSON(oci.TypeManifest, doc{"schemaVersion": 2, "mediaType": oci.TypeManifest,
		"config": s.put(oci.TypeConfig, []byte("{}")), "layers": []Descriptor{s.put("application/vnd.in-toto+json", []byte(`{"x":1}`))}})
	proof.Platform = &oci.Platform{OS: "unknown", Architecture: "unknown"}
	d := s.putJSON(oci.TypeIndex, doc{"schemaVersion": 2, "mediaType": oci.TypeIndex,
		"manifests": []Descriptor{proof, s.image("amd64", true), s.image("arm64", true)}})
	s.tags["multi"] = d.Digest
	return d
}

func parse(t testing.TB, s string) ref.Ref {
	t.Helper()
	r, err := ref.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// realRegistry starts go-containerregistry's registry and returns its host.
func realRegistry(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(fake.New(fake.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://")
}

var testConfig = &Config{UserAgent: "lichen/test"}

func openSource(t *testing.T, s string) Source {
	t.Helper()
	src, err := Open(context.Background(), parse(t, s), testConfig)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { src.Close() })
	return src
}

// copyTo copies between two references, or from a store.
func copyTo(t *testing.T, src Source, from, to string, o Options) (Descriptor, error) {
	t.Helper()
	dst, err := Create(context.Background(), parse(t, to), testConfig)
	if err != nil {
		return Descriptor{}, err
	}
	d, err := Copy(context.Background(), src, parse(t, from), dst, parse(t, to), o)
	if cerr := dst.Close(); cerr != nil {
		t.Error(cerr)
	}
	return d, err
}

// skopeo runs the real counterpart. Its policy file is not there on every
// machine, so it is told to take anything.
func skopeo(t *testing.T, args ...string) string {
	t.Helper()
	path, err := exec.LookPath("skopeo")
	if err != nil {
		if os.Getenv("LICHEN_MUST_WORK") != "" {
			t.Fatal(err)
		}
		t.Skip("skopeo is not installed")
	}
	cmd := exec.Command(path, append([]string{"--insecure-policy", "--tmpdir", t.TempDir()}, args...)...)
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			out = exit.Stderr
		}
		t.Fatalf("skopeo %q: %v\n%s", args, err, out)
	}
	return string(out)
}

func temp(t *testing.T, name string) string { return filepath.Join(t.TempDir(), name) }
