package oci

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

var digest = Digest([]byte("x"))

func TestCheckDigest(t *testing.T) {
	hex := strings.Repeat("0f", 32)
	for s, want := range map[string]string{
		"sha256:" + hex: "", "sha512:" + hex + hex: "only algorithm", "md5:0": "only algorithm", hex: "not a digest", "": "not a digest",
		"sha256:" + hex[1:]: "64 digits", "sha256:" + hex + "0": "64 digits", "sha256:" + strings.ToUpper(hex): "64 digits",
		"sha256:../" + hex[3:]: "64 digits", "sha256:" + hex[1:] + "\n": `\n`,
	} {
		err := CheckDigest(s)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", s, err)
		}
	}
}

func TestParse(t *testing.T) {
	d := `{"mediaType":"` + TypeConfig + `","digest":"` + digest + `","size":1}`
	image := `{"schemaVersion":2,"config":` + d + `,"layers":[` + strings.Replace(d, TypeConfig, TypeLayerZstd, 1) + `]}`
	index := `{"schemaVersion":2,"manifests":[` + d + `]}`
	for _, test := range []struct{ raw, mediaType, want string }{
		{image, "", ""},
		{image, TypeManifest, ""},
		{image, TypeDockerManifest, ""},
		{index, "", ""},
		{index, TypeDockerList, ""},
		{strings.Replace(image, "{", `{"mediaType":"`+TypeManifest+`",`, 1), TypeManifest, ""},
		{strings.Replace(image, "{", `{"mediaType":"`+TypeManifest+`",`, 1), TypeDockerManifest, "calls itself"},
		{strings.Replace(image, "{", `{"mediaType":"`+TypeIndex+`",`, 1), TypeManifest, "calls itself"},
		{strings.Replace(image, "{", `{"mediaType":"`+TypeIndex+`",`, 1), "", "its content is not"},
		{index, TypeManifest, "its content is not"},
		{image, TypeIndex, "its content is not"},
		{strings.Replace(image, "{", `{"manifests":[],`, 1), "", "both"},
		{strings.Replace(image, "layers", "Layers", 1), "", ""}, // another key, and so no layers
		{strings.Replace(image, "config", "Config", 1), "", "neither"},
		{strings.Replace(image, ":2", ":1", 1), "", "schema 1"},
		{strings.Replace(image, ":2", ":3", 1), "", "schema version 3"},
		{strings.Replace(image, ":2", `:"2"`, 1), "", "malformed"},
		{strings.Replace(image, `"size":1`, `"size":-1`, 1), "", "config: the size is -1"},
		{strings.Replace(image, `"size":1`, `"size":9000000000000000000`, 1), "", "more than lichen takes"},
		{strings.Replace(index, "sha256", "sha512", 1), "", "manifests[0]: the digest"},
		{`{"schemaVersion":2,"config":{}}`, "", "digest is missing"},
		{`[]`, "", "not JSON"},
		{`null`, "", "not a JSON object"},
		{"{}", "", "schema version 0"},
	} {
		m, x, err := Parse([]byte(test.raw), test.mediaType)
		switch {
		case test.want != "":
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%s as %q: %v, not %q", test.raw, test.mediaType, err, test.want)
			}
		case err != nil || (m == nil) == (x == nil):
			t.Errorf("%s as %q: %v %v %v", test.raw, test.mediaType, m, x, err)
		}
	}
	m, _, err := Parse([]byte(strings.Replace(image, "layers", "Layers", 1)), "")
	if err != nil || len(m.Layers) != 0 {
		t.Errorf("a key in another case: %+v %v", m, err)
	}
}

func TestCheckImage(t *testing.T) {
	m := func(config, layer, artifact string) *Manifest {
		return &Manifest{Config: Descriptor{MediaType: config}, Layers: []Descriptor{{MediaType: layer}}, ArtifactType: artifact}
	}
	for _, test := range []struct {
		m    *Manifest
		want string
	}{
		{m(TypeConfig, TypeLayerGzip, ""), ""},
		{m(TypeDockerConfig, TypeDockerGzip, ""), ""},
		{m(TypeConfig, TypeDockerZstd, "x"), ""},
		{m(TypeConfig, "application/vnd.oci.image.layer.v1.tar+gzip+encrypted", ""), "does not unpack"},
		{m(TypeConfig, "", ""), "does not unpack"},
		{m("application/vnd.cncf.helm.config.v1+json", TypeLayerGzip, ""), "no container image"},
		{m("application/vnd.oci.empty.v1+json", TypeLayerGzip, "application/spdx"), `artifact of type "application/spdx"`},
	} {
		if err := test.m.CheckImage(); (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v: %v", test.m, err)
		}
	}
}

