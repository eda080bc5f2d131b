package output

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func writeTar(t *testing.T, w io.Writer, e *entry, content string) {
	t.Helper()
	tw := &tarWriter{w: w}
	check(t, tw.header(e))
	check(t, tw.content(strings.NewReader(content), e.stored()))
	check(t, tw.close())
}

// TestTarRead has archive/tar read what was written.
func TestTarRead(t *testing.T) {
	long := strings.Repeat("d/", 60) + strings.Repeat("n", 90)
	tests := []struct {
		e   entry
		pax []string
	}{
		{entry{path: "a", kind: typeFile, mode: 0o4755, sec: 1}, nil},
		{entry{path: "d", kind: typeDir, mode: 0o1777, uid: 1000, gid: 100, sec: 1 << 33, nsec: 0}, []string{"mtime"}},
		{entry{path: long[:len(long)-1], kind: typeSymlink, mode: 0o777, link: "../x"}, nil},
		{entry{path: strings.Repeat("x", 101), kind: typeFile}, []string{"path"}},
		{entry{path: strings.Repeat("x", 100), kind: typeFile}, nil},
		{entry{path: "é", kind: typeFile}, []string{"path"}},
		{entry{path: "a\nb \xff", kind: typeFile}, []string{"path"}},
		{entry{path: "l", kind: typeHardLink, link: strings.Repeat("y", 101)}, []string{"linkpath"}},
		{entry{path: "l", kind: typeSymlink, link: "ü"}, []string{"linkpath"}},
		{entry{path: "big", kind: typeFile, uid: 1 << 21, gid: 1<<32 - 2}, []string{"gid", "uid"}},
		{entry{path: "edge", kind: typeFile, uid: 1<<21 - 1, sec: 1<<33 - 1}, nil},
		{entry{path: "t", kind: typeFile, sec: 5, nsec: 120_000_000}, []string{"mtime"}},
		{entry{path: "t", kind: typeFile, sec: -5, nsec: 250_000_000}, []string{"mtime"}},
		{entry{path: "t", kind: typeFile, sec: -1, nsec: 1}, []string{"mtime"}},
		{entry{path: "c", kind: typeChar, major: 1, minor: 3}, nil},
		{entry{path: "b", kind: typeBlock, major: 259, minor: 1 << 20}, nil},
		{entry{path: "x", kind: typeFile, xattrs: map[string]string{"user.a": "1=2\n", capability: "\x01\x00\x00\x02"}},
			[]string{"SCHILY.xattr.security.capability", "SCHILY.xattr.user.a"}},
	}
	for _, tt := range tests {
		var b bytes.Buffer
		writeTar(t, &b, &tt.e, "")
		h, err := tar.NewReader(&b).Next()
		if err != nil {
			t.Errorf("%+v: %v", tt.e, err)
			continue
		}
		e := &tt.e
		got := entry{path: strings.TrimSuffix(h.Name, "/"), kind: h.Typeflag, mode: uint32(h.Mode), uid: uint32(h.Uid), gid: uint32(h.Gid), sec: h.ModTime.Unix(),
			nsec: int64(h.ModTime.Nanosecond()), link: h.Linkname, major: uint32(h.Devmajor), minor: uint32(h.Devminor)}
		if got.path != e.path || got.kind != e.kind || got.mode != e.mode || got.uid != e.uid || got.gid != e.gid || got.sec != e.sec || got.nsec != e.nsec ||
			got.link != e.link || got.major != e.major || got.minor != e.minor {
			t.Errorf("wrote %+v, read %+v", e, got)
		}
		if keys := slices.Sorted(maps.Keys(h.PAXRecords)); !slices.Equal(keys, tt.pax) {
			t.Errorf("%q: records %q, want %q", e.path, keys, tt.pax)
		}
		for name, value := range e.xattrs {
			if h.PAXRecords["SCHILY.xattr."+name] != value {
				t.Errorf("attribute %s: %q", name, h.PAXRecords["SCHILY.xattr."+name])
			}
		}
	}
}

// sparseFile makes a file of these parts of data.
func sparseFile(t *testing.T, size int64, data ...extent) (*os.File, []byte) {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "sparse"))
	check(t, err)
	t.Cleanup(func() { f.Close() })
	check(t, f.Truncate(size))
	for _, x := range data {
		_, err := f.WriteAt(bytes.Repeat([]byte("x"), int(x.length)), x.offset)
		check(t, err)
	}
	whole, err := os.ReadFile(f.Name())
	check(t, err)
	return f, whole
}

