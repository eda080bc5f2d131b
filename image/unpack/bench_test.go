package unpack

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

// debianLike is a layer of the shape of a Debian base image: 6000 entries in
// 100 MB, most files small and a few of megabytes, in the order of their names.
func debianLike() []byte {
	r := rand.New(rand.NewPCG(1, 2))
	content := make([]byte, 4<<20)
	for i := range content {
		content[i] = byte(r.Uint32())
	}
	var items []item
	size := 0
	for d := range 600 {
		name := fmt.Sprintf("usr/share/p%02d/d%03d/", d/20, d)
		items = append(items, dir(name))
		for f := range 8 {
			n := 200 + r.IntN(12000)
			if d%20 == 0 && f == 0 {
				n = 1<<20 + r.IntN(3<<20)
			}
			size += n
			items = append(items, file(fmt.Sprintf("%sfile-%d.txt", name, f), string(content[:n])))
		}
		items = append(items, symlinkTo(name+"link", "../d000/file-1.txt"))
	}
	return layer(items...)
}

// BenchmarkApply is of a new tree each time. They are removed at the end only:
// ext4 is slow to make files for seconds after it removed as many.
func BenchmarkApply(b *testing.B) {
	l := debianLike()
	for _, dir := range []string{"", "/dev/shm"} {
		name := dir
		if dir == "" {
			name = "tmp"
		}
		b.Run(filepath.Base(name), func(b *testing.B) {
			b.SetBytes(int64(len(l)))
			for b.Loop() {
				b.StopTimer()
				tmp, err := os.MkdirTemp(dir, "unpack")
				must(b, err)
				root, err := os.Open(tmp)
				must(b, err)
				b.StartTimer()
				tree := New(root, Options{})
				must(b, tree.Apply(bytes.NewReader(l)))
				_, err = tree.Finish(io.Discard)
				must(b, err)
				b.StopTimer()
				must(b, root.Close())
				b.Cleanup(func() { os.RemoveAll(tmp) })
				b.StartTimer()
			}
		})
	}
}
