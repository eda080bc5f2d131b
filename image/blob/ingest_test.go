package blob

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lichen-sandbox/lichen/image/store"
	"github.com/lichen-sandbox/lichen/spec"
)

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newStore(t testing.TB) *store.Store {
	t.Helper()
	s, err := store.Create(filepath.Join(t.TempDir(), "store"))
	check(t, err)
	return s
}

// random returns n bytes that depend on seed only.
func random(seed uint64, n int) []byte {
	r := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
	b := make([]byte, n)
	r.Read(b)
	return b
}

func describe(b []byte) Descriptor { return Descriptor{Digest: sum(b), Size: int64(len(b))} }

// source serves bytes, and counts how often it is asked.
type source struct {
	data    []byte
	restart bool          // it cannot begin elsewhere than at 0
	cut     int64         // it breaks after so many bytes; 0: never
	gate    chan struct{} // each read waits for it, if not nil
	opened  []int64
	mu      sync.Mutex
}

var errBroken = errors.New("connection reset")

func (s *source) open(offset int64) (io.ReadCloser, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opened = append(s.opened, offset)
	var err error
	if s.restart && offset > 0 {
		offset, err = 0, ErrRestart
	}
	if offset > int64(len(s.data)) {
		return nil, errors.New("range not satisfiable")
	}
	var r io.Reader = bytes.NewReader(s.data[offset:])
	if s.cut > 0 {
		r = io.MultiReader(io.LimitReader(r, s.cut), broken{})
	}
	if s.gate != nil {
		r = gated{r, s.gate}
	}
	return io.NopCloser(r), err
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errBroken }

type gated struct {
	io.Reader
	gate chan struct{}
}

func (g gated) Read(p []byte) (int, error) { <-g.gate; return g.Reader.Read(p) }

// has fails unless the store has exactly b, and nothing that is not whole.
func has(t *testing.T, s *store.Store, b []byte) {
	t.Helper()
	d := sum(b)
	if err := Verify(s, d); err != nil || !Has(s, d) {
		t.Errorf("the blob: %v", err)
	}
	got, err := Read(s, d, int64(len(b)))
	if err != nil || !bytes.Equal(got, b) {
		t.Errorf("the blob is read as %d bytes, %v", len(got), err)
	}
	if left := partials(t, s); len(left) > 0 {
		t.Errorf("partial holds %q", left)
	}
}

func hasNot(t *testing.T, s *store.Store, d Descriptor) {
	t.Helper()
	if _, _, err := Open(s, d.Digest); !errors.Is(err, fs.ErrNotExist) || Has(s, d.Digest) {
		t.Errorf("a blob that should not be there: %v", err)
	}
}

