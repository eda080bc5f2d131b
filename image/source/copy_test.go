package source

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/lichen-sandbox/lichen/image/source/oci"
)

// checkImage reads everything of an image from a source and compares the
// digests.
func checkImage(t *testing.T, src Source, name, platform string) *Image {
	t.Helper()
	img, err := Resolve(context.Background(), src, parse(t, name), platform)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	for _, d := range img.Layers {
		r, err := src.Blob(context.Background(), d, 0)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if _, err := io.Copy(io.Discard, oci.Verify(r, d)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		r.Close()
	}
	return img
}

// TestCopy goes from each kind of place to each kind, in one chain.
func TestCopy(t *testing.T) {
	host := realRegistry(t)
	dir := t.TempDir()
	s := newStore()
	multi := s.multi()
	places := []string{
		host + "/first/app:multi", "oci:" + dir + "/layout:multi", host + "/second/app:multi", "oci-archive:" + dir + "/a.tar:multi",
		"oci:" + dir + "/other:multi", "oci-archive:" + dir + "/b.tar:multi", host + "/third:multi",
	}
	var src Source = s
	from := "host.test/x:multi"
	for _, to := range places {
		d, err := copyTo(t, src, from, to, Options{AllPlatforms: true})
		if err != nil {
			t.Fatalf("%s to %s: %v", from, to, err)
		}
		if d.Digest != multi.Digest {
			t.Errorf("%s: %s, not %s", to, d.Digest, multi.Digest)
		}
		src, from = openSource(t, to), to
		for _, platform := range []string{"linux/amd64", "linux/arm64"} {
			img := checkImage(t, src, from, platform)
			if img.Platform.String() != platform || img.Top.Digest != multi.Digest || len(img.Layers) != 3 {
				t.Errorf("%s for %s: %+v", from, platform, img)
			}
		}
	}
	// One platform, with its manifest as it was.
	want := checkImage(t, src, from, "linux/arm64")
	for _, to := range []string{host + "/single:v1", "oci:" + dir + "/single:v1", "oci-archive:" + dir + "/s.tar:v1", "docker-archive:" + dir + "/d.tar:app:v1"} {
		if _, err := copyTo(t, src, from, to, Options{Platform: "linux/arm64"}); err != nil {
			t.Fatalf("to %s: %v", to, err)
		}
		got := checkImage(t, openSource(t, to), to, "linux/arm64")
		if got.Descriptor.Digest != want.Descriptor.Digest || !reflect.DeepEqual(got.DiffIDs, want.DiffIDs) {
			t.Errorf("%s: %s, not %s", to, got.Descriptor.Digest, want.Descriptor.Digest)
		}
		if _, err := Resolve(context.Background(), openSource(t, to), parse(t, to), "linux/amd64"); err == nil || !strings.Contains(err.Error(), "the image is for linux/arm64, not for linux/amd64") {
			t.Errorf("%s for another platform: %v", to, err)
		}
	}
	if _, err := copyTo(t, src, from, "docker-archive:"+dir+"/i.tar", Options{AllPlatforms: true}); err == nil || !strings.Contains(err.Error(), "choose a platform") {
		t.Errorf("an index to docker's form: %v", err)
	}
}

func TestCopyMissingBlob(t *testing.T) {
	for _, to := range []string{realRegistry(t) + "/app:v1", "oci:" + temp(t, "layout") + ":v1", "oci-archive:" + temp(t, "a.tar") + ":v1"} {
		s := newStore()
		d := s.image("amd64", false)
		s.tags["v1"] = d.Digest
		img := checkImage(t, s, "host.test/x:v1", "linux/amd64")
		delete(s.blobs, img.Layers[1].Digest)
		if _, err := copyTo(t, s, "host.test/x:v1", to, Options{Platform: "linux/amd64"}); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", to, err)
		}
		s.blobs[img.Layers[1].Digest] = []byte(strings.Repeat("x", int(img.Layers[1].Size)))
		if _, err := copyTo(t, s, "host.test/x:v1", to, Options{Platform: "linux/amd64"}); err == nil || !strings.Contains(err.Error(), "the content has the digest") {
			t.Errorf("%s: %v", to, err)
		}
		r := parse(t, to)
		if src, err := Open(context.Background(), r, testConfig); err == nil {
			if _, _, err := src.Manifest(context.Background(), r.Tag); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s: half an image is visible: %v", to, err)
			}
			src.Close()
		}
	}
}

