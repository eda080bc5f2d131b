package oci

import (
	"bytes"
	"errors"
	"io/fs"
	"strings"
	"testing"
)

func named(names ...string) []Descriptor {
	var list []Descriptor
	for i, n := range names {
		d := Descriptor{Digest: Digest([]byte{byte(i)})}
		if n != "" {
			d.Annotations = map[string]string{RefName: n}
		}
		list = append(list, d)
	}
	return list
}

func TestSelect(t *testing.T) {
	for _, test := range []struct {
		have []string
		ask  string
		at   int
		want string
	}{
		{[]string{"v1"}, "", 0, ""},
		{[]string{""}, "", 0, ""},
		{[]string{"v1", "v2"}, "v2", 1, ""},
		{[]string{"v1", "v2"}, "", 0, `name one of the tags: "v1", "v2"`},
		{[]string{"v1", "v2"}, "v3", 0, `no tag "v3" in it; the tags are: "v1", "v2"`},
		{nil, "", 0, "no image"},
		{[]string{"debian:12", "docker.io/library/debian:13"}, "debian:13", 1, ""},
		{[]string{"debian:12", "debian:13"}, "12", 0, ""},
		{[]string{"a:12", "b:12"}, "12", 0, "several images"},
		{[]string{"a:12", "12"}, "12", 1, ""},
		{[]string{"v1", "v2"}, Digest([]byte{1}), 1, ""},
		{[]string{"v1"}, "sha256:x", 0, "64 digits"},
	} {
		list := named(test.have...)
		d, err := Select(list, test.ask)
		if test.want != "" {
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%q of %q: %v", test.ask, test.have, err)
			}
		} else if err != nil || d.Digest != list[test.at].Digest {
			t.Errorf("%q of %q: %v %v", test.ask, test.have, d, err)
		}
	}
	if _, err := Select(named("a"), "b"); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a missing tag is not fs.ErrNotExist")
	}
	if d, err := Select(nil, digest); err != nil || d.Size != -1 {
		t.Errorf("a digest that is not listed: %+v %v", d, err)
	}
}

func TestAddToIndex(t *testing.T) {
	a, b := Descriptor{MediaType: TypeManifest, Digest: digest, Size: 1}, Descriptor{MediaType: TypeManifest, Digest: Digest(nil), Size: 0}
	raw, err := AddToIndex(nil, a, "v1")
	for _, step := range []struct {
		d   Descriptor
		tag string
	}{{b, "v2"}, {b, "v1"}, {a, ""}, {a, ""}} {
		if err == nil {
			raw, err = AddToIndex(raw, step.d, step.tag)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	x, err := ParseIndexJSON(raw)
	if err != nil || len(x.Manifests) != 3 {
		t.Fatalf("%s %v", raw, err)
	}
	for tag, want := range map[string]string{"v1": b.Digest, "v2": b.Digest} {
		if d, err := Select(x.Manifests, tag); err != nil || d.Digest != want {
			t.Errorf("%s: %v %v", tag, d, err)
		}
	}
	// What another tool wrote into its entries is kept.
	raw, err = AddToIndex([]byte(`{"schemaVersion":2,"manifests":[{"digest":"`+digest+`","size":1,"x-extra":[1]}]}`), b, "v1")
	if err != nil || !bytes.Contains(raw, []byte(`"x-extra":[1]`)) {
		t.Errorf("%s %v", raw, err)
	}
	if _, err := AddToIndex([]byte("{}"), a, ""); err == nil {
		t.Error("a broken index was replaced")
	}
}
