package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"math/rand"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lichen-sandbox/lichen/image/source/config"
	"github.com/lichen-sandbox/lichen/image/source/oci"
)

// fast is the real tuning with times that a test can wait for.
func fast() tuning {
	t := defaultTuning
	t.base, t.most, t.retryAfter = time.Millisecond, 4*time.Millisecond, 50*time.Millisecond
	t.header, t.stall, t.progress = 500*time.Millisecond, 300*time.Millisecond, 4<<10
	return t
}

const repo = "team/app"

// server is a registry whose every answer a test may write itself.
type server struct {
	*httptest.Server
	mu       sync.Mutex
	requests []*http.Request
	sent     int64 // bytes of bodies
}

func serve(t *testing.T, h http.HandlerFunc) *server {
	t.Helper()
	s := &server{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.requests = append(s.requests, r)
		s.mu.Unlock()
		h(&counting{w, s}, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *server) host() string { return strings.TrimPrefix(s.URL, "http://") }

func (s *server) seen() []*http.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests
}

type counting struct {
	http.ResponseWriter
	s *server
}

// Write counts first: a client may be done before Write is.
func (c *counting) Write(p []byte) (int, error) {
	c.s.mu.Lock()
	c.s.sent += int64(len(p))
	c.s.mu.Unlock()
	return c.ResponseWriter.Write(p)
}

func (c *counting) Unwrap() http.ResponseWriter { return c.ResponseWriter }

func (c *counting) Flush() { http.NewResponseController(c.ResponseWriter).Flush() }

func (s *server) client(t *testing.T, c *config.Config) *Registry {
	t.Helper()
	return clientFor(t, c, s.host(), false)
}

func clientFor(t *testing.T, c *config.Config, host string, push bool) *Registry {
	t.Helper()
	if c == nil {
		c = &config.Config{UserAgent: "lichen/test"}
	}
	r, err := newRegistry(c, host, repo, push)
	if err != nil {
		t.Fatal(err)
	}
	*r.tune = fast()
	for _, e := range r.endpoints {
		e.client.Transport.(*http.Transport).ResponseHeaderTimeout = r.tune.header
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// noise is a blob that does not compress, and its descriptor.
func noise(n int) ([]byte, oci.Descriptor) {
	b := make([]byte, n)
	rand.New(rand.NewSource(1)).Read(b)
	return b, oci.Descriptor{MediaType: oci.TypeLayerGzip, Digest: oci.Digest(b), Size: int64(n)}
}

func download(r *Registry, d oci.Descriptor, offset int64) ([]byte, error) {
	body, err := r.Blob(context.Background(), d, offset)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	return io.ReadAll(body)
}

func wantBytes(t *testing.T, got []byte, err error, want []byte) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Fatalf("%d bytes that are not the %d expected", len(got), len(want))
	}
}

// wantError checks that an error is one line and holds all the given texts.
func wantError(t *testing.T, err error, texts ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	if strings.ContainsAny(err.Error(), "\n\x1b") || len(err.Error()) > 1000 {
		t.Errorf("the error is not one short line: %q", err)
	}
	for _, s := range texts {
		if !strings.Contains(err.Error(), s) {
			t.Errorf("the error %q does not say %q", err, s)
		}
	}
}

// image is a small valid manifest.
func image() []byte {
	conf := []byte(`{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":[]}}`)
	raw, _ := json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": oci.TypeManifest, "layers": []any{},
		"config": oci.Descriptor{MediaType: oci.TypeConfig, Digest: oci.Digest(conf), Size: int64(len(conf))},
	})
	return raw
}

func sendManifest(w http.ResponseWriter, raw []byte) {
	w.Header().Set("Content-Type", oci.TypeManifest)
	w.Write(raw)
}

// part answers a request for a range.
func part(w http.ResponseWriter, r *http.Request, b []byte) {
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(b))
}

// cut sends n bytes of a longer body and breaks the connection.
func cut(w http.ResponseWriter, b []byte, n int) {
	w.Write(b[:min(n, len(b))])
	w.(http.Flusher).Flush()
	panic(http.ErrAbortHandler)
}

// total returns how many bytes of bodies were sent.
func (s *server) total() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sent
}
