package registry

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync/atomic"
	"testing"
	"time"
)

func TestBlobStall(t *testing.T) {
	b, d := noise(64 << 10)
	var calls atomic.Int32
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if calls.Add(1) > 1 {
			part(w, r, b)
			return
		}
		w.Header().Set("Content-Length", "65536")
		w.Write(b[:30<<10])
		for range 100 { // a byte now and then keeps no connection
			w.(http.Flusher).Flush()
			select {
			case <-r.Context().Done():
				return
			case <-time.After(50 * time.Millisecond):
				w.Write(b[:1])
			}
		}
	})
	start := time.Now()
	got, err := download(s.client(t, nil), d, 0)
	if err == nil && len(got) == len(b) && calls.Load() == 2 && time.Since(start) < 3*time.Second {
		return // the trickled bytes are wrong ones; the digest is not checked here
	}
	t.Errorf("%d bytes, %v, %d connections in %v", len(got), err, calls.Load(), time.Since(start))
}

func TestBlobSilence(t *testing.T) {
	_, d := noise(64 << 10)
	done := make(chan struct{})
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-done:
		}
	})
	defer close(done)
	r := s.client(t, nil)
	r.tune.attempts = 2
	start := time.Now()
	_, err := download(r, d, 0)
	wantError(t, err, "timeout")
	if n := len(s.seen()); n != 2 || time.Since(start) > 5*time.Second {
		t.Errorf("%d requests in %v", n, time.Since(start))
	}
}

// TestBlobSlowReader: a reader who takes his time does not make a stall.
func TestBlobSlowReader(t *testing.T) {
	b, d := noise(64 << 10)
	s := serve(t, func(w http.ResponseWriter, r *http.Request) { part(w, r, b) })
	body, err := s.client(t, nil).Blob(context.Background(), d, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	time.Sleep(600 * time.Millisecond) // twice the stall
	got, err := io.ReadAll(body)
	wantBytes(t, got, err, b)
	if n := len(s.seen()); n != 1 {
		t.Errorf("%d connections", n)
	}
}

func TestBlobCancel(t *testing.T) {
	b, d := noise(64 << 10)
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "65536")
		w.Write(b[:100])
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	ctx, cancel := context.WithCancel(context.Background())
	body, err := s.client(t, nil).Blob(ctx, d, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	time.AfterFunc(50*time.Millisecond, cancel)
	if _, err := io.ReadAll(body); !errors.Is(err, context.Canceled) {
		t.Errorf("after a cancel: %v", err)
	}
	if n := len(s.seen()); n != 1 {
		t.Errorf("%d connections", n)
	}
}

func TestRetry(t *testing.T) {
	b, d := noise(1 << 10)
	for _, status := range []int{429, 500, 502, 503, 504} {
		var calls atomic.Int32
		var waited time.Duration
		var last time.Time
		s := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if n := calls.Add(1); n <= 2 {
				if n == 2 {
					waited = time.Since(last)
				}
				last = time.Now()
				w.Header().Set("Retry-After", "3600") // capped at 50 ms here
				w.WriteHeader(status)
				return
			}
			part(w, r, b)
		})
		got, err := download(s.client(t, nil), d, 0)
		wantBytes(t, got, err, b)
		if waited < 50*time.Millisecond {
			t.Errorf("%d: asked again after %v", status, waited)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for in, want := range map[string]time.Duration{
		"": 0, "7": 7 * time.Second, "-1": 0, "x": 0, "99999999999999999999": 0,
		"Fri, 02 Jan 2026 03:05:05 GMT": time.Minute, "Fri, 02 Jan 2026 03:03:05 GMT": 0,
	} {
		if got := retryAfter(in, now); got != want {
			t.Errorf("%q: %v, not %v", in, got, want)
		}
	}
}

func TestBackoff(t *testing.T) {
	for attempt := 1; attempt < 100; attempt++ {
		want := min(defaultTuning.base<<min(attempt-1, 20), defaultTuning.most)
		if d := defaultTuning.backoff(attempt); d < want/2 || d > want {
			t.Errorf("attempt %d: %v", attempt, d)
		}
	}
}

func TestConnectionReset(t *testing.T) {
	b, d := noise(1 << 10)
	var calls atomic.Int32
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if calls.Add(1) == 1 {
			panic(http.ErrAbortHandler) // before any header
		}
		part(w, r, b)
	})
	got, err := download(s.client(t, nil), d, 0)
	wantBytes(t, got, err, b)
}
