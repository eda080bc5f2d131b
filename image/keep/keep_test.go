package keep

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lichen-sandbox/lichen/spec"
)

var base = Base{
	Reference: "docker.io/library/debian:bookworm", Manifest: "sha256:" + strings.Repeat("a", 64),
	ChainID: "sha256:" + strings.Repeat("b", 64), IDs: "single",
}

func wantError(t *testing.T, err error, want string) {
	t.Helper()
	var e *spec.Error
	if !errors.As(err, &e) || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want %q", err, want)
	}
}

// TestOpen: made once, found again, held by one, and bound to its image.
func TestOpen(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "k")
	l, err := Open(dir, base, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	for p, mode := range map[string]os.FileMode{dir: 0o700, l.Upper: 0o755, l.Work: 0o700} {
		info, err := os.Stat(p)
		if err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v", p, info, err)
		}
	}
	_, err = Open(dir, base, 0o755)
	wantError(t, err, "another sandbox runs on it")
	l.Close()

	again, err := Open(dir, base, 0o755)
	if err != nil || again.Base != base {
		t.Fatalf("%+v, %v", again, err)
	}
	again.Close()
	found, err := OpenExisting(dir)
	if err != nil || found.Base != base || found.Upper != l.Upper {
		t.Fatalf("%+v, %v", found, err)
	}
	found.Close()

	for _, change := range []func(*Base){func(b *Base) { b.ChainID = "sha256:" + strings.Repeat("c", 64) }, func(b *Base) { b.IDs = "subuid-0011" }} {
		other := base
		change(&other)
		_, err := Open(dir, other, 0o755)
		wantError(t, err, "it was written over another image")
	}
	same := base
	same.Reference, same.Manifest = "another/name:1", "sha256:"+strings.Repeat("d", 64)
	l, err = Open(dir, same, 0o755)
	if err != nil {
		t.Fatalf("the same tree by another name: %v", err)
	}
	l.Close()
}

func TestOpenRefuses(t *testing.T) {
	full := t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "thesis.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Open(full, base, 0o755)
	wantError(t, err, `holds something else: "thesis.txt"`)
	file := filepath.Join(full, "thesis.txt")
	_, err = Open(file, base, 0o755)
	wantError(t, err, "not a directory")
	_, err = Open(filepath.Join(full, "a/b"), base, 0o755)
	wantError(t, err, "no such file")
	_, err = OpenExisting(filepath.Join(full, "none"))
	wantError(t, err, "no such file")

	damaged := t.TempDir()
	if err := os.WriteFile(filepath.Join(damaged, "base"), []byte("reference \"x\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = Open(damaged, base, 0o755)
	wantError(t, err, "its note of the image is not complete")
	linked := t.TempDir()
	if err := os.Symlink("/etc/passwd", filepath.Join(linked, "base")); err != nil {
		t.Fatal(err)
	}
	_, err = Open(linked, base, 0o755)
	wantError(t, err, "too many levels of symbolic links")
}

// FuzzParseBase: no text makes it panic, and what it takes can be written and
// read again.
func FuzzParseBase(f *testing.F) {
	f.Add(base.encode())
	f.Add([]byte("reference \"a\"\nreference \"b\"\n"))
	f.Add([]byte("ids\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		b, err := ParseBase(text)
		if err != nil {
			return
		}
		again, err := ParseBase(b.encode())
		if err != nil || again != b {
			t.Errorf("%+v, %+v: %v", b, again, err)
		}
	})
}