func TestCopyProgress(t *testing.T) {
	s := newStore()
	s.tags["v1"] = s.image("amd64", true).Digest
	var mu sync.Mutex
	ends := map[string]int64{}
	o := Options{Platform: "linux/amd64", Progress: func(e Event) {
		mu.Lock()
		defer mu.Unlock()
		if e.Finished {
			ends[e.Descriptor.Digest] = e.Done
		}
	}}
	to := "oci:" + temp(t, "layout") + ":v1"
	if _, err := copyTo(t, s, "host.test/x:v1", to, o); err != nil {
		t.Fatal(err)
	}
	img := checkImage(t, s, "host.test/x:v1", "linux/amd64")
	for _, d := range append(img.Layers, img.ConfigDescriptor) {
		if ends[d.Digest] != d.Size {
			t.Errorf("%s ended at %d of %d", d.Digest, ends[d.Digest], d.Size)
		}
	}
	clear(ends)
	if _, err := copyTo(t, s, "host.test/x:v1", to, o); err != nil || len(ends) != 4 {
		t.Fatal(ends, err)
	}
	for digest, n := range ends {
		if n != 0 {
			t.Errorf("%s was there and is sent again: %d bytes", digest, n)
		}
	}
}

func TestCopyRefused(t *testing.T) {
	s := newStore()
	s.tags["v1"] = s.image("amd64", true).Digest
	for to, want := range map[string]string{
		"oci:" + temp(t, "x") + ":v1@" + oci.Digest(nil): "a digest follows from the content",
		"dir:/tmp": "a tree, not an image",
	} {
		if _, err := copyTo(t, s, "host.test/x:v1", to, Options{Platform: "linux/amd64"}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", to, err)
		}
	}
}

func TestStamp(t *testing.T) {
	s := newStore()
	s.tags["v1"] = s.image("amd64", true).Digest
	dir := t.TempDir()
	for _, to := range []string{"oci:" + dir + "/l:v1", "oci-archive:" + dir + "/a.tar:v1"} {
		if _, err := parse(t, to).Stamp(); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s before it is there: %v", to, err)
		}
		if _, err := copyTo(t, s, "host.test/x:v1", to, Options{Platform: "linux/amd64"}); err != nil {
			t.Fatal(err)
		}
		first, err := parse(t, to).Stamp()
		again, _ := parse(t, to).Stamp()
		if err != nil || first == "" || first != again {
			t.Errorf("%s: %q, %q, %v", to, first, again, err)
		}
		if _, err := copyTo(t, s, "host.test/x:v1", to, Options{Platform: "linux/amd64"}); err != nil {
			t.Fatal(err)
		}
		if second, err := parse(t, to).Stamp(); err != nil || second == first {
			t.Errorf("%s: written again, but still %q %v", to, second, err)
		}
	}
	if s, err := parse(t, "debian").Stamp(); s != "" || err != nil {
		t.Errorf("a registry: %q %v", s, err)
	}
}

func TestTagFor(t *testing.T) {
	for _, test := range [][3]string{
		{"debian:12", "docker-archive:/a.tar", "docker.io/library/debian:12"},
		{"debian:12", "docker-archive:/a.tar:app", "app:latest"},
		{"debian:12", "docker-archive:/a.tar:host.test:5000/app", "host.test:5000/app:latest"},
		{"debian:12", "docker-archive:/a.tar:app:1", "app:1"},
		{"docker-archive:/b.tar:app:1", "docker-archive:/a.tar", "app:1"},
		{"oci:/b:v1", "docker-archive:/a.tar", ""},
		{"debian:12", "oci:/a:v1", "v1"},
		{"debian:12", "oci:/a", ""},
	} {
		if got := tagFor(parse(t, test[0]), parse(t, test[1])); got != test[2] {
			t.Errorf("%s to %s: %q, not %q", test[0], test[1], got, test[2])
		}
	}
}