func TestFindData(t *testing.T) {
	const k, m = 1 << 10, 1 << 20
	tests := []struct {
		size       int64
		data, want []extent
	}{
		{m, nil, []extent{{m, 0}}},
		{m + 1, []extent{{m, 1}}, []extent{{m, 1}}},
		{m, []extent{{0, m}}, []extent{{0, m}}},
		{m, []extent{{300 * k, 10}}, []extent{{300 * k, 4 * k}, {m, 0}}},
		{m, []extent{{60 * k, 10}}, []extent{{0, 64 * k}, {m, 0}}},
		{m, []extent{{64 * k, 10}}, []extent{{64 * k, 4 * k}, {m, 0}}},
		{m, []extent{{300 * k, 1}, {360 * k, 1}}, []extent{{300 * k, 64 * k}, {m, 0}}},
		{m, []extent{{300 * k, 1}, {368 * k, 1}}, []extent{{300 * k, 4 * k}, {368 * k, 4 * k}, {m, 0}}},
		{m, []extent{{m - 32*k, 1}}, []extent{{m - 32*k, 32 * k}}},
		{1 << 40, []extent{{1 << 39, 1}}, []extent{{1 << 39, 4 * k}, {1 << 40, 0}}},
	}
	for _, tt := range tests {
		f, err := os.Create(filepath.Join(t.TempDir(), "f"))
		check(t, err)
		check(t, f.Truncate(tt.size))
		for _, x := range tt.data {
			_, err := f.WriteAt(bytes.Repeat([]byte("x"), int(x.length)), x.offset)
			check(t, err)
		}
		got, err := findData(f, tt.size, 2*m)
		if err != nil || !slices.Equal(got, tt.want) {
			t.Errorf("%d with %v: %v, %v; want %v", tt.size, tt.data, got, err, tt.want)
		}
		f.Close()
	}
	// Zeros that are written are holes too: the content alone counts.
	f, _ := sparseFile(t, m, extent{m - 1, 1})
	_, err := f.WriteAt(make([]byte, m/2), 0)
	check(t, err)
	if got, err := findData(f, m, 2*m); err != nil || !slices.Equal(got, []extent{{m - 4*k, 4 * k}}) {
		t.Errorf("written zeros: %v, %v", got, err)
	}
	if _, err := findData(f, m, 100); !errors.Is(err, errTooMuch) {
		t.Errorf("over the limit: %v", err)
	}
	if _, err := findData(f, 2*m, 4*m); err != nil {
		t.Errorf("shorter than thought, and only a hole behind: %v", err)
	}
}

// TestSparseRead has archive/tar and GNU tar read a sparse file.
func TestSparseRead(t *testing.T) {
	const m = 1 << 20
	for _, size := range []int64{3 * m, 2*m + 17} {
		f, whole := sparseFile(t, size, extent{m, 100}, extent{2 * m, 17})
		data, err := findData(f, size, 4*m)
		check(t, err)
		e := &entry{path: "dir é/sparse", kind: typeFile, mode: 0o644, size: size, sparse: true, data: data}
		var b bytes.Buffer
		tw := &tarWriter{w: &b}
		check(t, tw.header(e))
		for _, x := range data {
			check(t, tw.content(io.NewSectionReader(f, x.offset, x.length), x.length))
		}
		check(t, tw.close())
		if b.Len() > 64<<10 {
			t.Errorf("the holes are written out: %d bytes", b.Len())
		}
		in := tar.NewReader(bytes.NewReader(b.Bytes()))
		h, err := in.Next()
		check(t, err)
		got, err := io.ReadAll(in)
		check(t, err)
		if h.Name != e.path || h.Size != size || !bytes.Equal(got, whole) {
			t.Errorf("archive/tar: %q, %d bytes, equal %v", h.Name, h.Size, bytes.Equal(got, whole))
		}
		if !have("tar") {
			skip(t, "no tar")
		}
		cmd := exec.Command("tar", "x")
		cmd.Dir, cmd.Stdin = t.TempDir(), &b
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("tar: %v\n%s", err, out)
		}
		if got, err = os.ReadFile(filepath.Join(cmd.Dir, e.path)); err != nil || !bytes.Equal(got, whole) {
			t.Errorf("tar: %d bytes, %v", len(got), err)
		}
	}
}

// FuzzTarRecords: archive/tar reads back whatever names, links and attributes
// there are.
func FuzzTarRecords(f *testing.F) {
	f.Add("a", "b", "c", int64(1), int64(2))
	f.Add(strings.Repeat("a/", 70)+"é", strings.Repeat("l", 100), "\x00=\n", int64(-1), int64(999999999))
	f.Add("dir/"+strings.Repeat("n", 100), "\xff", "12 path=x\n", int64(1<<33), int64(1))
	f.Fuzz(func(t *testing.T, path, link, value string, sec, nsec int64) {
		const year9999 = 253402300799
		if path == "" || link == "" || strings.ContainsRune(path+link, 0) || path[0] == '/' || path[len(path)-1] == '/' || len(path)+len(link)+len(value) > 100000 ||
			nsec < 0 || nsec >= 1e9 || sec < -year9999 || sec > year9999 {
			return
		}
		e := &entry{path: path, kind: typeSymlink, link: link, sec: sec, nsec: nsec, xattrs: map[string]string{"user.x": value}}
		var b bytes.Buffer
		writeTar(t, &b, e, "")
		h, err := tar.NewReader(&b).Next()
		if err != nil {
			t.Fatal(err)
		}
		if h.Name != path || h.Linkname != link || !h.ModTime.Equal(time.Unix(sec, nsec)) {
			t.Errorf("wrote %q %q %d %d, read %q %q %v", path, link, sec, nsec, h.Name, h.Linkname, h.ModTime)
		}
		// archive/tar takes an empty value for "no such record".
		if got := h.PAXRecords["SCHILY.xattr.user.x"]; got != value {
			t.Errorf("attribute %q, read %q", value, got)
		}
	})
}
