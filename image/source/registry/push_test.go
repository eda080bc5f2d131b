package registry

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	fake "github.com/google/go-containerregistry/pkg/registry"

	"github.com/lichen-sandbox/lichen/image/source/oci"
)

func opener(b []byte) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }
}

func realRegistry() http.Handler { return fake.New(fake.Logger(log.New(io.Discard, "", 0))) }

func TestPush(t *testing.T) {
	s := serve(t, realRegistry().ServeHTTP)
	r := clientFor(t, nil, s.host(), true)
	ctx := context.Background()
	b, d := noise(300 << 10)
	if err := r.PutBlob(ctx, d, opener(b)); err != nil {
		t.Fatal(err)
	}
	before := len(s.seen())
	if err := r.PutBlob(ctx, d, func() (io.ReadCloser, error) { return nil, errors.New("opened") }); err != nil {
		t.Error("a blob that is there was sent again:", err)
	}
	if n := len(s.seen()) - before; n != 1 {
		t.Errorf("%d requests for a blob that is there", n)
	}
	raw := image()
	if err := r.PutManifest(ctx, raw, oci.TypeManifest); err != nil {
		t.Fatal(err)
	}
	if err := r.Publish(ctx, raw, oci.TypeManifest, "v1"); err != nil {
		t.Fatal(err)
	}
	pull := s.client(t, nil)
	for _, name := range []string{"v1", oci.Digest(raw)} {
		got, _, err := pull.Manifest(ctx, name)
		wantBytes(t, got, err, raw)
	}
	got, err := download(pull, d, 0)
	wantBytes(t, got, err, b)
}

// TestPushBroken: the source of a blob fails, or the blob is another one.
func TestPushBroken(t *testing.T) {
	s := serve(t, realRegistry().ServeHTTP)
	r := clientFor(t, nil, s.host(), true)
	_, d := noise(10 << 10)
	opened := 0
	err := r.PutBlob(context.Background(), d, func() (io.ReadCloser, error) {
		opened++
		return io.NopCloser(oci.Verify(strings.NewReader(strings.Repeat("x", 10<<10)), d)), nil
	})
	wantError(t, err, "the content has the digest")
	if opened != 1 || strings.Contains(err.Error(), "http://") {
		t.Errorf("opened %d times; %v", opened, err)
	}
	err = r.PutBlob(context.Background(), d, func() (io.ReadCloser, error) { return nil, errors.New("cannot open") })
	wantError(t, err, "cannot open")
	if there, err := r.own().has(context.Background(), d); there || err != nil {
		t.Errorf("the wrong blob is there: %v %v", there, err)
	}
}

// TestPushRetries: an upload that fails is begun again.
func TestPushRetries(t *testing.T) {
	real := realRegistry()
	var puts atomic.Int32
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut && puts.Add(1) < 3 {
			io.Copy(io.Discard, r.Body)
			w.WriteHeader(502)
			return
		}
		real.ServeHTTP(w, r)
	})
	r := clientFor(t, nil, s.host(), true)
	b, d := noise(300 << 10)
	if err := r.PutBlob(context.Background(), d, opener(b)); err != nil {
		t.Fatal(err)
	}
	got, err := download(s.client(t, nil), d, 0)
	wantBytes(t, got, err, b)
}

// TestPushChunks: a proxy that takes no large body gets it in pieces.
func TestPushChunks(t *testing.T) {
	real := realRegistry()
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength > chunkSize {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
			return
		}
		real.ServeHTTP(w, r)
	})
	r := clientFor(t, nil, s.host(), true)
	b, d := noise(chunkSize + 1000)
	if err := r.PutBlob(context.Background(), d, opener(b)); err != nil {
		t.Fatal(err)
	}
	got, err := download(s.client(t, nil), d, 0)
	wantBytes(t, got, err, b)
}

