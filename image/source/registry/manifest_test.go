package registry

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/lichen-sandbox/lichen/image/source/config"
	"github.com/lichen-sandbox/lichen/image/source/oci"
	"github.com/lichen-sandbox/lichen/spec"
)

func TestManifest(t *testing.T) {
	raw := image()
	s := serve(t, func(w http.ResponseWriter, r *http.Request) { sendManifest(w, raw) })
	for _, name := range []string{"latest", oci.Digest(raw)} {
		got, d, err := s.client(t, nil).Manifest(context.Background(), name)
		wantBytes(t, got, err, raw)
		if d.Digest != oci.Digest(raw) || d.Size != int64(len(raw)) || d.MediaType != oci.TypeManifest {
			t.Errorf("%s: descriptor %+v", name, d)
		}
	}
	req := s.seen()[0]
	if req.Header.Get("User-Agent") != "lichen/test" || req.Header.Get("Authorization") != "" || !strings.Contains(req.Header.Get("Accept"), oci.TypeIndex) {
		t.Errorf("request headers %v", req.Header)
	}
	if req.URL.Path != "/v2/team/app/manifests/latest" {
		t.Errorf("asked for %s", req.URL.Path)
	}
}

// TestManifestRefused has a server for each lie about a manifest.
func TestManifestRefused(t *testing.T) {
	raw := image()
	other := oci.Digest([]byte("other"))
	reply := func(contentType, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", contentType)
			w.Write([]byte(body))
		}
	}
	layer := fmt.Sprintf(`{"digest":%q,"size":1},`, other)
	tests := []struct {
		name, ask string
		serve     http.HandlerFunc
		want      string
	}{
		{"wrong digest", other, reply(oci.TypeManifest, string(raw)), "the server sent a manifest with the digest " + oci.Digest(raw)},
		{"digest of another algorithm", "sha512:" + strings.Repeat("0", 128), reply(oci.TypeManifest, string(raw)), "the only algorithm"},
		{"tag that is a path", "../../x", reply(oci.TypeManifest, string(raw)), "is not a tag"},
		{"endless", "latest", func(w http.ResponseWriter, r *http.Request) {
			for {
				if _, err := w.Write(bytes.Repeat([]byte(" "), 1<<16)); err != nil {
					return
				}
			}
		}, "more than 4194304 bytes"},
		{"announced too large", "latest", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "99999999999")
			w.WriteHeader(200)
		}, "has 99999999999 bytes"},
		{"web page", "latest", reply("text/html; charset=utf-8", "<p>hello"), "web page"},
		{"web page as octets", "latest", reply("application/octet-stream", "\n<!DOCTYPE html><p>"), "web page"},
		{"not JSON", "latest", reply(oci.TypeManifest, "\x1b[2J\n"), "not JSON"},
		{"null", "latest", reply(oci.TypeManifest, "null"), "not a JSON object"},
		{"schema 1", "latest", reply("application/vnd.docker.distribution.manifest.v1+prettyjws", `{"schemaVersion":1,"fsLayers":[]}`), "schema 1"},
		{"unknown type", "latest", reply("application/x-thing", `{"schemaVersion":2,"config":{},"layers":[]}`), `does not read manifests of type "application/x-thing"`},
		{"index announced as manifest", "latest", reply(oci.TypeManifest, `{"schemaVersion":2,"manifests":[]}`), "CVE-2021-41190"},
		{"manifest announced as index", "latest", reply(oci.TypeIndex, string(raw)), "CVE-2021-41190"},
		{"both", "latest", reply(oci.TypeIndex, `{"schemaVersion":2,"manifests":[],"layers":[],"config":{}}`), "both an image and an index"},
		{"many layers", "latest", reply(oci.TypeManifest, `{"schemaVersion":2,"config":{"digest":"`+other+`"},"layers":[`+strings.TrimSuffix(strings.Repeat(layer, 30000), ",")+`]}`), "30000 layers"},
		{"negative size", "latest", reply(oci.TypeManifest, `{"schemaVersion":2,"config":{"digest":"`+other+`","size":-1}}`), "size is -1"},
		{"not found", "latest", func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(404)
			w.Write([]byte(`{"errors":[{"code":"MANIFEST_UNKNOWN","message":"no\nsuch\u001b[31m"}]}`))
		}, `404 Not Found: "no\nsuch\x1b[31m"`},
		{"huge header", "latest", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Long", strings.Repeat("a", 1<<20))
		}, "header"},
		{"gzip surprise", oci.Digest(raw), func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			z.Write(raw)
			z.Close()
		}, "gzip"},
		{"redirects without end", "latest", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, r.URL.Path+"x", http.StatusTemporaryRedirect)
		}, "redirects without end"},
		{"redirect to a file", "latest", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "file:///etc/passwd")
			w.WriteHeader(307)
		}, "not an address of the web"},
		{"redirect to metadata", "latest", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://169.254.169.254/latest", http.StatusTemporaryRedirect)
		}, "link-local"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := serve(t, test.serve)
			_, _, err := s.client(t, nil).Manifest(context.Background(), test.ask)
			wantError(t, err, "read manifest", test.want)
			if n := len(s.seen()); n > maxRedirects+1 {
				t.Errorf("%d requests for a failure that cannot pass", n)
			}
			if s.total() > 64<<20 {
				t.Errorf("%d bytes were taken", s.total())
			}
		})
	}
}

