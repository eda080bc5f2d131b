package unpacker

import (
	"bytes"
	"io"
	"os"
	"testing"
)

// BenchmarkStart is a job without layers: the process, its namespaces, its
// confinement.
func BenchmarkStart(b *testing.B) {
	for b.Loop() {
		benchmarkRun(b, nil)
	}
}

// BenchmarkLayer unpacks the file named by LICHEN_BENCH_LAYER, a compressed
// layer, whose uncompressed form has the digest LICHEN_BENCH_DIFFID.
func BenchmarkLayer(b *testing.B) {
	file := os.Getenv("LICHEN_BENCH_LAYER")
	if file == "" {
		b.Skip("no LICHEN_BENCH_LAYER")
	}
	data, err := os.ReadFile(file)
	if err != nil {
		b.Fatal(err)
	}
	l := Layer{DiffID: os.Getenv("LICHEN_BENCH_DIFFID"), Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }}
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		benchmarkRun(b, []Layer{l})
	}
}

func benchmarkRun(b *testing.B, layers []Layer) {
	dir := b.TempDir()
	if _, err := Run(b.Context(), Job{Staging: dir, IDs: self(), Layers: layers}); err != nil {
		b.Fatal(err)
	}
	b.StopTimer()
	if err := Remove(dir, self()); err != nil {
		b.Fatal(err)
	}
	if err := os.Mkdir(dir, 0o755); err != nil { // TempDir removes it
		b.Fatal(err)
	}
	b.StartTimer()
}
