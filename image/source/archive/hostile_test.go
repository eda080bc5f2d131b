package archive

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/lichen-sandbox/lichen/image/source/oci"
)

// TestHostile has an archive for each trick; each is refused with its reason.
func TestHostile(t *testing.T) {
	files, _ := layoutFiles()
	list := legacy()
	with := func(extra ...file) []byte { return tarOf(t, append(list[:8:8], extra...)...) }
	doc := func(config string, layers string) file {
		return file{name: "manifest.json", content: `[{"Config":"` + config + `","Layers":[` + layers + `]}]`}
	}
	whole := tarOf(t, list...)
	tests := []struct {
		name  string
		bytes []byte
		want  string
	}{
		{"empty", nil, "no image"},
		{"noise", []byte(strings.Repeat("noise", 1000)), "not a tar archive"},
		{"cut", whole[:len(whole)-3000], "archive"},
		{"no image", tarOf(t, file{name: "etc/passwd"}), "this is no image"},
		{"climbs", with(file{name: "../../etc/passwd"}, doc("c1.json", `"l1/layer.tar"`)), `the name "../../etc/passwd" is not a plain path`},
		{"absolute", with(file{name: "/etc/passwd"}), "not a plain path"},
		{"long name", with(file{name: strings.Repeat("a/", 300) + "a"}), "not a plain path"},
		{"twice", with(file{name: "c1.json"}), `"c1.json" is in it twice`},
		{"twice, spelled differently", with(file{name: "./l1//../c1.json"}), `"c1.json" is in it twice`},
		{"manifest.json is a symlink out", with(file{name: "manifest.json", kind: tar.TypeSymlink, link: "../../../etc/passwd"}), "leads out of the archive"},
		{"manifest.json is an absolute symlink", with(file{name: "manifest.json", kind: tar.TypeSymlink, link: "/etc/passwd"}), "leads out of the archive"},
		{"manifest.json is a symlink to itself", with(file{name: "manifest.json", kind: tar.TypeSymlink, link: "manifest.json"}), "too many symlinks"},
		{"manifest.json is a hard link", with(file{name: "manifest.json", kind: tar.TypeLink, link: "c1.json"}), "is a hard link"},
		{"manifest.json is a device", with(file{name: "manifest.json", kind: tar.TypeChar}), "is not a file"},
		{"manifest.json is large", with(file{name: "manifest.json", content: strings.Repeat(" ", oci.MaxManifest+1)}), "more than 4194304"},
		{"manifest.json is malformed", with(file{name: "manifest.json", content: "{}"}), "malformed"},
		{"no images", with(file{name: "manifest.json", content: "[]"}), "lists 0 images"},
		{"config missing", with(doc("none.json", "")), `no file "none.json"`},
		{"config climbs", with(doc("../c1.json", "")), `no file "../c1.json"`},
		{"layer missing", with(doc("c1.json", `"none"`)), `no file "none"`},
		{"layer climbs", with(doc("c1.json", `"../l1/layer.tar"`)), "names the layer"},
		{"layers fewer", with(doc("c2.json", `"l1/layer.tar"`)), "1 layers, but its config names 2"},
		{"layers many", with(doc("c1.json", `"l1/layer.tar"`+strings.Repeat(`,"l1/layer.tar"`, 600))), "601 layers"},
		{"layer in bzip2", with(file{name: "bz", content: "BZh9"}, doc("c1.json", `"bz"`)), "bzip2"},
		{"layout without version", tarOf(t, files[6]), `no file "oci-layout"`},
		{"layout of another version", tarOf(t, file{name: "oci-layout", content: `{"imageLayoutVersion":"9"}`}, files[6]), `version "9"`},
		{"manifest changed", tarOf(t, files[1], files[6], file{name: files[5].name, content: strings.Replace(files[5].content, "7", "8", 1)}), "content has the digest"},
		{"manifest of another size", tarOf(t, files[1], files[6], file{name: files[5].name, content: files[5].content + " "}), "bytes where the index says"},
		{"gzip, cut", []byte(gz(string(whole))[:200]), "unexpected EOF"},
		{"xz", []byte("\xfd7zXZ\x00"), "compressed with xz"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a, err := openArchive(t, test.bytes, true)
			if err == nil {
				_, _, err = a.Manifest(context.Background(), "")
			}
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%v, not %q", err, test.want)
			}
		})
	}
}

// TestCopyMost holds the bound on what a compressed archive grows to.
func TestCopyMost(t *testing.T) {
	var b bytes.Buffer
	if n, err := copyMost(context.Background(), &b, strings.NewReader("12345"), 5); n != 5 || err != nil {
		t.Errorf("%d %v", n, err)
	}
	b.Reset()
	if _, err := copyMost(context.Background(), &b, strings.NewReader("123456"), 5); err == nil || b.Len() > 5 {
		t.Errorf("%q %v", b.String(), err)
	}
}

func TestHostileBlob(t *testing.T) {
	files, _ := layoutFiles()
	a, err := openArchive(t, tarOf(t, files...), false)
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	layer := oci.Descriptor{Digest: oci.Digest([]byte("the layer")), Size: 9}
	for name, d := range map[string]oci.Descriptor{
		"larger": {Digest: layer.Digest, Size: 10}, "smaller": {Digest: layer.Digest, Size: 8},
		"missing": {Digest: oci.Digest([]byte("missing")), Size: 7}, "a path": {Digest: "sha256:../../oci-layout", Size: 7},
	} {
		if _, err := a.Blob(ctx, d, 0); err == nil {
			t.Errorf("%s: no error", name)
		} else if errors.Is(err, fs.ErrNotExist) != (name == "missing") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, offset := range []int64{-1, 10} {
		if _, err := a.Blob(ctx, layer, offset); err == nil {
			t.Errorf("offset %d: no error", offset)
		}
	}
}

func TestOpenOdd(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{dir: "not a regular file", pipe: "not a regular file", filepath.Join(dir, "none"): "no such file"} {
		if _, err := Open(context.Background(), path, true, ""); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestExpandLeavesNothing(t *testing.T) {
	tmp := t.TempDir()
	a, err := Open(context.Background(), save(t, []byte(gz(string(tarOf(t, legacy()...))))), true, tmp)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if names, _ := os.ReadDir(tmp); len(names) != 0 {
		t.Errorf("%v in the temporary directory", names)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Open(ctx, a.path, true, tmp); !errors.Is(err, context.Canceled) {
		t.Errorf("after a cancel: %v", err)
	}
}

func FuzzIndex(f *testing.F) {
	files, _ := layoutFiles()
	f.Add(tarOf(f, files...))
	f.Add(tarOf(f, legacy()...))
	f.Fuzz(func(t *testing.T, b []byte) {
		entries, err := index(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		for name := range entries {
			e, err := find(entries, name)
			if err == nil && (e.offset < 0 || e.size < 0 || e.offset+e.size > int64(len(b))) {
				t.Errorf("%q lies outside: %+v", name, e)
			}
		}
	})
}

func FuzzDocker(f *testing.F) {
	f.Add([]byte(legacy()[8].content), "one")
	f.Fuzz(func(t *testing.T, raw []byte, want string) {
		list, err := parseDocker(raw)
		if err != nil {
			return
		}
		a := &Archive{docker: list}
		a.selectDocker(want)
	})
}
