package output

import (
	"slices"
	"strings"
	"testing"

	"github.com/lichen-sandbox/lichen/image/source/oci"
)

func TestNewConfig(t *testing.T) {
	text := func(s string) *string { return &s }
	const base = `{"architecture":"arm64","os":"linux","variant":"v8","x.kept":{"b":1,"a":"<&>"},"config":{"Env":["PATH=/bin","A=1"],"Cmd":["sh"],"Labels":{"l":"1","m":"2"},"OnBuild":["x"]},` +
		`"history":[{"created_by":"first","x":1},{"empty_layer":true}],"rootfs":{"type":"layers","diff_ids":["sha256:aa"]}}`
	tests := []struct {
		name       string
		base       string
		c          Changes
		want, lack []string
	}{
		{"nothing", base, Changes{}, []string{
			`"architecture":"arm64"`, `"variant":"v8"`, `"x.kept":{"b":1,"a":"<&>"}`, `"OnBuild":["x"]`, `"Cmd":["sh"]`,
			`"diff_ids":["sha256:aa","sha256:bb"]`, `{"created_by":"first","x":1},{"empty_layer":true},{"created":"1970-01-02T00:00:00Z","created_by":"test"}`,
			`"created":"1970-01-02T00:00:00Z"`}, nil},
		{"env", base, Changes{Env: []string{"A=2", "B=", "PATH"}}, []string{`"Env":["A=2","B="]`}, []string{"PATH"}},
		{"labels", base, Changes{Labels: []string{"l", "n=a=b"}}, []string{`"Labels":{"m":"2","n":"a=b"}`}, nil},
		{"entrypoint takes the command", base, Changes{Entrypoint: []string{"/e"}}, []string{`"Entrypoint":["/e"]`}, []string{`"Cmd"`}},
		{"both", base, Changes{Entrypoint: []string{"/e"}, Cmd: []string{"x"}}, []string{`"Entrypoint":["/e"]`, `"Cmd":["x"]`}, nil},
		{"no command", base, Changes{Cmd: []string{}}, nil, []string{`"Cmd"`}},
		{"user", base, Changes{User: text("app"), WorkingDir: text("/w"), Message: "m & m"}, []string{`"User":"app"`, `"WorkingDir":"/w"`, `"comment":"m & m"`}, nil},
		{"no base", "", Changes{}, []string{`"architecture":"amd64"`, `"os":"linux"`, `"diff_ids":["sha256:bb"]`, `"config":{}`}, []string{"variant"}},
		{"null", `{"config":null,"rootfs":null,"history":null}`, Changes{User: text("u")}, []string{`"User":"u"`, `"diff_ids":["sha256:bb"]`}, nil},
	}
	for _, tt := range tests {
		var raw []byte
		if tt.base != "" {
			raw = []byte(tt.base)
		}
		got, err := newConfig(raw, oci.Platform{OS: "linux", Architecture: "amd64"}, "sha256:bb", 86400, "test", &tt.c)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		for _, w := range tt.want {
			if !strings.Contains(string(got), w) {
				t.Errorf("%s: %s lacks %s", tt.name, got, w)
			}
		}
		for _, l := range tt.lack {
			if strings.Contains(string(got), l) {
				t.Errorf("%s: %s has %s", tt.name, got, l)
			}
		}
	}
	for _, bad := range []string{`[]`, `{"config":1}`, `{"config":{"Env":1}}`, `{"history":{}}`, `{"rootfs":[]}`, `{`} {
		_, err := newConfig([]byte(bad), oci.Platform{}, "sha256:bb", 0, "test", &Changes{Env: []string{"A=1"}})
		wantError(t, err, "read the image config")
	}
}

func TestChangeEnv(t *testing.T) {
	got := changeEnv([]string{"A=1", "B=2", "A=3"}, []string{"A=4", "C=5", "B"})
	if want := []string{"A=4", "C=5"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestNewManifest(t *testing.T) {
	d := func(mediaType string) oci.Descriptor {
		return oci.Descriptor{MediaType: mediaType, Digest: oci.Digest([]byte(mediaType)), Size: 1}
	}
	raw, err := newManifest(d(oci.TypeConfig), []oci.Descriptor{d(oci.TypeDockerGzip), d(oci.TypeDockerLayer), d(oci.TypeDockerZstd), d(oci.TypeLayerZstd)}, "sha256:base")
	check(t, err)
	m, _, err := oci.Parse(raw, oci.TypeManifest)
	check(t, err)
	check(t, m.CheckImage())
	var got []string
	for _, l := range m.Layers {
		got = append(got, l.MediaType)
	}
	if want := []string{oci.TypeLayerGzip, oci.TypeLayer, oci.TypeLayerZstd, oci.TypeLayerZstd}; !slices.Equal(got, want) {
		t.Errorf("layers %q, want %q", got, want)
	}
}