func partials(t testing.TB, s *store.Store) []string {
	t.Helper()
	entries, err := os.ReadDir(s.Dir() + "/partial")
	check(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// kept fails unless exactly n bytes of an interrupted download are there.
func kept(t *testing.T, s *store.Store, d Descriptor, n int64) {
	t.Helper()
	file, err := s.PartialPath(d.Digest)
	check(t, err)
	info, err := os.Stat(file)
	if n == 0 {
		if err == nil {
			t.Errorf("%d bytes were kept", info.Size())
		}
	} else if err != nil || info.Size() != n {
		t.Errorf("kept: %v, %v, want %d bytes", info, err, n)
	}
}

func TestIngest(t *testing.T) {
	for _, size := range []int{0, 1, chunk - 1, chunk, chunk + 1, 3*chunk + 5} {
		s := newStore(t)
		data := random(1, size)
		src := &source{data: data}
		for range 2 {
			var sink bytes.Buffer
			var seen []int64
			check(t, Ingest(s, describe(data), src.open, &sink, func(n int64) { seen = append(seen, n) }))
			has(t, s, data)
			if !bytes.Equal(sink.Bytes(), data) {
				t.Errorf("%d bytes: the sink got %d others", size, sink.Len())
			}
			if size > 0 && seen[len(seen)-1] != int64(size) {
				t.Errorf("%d bytes: progress was %v", size, seen)
			}
		}
		if len(src.opened) > 1 {
			t.Errorf("%d bytes: downloaded at %v, though the store had it", size, src.opened)
		}
		if info, err := os.Stat(must(s.BlobPath(sum(data)))); err != nil || info.Mode().Perm() != 0o400 {
			t.Errorf("the file: %v, %v", info.Mode(), err)
		}
	}
}

func must(file string, err error) string {
	if err != nil {
		panic(err)
	}
	return file
}

// TestResume breaks a download twice and goes on where it was, by sources that
// can begin there and one that cannot.
func TestResume(t *testing.T) {
	data := random(2, 5*chunk+17)
	d := describe(data)
	for _, restart := range []bool{false, true} {
		for _, withSink := range []bool{false, true} {
			s := newStore(t)
			src := &source{data: data, restart: restart, cut: 2*chunk + 3}
			ingest := func() ([]byte, error) {
				if !withSink {
					return data, Ingest(s, d, src.open, nil, nil)
				}
				var sink bytes.Buffer
				err := Ingest(s, d, src.open, &sink, nil)
				return sink.Bytes(), err
			}
			_, err := ingest()
			var e *spec.Error
			if !errors.Is(err, errBroken) || !errors.As(err, &e) || !strings.Contains(err.Error(), "ended after 262147 of 655377 bytes") {
				t.Errorf("a broken connection: %v", err)
			}
			kept(t, s, d, src.cut)
			hasNot(t, s, d)
			src.cut = 0
			if restart {
				src.cut = 4 * chunk // counts from 0
				_, err := ingest()
				if !errors.Is(err, errBroken) {
					t.Errorf("broken again: %v", err)
				}
				kept(t, s, d, src.cut)
				src.cut = 0
			}
			got, err := ingest()
			check(t, err)
			has(t, s, data)
			if !bytes.Equal(got, data) {
				t.Errorf("the sink got %d bytes, not the blob", len(got))
			}
			if src.opened[1] != 2*chunk+3 {
				t.Errorf("opened at %v", src.opened)
			}
		}
	}
}

// TestShort: an end that comes too early is an interruption.
func TestShort(t *testing.T) {
	s := newStore(t)
	data := random(3, chunk+9)
	d := describe(data)
	if err := Ingest(s, d, (&source{data: data[:chunk]}).open, nil, nil); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("an early end: %v", err)
	}
	kept(t, s, d, chunk)
	// One that ends within what is skipped keeps it too.
	if err := Ingest(s, d, (&source{data: data[:10], restart: true}).open, nil, nil); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("an early end while skipping: %v", err)
	}
	kept(t, s, d, chunk)
	failed := errors.New("401")
	if err := Ingest(s, d, func(int64) (io.ReadCloser, error) { return nil, failed }, nil, nil); !errors.Is(err, failed) {
		t.Errorf("open fails: %v", err)
	}
	kept(t, s, d, chunk)
	check(t, Ingest(s, d, (&source{data: data}).open, nil, nil))
	has(t, s, data)
}

// endless never ends.
type endless struct{ n int64 }

func (e *endless) Read(p []byte) (int, error) { e.n += int64(len(p)); return len(p), nil }

// TestLies: bytes that are not the blob leave nothing.
func TestLies(t *testing.T) {
	s := newStore(t)
	data, other := random(4, 2*chunk), random(5, 2*chunk)
	d := describe(data)
	for _, sink := range []io.Writer{nil, io.Discard} {
		for name, lie := range map[string][]byte{"other": other, "longer": append(bytes.Clone(data), 0)} {
			err := Ingest(s, d, (&source{data: lie}).open, sink, nil)
			if !errors.Is(err, ErrMismatch) || !strings.Contains(err.Error(), d.Digest) {
				t.Errorf("%s: %v", name, err)
			}
			if name == "other" && !strings.Contains(err.Error(), sum(other)) {
				t.Errorf("%v does not say what came", err)
			}
			kept(t, s, d, 0)
			hasNot(t, s, d)
		}
	}
	e := new(endless)
	if err := Ingest(s, d, func(int64) (io.ReadCloser, error) { return io.NopCloser(e), nil }, nil, nil); !errors.Is(err, ErrMismatch) || e.n > 2*chunk+1 {
		t.Errorf("an endless source, stopped after %d bytes: %v", e.n, err)
	}
	kept(t, s, d, 0)
	for _, bad := range []Descriptor{{Digest: "sha256:../x", Size: 1}, {Digest: d.Digest, Size: -1}, {}} {
		if err := Ingest(s, bad, (&source{data: data}).open, nil, nil); err == nil {
			t.Errorf("%+v was ingested", bad)
		}
	}
	check(t, Ingest(s, d, (&source{data: data}).open, nil, nil))
	// A descriptor that lies about the size of a blob that is there.
	if err := Ingest(s, Descriptor{Digest: d.Digest, Size: 3}, (&source{data: data}).open, nil, nil); !errors.Is(err, ErrMismatch) {
		t.Errorf("another size: %v", err)
	}
	has(t, s, data)
}

