package images

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	"github.com/klauspost/compress/zstd"

	"github.com/lichen-sandbox/lichen/test/images/reference"
)

// TestValid has another reader of the formats check digests, sizes, diffIDs and
// media types: in the layout, and as served.
func TestValid(t *testing.T) {
	for _, image := range []string{"busybox", "debian-odd", "python", "static"} {
		for _, c := range Compressions {
			t.Run(image+"/"+string(c), func(t *testing.T) {
				dir := Dir(t, Make(t, image, c))
				index, err := layout.ImageIndexFromPath(dir)
				if err != nil {
					t.Fatal(err)
				}
				if err := validate.Index(index, validate.Fast); err != nil {
					t.Error("layout:", err)
				}
				diffIDs(t, index, c)
				ref, err := name.ParseReference(Serve(t, dir) + "/" + image + ":latest")
				if err != nil {
					t.Fatal(err)
				}
				served, err := remote.Image(ref)
				if err != nil {
					t.Fatal(err)
				}
				if err := validate.Image(served, validate.Fast); err != nil {
					t.Error("served:", err)
				}
			})
		}
	}
}

// diffIDs decompresses the layers of an index's only image.
func diffIDs(t *testing.T, index v1.ImageIndex, c Compression) {
	t.Helper()
	list, err := index.IndexManifest()
	must(t, err)
	image, err := index.Image(list.Manifests[0].Digest)
	must(t, err)
	config, err := image.ConfigFile()
	must(t, err)
	layers, err := image.Layers()
	must(t, err)
	for i, layer := range layers {
		r, err := layer.Compressed()
		must(t, err)
		defer r.Close()
		plain := io.Reader(r)
		switch c {
		case Gzip:
			plain, err = gzip.NewReader(r)
		case Zstd:
			plain, err = zstd.NewReader(r)
		}
		must(t, err)
		hash := sha256.New()
		_, err = io.Copy(hash, plain)
		must(t, err)
		if got := fmt.Sprintf("sha256:%x", hash.Sum(nil)); got != config.RootFS.DiffIDs[i].String() {
			t.Errorf("layer %d: diffID %s, but it is %s", i, config.RootFS.DiffIDs[i], got)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestSameDigest makes an image twice.
func TestSameDigest(t *testing.T) {
	for _, image := range []string{"busybox", "debian-odd", "static"} {
		var indexes []string
		for range 2 {
			data, err := os.ReadFile(filepath.Join(Dir(t, Make(t, image, Zstd)), "index.json"))
			if err != nil {
				t.Fatal(err)
			}
			indexes = append(indexes, string(data))
		}
		if indexes[0] != indexes[1] {
			t.Errorf("%s: %s\n%s", image, indexes[0], indexes[1])
		}
	}
}

// TestReferenceAgreesWithTar compares with what GNU tar makes of single layers,
// for which it follows the same rules; and shows that Compare sees changes.
func TestReferenceAgreesWithTar(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can chown and mknod")
	}
	for _, image := range []string{"debian", "busybox", "static"} {
		t.Run(image, func(t *testing.T) {
			layer := Make(t, image, Plain).Layers[0]
			dir := untar(t, layer)
			reference.Compare(t, meaning(t, layer), dir, reference.Options{Devices: true})
		})
	}
	t.Run("odd", func(t *testing.T) {
		layer := tarable(t)
		dir := untar(t, layer)
		reference.Compare(t, meaning(t, layer), dir, reference.Options{Devices: true, Ignore: []string{"xattr"}})
	})
}

// tarable is the odd layer without what tar(1) refuses or sees otherwise:
// paths through links, and links to lower layers.
func tarable(t *testing.T) Layer {
	t.Helper()
	var entries []Entry
	for _, e := range seed() {
		lower := e.Link == "etc/debian_version" || e.Link == "/bin/dash" || strings.HasPrefix(e.Name, "bin/")
		if !lower && !strings.HasPrefix(e.Name, "dup/") && e.Name != "seed/long-link" {
			entries = append(entries, e)
		}
	}
	layer, err := NewLayer(entries)
	if err != nil {
		t.Fatal(err)
	}
	return layer
}

func meaning(t *testing.T, layers ...Layer) *reference.Tree {
	t.Helper()
	var readers []io.Reader
	for _, l := range layers {
		r, err := l.Open()
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		readers = append(readers, r)
	}
	tree, err := reference.Of(readers...)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func untar(t *testing.T, l Layer) string {
	t.Helper()
	dir := t.TempDir()
	in, err := l.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	cmd := exec.Command("tar", "-x", "-C", dir, "--numeric-owner", "--same-owner", "-p", "--xattrs", "--xattrs-include=*", "--delay-directory-restore")
	cmd.Stdin = in
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Logf("tar: %v\n%s", err, out)
	}
	return dir
}

// TestEveryKind guards the odd layers against becoming less odd.
func TestEveryKind(t *testing.T) {
	kinds := make(map[byte]int)
	for _, entries := range [][]Entry{seed(), changes(), whiteouts()} {
		layer, err := NewLayer(entries)
		if err != nil {
			t.Fatal(err)
		}
		r, err := layer.Open()
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		for tr := tar.NewReader(bytes.NewReader(data)); ; {
			h, err := tr.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			kind := h.Typeflag
			if h.PAXRecords["GNU.sparse.realsize"] != "" {
				kind = 's'
			}
			kinds[kind]++
		}
	}
	for _, kind := range []byte{tar.TypeReg, tar.TypeLink, tar.TypeSymlink, tar.TypeChar, tar.TypeBlock, tar.TypeDir, tar.TypeFifo, tar.TypeGNUSparse, 's'} {
		if kinds[kind] == 0 {
			t.Errorf("no entry of type %q", kind)
		}
	}
}