func TestParseConfig(t *testing.T) {
	one := `"rootfs":{"type":"layers","diff_ids":["` + digest + `"]}`
	for _, test := range []struct {
		raw    string
		layers int
		want   string
	}{
		{`{` + one + `}`, 1, ""},
		{`{}`, 0, ""},
		{`{` + one + `}`, 2, "2 layers, but its config names 1"},
		{`{` + one + `,"history":[{},{"empty_layer":true}]}`, 1, ""},
		{`{` + one + `,"history":[{},{}]}`, 1, "its history makes 2"},
		{`{` + strings.Replace(one, "sha256", "sha512", 1) + `}`, 1, "diff_ids[0]"},
		{`{` + strings.Replace(one, "layers", "tree", 1) + `}`, 1, "of type"},
		{`{"config":{"Env":"x"}}`, 0, "malformed"},
		{`x`, 0, "malformed"},
		{strings.Repeat(" ", MaxConfig+1), 0, "larger"},
	} {
		if _, err := ParseConfig([]byte(test.raw), test.layers); (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%.80s: %v", test.raw, err)
		}
	}
}

func TestVerify(t *testing.T) {
	content := bytes.Repeat([]byte("layer "), 1000)
	d := Descriptor{Digest: Digest(content), Size: int64(len(content))}
	read := func(r io.Reader, d Descriptor) ([]byte, error) { return io.ReadAll(Verify(r, d)) }
	for name, r := range map[string]io.Reader{"whole": bytes.NewReader(content), "bytes": iotest.OneByteReader(bytes.NewReader(content)), "eof": iotest.DataErrReader(bytes.NewReader(content))} {
		if got, err := read(r, d); err != nil || !bytes.Equal(got, content) {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
	for name, wrap := range map[string]func(io.Reader) io.Reader{"plain": func(r io.Reader) io.Reader { return r }, "bytes": iotest.OneByteReader, "eof": iotest.DataErrReader} {
		if got, err := read(wrap(bytes.NewReader(content[1:])), d); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%s, short: %d bytes, %v", name, len(got), err)
		}
		if got, err := read(wrap(bytes.NewReader(append(content[:len(content):len(content)], 'x'))), d); err == nil || !strings.Contains(err.Error(), "more than the 6000 bytes") || len(got) >= len(content) {
			t.Errorf("%s, long: %d bytes, %v", name, len(got), err)
		}
		other := append([]byte("X"), content[1:]...)
		if got, err := read(wrap(bytes.NewReader(other)), d); err == nil || !strings.Contains(err.Error(), "the content has the digest") || len(got) >= len(content) {
			t.Errorf("%s, other: %d bytes, %v", name, len(got), err)
		}
	}
	if got, err := read(strings.NewReader(""), Descriptor{Digest: Digest(nil)}); err != nil || len(got) != 0 {
		t.Errorf("empty: %v %v", got, err)
	}
	if _, err := read(strings.NewReader(""), Descriptor{Digest: digest}); err == nil {
		t.Error("empty with another digest was taken")
	}
	if _, err := ReadAll(strings.NewReader("x"), Descriptor{Digest: digest, Size: 5}, 4); err == nil || !strings.Contains(err.Error(), "more than 4") {
		t.Errorf("too large: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"schemaVersion":2,"config":{"digest":"`+digest+`","size":1},"layers":[]}`), TypeManifest)
	f.Add([]byte(`{"schemaVersion":2,"manifests":[{"digest":"`+digest+`","size":1,"platform":{"os":"linux","architecture":"arm"}}]}`), "")
	f.Fuzz(func(t *testing.T, raw []byte, mediaType string) {
		m, x, err := Parse(raw, mediaType)
		if err != nil {
			if strings.ContainsAny(err.Error(), "\n\x1b") {
				t.Errorf("an error of several lines: %q", err)
			}
			return
		}
		if (m == nil) == (x == nil) {
			t.Fatal("neither or both")
		}
		if m != nil {
			m.CheckImage()
			return
		}
		Choose(x.Manifests, Host())
		Platforms(x.Manifests)
		for _, d := range x.Manifests {
			if CheckDigest(d.Digest) != nil || d.Size < 0 {
				t.Errorf("a descriptor like %+v", d)
			}
		}
	})
}

func FuzzParseConfig(f *testing.F) {
	f.Add([]byte(`{"rootfs":{"type":"layers","diff_ids":["`+digest+`"]},"config":{"Env":["A=b"]}}`), 1)
	f.Fuzz(func(t *testing.T, raw []byte, layers int) {
		c, err := ParseConfig(raw, layers)
		if err == nil && len(c.RootFS.DiffIDs) != layers {
			t.Error("the wrong number of diffIDs")
		}
	})
}
