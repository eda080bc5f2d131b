package unpack

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func openDir(t testing.TB, path string) *os.File {
	t.Helper()
	f, err := os.Open(path)
	must(t, err)
	t.Cleanup(func() { f.Close() })
	return f
}

// FuzzApply applies any bytes onto a small tree: nothing beside it changes, an
// error is one line, and what is on disk is what the owners file says.
func FuzzApply(f *testing.F) {
	for _, c := range hostiles {
		if b := append(open(c.layer...), c.raw...); len(b) < 16<<10 {
			f.Add(append(b, endOfTar...))
		}
	}
	for _, m := range merges {
		for _, l := range m.layers {
			f.Add(layer(l...))
		}
	}
	tmp := f.TempDir()
	if dir, err := os.MkdirTemp("/dev/shm", "unpack"); err == nil { // tmpfs
		tmp = dir
		f.Cleanup(func() { os.RemoveAll(dir) })
	}
	base := layer(dir("d"), file("d/f", "x"), symlinkTo("l", "../canary"), symlinkTo("abs", "/d"), hardlinkTo("h", "d/f"), moded(dir("ro"), 0o555), file("ro/f", "y"))
	f.Fuzz(func(t *testing.T, b []byte) {
		parent, err := os.MkdirTemp(tmp, "")
		must(t, err)
		defer os.RemoveAll(parent)
		a := newArena(t, parent)
		err = a.unpack(t, Options{Limits: Limits{Entries: 1000, Bytes: 4 << 20, SparseBytes: 1 << 20}}, base, b)
		if err == nil {
			a.checkOwners(t)
		}
	})
}

// checkOwners compares the owners file with what is on disk.
func (a *arena) checkOwners(t testing.TB) {
	t.Helper()
	types := map[Kind]uint32{KindFile: unix.S_IFREG, KindDir: unix.S_IFDIR, KindSymlink: unix.S_IFLNK, KindFifo: unix.S_IFIFO}
	count := 0
	for e, err := range ReadOwners(bytes.NewReader(a.owners), Limits{}) {
		must(t, err)
		var st unix.Stat_t
		err := unix.Lstat(filepath.Join(a.tree, e.Path), &st)
		if e.Kind == KindChar || e.Kind == KindBlock {
			if err == nil {
				t.Errorf("device %q is on disk", e.Path)
			}
			continue
		}
		count++
		if err == unix.EACCES && os.Getuid() != 0 { // below a directory of mode 0
			continue
		}
		if err != nil || st.Mode != types[e.Kind]|e.Mode || st.Mtim.Sec != e.Sec || st.Mtim.Nsec != int64(e.Nsec) {
			t.Errorf("%+v is on disk: %v, mode %o, time %v", e, err, st.Mode, st.Mtim)
		}
	}
	if n := len(a.listing(t)); n != count {
		t.Errorf("%d names on disk, %d in the owners file", n, count)
	}
}
