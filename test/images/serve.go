package images

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Registry answers pulls of the images of layouts: the tag NAME of a layout is
// NAME:latest here. It is read-only, and serves ranges.
type Registry struct {
	names map[string]entry // "debian"
	dirs  []string
}

type entry struct {
	Descriptor
	dir string
}

// NewRegistry reads the layouts' indexes; of two images with the same name the
// later one counts.
func NewRegistry(layouts ...string) (*Registry, error) {
	r := &Registry{names: make(map[string]entry), dirs: layouts}
	for _, dir := range layouts {
		data, err := os.ReadFile(filepath.Join(dir, "index.json"))
		if err != nil {
			return nil, err
		}
		var list index
		if err := json.Unmarshal(data, &list); err != nil {
			return nil, fmt.Errorf("%s: %w", dir, err)
		}
		for _, d := range list.Manifests {
			r.names[d.Annotations[refName]] = entry{d, dir}
		}
	}
	return r, nil
}

var route = regexp.MustCompile(`^/v2/([a-z0-9._/-]+)/(manifests|blobs)/([A-Za-z0-9:._-]+)$`)

// ServeHTTP follows the distribution specification's pull part.
func (r *Registry) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0")
	if req.URL.Path == "/v2/" {
		fmt.Fprint(w, "{}")
		return
	}
	m := route.FindStringSubmatch(req.URL.Path)
	if m == nil {
		http.Error(w, `{"errors":[{"code":"NAME_UNKNOWN"}]}`, http.StatusNotFound)
		return
	}
	name, kind, reference := m[1], m[2], m[3]
	mediaType := "application/octet-stream"
	if kind == "manifests" {
		e, ok := r.names[name]
		if !ok || reference != "latest" && reference != e.Digest {
			http.Error(w, `{"errors":[{"code":"MANIFEST_UNKNOWN"}]}`, http.StatusNotFound)
			return
		}
		reference, mediaType = e.Digest, e.MediaType
	}
	w.Header().Set("Content-Type", mediaType)
	w.Header().Set("Docker-Content-Digest", reference)
	for _, dir := range r.dirs {
		path := filepath.Join(dir, "blobs", "sha256", strings.TrimPrefix(reference, "sha256:"))
		if _, err := os.Stat(path); err == nil {
			http.ServeFile(w, req, path)
			return
		}
	}
	http.Error(w, `{"errors":[{"code":"BLOB_UNKNOWN"}]}`, http.StatusNotFound)
}

// Serve serves layouts on loopback until the test ends, and returns HOST:PORT.
func Serve(tb testing.TB, layouts ...string) string {
	tb.Helper()
	registry, err := NewRegistry(layouts...)
	if err != nil {
		tb.Fatal(err)
	}
	host, stop, err := Listen(registry)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(stop)
	return host
}

// Listen serves h on a free port of loopback.
func Listen(h http.Handler) (host string, stop func(), err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	server := &http.Server{Handler: h}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(l) // always an error: that it was closed
	}()
	return l.Addr().String(), func() { server.Close(); <-done }, nil
}