func TestNotFoundIsNotExist(t *testing.T) {
	s := serve(t, http.NotFound)
	_, _, err := s.client(t, nil).Manifest(context.Background(), "latest")
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v is not fs.ErrNotExist", err)
	}
}

func TestWebPageHint(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(404)
	})
	_, _, err := s.client(t, nil).Manifest(context.Background(), "latest")
	var e *spec.Error
	if !errors.As(err, &e) || e.Hint != "is "+s.host()+" a registry?" {
		t.Errorf("hint of %v: %+v", err, e)
	}
}

func TestMirrors(t *testing.T) {
	raw := image()
	bad := serve(t, func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusForbidden) })
	empty := serve(t, http.NotFound)
	good := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/v2/cache/team/app/") {
			http.NotFound(w, r)
			return
		}
		sendManifest(w, raw)
	})
	c := &config.Config{Registries: map[string]*config.Registry{
		"registry.test": {Mirrors: []string{bad.host(), empty.host(), good.host() + "/cache"}},
		"127.0.0.1:1":   {Blocked: true},
		"b.test":        {Mirrors: []string{"127.0.0.1:1"}},
	}}
	r := clientFor(t, c, "registry.test", false)
	for range 2 {
		got, _, err := r.Manifest(context.Background(), "latest")
		wantBytes(t, got, err, raw)
	}
	if n := len(bad.seen()); n != 1 {
		t.Errorf("the mirror that failed was asked %d times", n)
	}
	if n := len(empty.seen()); n != 2 {
		t.Errorf("the mirror that lacked it was asked %d times", n)
	}
	if _, err := newRegistry(c, "b.test", repo, false); err == nil || !strings.Contains(err.Error(), "blocked") {
		t.Errorf("a blocked mirror: %v", err)
	}
	// Mirrors are for pulls.
	if r := clientFor(t, c, "registry.test", true); len(r.endpoints) != 1 || r.endpoints[0].Host != "registry.test" {
		t.Errorf("pushes go to %d endpoints", len(r.endpoints))
	}
}

// TestManifestCut: what breaks in the middle is asked for again.
func TestManifestCut(t *testing.T) {
	raw := image()
	calls := 0
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", strconv.Itoa(len(raw)))
		if calls++; calls < 3 {
			cut(w, raw, 10)
		}
		sendManifest(w, raw)
	})
	got, _, err := s.client(t, nil).Manifest(context.Background(), "latest")
	wantBytes(t, got, err, raw)
	always := serve(t, func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(503) })
	_, _, err = always.client(t, nil).Manifest(context.Background(), "latest")
	wantError(t, err, "503")
	if n := len(always.seen()); n != defaultTuning.attempts {
		t.Errorf("asked %d times", n)
	}
}
