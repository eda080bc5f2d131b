package registry

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/lichen-sandbox/lichen/image/source/config"
)

func TestBlob(t *testing.T) {
	b, d := noise(100 << 10)
	s := serve(t, func(w http.ResponseWriter, r *http.Request) { part(w, r, b) })
	for _, offset := range []int64{0, 1, 50 << 10, d.Size - 1, d.Size} {
		got, err := download(s.client(t, nil), d, offset)
		wantBytes(t, got, err, b[offset:])
	}
	if _, err := download(s.client(t, nil), d, d.Size+1); err == nil {
		t.Error("an offset behind the end was taken")
	}
}

func TestBlobServerWithoutRanges(t *testing.T) {
	b, d := noise(100 << 10)
	s := serve(t, func(w http.ResponseWriter, r *http.Request) { w.Write(b) })
	got, err := download(s.client(t, nil), d, 70<<10)
	wantBytes(t, got, err, b[70<<10:])
}

// TestBlobCut breaks every connection after the same number of bytes.
func TestBlobCut(t *testing.T) {
	b, d := noise(256 << 10)
	for _, at := range []int{8 << 10, 100 << 10} {
		s := serve(t, func(w http.ResponseWriter, r *http.Request) {
			rec := httptest.NewRecorder()
			part(rec, r, b)
			for k, v := range rec.Header() {
				w.Header()[k] = v
			}
			w.WriteHeader(rec.Code)
			cut(w, rec.Body.Bytes(), at)
		})
		got, err := download(s.client(t, nil), d, 0)
		wantBytes(t, got, err, b)
		if s.total() != d.Size {
			t.Errorf("%d bytes were sent for %d", s.total(), d.Size)
		}
	}
}

// TestBlobCutWithoutRanges: such a server never gets further, and must not
// keep us.
func TestBlobCutWithoutRanges(t *testing.T) {
	b, d := noise(256 << 10)
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "262144")
		cut(w, b, 100<<10)
	})
	_, err := download(s.client(t, nil), d, 0)
	wantError(t, err, "read blob")
	if s.total() > 10*100<<10 {
		t.Errorf("%d bytes were taken", s.total())
	}
}

func TestBlobTrickle(t *testing.T) {
	b, d := noise(256 << 10)
	// Ten bytes a connection: resumable for ever.
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		rec := httptest.NewRecorder()
		part(rec, r, b)
		for k, v := range rec.Header() {
			w.Header()[k] = v
		}
		w.WriteHeader(rec.Code)
		cut(w, rec.Body.Bytes(), 10)
	})
	_, err := download(s.client(t, nil), d, 0)
	wantError(t, err, "read blob")
	if n := len(s.seen()); n > 10 {
		t.Errorf("%d connections for ten bytes each", n)
	}
}

func TestBlobLies(t *testing.T) {
	b, d := noise(64 << 10)
	tests := []struct {
		name   string
		offset int64
		serve  http.HandlerFunc
		want   string
	}{
		{"too long, announced", 0, func(w http.ResponseWriter, r *http.Request) { w.Header().Set("Content-Length", "65537"); w.Write(b) }, "has 65537 bytes"},
		{"too short, announced", 0, func(w http.ResponseWriter, r *http.Request) { w.Write(b[:100]) }, "has 100 bytes"},
		{"endless", 0, func(w http.ResponseWriter, r *http.Request) {
			for {
				if _, err := w.Write(b); err != nil {
					return
				}
			}
		}, "more than the 65536 bytes"},
		{"short without length", 0, func(w http.ResponseWriter, r *http.Request) { w.Write(b[:100]); w.(http.Flusher).Flush() }, "ended after 100 of 65536"},
		{"wrong range", 100, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Range", "bytes 0-99/65536")
			w.WriteHeader(206)
			w.Write(b[:100])
		}, "sent the range"},
		{"range without header", 100, func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(206); w.Write(b[100:]) }, "sent the range"},
		{"web page", 0, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			w.Write([]byte("<html>"))
		}, "web page"},
		{"gone", 0, http.NotFound, "404"},
		{"always broken", 0, func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(503) }, "503"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := serve(t, test.serve)
			_, err := download(s.client(t, nil), d, test.offset)
			wantError(t, err, "read blob", test.want)
			if n := len(s.seen()); n > 6*6 {
				t.Errorf("%d requests", n)
			}
		})
	}
}

// TestBlobEncoded: old stores send a layer as it lies there, with a
// Content-Encoding that only repeats what the layer is. Its bytes are right.
func TestBlobEncoded(t *testing.T) {
	b, d := noise(10 << 10)
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		w.Write(b)
	})
	got, err := download(s.client(t, nil), d, 0)
	wantBytes(t, got, err, b)
}

func TestForeignLayer(t *testing.T) {
	var touched atomic.Int32
	elsewhere := serve(t, func(w http.ResponseWriter, r *http.Request) { touched.Add(1) })
	s := serve(t, http.NotFound)
	_, d := noise(10)
	d.MediaType = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
	d.URLs = []string{elsewhere.URL + "/layer"}
	_, err := download(s.client(t, nil), d, 0)
	wantError(t, err, "foreign layer")
	if touched.Load() != 0 {
		t.Error("the url of a foreign layer was asked")
	}
}

func TestNames(t *testing.T) {
	for s, want := range map[string]bool{"a": true, "a/b-c/d.e_f": true, "": false, "a//b": false, "../a": false, "a/..": false, "A": false, "a?b": false, "a%2f": false, strings.Repeat("a", 256): false} {
		if isRepository(s) != want {
			t.Errorf("repository %q: %v", s, !want)
		}
	}
	for s, want := range map[string]bool{"v1.0-rc_1": true, "": false, ".": false, "a/b": false, "a:b": false, "-x": false, strings.Repeat("a", 129): false} {
		if isTag(s) != want {
			t.Errorf("tag %q: %v", s, !want)
		}
	}
}

// TestBlobCutWhileSkipping: a server without ranges breaks once in what is
// known already, and once behind it.
func TestBlobCutWhileSkipping(t *testing.T) {
	b, d := noise(256 << 10)
	var calls atomic.Int32
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "262144")
		switch calls.Add(1) {
		case 1:
			cut(w, b, 50<<10)
		case 2:
			cut(w, b, 200<<10)
		}
		w.Write(b)
	})
	got, err := download(s.client(t, nil), d, 100<<10)
	wantBytes(t, got, err, b[100<<10:])
}

// TestBlobMirrorBreaks: the registry itself has what its mirror never gets
// through.
func TestBlobMirrorBreaks(t *testing.T) {
	b, d := noise(256 << 10)
	mirror := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "262144")
		cut(w, b, 100<<10)
	})
	s := serve(t, func(w http.ResponseWriter, r *http.Request) { part(w, r, b) })
	c := &config.Config{Registries: map[string]*config.Registry{s.host(): {Mirrors: []string{mirror.host()}}}}
	got, err := download(s.client(t, c), d, 0)
	wantBytes(t, got, err, b)
	if list := s.seen(); len(list) != 1 || list[0].Header.Get("Range") != "bytes=102400-" {
		t.Errorf("the registry itself was asked %d times, first for %q", len(list), list[0].Header.Get("Range"))
	}
}
