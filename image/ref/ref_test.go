package ref

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/lichen-sandbox/lichen/spec"
)

const (
	hex    = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	digest = "sha256:" + hex
)

// TestRegistry compares with another reader of the same language.
func TestRegistry(t *testing.T) {
	for in, want := range map[string]string{
		"debian":                             "docker.io/library/debian:latest",
		"debian:bookworm":                    "docker.io/library/debian:bookworm",
		"debian:12.5-slim_x.Y":               "docker.io/library/debian:12.5-slim_x.Y",
		"debian:_x":                          "docker.io/library/debian:_x",
		"debian@" + digest:                   "docker.io/library/debian@" + digest,
		"debian:bookworm@" + digest:          "docker.io/library/debian:bookworm@" + digest,
		"docker://debian":                    "docker.io/library/debian:latest",
		"docker://ghcr.io/a/b:c":             "ghcr.io/a/b:c",
		"oci-registry:debian":                "docker.io/library/debian:latest",
		"oci-registry://quay.io/x/y":         "quay.io/x/y:latest",
		"docker":                             "docker.io/library/docker:latest",
		"docker:24-dind":                     "docker.io/library/docker:24-dind",
		"docker.io/debian":                   "docker.io/library/debian:latest",
		"index.docker.io/debian":             "docker.io/library/debian:latest",
		"index.docker.io/library/debian":     "docker.io/library/debian:latest",
		"docker.io/bitnami/redis:7":          "docker.io/bitnami/redis:7",
		"bitnami/redis":                      "docker.io/bitnami/redis:latest",
		"a/b/c/d":                            "docker.io/a/b/c/d:latest",
		"localhost/x":                        "localhost/x:latest",
		"localhost:5000/x":                   "localhost:5000/x:latest",
		"localhost:5000/x:y":                 "localhost:5000/x:y",
		"localhost:5000":                     "docker.io/library/localhost:5000",
		"registry:5000/x":                    "registry:5000/x:latest",
		"registry/x":                         "docker.io/registry/x:latest",
		"GHCR.io/a/b":                        "ghcr.io/a/b:latest",
		"127.0.0.1:5000/x":                   "127.0.0.1:5000/x:latest",
		"[::1]:5000/x:y":                     "[::1]:5000/x:y",
		"[2001:db8::1]/x/y":                  "[2001:db8::1]/x/y:latest",
		"gcr.io/distroless/static:nonroot":   "gcr.io/distroless/static:nonroot",
		"mcr.microsoft.com/dotnet/sdk:8.0":   "mcr.microsoft.com/dotnet/sdk:8.0",
		"x--y/a__b/c.d/e-f/g---h":            "docker.io/x--y/a__b/c.d/e-f/g---h:latest",
		"oci/x":                              "docker.io/oci/x:latest",
		"example.com/" + hex:                 "example.com/" + hex + ":latest",
		"123.dkr.ecr.eu-1.amazonaws.com/a:b": "123.dkr.ecr.eu-1.amazonaws.com/a:b",
	} {
		r, err := Parse(in)
		if err != nil {
			t.Errorf("%q: %v", in, err)
			continue
		}
		if r.String() != want {
			t.Errorf("%q is %q, want %q", in, r, want)
		}
		same(t, in, r)
		again(t, r)
	}
}

// same fails if go-containerregistry reads in otherwise than as r.
func same(t *testing.T, in string, r Ref) {
	t.Helper()
	for _, prefix := range []string{"docker://", "oci-registry://", "oci-registry:"} {
		in = strings.TrimPrefix(in, prefix)
	}
	theirs, err := name.ParseReference(in)
	if err != nil {
		t.Fatalf("%q is %q, but to go-containerregistry: %v", in, r, err)
	}
	host := strings.ToLower(theirs.Context().RegistryStr())
	if host == hubIndex {
		host = hub
	}
	id := r.Tag
	if r.Digest != "" {
		id = r.Digest
	}
	if host != r.Registry || theirs.Context().RepositoryStr() != r.Repository || theirs.Identifier() != id {
		t.Fatalf("%q is %q, but %q to go-containerregistry", in, r, theirs.Name())
	}
}

