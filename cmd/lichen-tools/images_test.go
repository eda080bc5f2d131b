package main

import (
	"archive/tar"
	"bytes"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// time0 is no time of a file in a test image.
var time0 = time.Unix(1, 0)

// file is one entry of a layer: a directory when its name ends in a slash, a
// link when it has a target.
type file struct {
	name, content, target string
	mode                  int64
	uid                   int
}

// layerOf makes a layer of entries.
func layerOf(t *testing.T, files ...file) v1.Layer {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range files {
		h := &tar.Header{Name: f.name, Mode: f.mode, Uid: f.uid, Gid: f.uid, Size: int64(len(f.content)), Typeflag: tar.TypeReg, ModTime: time.Unix(1700000000, 0)}
		switch {
		case strings.HasSuffix(f.name, "/"):
			h.Typeflag = tar.TypeDir
		case f.target != "":
			h.Typeflag, h.Linkname = tar.TypeSymlink, f.target
		}
		if h.Mode == 0 {
			h.Mode = 0o644
			if h.Typeflag == tar.TypeDir {
				h.Mode = 0o755
			}
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
	l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b.Bytes())), nil })
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// imageOf makes an image of layers.
func imageOf(t *testing.T, config v1.Config, layers ...v1.Layer) v1.Image {
	t.Helper()
	img, err := mutate.AppendLayers(empty.Image, layers...)
	if err != nil {
		t.Fatal(err)
	}
	file, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	file = file.DeepCopy()
	file.OS, file.Architecture, file.Config = "linux", hostArch, config
	if img, err = mutate.ConfigFile(img, file); err != nil {
		t.Fatal(err)
	}
	return img
}

// noise is content that does not compress.
func noise(n int, seed uint64) string {
	b := make([]byte, n)
	for i := range b {
		seed ^= seed << 13
		seed ^= seed >> 7
		seed ^= seed << 17
		b[i] = byte(seed)
	}
	return string(b)
}

// baseLayer is a little system.
func baseLayer(t *testing.T) v1.Layer {
	return layerOf(t,
		file{name: "etc/"},
		file{name: "etc/passwd", content: "root:x:0:0::/root:/bin/sh\nweb:x:33:44::/srv:/bin/sh\n"},
		file{name: "etc/group", content: "root:x:0:\nstaff:x:50:\n"},
		file{name: "etc/shut", content: "nobody may read this", mode: 0o1000}, // 0 is the default
		file{name: "etc/shadow", content: "secret", mode: 0o600, uid: 42},
		file{name: "bin", target: "usr/bin"},
		file{name: "usr/"}, file{name: "usr/bin/"},
		file{name: "usr/bin/tool", content: noise(100_000, 7), mode: 0o755},
	)
}

// testImage is an image of several layers, the last of which is large.
func testImage(t *testing.T, large int) v1.Image {
	return imageOf(t,
		v1.Config{Entrypoint: []string{"/bin/tool"}, Cmd: []string{"a b"}, Env: []string{"PATH=/usr/bin"}, User: "web:staff", WorkingDir: "/srv", StopSignal: "SIGINT",
			ExposedPorts: map[string]struct{}{"80/tcp": {}, "443/tcp": {}}},
		baseLayer(t),
		layerOf(t, file{name: "srv/"}, file{name: "srv/data", content: noise(200_000, 9)}, file{name: "etc/.wh.shadow"}),
		layerOf(t, file{name: "srv/big", content: noise(large, 11)}),
	)
}

// server is a registry on loopback that counts and can be made to misbehave.
type server struct {
	host string
	wrap atomic.Value // func(http.Handler) http.Handler: how it misbehaves
	hits chan string
	down atomic.Bool // it breaks every connection
}

// newServer starts a registry.
func newServer(t *testing.T) *server {
	t.Helper()
	s := &server{hits: make(chan string, 1<<16)}
	inner := ranges(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.down.Load() {
			panic(http.ErrAbortHandler)
		}
		h := http.Handler(inner)
		if r.Method == http.MethodGet {
			s.hits <- r.URL.Path
			if wrap, ok := s.wrap.Load().(func(http.Handler) http.Handler); ok && wrap != nil {
				h = wrap(h)
			}
		}
		h.ServeHTTP(w, r)
	}))
	t.Cleanup(web.Close)
	s.host = strings.TrimPrefix(web.URL, "http://")
	return s
}

// ranges adds ranges without an end to a registry that knows only others.
func ranges(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet || r.Header.Get("Range") == "" {
			h.ServeHTTP(w, r)
			return
		}
		plain := r.Clone(r.Context())
		plain.Header.Del("Range")
		whole := httptest.NewRecorder()
		h.ServeHTTP(whole, plain)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(whole.Body.Bytes()))
	})
}

// push puts an image there and returns its reference.
func (s *server) push(t *testing.T, reference string, img v1.Image) string {
	t.Helper()
	repository, tag, _ := strings.Cut(reference, ":")
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range layers {
		r, err := l.Compressed()
		if err != nil {
			t.Fatal(err)
		}
		digest, err := l.Digest()
		if err != nil {
			t.Fatal(err)
		}
		s.send(t, http.MethodPost, repository+"/blobs/uploads/?digest="+digest.String(), "", r)
	}
	config, err := img.RawConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	digest, err := img.ConfigName()
	if err != nil {
		t.Fatal(err)
	}
	s.send(t, http.MethodPost, repository+"/blobs/uploads/?digest="+digest.String(), "", bytes.NewReader(config))
	manifest, err := img.RawManifest()
	if err != nil {
		t.Fatal(err)
	}
	mediaType, err := img.MediaType()
	if err != nil {
		t.Fatal(err)
	}
	s.send(t, http.MethodPut, repository+"/manifests/"+tag, string(mediaType), bytes.NewReader(manifest))
	return s.host + "/" + reference
}

func (s *server) send(t *testing.T, method, path, mediaType string, body io.Reader) {
	t.Helper()
	r, err := http.NewRequest(method, "http://"+s.host+"/v2/"+path, body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", mediaType)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusCreated {
		t.Fatalf("%s %s: %s", method, path, answer.Status)
	}
}

// asked returns how often paths with a part were asked for since the last call.
func (s *server) asked(part string) int {
	n := 0
	for {
		select {
		case path := <-s.hits:
			if strings.Contains(path, part) {
				n++
			}
		default:
			return n
		}
	}
}

func mustRead(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// imageWith is one of several images on a common base.
func imageWith(t *testing.T, n int) v1.Image {
	layers := []v1.Layer{baseLayer(t), layerOf(t, file{name: "opt/"}, file{name: "opt/common", content: noise(2_000_000, 5)})}
	if n > 0 {
		layers = append(layers, layerOf(t, file{name: "opt/own", content: noise(500_000, uint64(n)+20)}, file{name: "opt/.wh.common"}))
	}
	return imageOf(t, v1.Config{User: "web"}, layers...)
}

func configOf(user string) v1.Config { return v1.Config{User: user} }
