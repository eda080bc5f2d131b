package archive

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/lichen-sandbox/lichen/image/source/oci"
)

// file is one entry of an archive that a test builds.
type file struct {
	name, content string
	link          string
	kind          byte
}

func tarOf(t testing.TB, files ...file) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range files {
		h := &tar.Header{Name: f.name, Linkname: f.link, Typeflag: f.kind, Mode: 0o644, Size: int64(len(f.content))}
		if h.Typeflag == 0 {
			h.Typeflag = tar.TypeReg
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, f.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func save(t testing.TB, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "image.tar")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func configFor(layers ...string) string {
	ids := []string{}
	for _, l := range layers {
		ids = append(ids, oci.Digest([]byte(l)))
	}
	raw, _ := json.Marshal(ids)
	return `{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":` + string(raw) + `}}`
}

func gz(s string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	io.WriteString(w, s)
	w.Close()
	return b.String()
}

func zst(s string) string {
	w, _ := zstd.NewWriter(nil)
	return string(w.EncodeAll([]byte(s), nil))
}

// legacy is what docker save wrote before version 25: layers by directory, one
// shared through a symlink, two images.
func legacy() []file {
	return []file{
		{name: "l1/", kind: tar.TypeDir},
		{name: "l1/VERSION", content: "1.0"},
		{name: "l1/layer.tar", content: "first layer"},
		{name: "l2/layer.tar", kind: tar.TypeSymlink, link: "../l1/layer.tar"},
		{name: "l3/layer.tar", content: gz("third layer")},
		{name: "c1.json", content: configFor("first layer")},
		{name: "c2.json", content: configFor("first layer", "third layer")},
		{name: "repositories", content: "{}"},
		{name: "manifest.json", content: `[{"Config":"c1.json","RepoTags":["one:v1","one:latest"],"Layers":["l1/layer.tar"]},
			{"Config":"c2.json","RepoTags":["host.test/two:v1"],"Layers":["l2/layer.tar","l3/layer.tar"]}]`},
	}
}

func openArchive(t testing.TB, b []byte, docker bool) (*Archive, error) {
	t.Helper()
	a, err := Open(context.Background(), save(t, b), docker, t.TempDir())
	if err == nil {
		t.Cleanup(func() { a.Close() })
	}
	return a, err
}

func readBlob(t *testing.T, a *Archive, d oci.Descriptor, offset int64) string {
	t.Helper()
	r, err := a.Blob(context.Background(), d, offset)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if offset == 0 {
		b, err := io.ReadAll(oci.Verify(r, d))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestDocker(t *testing.T) {
	for name, wrap := range map[string]func(string) string{"plain": func(s string) string { return s }, "gzip": gz, "zstd": zst} {
		a, err := openArchive(t, []byte(wrap(string(tarOf(t, legacy()...)))), true)
		if err != nil {
			t.Fatal(name, err)
		}
		raw, d, err := a.Manifest(context.Background(), "host.test/two:v1")
		if err != nil {
			t.Fatal(name, err)
		}
		m, _, err := oci.Parse(raw, d.MediaType)
		if err != nil || len(m.Layers) != 2 || m.CheckImage() != nil {
			t.Fatalf("%s: %s %v", name, raw, err)
		}
		if got := readBlob(t, a, m.Config, 0); got != configFor("first layer", "third layer") {
			t.Errorf("%s: config %s", name, got)
		}
		if got := readBlob(t, a, m.Layers[0], 0); got != "first layer" || m.Layers[0].MediaType != oci.TypeDockerLayer {
			t.Errorf("%s: first layer %q %+v", name, got, m.Layers[0])
		}
		if got := readBlob(t, a, m.Layers[0], 6); got != "layer" {
			t.Errorf("%s: from the middle %q", name, got)
		}
		if got := readBlob(t, a, m.Layers[1], 0); got != gz("third layer") || m.Layers[1].MediaType != oci.TypeDockerGzip {
			t.Errorf("%s: second layer %q %+v", name, got, m.Layers[1])
		}
		again, _, err := a.Manifest(context.Background(), d.Digest)
		if err != nil || !bytes.Equal(again, raw) {
			t.Errorf("%s: by digest: %s %v", name, again, err)
		}
	}
}

func TestDockerTags(t *testing.T) {
	a, err := openArchive(t, tarOf(t, legacy()...), true)
	if err != nil {
		t.Fatal(err)
	}
	for ask, want := range map[string]string{
		"one:v1": "", "one": "", "docker.io/library/one:v1": "", "latest": "", "host.test/two:v1": "",
		"": "several images", "v1": "several images", "three": `no tag "three" in it; the tags are: "one:v1", "one:latest", "host.test/two:v1"`,
	} {
		_, _, err := a.Manifest(context.Background(), ask)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, not %q", ask, err, want)
		}
	}
	// One image with several tags needs none.
	a, err = openArchive(t, tarOf(t, append(legacy()[:8:8], file{name: "manifest.json", content: `[{"Config":"c1.json","RepoTags":["a:1","a:2"],"Layers":["l1/layer.tar"]}]`})...), true)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := a.Manifest(context.Background(), ""); err != nil {
		t.Error(err)
	}
}

// layoutFiles is a layout of one image, with docker's manifest.json beside it
// as docker save writes it since version 25, and an index entry whose blobs
// were not saved.
func layoutFiles() (files []file, manifest string) {
	conf, layer := configFor("the layer"), "the layer"
	blob := func(s string) string { return blobDir + oci.Hex(oci.Digest([]byte(s))) }
	manifest = fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"config":{"mediaType":%q,"digest":%q,"size":%d},"layers":[{"mediaType":%q,"digest":%q,"size":%d}]}`,
		oci.TypeManifest, oci.TypeConfig, oci.Digest([]byte(conf)), len(conf), oci.TypeLayer, oci.Digest([]byte(layer)), len(layer))
	inner := fmt.Sprintf(`{"schemaVersion":2,"manifests":[{"digest":%q,"size":7},{"mediaType":%q,"digest":%q,"size":%d}]}`,
		oci.Digest([]byte("missing")), oci.TypeManifest, oci.Digest([]byte(manifest)), len(manifest))
	index := fmt.Sprintf(`{"schemaVersion":2,"manifests":[{"mediaType":%q,"digest":%q,"size":%d,"annotations":{%q:"v1",%q:"docker.io/library/one:v1"}}]}`,
		oci.TypeIndex, oci.Digest([]byte(inner)), len(inner), oci.RefName, oci.ContainerdName)
	return []file{
		{name: "blobs/sha256/", kind: tar.TypeDir},
		{name: "./oci-layout", content: oci.LayoutFile},
		{name: blob(conf), content: conf}, {name: blob(layer), content: layer},
		{name: blob(manifest), content: manifest}, {name: blob(inner), content: inner},
		{name: "index.json", content: index},
		{name: "manifest.json", content: fmt.Sprintf(`[{"Config":%q,"RepoTags":["one:v1"],"Layers":[%q]}]`, blob(conf), blob(layer))},
	}, manifest
}

func TestBothForms(t *testing.T) {
	files, manifest := layoutFiles()
	a, err := openArchive(t, tarOf(t, files...), true)
	if err != nil {
		t.Fatal(err)
	}
	raw, d, err := a.Manifest(context.Background(), "one:v1")
	if err != nil || string(raw) != manifest || d.Digest != oci.Digest(raw) {
		t.Errorf("as docker's: %s %v", raw, err)
	}
	a, err = openArchive(t, tarOf(t, files...), false)
	if err != nil {
		t.Fatal(err)
	}
	for _, ask := range []string{"v1", "one:v1", ""} {
		if _, d, err := a.Manifest(context.Background(), ask); err != nil || d.MediaType != oci.TypeIndex {
			t.Errorf("as a layout, %q: %+v %v", ask, d, err)
		}
	}
	raw, _, err = a.Manifest(context.Background(), oci.Digest([]byte(manifest)))
	if err != nil || string(raw) != manifest {
		t.Errorf("by digest: %s %v", raw, err)
	}
	// Either form does when the other one is missing.
	if _, err := openArchive(t, tarOf(t, files[:7]...), true); err != nil {
		t.Error(err)
	}
	if _, err := openArchive(t, tarOf(t, legacy()...), false); err != nil {
		t.Error(err)
	}
}