// TestBadPartial: wrong bytes that were kept do not stand in the way of right ones.
func TestBadPartial(t *testing.T) {
	data := random(6, 2*chunk)
	d := describe(data)
	src := &source{data: data}
	for _, n := range []int{100, 2 * chunk, 2*chunk + 1} {
		s := newStore(t)
		bad := func() { check(t, os.WriteFile(must(s.PartialPath(d.Digest)), random(7, n), 0o600)) }
		bad()
		check(t, Ingest(s, d, src.open, nil, nil))
		has(t, s, data)

		// A sink had the wrong ones already: this call fails, the next does not.
		check(t, Delete(s, d.Digest))
		bad()
		err := Ingest(s, d, src.open, io.Discard, nil)
		if n <= 2*chunk {
			var e *spec.Error
			if !errors.Is(err, ErrMismatch) || !errors.As(err, &e) || !strings.Contains(e.Hint, "begins anew") {
				t.Errorf("%d wrong bytes and a sink: %v", n, err)
			}
			err = Ingest(s, d, src.open, io.Discard, nil)
		}
		check(t, err)
		has(t, s, data)
	}
}

type failing struct {
	after int
	err   error
}

func (f *failing) Write(p []byte) (int, error) {
	if f.after--; f.after < 0 {
		return 0, f.err
	}
	return len(p), nil
}

func TestSinkFails(t *testing.T) {
	s := newStore(t)
	data := random(8, 40*chunk)
	d := describe(data)
	for _, cause := range []error{errors.New("bad layer"), &spec.Error{Op: "unpack", Reason: "bad layer"}} {
		for range 2 { // while it is downloaded, and when it is there
			gate := make(chan struct{})
			go func() {
				for range 50 {
					gate <- struct{}{}
					time.Sleep(time.Millisecond)
				}
				close(gate)
			}()
			err := Ingest(s, d, (&source{data: data, gate: gate}).open, &failing{1, cause}, nil)
			var bySink *SinkError
			if !errors.As(err, &bySink) || !errors.Is(err, cause) || err.Error() != cause.Error() {
				t.Errorf("%v, want a SinkError of %v", err, cause)
			}
			check(t, Ingest(s, d, (&source{data: data}).open, nil, nil))
			has(t, s, data)
		}
		check(t, Delete(s, d.Digest))
	}
}

// TestSinksWaitForEachOther: one image has the layers a, b, another b, a, and
// each unpacks in its order. Neither holds up the other's download.
func TestSinksWaitForEachOther(t *testing.T) {
	s := newStore(t)
	blobs := [][]byte{random(9, 9*chunk), random(10, 9*chunk)}
	done := make(chan error)
	for _, order := range [][2]int{{0, 1}, {1, 0}, {0, 0}} {
		turn := make(chan struct{}) // closed when the first layer is unpacked
		go func() {
			err := Ingest(s, describe(blobs[order[1]]), (&source{data: blobs[order[1]]}).open, waiting{turn}, nil)
			done <- err
		}()
		go func() {
			time.Sleep(20 * time.Millisecond) // the second layers come first
			err := Ingest(s, describe(blobs[order[0]]), (&source{data: blobs[order[0]]}).open, io.Discard, nil)
			close(turn)
			done <- err
		}()
	}
	for range 6 {
		select {
		case err := <-done:
			check(t, err)
		case <-time.After(20 * time.Second):
			t.Fatal("they wait for each other")
		}
	}
	has(t, s, blobs[0])
	has(t, s, blobs[1])
}