// again fails unless the canonical form stands for r, and is a good file name.
func again(t *testing.T, r Ref) {
	t.Helper()
	if got, err := Parse(r.String()); err != nil || got != r {
		t.Fatalf("%#v is written %q, which is read as %#v, %v", r, r, got, err)
	}
	f := r.FileName()
	if len(f) == 0 || len(f) > maxFileName || strings.ContainsAny(f, "/\x00,\n ") || f[0] == '.' {
		t.Fatalf("%q has the file name %q", r, f)
	}
	if back := unescape(f); back != r.String() {
		t.Fatalf("the file name %q of %q means %q: two references could have the same", f, r, back)
	}
}

func unescape(f string) string {
	var b strings.Builder
	for i := 0; i < len(f); i++ {
		switch f[i] {
		case '+':
			b.WriteByte('/')
		case '%':
			const digits = "0123456789ABCDEF"
			b.WriteByte(byte(strings.IndexByte(digits, f[i+1])<<4 | strings.IndexByte(digits, f[i+2])))
			i += 2
		default:
			b.WriteByte(f[i])
		}
	}
	return b.String()
}

func TestLocal(t *testing.T) {
	for in, want := range map[string]Ref{
		"oci:/a/b":                      {Kind: Layout, Path: "/a/b"},
		"oci:/a//b/../c/":               {Kind: Layout, Path: "/a/c"},
		"oci:b":                         {Kind: Layout, Path: "/w/d/b"},
		"oci:.":                         {Kind: Layout, Path: "/w/d"},
		"oci:../b:t":                    {Kind: Layout, Path: "/w/b", Tag: "t"},
		"oci:/a:docker.io/x/y:z":        {Kind: Layout, Path: "/a", Tag: "docker.io/x/y:z"},
		"oci:/a@" + digest:              {Kind: Layout, Path: "/a", Digest: digest},
		"oci:/a:t@" + digest:            {Kind: Layout, Path: "/a", Tag: "t", Digest: digest},
		"oci:/a@b":                      {Kind: Layout, Path: "/a@b"},
		"oci-archive:/x y.tar:t":        {Kind: LayoutArchive, Path: "/x y.tar", Tag: "t"},
		"docker-archive:/x.tar":         {Kind: DockerArchive, Path: "/x.tar"},
		"tar:x.tar":                     {Kind: DockerArchive, Path: "/w/d/x.tar"},
		"tar:/x.tar:busybox:1.36":       {Kind: DockerArchive, Path: "/x.tar", Tag: "busybox:1.36"},
		"dir:/":                         {Kind: Dir, Path: "/"},
		"dir:/a:b@sha256:c":             {Kind: Dir, Path: "/a:b@sha256:c"},
		"dir:x%2f\xff":                  {Kind: Dir, Path: "/w/d/x%2f\xff"},
		"dir:" + strings.Repeat("ä", 9): {Kind: Dir, Path: "/w/d/" + strings.Repeat("ä", 9)},
	} {
		r, err := ParseIn(in, "/w/d")
		if err != nil || r != want {
			t.Errorf("%q: %#v, %v, want %#v", in, r, err, want)
			continue
		}
		again(t, r)
	}
	if _, err := ParseIn("oci:x", "/a:b"); err == nil || !strings.Contains(err.Error(), "holds a colon") {
		t.Errorf("a working directory with a colon: %v", err)
	}
}

