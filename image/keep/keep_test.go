package keep

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
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
		if e, ok := errors.AsType[*spec.Error](err); !ok || !strings.Contains(e.Hint, "docker.io/library/debian@"+base.Manifest) {
			t.Errorf("hint of %v", err)
		}
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
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = OpenExisting(pipe)
	wantError(t, err, "not a directory")
	_, err = Open(filepath.Join(full, "a/b"), base, 0o755)
	wantError(t, err, "no such file")
	_, err = OpenExisting(filepath.Join(full, "none"))
	wantError(t, err, "no such file")

	damaged := t.TempDir()
	for _, d := range [...]string{"upper", "work"} {
		if err := os.Mkdir(filepath.Join(damaged, d), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(damaged, "base"), []byte("reference \"x\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = Open(damaged, base, 0o755)
	wantError(t, err, "its note of the image is not complete")
	if err := errors.Join(os.Remove(filepath.Join(damaged, "base")), os.WriteFile(filepath.Join(damaged, "upper/rest"), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	_, err = Open(damaged, base, 0o755)
	wantError(t, err, "no note of the image that they belong to")
	_, err = OpenExisting(t.TempDir())
	wantError(t, err, "it has no note of an image")
}

// TestPlanted: what a payload has put into the directory before leads nowhere
// else, in a new layer and in one that was used.
func TestPlanted(t *testing.T) {
	outside := t.TempDir()
	canary := filepath.Join(outside, "base")
	if err := os.WriteFile(canary, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	used := func(t *testing.T, dir string) {
		l, err := Open(dir, base, 0o755)
		if err != nil {
			t.Fatal(err)
		}
		l.Close()
	}
	for _, tt := range []struct {
		name, link, to string
		before         func(t *testing.T, dir string)
		want           string // "": it is made as if nothing were there
	}{
		{"new, upper", "upper", outside, nil, `its "upper" is not what lichen has made there, but a symbolic link`},
		{"new, work", "work", outside, nil, `its "work" is not`},
		{"new, dangling work", "work", "/nowhere/at/all", nil, `its "work" is not`},
		{"new, lock", "lock", canary, nil, `its "lock" is not`},
		{"new, note", "base", canary, nil, `its "base" is not`},
		{"new, note under construction", "work/base", canary, func(t *testing.T, dir string) {
			if err := os.Mkdir(filepath.Join(dir, "work"), 0o700); err != nil {
				t.Fatal(err)
			}
		}, ""},
		{"used, upper", "upper", outside, used, `its "upper" is not`},
		{"used, work", "work", outside, used, `its "work" is not`},
		{"used, note", "base", canary, used, `its "base" is not`},
		{"used, lock", "lock", "upper/lock", used, `its "lock" is not`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			if tt.before != nil {
				tt.before(t, dir)
			}
			if err := errors.Join(os.RemoveAll(filepath.Join(dir, tt.link)), os.Symlink(tt.to, filepath.Join(dir, tt.link))); err != nil {
				t.Fatal(err)
			}
			l, err := Open(dir, base, 0o755)
			if err == nil {
				l.Close()
			}
			if tt.want != "" {
				wantError(t, err, tt.want)
				_, err := OpenExisting(dir)
				wantError(t, err, "kept layer")
			} else if err != nil {
				t.Error(err)
			}
			if text, err := os.ReadFile(canary); err != nil || string(text) != "mine" {
				t.Errorf("the file outside: %q, %v", text, err)
			}
			if list, err := os.ReadDir(outside); err != nil || len(list) != 1 {
				t.Errorf("the directory outside: %v, %v", list, err)
			}
		})
	}

}

// TestOtherBase: directories that are no images are told apart by their paths.
func TestOtherBase(t *testing.T) {
	a := Base{Reference: "dir:/a", Manifest: "sha256:" + strings.Repeat("0", 64), ChainID: "sha256:" + strings.Repeat("0", 64), IDs: "single"}
	b := a
	b.Reference = "dir:/b"
	kept := filepath.Join(t.TempDir(), "k")
	for _, tt := range []struct {
		base Base
		want string
	}{{a, ""}, {a, ""}, {b, "it was written over another image (dir:/a"}} {
		l, err := Open(kept, tt.base, 0o755)
		if err == nil {
			l.Close()
		}
		if tt.want != "" {
			wantError(t, err, tt.want)
		} else if err != nil {
			t.Error(err)
		}
	}
}

// TestNotOurs: what somebody else may put into the directory is not run.
func TestNotOurs(t *testing.T) {
	kept := filepath.Join(t.TempDir(), "k")
	l, err := Open(kept, base, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	if err := os.Chmod(kept, 0o777); err != nil {
		t.Fatal(err)
	}
	_, err = Open(kept, base, 0o755)
	wantError(t, err, "everybody may write there")
	if os.Geteuid() == 0 {
		if err := errors.Join(os.Chmod(kept, 0o700), os.Chown(kept, 1500, 1500)); err != nil {
			t.Fatal(err)
		}
		_, err = OpenExisting(kept)
		wantError(t, err, "it belongs to uid 1500")
	}

	dir := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(t.TempDir(), dir); err != nil {
		t.Fatal(err)
	}
	_, err = Open(dir, base, 0o755)
	wantError(t, err, "it is a symbolic link")
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