type waiting struct{ turn chan struct{} }

func (w waiting) Write(p []byte) (int, error) { <-w.turn; return len(p), nil }

// TestSinkAlongside: the sink has bytes before the download ends.
func TestSinkAlongside(t *testing.T) {
	s := newStore(t)
	data := random(11, 2*chunk)
	gate := make(chan struct{})
	got := make(chan int, 100)
	end := make(chan error)
	go func() { end <- Ingest(s, describe(data), (&source{data: data, gate: gate}).open, counting{got}, nil) }()
	gate <- struct{}{}
	select {
	case <-got:
	case <-time.After(10 * time.Second):
		t.Error("the sink waits for the end")
	}
	close(gate)
	check(t, <-end)
}

type counting struct{ got chan int }

func (c counting) Write(p []byte) (int, error) { c.got <- len(p); return len(p), nil }

func TestBlobs(t *testing.T) {
	s := newStore(t)
	digest, err := Put(s, []byte("hello"))
	if err != nil || digest != "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824" {
		t.Fatalf("Put: %s, %v", digest, err)
	}
	if again, err := Put(s, []byte("hello")); err != nil || again != digest {
		t.Errorf("Put again: %s, %v", again, err)
	}
	has(t, s, []byte("hello"))
	if list, err := List(s); err != nil || len(list) != 1 || list[0] != (Descriptor{digest, 5}) {
		t.Errorf("List: %+v, %v", list, err)
	}
	if _, err := Read(s, digest, 4); err == nil {
		t.Error("Read goes over its limit")
	}
	f, size, err := Open(s, digest)
	check(t, err)
	f.Close()
	if size != 5 {
		t.Errorf("Open: %d bytes", size)
	}

	// Damage is seen, named, and can be repaired.
	file := must(s.BlobPath(digest))
	check(t, os.Chmod(file, 0o600))
	check(t, os.WriteFile(file, []byte("hallo"), 0o600))
	if err := Verify(s, digest); !errors.Is(err, ErrMismatch) || !strings.Contains(err.Error(), digest) {
		t.Errorf("Verify: %v", err)
	}
	if _, err := Read(s, digest, 5); !errors.Is(err, ErrMismatch) {
		t.Errorf("Read: %v", err)
	}
	check(t, Delete(s, digest))
	if err := Delete(s, digest); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Delete twice: %v", err)
	}
	if err := Verify(s, digest); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Verify of nothing: %v", err)
	}
	for _, bad := range []string{"", "x", "sha256:../../version"} {
		if _, _, err := Open(s, bad); err == nil || Has(s, bad) || Delete(s, bad) == nil {
			t.Errorf("%q is a digest", bad)
		}
	}
}

func TestWriter(t *testing.T) {
	s := newStore(t)
	data := random(12, 3*chunk+1)
	for range 2 { // the second finds it there
		w, err := NewWriter(s)
		check(t, err)
		for b := range bytes.SplitSeq(data, []byte{7}) {
			_, err := w.Write(append(bytes.Clone(b), 7))
			check(t, err)
		}
		_, err = s.Sweep(store.Sweep{Partial: true})
		if !errors.Is(err, store.ErrInUse) {
			t.Errorf("a sweep while a blob is written: %v", err)
		}
		d, err := w.Commit()
		check(t, err)
		check(t, w.Close())
		check(t, w.Close())
		has(t, s, append(bytes.Clone(data), 7))
		if d.Size != int64(len(data)+1) {
			t.Errorf("%+v", d)
		}
	}
	w, err := NewWriter(s)
	check(t, err)
	_, err = w.Write([]byte("x"))
	check(t, err)
	check(t, w.Close())
	if left := partials(t, s); len(left) > 0 || Has(s, sum([]byte("x"))) {
		t.Errorf("what was not committed: %q", left)
	}
}
