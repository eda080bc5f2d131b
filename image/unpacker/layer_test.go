package unpacker

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/lichen-sandbox/lichen/image/unpack"
	"github.com/lichen-sandbox/lichen/spec"
)

// TestLayerErrors: each fault of a layer has its own words, and names it.
func TestLayerErrors(t *testing.T) {
	plain := archive(t, entry{name: "f", content: strings.Repeat("0123456789", 20000), mode: 0o644})
	gz, zs := gzipped(t, plain), zstded(t, plain)
	broken := errors.New("connection reset")
	failing := layer(gz, plain)
	failing.Open = func() (io.ReadCloser, error) {
		return io.NopCloser(io.MultiReader(bytes.NewReader(gz[:len(gz)/2]), errReader{broken})), nil
	}
	unopened := layer(gz, plain)
	unopened.Open = func() (io.ReadCloser, error) { return nil, broken }
	flipped := slices.Clone(gz)
	flipped[len(flipped)-6] ^= 1 // in the checksum
	for name, test := range map[string]struct {
		layer Layer
		want  string // in the error; "" for none
	}{
		"plain":                     {layer(plain, plain), ""},
		"gzip":                      {layer(gz, plain), ""},
		"zstd":                      {layer(zs, plain), ""},
		"gzip members":              {layer(append(gzipped(t, plain[:700]), gzipped(t, plain[700:])...), plain), ""},
		"an empty gzip member":      {layer(append(slices.Clone(gz), gzipped(t, nil)...), plain), ""},
		"zstd frames":               {layer(append(zstded(t, plain[:700]), zstded(t, plain[700:])...), plain), ""},
		"skippable frame first":     {layer(append([]byte("\x50\x2a\x4d\x18\x04\x00\x00\x00abcd"), zs...), plain), ""},
		"skippable frame last":      {layer(append(slices.Clone(zs), "\x5f\x2a\x4d\x18\x04\x00\x00\x00abcd"...), plain), ""},
		"bytes after the end":       {layer(append(slices.Clone(plain), make([]byte, 100000)...), append(slices.Clone(plain), make([]byte, 100000)...)), ""},
		"empty":                     {layer(nil, nil), ""},
		"diffID":                    {layer(gz, plain[1:]), "its digest is " + digest(plain) + ", not " + digest(plain[1:])},
		"truncated gzip":            {layer(gz[:len(gz)/2], plain), "ends in the middle of its compressed data"},
		"truncated in the checksum": {layer(gz[:len(gz)-3], plain), "ends in the middle of its compressed data"},
		"truncated zstd":            {layer(zs[:len(zs)/2], plain), "ends in the middle of its compressed data"},
		"damaged checksum":          {layer(flipped, plain), "damaged compressed data: gzip: invalid checksum"},
		"garbage after gzip":        {layer(append(slices.Clone(gz), "garbage!!!"...), plain), "has other data after its compressed data"},
		"garbage after zstd":        {layer(append(slices.Clone(zs), "garbage!!!"...), plain), "has other data after its compressed data"},
		"xz":                        {layer([]byte("\xfd7zXZ\x00\x00"), plain), "compressed with xz"},
		"zstd window":               {layer(wideWindow(), plain), "window"},
		"HTML":                      {layer([]byte("<html>\x1b[2J"+strings.Repeat("x", 1000)), nil), "no valid tar header"},
		"the source breaks":         {failing, "read layer 1 (" + digest(plain) + "): connection reset"},
		"the source does not open":  {unopened, "read layer 1 (" + digest(plain) + "): connection reset"},
	} {
		ids := self()
		dir := staging(t, ids)
		_, err := Run(deadline(t), Job{Staging: dir, IDs: ids, Layers: []Layer{test.layer}})
		switch {
		case test.want == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case test.want == "":
		case err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), "layer 1 ("):
			t.Errorf("%s: have %v, want …%s", name, err, test.want)
		case strings.ContainsAny(err.Error(), "\n\x1b"):
			t.Errorf("%s: %q", name, err)
		}
		var e *spec.Error
		if err != nil && !errors.As(err, &e) {
			t.Errorf("%s: %T", name, err)
		}
	}
}

type errReader struct{ error }

func (e errReader) Read([]byte) (int, error) { return 0, e.error }

// wideWindow is the head of a zstd frame with a window of 1 GiB (RFC 8878,
// section 3.1.1.1.2), and an empty last block.
func wideWindow() []byte { return []byte("\x28\xb5\x2f\xfd\x00\xa0\x01\x00\x00") }

func TestBombs(t *testing.T) {
	ids := self()
	zeros := archive(t, entry{name: "f", content: strings.Repeat("\x00", 64<<20), mode: 0o644})
	for name, compressed := range map[string][]byte{"gzip": gzipped(t, zeros), "zstd": zstded(t, zeros)} {
		for limit, fits := range map[int64]bool{16 << 20: false, 65 << 20: true} {
			dir := staging(t, ids)
			_, err := Run(deadline(t), Job{Staging: dir, IDs: ids, Layers: []Layer{layer(compressed, zeros)}, Limits: unpack.Limits{Bytes: limit}})
			if fits != (err == nil) || (err != nil && !strings.Contains(err.Error(), "more than")) {
				t.Errorf("%s, at most %d: %v", name, limit, err)
			}
		}
	}
}

// TestManyLayers: more than are fetched at once, each as slow as its source.
func TestManyLayers(t *testing.T) {
	ids := self()
	var layers []Layer
	for i := range 100 {
		plain := archive(t, entry{name: fmt.Sprint("f", i), content: strings.Repeat("x", 100<<10), mode: 0o644}, entry{name: "last", content: fmt.Sprint(i), mode: 0o644})
		layers = append(layers, layer(gzipped(t, plain), plain))
	}
	dir, res := run(t, Job{IDs: ids, Layers: layers})
	last, err := os.ReadFile(dir + "/rootfs/last")
	check(t, err)
	if string(last) != "99" || res.Summary.Entries != 200 {
		t.Errorf("the last layer is %s, of %d entries", last, res.Summary.Entries)
	}
	layers[50].DiffID = layers[51].DiffID
	job := Job{Staging: staging(t, ids), IDs: ids, Layers: layers}
	if _, err := Run(deadline(t), job); err == nil || !strings.Contains(err.Error(), "layer 51 (") {
		t.Errorf("a wrong diffID in the middle: %v", err)
	}
}