// TestPushElsewhere: an upload that goes to another host goes without login.
func TestPushElsewhere(t *testing.T) {
	storage := serve(t, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusCreated)
	})
	to := storage.URL + "/up?state=1"
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("Authorization") != aliceBasic:
			w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
			w.WriteHeader(401)
		case r.Method == http.MethodHead:
			w.WriteHeader(404)
		default:
			w.Header().Set("Location", to)
			w.WriteHeader(http.StatusAccepted)
		}
	})
	r := clientFor(t, logins(t, s.host(), alice), s.host(), true)
	b, d := noise(10 << 10)
	if err := r.PutBlob(context.Background(), d, opener(b)); err != nil {
		t.Fatal(err)
	}
	req := storage.seen()[0]
	if req.Header.Get("Authorization") != "" || req.URL.Query().Get("state") != "1" || req.URL.Query().Get("digest") != d.Digest {
		t.Errorf("%s with %v", req.URL, req.Header)
	}
	for _, bad := range []string{"http://169.254.169.254/", "file:///x", ""} {
		to = bad
		if err := r.PutBlob(context.Background(), d, opener(b)); err == nil {
			t.Errorf("uploaded to %q", bad)
		}
	}
}

func TestMount(t *testing.T) {
	var queries []string
	status := http.StatusCreated
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		queries = append(queries, r.Method+" "+r.URL.RawQuery)
		w.WriteHeader(status)
	})
	r := clientFor(t, nil, s.host(), true)
	_, d := noise(10)
	ctx := context.Background()
	if ok, err := r.MountBlob(ctx, d, s.host(), "other/repo"); !ok || err != nil {
		t.Errorf("mount: %v %v", ok, err)
	}
	if want := "POST from=other%2Frepo&mount=sha256%3A" + oci.Hex(d.Digest); queries[0] != want {
		t.Errorf("asked %q", queries)
	}
	for _, status = range []int{202, 403, 404, 405} {
		if ok, err := r.MountBlob(ctx, d, s.host(), "other/repo"); ok || err != nil {
			t.Errorf("mount refused with %d: %v %v", status, ok, err)
		}
	}
	n := len(queries)
	if ok, err := r.MountBlob(ctx, d, "elsewhere.test", "other/repo"); ok || err != nil || len(queries) != n {
		t.Errorf("mount from another registry: %v %v", ok, err)
	}
}

func TestPublishWrongDigest(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Docker-Content-Digest", oci.Digest([]byte("rewritten")))
		w.WriteHeader(201)
	})
	r := clientFor(t, nil, s.host(), true)
	wantError(t, r.Publish(context.Background(), image(), oci.TypeManifest, "v1"), "another digest")
	wantError(t, r.Publish(context.Background(), image(), oci.TypeManifest, "../v1"), "is not a tag")
}

// TestPushStalls: a server that stops to read an upload does not hold us.
func TestPushStalls(t *testing.T) {
	real := realRegistry()
	var puts atomic.Int32
	over := make(chan struct{})
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut && puts.Add(1) == 1 {
			select { // the end of the connection is not seen by who does not read
			case <-over:
			case <-time.After(20 * time.Second):
			}
			return
		}
		real.ServeHTTP(w, r)
	})
	t.Cleanup(func() { close(over) })
	r := clientFor(t, nil, s.host(), true)
	b, d := noise(32 << 20) // more than the buffers of a connection
	start := time.Now()
	if err := r.PutBlob(context.Background(), d, opener(b)); err != nil || puts.Load() != 2 || time.Since(start) > 5*time.Second {
		t.Errorf("%d uploads in %v: %v", puts.Load(), time.Since(start), err)
	}
}

// TestPushSlowSource: a source that takes its time is not a stall.
func TestPushSlowSource(t *testing.T) {
	s := serve(t, realRegistry().ServeHTTP)
	r := clientFor(t, nil, s.host(), true)
	b, d := noise(10 << 10)
	opened := 0
	err := r.PutBlob(context.Background(), d, func() (io.ReadCloser, error) {
		opened++
		pr, pw := io.Pipe()
		go func() {
			time.Sleep(600 * time.Millisecond) // twice the stall
			pw.Write(b)
			pw.Close()
		}()
		return pr, nil
	})
	if err != nil || opened != 1 {
		t.Errorf("opened %d times: %v", opened, err)
	}
}
