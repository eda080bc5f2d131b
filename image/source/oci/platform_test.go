package oci

import (
	"strings"
	"testing"
)

func entry(platform string) Descriptor {
	d := Descriptor{MediaType: TypeManifest, Digest: digest}
	if platform != "" {
		parts := append(strings.Split(platform, "/"), "")
		d.Platform = &Platform{OS: parts[0], Architecture: parts[1], Variant: parts[2]}
	}
	return d
}

func TestChoose(t *testing.T) {
	for _, test := range []struct {
		want string
		have []string
		at   int
	}{
		{"linux/amd64", []string{"linux/arm64", "linux/amd64", "linux/amd64"}, 1},
		{"linux/amd64", []string{"windows/amd64", "linux/arm64"}, -1},
		{"linux/amd64", []string{"linux/amd64/v2", "linux/amd64/v3"}, -1},
		{"linux/amd64", []string{"linux/amd64/v3", "linux/amd64"}, 1},
		{"linux/amd64/v3", []string{"linux/amd64", "linux/amd64/v2", "linux/amd64/v4"}, 1},
		{"linux/arm/v7", []string{"linux/arm/v5", "linux/arm/v7", "linux/arm/v6"}, 1},
		{"linux/arm/v6", []string{"linux/arm/v7", "linux/arm/v6", "linux/arm/v5"}, 1},
		{"linux/arm/v6", []string{"linux/arm/v7", "linux/arm"}, -1},
		{"linux/arm/v5", []string{"linux/arm/v7", "linux/arm/v6"}, -1},
		{"linux/arm", []string{"linux/arm/v6", "linux/arm/v8"}, 0},
		{"linux/arm64", []string{"linux/arm/v8", "linux/arm64/v8"}, 1},
		{"linux/arm64", []string{"linux/arm64/v9", "linux/arm64"}, 1},
		{"linux/arm64/v8", []string{"linux/arm64"}, 0},
		{"linux/arm64/v9", []string{"linux/arm64", "linux/arm64/v8.2"}, 1},
		{"linux/aarch64", []string{"linux/arm64"}, 0},
		{"linux/x86_64", []string{"linux/amd64"}, 0},
		{"linux/mips64le/softfloat", []string{"linux/mips64le/hardfloat", "linux/mips64le/softfloat"}, 1},
		{"linux/amd64", []string{"unknown/unknown", "linux/amd64"}, 1},
		{"linux/amd64", []string{"unknown/unknown", ""}, 1},
		{"linux/amd64", []string{"", ""}, -1},
		{"linux/amd64", nil, -1},
	} {
		want, err := ParsePlatform(test.want)
		if err != nil {
			t.Fatal(err)
		}
		var list []Descriptor
		for _, p := range test.have {
			list = append(list, entry(p))
		}
		if got := Choose(list, want); got != test.at {
			t.Errorf("%s of %v: %d, not %d", test.want, test.have, got, test.at)
		}
	}
	attached := []Descriptor{entry("linux/amd64"), entry("linux/amd64")}
	attached[0].Annotations = map[string]string{"vnd.docker.reference.type": "attestation-manifest"}
	if got := Choose(attached, Host()); Host().Architecture == "amd64" && got != 1 {
		t.Errorf("an attestation was chosen: %d", got)
	}
}

func TestParsePlatform(t *testing.T) {
	for _, s := range []string{"linux", "linux/", "/amd64", "a/b/c/d", "linux/amd 64", "linux/\x1b"} {
		if p, err := ParsePlatform(s); err == nil {
			t.Errorf("%q is %v", s, p)
		}
	}
	if p, err := ParsePlatform(""); err != nil || p != Host() {
		t.Errorf("the host: %v %v", p, err)
	}
}

func TestPlatforms(t *testing.T) {
	list := []Descriptor{entry("linux/amd64"), entry("unknown/unknown"), entry("linux/arm/v7"), entry("linux/amd64"), entry(""), entry("x\n/y")}
	if got, want := Platforms(list), `linux/amd64, linux/arm/v7, "x\n/y"`; got != want {
		t.Errorf("%s, not %s", got, want)
	}
	if got := Platforms(nil); got != "none" {
		t.Errorf("%s", got)
	}
}
