package images

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// Make is Get for tests: they are skipped where the packages are not here,
// unless everything is said to be (LICHEN_MUST_WORK=1).
func Make(tb testing.TB, name string, c Compression) Image {
	tb.Helper()
	image, err := Get(name, c)
	if errors.Is(err, ErrNotHere) && os.Getenv("LICHEN_MUST_WORK") != "1" {
		tb.Skip(err)
	}
	if err != nil {
		tb.Fatal(err)
	}
	return image
}

// Dir makes images into a layout that anybody may read and that goes when the
// test ends.
func Dir(tb testing.TB, images ...Image) string {
	tb.Helper()
	dir, err := os.MkdirTemp("", "lichen-layout-")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		tb.Fatal(err)
	}
	layout := filepath.Join(dir, "layout")
	if err := Layout(layout, images...); err != nil {
		tb.Fatal(err)
	}
	return layout
}

// Busybox is the layout of the image of that name; see Names.
func Busybox(tb testing.TB, c Compression) string {
	tb.Helper()
	return Dir(tb, Make(tb, "busybox", c))
}

// Debian is the layout of the image of that name.
func Debian(tb testing.TB, c Compression) string { tb.Helper(); return Dir(tb, Make(tb, "debian", c)) }

// DebianOdd is the layout of the image of that name.
func DebianOdd(tb testing.TB, c Compression) string {
	tb.Helper()
	return Dir(tb, Make(tb, "debian-odd", c))
}

// Python is the layout of the image of that name.
func Python(tb testing.TB, c Compression) string { tb.Helper(); return Dir(tb, Make(tb, "python", c)) }

// Static is the layout of the image of that name.
func Static(tb testing.TB, c Compression) string { tb.Helper(); return Dir(tb, Make(tb, "static", c)) }
