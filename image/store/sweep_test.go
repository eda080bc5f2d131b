package store

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lichen-sandbox/lichen/image/record"
)

// stocked returns a store with one of everything that a sweep removes, and one
// beside it that it must not.
func stocked(t *testing.T) *Store {
	t.Helper()
	s := newStore(t)
	file := func(name string, age time.Duration) {
		t.Helper()
		check(t, os.WriteFile(s.path(name), []byte("12345"), 0o600))
		when := time.Now().Add(-age)
		check(t, os.Chtimes(s.path(name), when, when))
	}
	hex := func(digit string) string { return strings.Repeat(digit, 64) }
	r := parse(t, "x")
	check(t, s.PutRecord(r, "", &record.Record{Reference: r.String(), ChainID: "sha256:" + hex("1"), Manifest: "sha256:" + hex("a"), Config: "sha256:" + hex("b")}))
	publish(t, s, key(t, "1"))
	publish(t, s, key(t, "2")) // no record
	for _, d := range []string{"a", "b", "c", "d"} {
		file("blobs/sha256/"+hex(d), 0) // d: no record
	}
	file("partial/"+hex("1"), 8*24*time.Hour)
	file("partial/"+hex("2"), 6*24*time.Hour) // young
	file("partial/"+hex("2")+".lock", 0)
	file("partial/"+hex("3")+".lock", 0) // of no file
	file("partial/new-1-1", 0)           // cannot be resumed
	file("records/.new.1-1", 0)
	file("locks/x", 0)
	check(t, os.Mkdir(s.path("staging/1-1"), 0o700))
	file("staging/1-1.lock", 0)
	check(t, os.Mkdir(s.path("staging/1-2"), 0o700)) // without a lock
	file("staging/1-3.lock", 0)                      // of no directory
	return s
}

func layers(digits ...string) func(*record.Record) ([]string, error) {
	return func(*record.Record) ([]string, error) {
		var digests []string
		for _, d := range digits {
			digests = append(digests, "sha256:"+strings.Repeat(d, 64))
		}
		return digests, nil
	}
}

func listed(swept []Swept) string {
	var names []string
	for _, s := range swept {
		name := s.Kind + ":" + s.Name[:min(len(s.Name), 7)]
		if s.Name[0] == s.Name[1] {
			name = s.Kind + ":" + s.Name[:1]
		}
		if s.InUse {
			name += "!"
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

func TestSweep(t *testing.T) {
	s := stocked(t)
	const all = "blob:d partial:1 partial:new-1-1 staging:1-1 staging:1-2 tree:2"
	swept, err := s.Sweep(Sweep{Digests: layers("c"), DryRun: true})
	if err != nil || listed(swept) != all {
		t.Errorf("dry: %s, %v", listed(swept), err)
	}
	removed := 0
	swept, err = s.Sweep(Sweep{Digests: layers("c"), Remove: func(dir string) error { removed++; return RemoveAll(dir) }})
	if err != nil || listed(swept) != all || removed != 3 {
		t.Errorf("%s, %v, Remove called %d times", listed(swept), err, removed)
	}
	if i := slices.IndexFunc(swept, func(s Swept) bool { return s.Kind == "blob" }); i < 0 || swept[i].Bytes != 5 {
		t.Errorf("the size of a blob: %+v", swept)
	}
	swept, err = s.Sweep(Sweep{Digests: layers("c")})
	if err != nil || len(swept) != 0 {
		t.Errorf("again: %s, %v", listed(swept), err)
	}
	for _, dir := range []string{stagingDir, locksDir} {
		empty(t, s, dir)
	}
	digests, err := s.Blobs()
	if err != nil || len(digests) != 3 || !s.HasTree(key(t, "1")) || s.HasTree(key(t, "2")) {
		t.Errorf("left: %q, %v", digests, err)
	}
	swept, err = s.Sweep(Sweep{Partial: true})
	if err != nil || listed(swept) != "partial:2" {
		t.Errorf("with Partial: %s, %v", listed(swept), err)
	}
	empty(t, s, partialDir)
}

// TestSweepSparesWork: what somebody holds stays.
func TestSweepSparesWork(t *testing.T) {
	s := stocked(t)
	lease, err := s.Lease(key(t, "2"))
	check(t, err)
	defer lease.Close()
	partial, err := s.LockFile(s.path("partial/"+strings.Repeat("1", 64)+".lock"), true)
	check(t, err)
	defer partial.Close()
	staging, err := s.LockFile(s.path("staging/1-1.lock"), true)
	check(t, err)
	defer staging.Close()
	for _, dry := range []bool{true, false} {
		swept, err := s.Sweep(Sweep{Digests: layers("c"), DryRun: dry})
		if err != nil || listed(swept) != "blob:d partial:new-1-1 staging:1-2 tree:2!" {
			t.Errorf("%s, %v", listed(swept), err)
		}
	}
	if !s.HasTree(key(t, "2")) {
		t.Error("a leased tree is gone")
	}
	for _, open := range []func() (func(), error){
		func() (func(), error) {
			w, err := s.Writing()
			return func() { w.Close() }, err
		},
		func() (func(), error) {
			st, err := s.Staging()
			return func() { st.Close(nil) }, err
		},
	} {
		end, err := open()
		check(t, err)
		_, err = s.Sweep(Sweep{})
		if refused(t, err, "something is being written", "try again when that has ended"); !errors.Is(err, ErrInUse) {
			t.Errorf("a sweep while somebody writes: %v", err)
		}
		end()
	}
	_, err = s.Sweep(Sweep{})
	check(t, err)
}

// TestSweepInDoubt: while a record cannot be read, or says not what it needs, no
// blob goes, and the rest does.
func TestSweepInDoubt(t *testing.T) {
	s := stocked(t)
	doubt := errors.New("no manifest")
	swept, err := s.Sweep(Sweep{Digests: func(*record.Record) ([]string, error) { return nil, doubt }, DryRun: true})
	if !errors.Is(err, doubt) || listed(swept) != "partial:1 partial:new-1-1 staging:1-1 staging:1-2 tree:2" {
		t.Errorf("%s, %v", listed(swept), err)
	}
	check(t, os.WriteFile(s.path("records/bad"), []byte("lichen-record 2\n"), 0o600))
	swept, err = s.Sweep(Sweep{Digests: layers("c")})
	if !errors.Is(err, record.ErrVersion) || listed(swept) != "partial:1 partial:new-1-1 staging:1-1 staging:1-2" {
		t.Errorf("%s, %v", listed(swept), err)
	}
	check(t, os.WriteFile(s.path("records/worse"), nil, 0o600))
	_, err = s.Sweep(Sweep{})
	refused(t, err, "records/worse: damaged", "") // the hint is that of the first
	if !errors.Is(err, record.ErrVersion) {
		t.Errorf("one of two errors is lost: %v", err)
	}
	if digests, err := s.Blobs(); err != nil || len(digests) != 4 {
		t.Errorf("blobs: %q, %v", digests, err)
	}
}

// TestSweepKeepsNewerTrees: a later lichen's tree of an image stays with it.
func TestSweepKeepsNewerTrees(t *testing.T) {
	s := stocked(t)
	newer := strings.TrimSuffix(string(key(t, "1")), ".v1") + ".v2"
	check(t, os.Rename(s.tree(key(t, "1")), s.path("trees/"+newer)))
	if swept, err := s.Sweep(Sweep{}); err != nil || strings.Contains(listed(swept), "tree:1") {
		t.Errorf("%s, %v", listed(swept), err)
	}
}
