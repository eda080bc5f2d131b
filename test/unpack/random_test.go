package unpack_test

import (
	"archive/tar"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/lichen-sandbox/lichen/image/unpack"
	"github.com/lichen-sandbox/lichen/test/images"
	"github.com/lichen-sandbox/lichen/test/images/owners"
	"github.com/lichen-sandbox/lichen/test/images/reference"
)

// TestRandomLayers compares on small layers in which few names meet in every
// way. A failure prints its seed and layers.
func TestRandomLayers(t *testing.T) {
	if os.Getuid() != 0 {
		skip(t, "only root reads files of all modes")
	}
	dir := t.TempDir()
	trees := 0
	for seed := range uint64(4000) {
		r := rand.New(rand.NewPCG(seed, 1))
		var layers []images.Layer
		text := fmt.Sprintf("seed %d", seed)
		for range 1 + r.IntN(3) {
			entries := randomEntries(r)
			layer, err := images.NewLayer(entries)
			if err != nil {
				t.Fatal(err)
			}
			layers = append(layers, layer)
			text += "\n\t--"
			for _, e := range entries {
				text += fmt.Sprintf("\n\t%s %s %s", kinds[e.Type], e.Name, e.Link)
			}
		}
		if differ(t, layers, filepath.Join(dir, fmt.Sprint(seed)), text) {
			trees++
		}
		if t.Failed() {
			return
		}
	}
	if trees < 1000 {
		t.Errorf("only %d of the layers make trees", trees)
	}
}

var kinds = map[byte]string{0: "file", tar.TypeDir: "dir", tar.TypeSymlink: "link", tar.TypeLink: "hard"}

func randomEntries(r *rand.Rand) []images.Entry {
	var entries []images.Entry
	path := func() string {
		parts := make([]string, 1+r.IntN(3))
		for i := range parts {
			parts[i] = string(rune('a' + r.IntN(3)))
		}
		return strings.Join(parts, "/")
	}
	targets := []string{"a", "b", "/c", "../a", "/a/b", "b/c", "../../b"}
	for i := range 1 + r.IntN(6) {
		e := images.Entry{Name: path(), Mode: 0o600 + int64(r.IntN(0o100)), Body: fmt.Sprint(i, r.IntN(1000))}
		dir, base := filepath.Split(e.Name)
		switch r.IntN(10) {
		case 0, 1, 2:
			e.Type, e.Body = tar.TypeDir, ""
		case 3:
			e.Type, e.Body, e.Link = tar.TypeSymlink, "", targets[r.IntN(len(targets))]
		case 4:
			e.Type, e.Body, e.Link = tar.TypeLink, "", path()
		case 5, 6:
			e.Name, e.Body = dir+".wh."+base, ""
		case 7:
			e.Name, e.Body = dir+".wh..wh..opq", ""
		}
		entries = append(entries, e)
	}
	return wellOrdered(entries)
}

// wellOrdered puts whiteouts in front, as the specification says that writers
// should, where an entry of the same layer lies below what they hide, or makes
// a link that may lead them elsewhere: then the order tells. All others stay
// where they are.
func wellOrdered(entries []images.Entry) []images.Entry {
	var first, rest []images.Entry
	links := slices.ContainsFunc(entries, func(e images.Entry) bool { return e.Type == tar.TypeSymlink })
	for _, e := range entries {
		dir, base := filepath.Split(e.Name)
		hidden, whiteout := strings.CutPrefix(base, ".wh.")
		below := func(other images.Entry) bool {
			inside, ok := strings.CutPrefix(other.Name, dir)
			name, _, deeper := strings.Cut(inside, "/")
			return ok && deeper && (name == hidden || hidden == ".wh..opq")
		}
		if whiteout && (links && dir != "" || slices.ContainsFunc(entries, below)) {
			first = append(first, e)
		} else {
			rest = append(rest, e)
		}
	}
	return append(first, rest...)
}

// differ reports whether the layers make a tree, which is then compared.
func differ(t *testing.T, layers []images.Layer, dir, text string) bool {
	t.Helper()
	want, wrong := meaningOf(layers)
	if err := os.MkdirAll(dir+"/rootfs", 0o755); err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	err := apply(layers, dir)
	if errors.Is(wrong, reference.ErrCircle) || errors.Is(err, syscall.ELOOP) {
		return false
	}
	if wrong != nil || err != nil {
		if (wrong == nil) != (err == nil) {
			t.Errorf("%s\nunpacker: %v\nreference: %v", text, err, wrong)
		}
		return false
	}
	written, err := owners.Read(dir + "/owners")
	if err != nil {
		t.Fatal(err)
	}
	lines, err := reference.Diff(want, dir+"/rootfs", reference.Options{Owners: written, Single: true})
	if err != nil {
		t.Fatal(err)
	}
	if len(lines) > 0 {
		t.Errorf("%s\n%s", text, strings.Join(lines, "\n"))
	}
	return true
}

func apply(layers []images.Layer, dir string) error {
	root, err := os.Open(dir + "/rootfs")
	if err != nil {
		return err
	}
	defer root.Close()
	tree := unpack.New(root, unpack.Options{})
	for _, l := range layers {
		r, err := l.Open()
		if err != nil {
			return err
		}
		if err := tree.Apply(r); err != nil {
			return err
		}
	}
	f, err := os.Create(dir + "/owners")
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = tree.Finish(f)
	return err
}
