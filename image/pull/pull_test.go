package pull

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/lichen-sandbox/lichen/image/blob"
	"github.com/lichen-sandbox/lichen/image/record"
	"github.com/lichen-sandbox/lichen/image/ref"
	"github.com/lichen-sandbox/lichen/image/source/oci"
	"github.com/lichen-sandbox/lichen/image/store"
	"github.com/lichen-sandbox/lichen/internal/subid"
	"github.com/lichen-sandbox/lichen/spec"
)

func TestParsePolicy(t *testing.T) {
	for text, want := range map[string]Policy{"": Missing, "missing": Missing, "always": Always, "never": Never} {
		if got, err := ParsePolicy(text); err != nil || got != want {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	if _, err := ParsePolicy("Always"); err == nil {
		t.Error("Always is taken")
	}
}

// TestChain compares with the example of the OCI image specification's formula,
// computed by sha256sum(1).
func TestChain(t *testing.T) {
	a, b, c := "sha256:"+strings.Repeat("a", 64), "sha256:"+strings.Repeat("b", 64), "sha256:"+strings.Repeat("c", 64)
	for _, tt := range []struct {
		diffIDs []string
		want    string
	}{
		{nil, "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
		{[]string{a}, a},
		{[]string{a, b}, "sha256:ccd722928bd92476ba1745586fed6e45a102504185ad88cd89e01ff116fd146c"},
		{[]string{a, b, c}, "sha256:c1377126441fb2f5ec2c21ae2a60255331d639e830f0ee1b40a36e52d4c40588"},
	} {
		img := &Image{DiffIDs: tt.diffIDs}
		if got := img.ChainID(); got != tt.want {
			t.Errorf("%d layers: %s, want %s", len(tt.diffIDs), got, tt.want)
		}
		if len(img.Chain()) != len(tt.diffIDs) {
			t.Errorf("%d chain ids of %d layers", len(img.Chain()), len(tt.diffIDs))
		}
	}
}

func TestWait(t *testing.T) {
	s := newStore(t)
	take := func() (*store.Lock, error) { return s.Lock("x") }
	held, err := wait(t.Context(), take)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(20*time.Millisecond, func() { cancel(errors.New("enough of it")) })
	if _, err := wait(ctx, take); err == nil || err.Error() != "enough of it" {
		t.Errorf("a lock that is held: %v", err)
	}
	held.Close()
	// The one that nobody waits for any more is given back.
	again, err := wait(t.Context(), take)
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
	if _, err := wait(ctx, func() (*store.Lock, error) { t.Error("tried"); return nil, nil }); err == nil {
		t.Error("a lock after the end of the context")
	}
}

func newStore(t *testing.T) *store.Store {
	t.Helper()
	s, err := store.Create(t.TempDir() + "/s")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func put(t *testing.T, s *store.Store, b string) string {
	t.Helper()
	digest, err := blob.Put(s, []byte(b))
	if err != nil {
		t.Fatal(err)
	}
	return digest
}

func TestLoad(t *testing.T) {
	s := newStore(t)
	layer := "sha256:" + strings.Repeat("1", 64)
	config := put(t, s, `{"os":"linux","architecture":"arm64","rootfs":{"type":"layers","diff_ids":["`+layer+`"]},"config":{"User":"x","Volumes":{"/b":{},"/a":{}}}}`)
	manifest := func(config string) string {
		return put(t, s, `{"schemaVersion":2,"config":{"mediaType":"`+oci.TypeConfig+`","digest":"`+config+`","size":9},"layers":[{"mediaType":"`+oci.TypeLayer+`","digest":"`+layer+`","size":7}]}`)
	}
	img, err := Load(s, &record.Record{Manifest: manifest(config)})
	if err != nil || img.Platform != "linux/arm64" || len(img.Digests()) != 3 || img.ChainID() != layer {
		t.Fatalf("%+v, %v", img, err)
	}
	rec := img.newRecord("x", "linux/arm64", "")
	if rec.User != "x" || strings.Join(rec.Volumes, " ") != "/a /b" || rec.ChainID != layer || rec.Config != config {
		t.Errorf("%+v", rec)
	}
	for name, tt := range map[string]struct{ manifest, want string }{
		"no manifest":   {"sha256:" + strings.Repeat("2", 64), ""},
		"no config":     {manifest("sha256:" + strings.Repeat("3", 64)), ""},
		"an index":      {put(t, s, `{"schemaVersion":2,"manifests":[]}`), "it is an index"},
		"no JSON":       {put(t, s, `x`), "not JSON"},
		"layers differ": {manifest(put(t, s, `{"os":"linux","architecture":"arm64","rootfs":{"type":"layers","diff_ids":[]}}`)), "its config names 0"},
	} {
		_, err := Load(s, &record.Record{Manifest: tt.manifest})
		if _, ok := errors.AsType[*spec.Error](err); !ok || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", name, err)
		}
		if tt.want == "" && !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v is not fs.ErrNotExist", name, err)
		}
	}
}

func TestRefused(t *testing.T) {
	s := newStore(t)
	for _, tt := range []struct {
		ref, platform string
		policy        Policy
		want          string
	}{
		{"dir:/usr", "", Missing, "a directory is used as it is"},
		{"oci:/nowhere", "", Missing, "/nowhere/index.json"},
		{"oci:/nowhere", "", Never, "the store does not have it"},
		{"debian", "plan9", Never, "plan9"},
		{"debian", "linux/arm64", Never, "the store does not have it"},
	} {
		r, err := ref.Parse(tt.ref)
		if err != nil {
			t.Fatal(err)
		}
		_, err = Pull(t.Context(), Options{Store: s, Ref: r, Platform: tt.platform, Policy: tt.policy, IDs: subid.SingleMapping(0, 0)})
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s %s: %v", tt.ref, tt.platform, err)
		}
	}
}

// TestFinish: the end of a fetch whose reader gave up must not wait for what
// nobody reads.
func TestFinish(t *testing.T) {
	for _, failed := range []error{nil, errors.New("the worker died")} {
		s := newStore(t)
		digest := put(t, s, strings.Repeat("x", 1<<20))
		p := &puller{Options: Options{Store: s}}
		d := oci.Descriptor{Digest: digest, Size: 1 << 20}
		f := p.newFetch(t.Context(), &Image{Layers: []oci.Descriptor{d, d, d, d, d}}, 1)
		f.start()
		if _, err := io.ReadFull(f.jobs[2].r, make([]byte, 1000)); err != nil {
			t.Fatal(err)
		}
		if err := f.finish(failed); !errors.Is(err, failed) {
			t.Errorf("%v, want %v", err, failed)
		}
		if len(f.jobs) != 4 || f.jobs[0].Number != 2 || !f.jobs[0].Present {
			t.Errorf("%+v", f.jobs[0].Layer)
		}
	}
}
