package main

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/lichen-sandbox/lichen/image/keep"
	"github.com/lichen-sandbox/lichen/image/record"
)

// tarEntries lists a tar stream: "NAME MODE UID:GID".
func tarEntries(t *testing.T, b []byte) []string {
	t.Helper()
	var list []string
	for in := tar.NewReader(bytes.NewReader(b)); ; {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return list
		}
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, h.Name+" "+strconv.FormatInt(h.Mode, 8)+" "+strconv.Itoa(h.Uid)+":"+strconv.Itoa(h.Gid))
	}
}

func TestExport(t *testing.T) {
	forUsers(t, func(t *testing.T, u account) {
		s, b := newServer(t), newBox(t, u)
		name := s.push(t, "demo/app:1", imageOf(t, configOf("web"), baseLayer(t)))
		b.fails("it is not in the image store", "export", name, "-o", "x.tar")
		b.ok("pull", name)
		out := b.ok("export", name, "-o", "-")
		entries := tarEntries(t, []byte(out))
		if !slices.ContainsFunc(entries, func(e string) bool { return strings.HasPrefix(e, "etc/shadow 600 42:") }) {
			t.Errorf("no owner of etc/shadow: %q", entries)
		}
		if !slices.IsSorted(entries) {
			t.Errorf("not sorted: %q", entries)
		}
		b.ok("export", name, "-o", "x.tar")
		if file := mustRead(t, filepath.Join(b.dir, "x.tar")); file != out {
			t.Error("the file is not what standard output got")
		}

		// The image as it is, and back.
		b.ok("export", name, "--format", "oci", "-o", "x.oci")
		b.ok("export", name, "--format", "oci", "-o", "oci:layout:2")
		for _, from := range []string{"oci-archive:x.oci", "oci:layout:2"} {
			if digest := strings.SplitAfter(b.ok("pull", "-q", from), "@")[1]; !strings.HasSuffix(b.ok("pull", "-q", name), digest) {
				t.Errorf("%s is another image", from)
			}
		}

		// What is no plain file is written to, and stays what it is.
		pipe := filepath.Join(b.dir, "pipe")
		if err := syscall.Mkfifo(pipe, 0o666); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(pipe, u.uid, u.uid); err != nil {
			t.Fatal(err)
		}
		read := make(chan string)
		go func() { text, _ := os.ReadFile(pipe); read <- string(text) }()
		b.ok("export", name, "-o", "pipe")
		if got := <-read; got != out {
			t.Errorf("the pipe got %d bytes, not %d", len(got), len(out))
		}
		b.fails("is a directory", "export", name, "-o", "layout")

		b.fails("--output is missing", "export", name)
		b.fails("there is no format", "export", name, "-o", "y", "--format", "zip")
		b.fails("no such file or directory", "export", name, "-o", "none/y")
		left, err := filepath.Glob(filepath.Join(b.dir, ".lichen-export-*"))
		if err != nil || len(left) > 0 {
			t.Errorf("left: %q, %v", left, err)
		}
	})
}

// TestExportSubuid: the way that a tree is stored does not show in its export.
func TestExportSubuid(t *testing.T) {
	name, uid, ok := rangeUser(t)
	if !ok {
		if os.Getenv("LICHEN_MUST_WORK") != "" {
			t.Fatal("no account with a range in /etc/subuid, or this is not root")
		}
		t.Skip("needs root, and an account with a range in /etc/subuid")
	}
	s, b := newServer(t), newBox(t, account{name, uid})
	ref := s.push(t, "demo/app:1", imageOf(t, configOf("web"), baseLayer(t)))
	b.ok("pull", "--ids", "subuid", ref)
	ranges := b.ok("export", ref, "--ids", "subuid", "-o", "-")
	single := b.ok("export", ref, "-o", "-")
	if ranges != single {
		t.Errorf("with ranges: %q\nwith one id: %q", tarEntries(t, []byte(ranges)), tarEntries(t, []byte(single)))
	}
}

// keptLayer makes a kept layer of the user's over an image of the store.
func (b *box) keptLayer(name string) string {
	b.t.Helper()
	files, err := filepath.Glob(b.store("records", "*"))
	if err != nil || len(files) != 1 {
		b.t.Fatalf("records: %q, %v", files, err)
	}
	rec, err := record.Decode([]byte(mustRead(b.t, files[0])))
	if err != nil {
		b.t.Fatal(err)
	}
	dir := filepath.Join(b.dir, name)
	l, err := keep.Open(dir, keep.Base{Reference: rec.Reference, Manifest: rec.Manifest, ChainID: rec.ChainID, IDs: "single"}, 0o755)
	if err != nil {
		b.t.Fatal(err)
	}
	err = errors.Join(l.Close(), os.Mkdir(filepath.Join(dir, "upper/etc"), 0o755), os.WriteFile(filepath.Join(dir, "upper/etc/new"), []byte("new\n"), 0o640),
		filepath.WalkDir(dir, func(p string, _ fs.DirEntry, err error) error {
			return errors.Join(err, os.Lchown(p, b.u.uid, b.u.uid))
		}))
	if err != nil {
		b.t.Fatal(err)
	}
	return dir
}

