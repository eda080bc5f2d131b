package output

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/lichen-sandbox/lichen/image/blob"
	"github.com/lichen-sandbox/lichen/image/ref"
	"github.com/lichen-sandbox/lichen/image/store"
	"github.com/lichen-sandbox/lichen/image/unpacker"
)

// The test binary is the program that the workers are started from.
func TestMain(m *testing.M) {
	switch os.Args[0] {
	case Name:
		os.Exit(Worker())
	case probeName:
		os.Exit(probe())
	case unpacker.Name:
		os.Exit(unpacker.Worker())
	}
	syscall.Umask(0o022)
	os.Exit(m.Run())
}

const (
	plainUID = 1500
	childEnv = "LICHEN_TEST_CHILD"
)

// bothUsers runs a test as who runs the suite, and as a plain user where that
// is root.
func bothUsers(t *testing.T, test func(t *testing.T)) {
	if os.Geteuid() != 0 {
		test(t)
		return
	}
	t.Run("root", test)
	t.Run("plain", func(t *testing.T) {
		dir, err := os.MkdirTemp("", "lichen-output-")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		exe := filepath.Join(dir, "output.test")
		binary, err := os.ReadFile("/proc/self/exe")
		if err == nil {
			err = os.WriteFile(exe, binary, 0o755)
		}
		tmp := filepath.Join(dir, "tmp")
		if err == nil {
			err = os.Mkdir(tmp, 0o700)
		}
		if err == nil {
			err = errors.Join(os.Chown(tmp, plainUID, plainUID), os.Chmod(dir, 0o755))
		}
		if err != nil {
			t.Fatal(err)
		}
		name, _, _ := strings.Cut(t.Name(), "/")
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, exe, "-test.run=^"+name+"$", "-test.v")
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "TMPDIR="+tmp, "HOME="+tmp, childEnv+"=1")
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: plainUID, Gid: plainUID}}
		out, err := cmd.CombinedOutput()
		if err != nil || !bytes.Contains(out, []byte("--- PASS: "+name)) && !bytes.Contains(out, []byte("--- SKIP")) {
			t.Errorf("%v\n%s", err, out)
		}
		if bytes.Contains(out, []byte("--- SKIP")) {
			skip(t, "as the plain user: "+string(out))
		}
	})
}

// skip gives up on a test for which this machine lacks something. Where the
// machine is known to have everything, that is a failure.
func skip(t *testing.T, reason string) {
	t.Helper()
	if os.Getenv("LICHEN_MUST_WORK") == "1" {
		t.Fatal("must work here, but: " + reason)
	}
	t.Skip(reason)
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newStore(t *testing.T) *store.Store {
	t.Helper()
	s, err := store.Create(filepath.Join(tempDir(t), "store"))
	check(t, err)
	t.Cleanup(func() { s.Close() })
	return s
}

func name(t *testing.T, s string) ref.Ref {
	t.Helper()
	r, err := ref.Parse(s)
	check(t, err)
	return r
}

// shell runs a script in a user and a mount namespace where it is root.
func shell(t *testing.T, script string, args ...string) string {
	t.Helper()
	out, err := tryShell(t, script, args...)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return out
}

func tryShell(t *testing.T, script string, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "unshare", append([]string{"-Urm", "sh", "-euc", "umask 022\n" + script, "sh"}, args...)...)
	cmd.Dir = t.TempDir()
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// tempDir is a directory that is removed also where modes forbid it.
func tempDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	t.Cleanup(func() {
		_, _ = exec.Command("unshare", "-Ur", "sh", "-c", `rm -rf "$1"/* `, "sh", dir).CombinedOutput()
	})
	return dir
}

// describe lists the members of a tar stream as archive/tar reads them: what
// lichen writes is read by others' code.
func describe(t *testing.T, r io.Reader) []string {
	t.Helper()
	var list []string
	in := tar.NewReader(r)
	for {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		check(t, err)
		s := fmt.Sprintf("%c %04o %d:%d %q", h.Typeflag, h.Mode, h.Uid, h.Gid, h.Name)
		if h.Linkname != "" {
			s += fmt.Sprintf(" -> %q", h.Linkname)
		}
		if h.Typeflag == tar.TypeChar || h.Typeflag == tar.TypeBlock {
			s += fmt.Sprintf(" %d,%d", h.Devmajor, h.Devminor)
		}
		if h.Typeflag == tar.TypeReg && h.Size < 1<<20 {
			content, err := io.ReadAll(in)
			check(t, err)
			if s += fmt.Sprintf(" %d", len(content)); len(content) < 40 {
				s += fmt.Sprintf(" %q", content)
			}
		} else if h.Size > 0 {
			s += fmt.Sprintf(" %d", h.Size)
		}
		for _, key := range []string{"user.color", capability, "user.overlay.opaque", "user.overlay.origin"} {
			if v, ok := h.PAXRecords["SCHILY.xattr."+key]; ok {
				s += fmt.Sprintf(" %s=%q", key, v)
			}
		}
		list = append(list, s)
	}
	rest, err := io.ReadAll(r)
	check(t, err)
	if len(bytes.Trim(rest, "\x00")) > 0 {
		t.Errorf("%d bytes after the end", len(rest))
	}
	return list
}

// layerOf lists the members of a stored layer.
func layerOf(t *testing.T, s *store.Store, img *Image) []string {
	t.Helper()
	f, _, err := blob.Open(s, img.Layer.Digest)
	check(t, err)
	defer f.Close()
	var r io.Reader = f
	switch img.Layer.MediaType {
	case Gzip.mediaType():
		r, err = gzip.NewReader(f)
	case Zstd.mediaType():
		var z *zstd.Decoder
		if z, err = zstd.NewReader(f); err == nil {
			defer z.Close()
			r = z
		}
	}
	check(t, err)
	return describe(t, r)
}

func same(t *testing.T, what string, got, want []string) {
	t.Helper()
	g, w := strings.Join(got, "\n"), strings.Join(want, "\n")
	if g != w {
		t.Errorf("%s:\n%s\nwant:\n%s", what, g, w)
	}
}

func wantError(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one with %q", parts)
	}
	for _, p := range parts {
		if !strings.Contains(err.Error(), p) {
			t.Errorf("error %q lacks %q", err, p)
		}
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("error has several lines: %q", err)
	}
}