func TestRefused(t *testing.T) {
	for in, want := range map[string]string{
		"":                                      "an empty name",
		"Debian":                                "lower case",
		"a/B":                                   "lower case",
		"Foo/bar":                               "lower case",
		"debian:":                               "no tag after the colon",
		"debian:.x":                             "begins with",
		"debian:-x":                             "begins with",
		"debian:a b":                            `cannot hold " "`,
		"debian:xä":                             `cannot hold "ä"`,
		"debian:" + strings.Repeat("x", 129):    "at most 128",
		"debian@sha512:" + hex + hex:            `by "sha512"`,
		"debian@sha256:" + hex[1:]:              "64 hex digits, not 63",
		"debian@sha256:" + strings.ToUpper(hex): "lower-case",
		"debian@md5":                            "sha256: and 64",
		"debian@" + digest + "@x":               "64 hex digits",
		"debian@":                               "sha256: and 64",
		":x":                                    "no repository",
		"@" + digest:                            "no repository",
		hex:                                     "bare image id",
		"-a":                                    "cannot hold",
		"a-":                                    "cannot hold",
		"a..b":                                  "cannot hold",
		"a___b":                                 "cannot hold",
		"a._b":                                  "cannot hold",
		"a//b":                                  "two slashes",
		"a/":                                    "two slashes",
		"/a":                                    "two slashes",
		"a b":                                   `cannot hold " "`,
		"a\nb":                                  "control character",
		"a\x00b":                                "control character",
		"oci:/a\x1bb":                           "control character",
		"host:port/x":                           "port",
		"host:0/x":                              "port",
		"host:65536/x":                          "port",
		"host:080/x":                            "port",
		"host:/x":                               "port",
		"-x.com/y":                              "bad name",
		"x..com/y":                              "bad name",
		"x_y.com/z":                             "cannot hold",
		"[::1/x":                                "registry",
		"[x::1]/x":                              "bad IPv6",
		"[1]:80/x":                              "bad IPv6",
		"http://x.com/y":                        "without http://",
		"https://x.com/y":                       "without https://",
		"containers-storage:x":                  "podman",
		"docker-daemon:x:y":                     "daemon",
		"s3://x":                                `unknown kind of place "s3://"`,
		"docker://":                             "no repository",
		"oci:":                                  "names no path",
		"oci::x":                                "names no path",
		"oci:/x:":                               "no tag",
		"oci:/x:-y":                             "bad tag",
		"oci:/x@sha512:" + hex:                  "sha512",
		"tar:/x:y@z":                            "bad tag",
		"oci://x/y":                             `without "//"`,
		"oci:x":                                 "must be absolute",
		"dir:/" + strings.Repeat("x", 200):      "too long",
		strings.Repeat("a/", 100) + "b":         "too long",
		"dir:/" + strings.Repeat("x", 1<<16):    "longer than a path",
	} {
		r, err := Parse(in)
		var e *spec.Error
		if !errors.As(err, &e) || !strings.Contains(e.Reason, want) || strings.ContainsAny(err.Error(), "\n\x00\x1b") || len(err.Error()) > 800 {
			t.Errorf("%.80q: %#v, %v, want %q", in, r, err, want)
		}
	}
}

// TestHints: what is proposed was looked for, and works.
func TestHints(t *testing.T) {
	dir := t.TempDir()
	for _, d := range []string{"Layout", "Tree"} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range []string{"Layout/oci-layout", "X_.tar"} {
		if err := os.WriteFile(filepath.Join(dir, f), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for in, want := range map[string]string{
		"Debian":         "did you mean debian?",
		"docker://":      "",
		"./Layout":       "did you mean oci:./Layout?",
		"./Tree":         "did you mean dir:./Tree?",
		dir + "/Layout":  "did you mean oci:" + dir + "/Layout?",
		"X_.tar":         "did you mean docker-archive:X_.tar or oci-archive:X_.tar?",
		"./nothing":      "",
		"/Nothing/there": "",
		"debian:":        "",
	} {
		_, err := ParseIn(in, dir)
		var e *spec.Error
		if !errors.As(err, &e) || e.Hint != want {
			t.Errorf("%q: %v, want the hint %q", in, err, want)
			continue
		}
		if proposal, ok := strings.CutPrefix(e.Hint, "did you mean "); ok {
			proposal, _, _ = strings.Cut(strings.TrimSuffix(proposal, "?"), " ")
			if _, err := ParseIn(proposal, dir); err != nil {
				t.Errorf("%q: the proposal %q: %v", in, proposal, err)
			}
		}
	}
}

func TestCheckDigest(t *testing.T) {
	if err := CheckDigest(digest); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{"", hex, "sha256:", "sha256:" + hex + "0", "sha256:../../../../../../../../../../../../../../../../../../../../../x", digest + "\n"} {
		if CheckDigest(bad) == nil {
			t.Errorf("%q is taken for a digest", bad)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"debian", "a/b:c", "localhost:5000/x@" + digest, "[::1]:5/x", "oci:/a:b@" + digest, "tar:x:y:z", "dir:/:@", "Foo.com/x", "a--b/c__d.e"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, err := ParseIn(s, "/w")
		if err != nil {
			if strings.ContainsAny(err.Error(), "\n\x1b") {
				t.Fatalf("the error of %q has several lines", s)
			}
			return
		}
		again(t, r)
		if r.Kind == Registry {
			same(t, s, r)
		}
	})
}