func TestCommitVerb(t *testing.T) {
	forUsers(t, func(t *testing.T, u account) {
		s, b := newServer(t), newBox(t, u)
		name := s.push(t, "demo/app:1", imageOf(t, configOf("web"), baseLayer(t)))
		b.ok("pull", name)
		dir := b.keptLayer("keep")
		var made struct {
			Reference, Digest string
			Entries           int
		}
		commit := []string{"commit", "keep", "demo/new:1", "--cmd", "run it", "--entrypoint", `["/bin/e","-x"]`, "--env", "A=b c", "--label", "l=1", "--workdir", "/etc", "--user", "0:0", "-m", "words", "--json"}
		if err := json.Unmarshal([]byte(b.ok(commit...)), &made); err != nil {
			t.Fatal(err)
		}
		if made.Entries != 2 || made.Reference != "docker.io/demo/new:1" {
			t.Errorf("made %+v", made)
		}
		config := b.ok("config", "demo/new:1", "--json")
		for _, want := range []string{"run it", "/bin/e", "A=b c", "/etc"} {
			if !strings.Contains(config, want) {
				t.Errorf("config %s lacks %q", config, want)
			}
		}
		if e := tarEntries(t, []byte(b.ok("export", "demo/new:1", "-o", "-"))); !slices.Contains(e, "etc/new 640 0:0") {
			t.Errorf("export: %q", e)
		}
		commit[2] = "demo/again:1"
		if again := b.ok(commit...); !strings.Contains(again, made.Digest) {
			t.Errorf("again: %s, not %s", again, made.Digest)
		}
		b.ok("verify", "-q")

		l, err := os.Open(filepath.Join(dir, "lock")) // keep would refuse it to root: it is another user's
		if err == nil {
			err = syscall.Flock(int(l.Fd()), syscall.LOCK_EX)
		}
		if err != nil {
			t.Fatal(err)
		}
		b.fails("another sandbox runs on it", "commit", "keep", "demo/busy:1")
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		b.fails("kept layer", "commit", "none", "demo/none:1")
		b.fails("has no name", "commit", "keep", "demo/x:1", "--env", "=x")
		b.fails("--cmd", "commit", "keep", "demo/x:1", "--cmd", "[1]")
		b.fails("there is no compression", "commit", "keep", "demo/x:1", "--compression", "xz")
		b.fails("a digest follows", "commit", "keep", "demo/x@sha256:"+strings.Repeat("0", 64))
		b.env = append(b.env, "SOURCE_DATE_EPOCH=yesterday")
		b.fails("is no number of seconds", "commit", "keep", "demo/x:1")
	})
}

// TestUnpackPack: what unpack writes, pack takes: owners and devices stay.
func TestUnpackPack(t *testing.T) {
	forUsers(t, func(t *testing.T, u account) {
		s, b := newServer(t), newBox(t, u)
		name := s.push(t, "demo/app:1", imageOf(t, configOf("web"), baseLayer(t), layerOf(t, file{name: "usr/bin/su", content: "x", mode: 0o6755})))
		b.ok("pull", name)
		b.ok("unpack", name, "tree", "--owners", "owners")
		// Others can get at it, and would run it as the caller.
		if info, err := os.Stat(filepath.Join(b.dir, "tree/usr/bin/su")); err != nil || info.Mode() != 0o755 {
			t.Errorf("a setuid file is unpacked as %v, %v", info.Mode(), err)
		}
		b.ok("pack", "tree", "demo/packed:1", "--owners", "owners")
		if one, two := b.ok("export", name, "-o", "-"), b.ok("export", "demo/packed:1", "-o", "-"); one != two {
			t.Errorf("%q\n%q", tarEntries(t, []byte(one)), tarEntries(t, []byte(two)))
		}
		b.ok("pack", "tree", "oci:layout:1", "--compression", "zstd")
		b.ok("pull", "oci:layout:1")
		b.fails("there is no mode of owners", "pack", "tree", "demo/x:1", "--owner", "me")
		b.fails("no such file or directory", "pack", "none", "demo/x:1")
	})
}

func TestWords(t *testing.T) {
	text := func(s string) *string { return &s }
	tests := []struct {
		in   *string
		want []string
		bad  bool
	}{
		{nil, nil, false},
		{text(""), []string{}, false},
		{text("a b"), []string{"/bin/sh", "-c", "a b"}, false},
		{text(`["a","b c"]`), []string{"a", "b c"}, false},
		{text(`[]`), []string{}, false},
		{text(`[1]`), nil, true},
		{text(`["a"`), nil, true},
	}
	for _, tt := range tests {
		got, err := words(tt.in)
		if (err != nil) != tt.bad || !tt.bad && (!slices.Equal(got, tt.want) || (got == nil) != (tt.want == nil)) {
			t.Errorf("%v: %q, %v", tt.in, got, err)
		}
	}
}
