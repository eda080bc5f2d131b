package layout

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/lichen-sandbox/lichen/image/source/oci"
)

func TestCreateRefused(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "mine"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Create(dir); err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("a full directory: %v", err)
	}
	if got := files(t, dir); len(got) != 1 {
		t.Errorf("written to: %v", got)
	}
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "not an OCI layout") {
		t.Errorf("opened: %v", err)
	}
	if _, err := Open(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("opened: %v", err)
	}
}

// TestHostile changes one thing of a good layout.
func TestHostile(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	content := "the secret"
	if err := os.WriteFile(secret, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	blob := filepath.Join(blobDir, oci.Hex(oci.Digest(manifest(0))))
	link := func(to string) func(string) error {
		return func(path string) error { return os.Symlink(to, path) }
	}
	text := func(s string) func(string) error {
		return func(path string) error { return os.WriteFile(path, []byte(s), 0o600) }
	}
	for _, test := range []struct {
		name, file string
		put        func(path string) error
		want       string
	}{
		{"manifest is a link out", blob, link(secret), "escapes"},
		{"manifest is a link up", blob, link("../../../../../../../../etc/passwd"), "escapes"},
		{"manifest is a pipe", blob, func(p string) error { return syscall.Mkfifo(p, 0o600) }, "not a regular file"},
		{"manifest is a directory", blob, func(p string) error { return os.Mkdir(p, 0o700) }, "not a regular file"},
		{"manifest changed", blob, text(strings.Replace(string(manifest(0)), ":0}", ":1}", 1)), "the content has the digest"},
		{"manifest cut", blob, text("{"), "1 bytes where the index says"},
		{"manifest large", blob, text(strings.Repeat(" ", oci.MaxManifest+1)), "more than 4194304"},
		{"index is a link out", "index.json", link(secret), "escapes"},
		{"index malformed", "index.json", text("x"), "not JSON"},
		{"index is an image", "index.json", text(string(manifest(0))), "an image, not an index"},
		{"index empty", "index.json", text(`{"schemaVersion":2,"manifests":[]}`), "no image in it"},
		{"digest is a path", "index.json", text(`{"schemaVersion":2,"manifests":[{"digest":"sha256:../../../x","size":1}]}`), "64 digits"},
		{"digest sha512", "index.json", text(`{"schemaVersion":2,"manifests":[{"digest":"sha512:00","size":1}]}`), "only algorithm"},
		{"media type lies", "index.json", text(fmt.Sprintf(`{"schemaVersion":2,"manifests":[{"mediaType":%q,"digest":%q,"size":%d}]}`, oci.TypeIndex, oci.Digest(manifest(0)), len(manifest(0)))), "CVE-2021-41190"},
		{"version", "oci-layout", text(`{"imageLayoutVersion":"2"}`), `version "2"`},
		{"version malformed", "oci-layout", text(`x`), "malformed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			create(t, dir, "v1")
			path := filepath.Join(dir, test.file)
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			if err := test.put(path); err != nil {
				t.Fatal(err)
			}
			l, err := Open(dir)
			if err == nil {
				defer l.Close()
				_, _, err = l.Manifest(context.Background(), "")
			}
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.ContainsAny(err.Error(), "\n") {
				t.Errorf("%v, not %q", err, test.want)
			}
			if err != nil && strings.Contains(err.Error(), content) {
				t.Errorf("the secret is in %v", err)
			}
		})
	}
}
