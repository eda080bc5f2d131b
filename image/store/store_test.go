package store

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/lichen-sandbox/lichen/image/record"
	"github.com/lichen-sandbox/lichen/image/ref"
	"github.com/lichen-sandbox/lichen/spec"
)

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// newStore makes a store in a directory of the test's.
func newStore(t testing.TB) *Store {
	t.Helper()
	s, err := Create(filepath.Join(t.TempDir(), "share/lichen/images"))
	check(t, err)
	return s
}

func parse(t testing.TB, s string) ref.Ref {
	t.Helper()
	r, err := ref.Parse(s)
	check(t, err)
	return r
}

// refused fails unless err is one line that holds want, with that hint.
func refused(t *testing.T, err error, want, hint string) {
	t.Helper()
	var e *spec.Error
	if !errors.As(err, &e) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") || e.Hint != hint {
		t.Errorf("%#v (%v), want %q and the hint %q", err, err, want, hint)
	}
}

func TestDefaultDir(t *testing.T) {
	for _, c := range []struct{ store, data, home, want string }{
		{"/s/../t", "/d", "/h", "/t"},
		{"", "/d", "/h", "/d/lichen/images"},
		{"", "relative", "/h", "/h/.local/share/lichen/images"},
		{"", "", "/h", "/h/.local/share/lichen/images"},
	} {
		env := map[string]string{"LICHEN_STORE": c.store, "XDG_DATA_HOME": c.data, "HOME": c.home}
		if got, err := DefaultDir(func(k string) string { return env[k] }); err != nil || got != c.want {
			t.Errorf("%v: %q, %v, want %q", env, got, err, c.want)
		}
	}
	_, err := DefaultDir(func(k string) string { return map[string]string{"LICHEN_STORE": "rel", "HOME": "/h"}[k] })
	refused(t, err, "absolute", "")
	_, err = DefaultDir(func(string) string { return "" })
	refused(t, err, "HOME is not set", "LICHEN_STORE=DIR says where images are kept")
}

// TestDirectory: a store that others could have made or changed is refused,
// beside one that is not.
func TestDirectory(t *testing.T) {
	dir := t.TempDir()
	good := dir + "/good"
	_, err := Open(good)
	if !errors.Is(err, ErrNoStore) {
		t.Errorf("no store: %v", err)
	}
	_, err = Create(good)
	check(t, err)
	if info, err := os.Lstat(good); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the store's mode: %v, %v", info.Mode(), err)
	}
	for _, again := range []func(string) (*Store, error){Open, Create} {
		s, err := again(good)
		check(t, err)
		if s.Dir() != good {
			t.Errorf("Dir is %q", s.Dir())
		}
	}
	check(t, os.Symlink(good, dir+"/link"))
	check(t, os.WriteFile(dir+"/file", nil, 0o600))
	check(t, os.Mkdir(dir+"/open", 0o700))
	check(t, os.WriteFile(dir+"/open/x", nil, 0o600))
	for name, want := range map[string]string{"link": "symbolic link", "file": "not a directory"} {
		for _, open := range []func(string) (*Store, error){Open, Create} {
			_, err := open(dir + "/" + name)
			hint := ""
			if name == "link" {
				hint = "LICHEN_STORE=DIR names the directory itself"
			}
			if !errors.Is(err, syscall.ENOTDIR) && !errors.Is(err, syscall.EEXIST) {
				refused(t, err, want, hint)
			}
		}
	}
	_, err = Create(dir + "/open")
	refused(t, err, `not empty: it holds "x"`, "")
	_, err = Create("relative")
	refused(t, err, "absolute", "")
	for _, mode := range []os.FileMode{0o770, 0o701, 0o750, 0o707} {
		check(t, os.Chmod(good, mode))
		_, err := Open(good)
		refused(t, err, "mode 0", "chmod 700 "+good)
	}
	check(t, os.Chmod(good, 0o700))
	if os.Getuid() == 0 {
		check(t, os.Chown(good, 1500, 1500))
		_, err = Open(good)
		refused(t, err, "belongs to uid 1500, not to uid 0", "")
		check(t, os.Chown(good, 0, 0))
	}
	_, err = Open(good)
	check(t, err)
}

// TestVersion: the store of a later lichen is not touched.
func TestVersion(t *testing.T) {
	s := newStore(t)
	check(t, os.WriteFile(s.path("version"), []byte("2\n"), 0o600))
	_, err := Create(s.dir)
	refused(t, err, `its version is "2"`, "")
	r := parse(t, "x")
	refused(t, s.PutRecord(r, "", &record.Record{Reference: r.String()}), `its version is "2"`, "")
	_, err = s.Sweep(Sweep{})
	refused(t, err, `its version is "2"`, "")
	_, err = s.Staging()
	refused(t, err, `its version is "2"`, "")
	check(t, os.Remove(s.path("version")))
	if _, err = s.Staging(); !errors.Is(err, ErrNoStore) {
		t.Errorf("a store without a version: %v", err)
	}
}

func TestFail(t *testing.T) {
	s := &Store{dir: "/s"}
	check(t, s.Fail("a", "b", nil))
	err := s.Fail("unpack", "x", &fs.PathError{Op: "write", Path: "/long", Err: syscall.ENOSPC})
	refused(t, err, "unpack x: the image store /s has no room left: no space left on device", "`lichen image prune` removes what no image needs; LICHEN_STORE=DIR keeps images elsewhere")
	refused(t, s.Fail("unpack", "x", syscall.EIO), "unpack x: input/output error", "")
	if again := s.Fail("other", "y", err); again != err {
		t.Errorf("an error with words of its own becomes %v", again)
	}
}

func TestRecords(t *testing.T) {
	s := newStore(t)
	deb, bb := parse(t, "debian"), parse(t, "oci:/x,y/z:1")
	_, err := s.Record(deb, "")
	if refused(t, err, "not in the image store", ""); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a record that is not there: %v", err)
	}
	put := func(r ref.Ref, platform, chain string) {
		t.Helper()
		check(t, s.PutRecord(r, platform, &record.Record{Reference: r.String(), ChainID: chain}))
	}
	put(deb, "", "1")
	put(deb, "linux/arm/v7", "2")
	put(bb, "", "3")
	put(deb, HostPlatform(), "4")
	for _, c := range []struct {
		r              ref.Ref
		platform, want string
	}{{deb, "", "4"}, {deb, HostPlatform(), "4"}, {deb, "linux/arm/v7", "2"}, {bb, "", "3"}} {
		if rec, err := s.Record(c.r, c.platform); err != nil || rec.ChainID != c.want {
			t.Errorf("%v %v: %+v, %v", c.r, c.platform, rec, err)
		}
	}
	if _, err := s.Record(bb, "linux/arm/v7"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("another platform: %v", err)
	}
	check(t, os.WriteFile(s.path("records/.new.1-1"), []byte("x"), 0o600))
	all, err := s.Records()
	if err != nil || len(all) != 3 {
		t.Errorf("Records: %+v, %v", all, err)
	}
	for _, n := range all {
		check(t, s.DeleteRecord(n.File))
	}
	if all, err := s.Records(); err != nil || len(all) != 0 {
		t.Errorf("after deletion: %+v, %v", all, err)
	}
	if err := s.DeleteRecord("x"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("deleted twice: %v", err)
	}
}

func TestBadRecords(t *testing.T) {
	s := newStore(t)
	r := parse(t, "x")
	for _, bad := range []string{"linux", "linux/", "/amd64", "linux//v8", "a/b/c/d", "linux/AMD64", "linux/a,b", "linux/a-b", "../../x", "linux/" + strings.Repeat("x", 40)} {
		_, err := s.Record(r, bad)
		refused(t, err, "not OS/ARCHITECTURE", "")
	}
	for _, bad := range []string{"", ".x", "../version", "a/b"} {
		refused(t, s.DeleteRecord(bad), "not a record's name", "")
	}
	refused(t, s.PutRecord(r, "", &record.Record{Reference: "y"}), "names another image", "")
	refused(t, s.PutRecord(r, "", &record.Record{Reference: r.String(), Env: make([]string, 20_000)}), "too large", "")

	const repull = "pulling the image again writes a new one"
	file, err := RecordFile(r, "")
	check(t, err)
	for text, want := range map[string]string{
		"":                            "damaged",
		"lichen-record 1\nend":        "damaged",
		"lichen-record 1\nbad\nend\n": "damaged",
		string((&record.Record{Reference: "y"}).Encode()): `it is that of "y"`,
		"lichen-record 7\n":        "version 7",
		strings.Repeat("x", 2<<20): "1 MiB",
	} {
		check(t, os.WriteFile(s.path("records/"+file), []byte(text), 0o600))
		_, err := s.Record(r, "")
		hint := repull
		if strings.HasPrefix(want, "version") || strings.HasPrefix(want, "it is") {
			hint = ""
		}
		refused(t, err, want, hint)
		if !strings.Contains(err.Error(), file) {
			t.Errorf("%v does not name the file", err)
		}
		if errors.Is(err, record.ErrVersion) != strings.HasPrefix(want, "version") {
			t.Errorf("%v: ErrVersion is wrong", err)
		}
	}
	// Not a file at all: it must not block.
	check(t, os.Remove(s.path("records/"+file)))
	check(t, syscall.Mkfifo(s.path("records/"+file), 0o600))
	if _, err := s.Record(r, ""); err == nil {
		t.Error("a fifo is a record")
	}
}

// TestLongRecord: the file is read to its end, and what is written is what is
// read.
func TestLongRecord(t *testing.T) {
	s := newStore(t)
	r := parse(t, "x")
	rec := &record.Record{Reference: r.String()}
	for range 9000 {
		rec.Env = append(rec.Env, strings.Repeat("x", 90)+"\nend\n")
	}
	check(t, s.PutRecord(r, "", rec))
	got, err := s.Record(r, "")
	if err != nil || len(got.Env) != len(rec.Env) {
		t.Errorf("%d of %d, %v", len(got.Env), len(rec.Env), err)
	}
}

// TestUnmade: an empty directory, which is about to become a store, has no
// images; one with something else in it is not taken for a store.
func TestUnmade(t *testing.T) {
	dir := t.TempDir()
	check(t, os.Chmod(dir, 0o700))
	s, err := Open(dir)
	check(t, err)
	if all, err := s.Records(); err != nil || len(all) != 0 {
		t.Errorf("in an empty directory: %+v, %v", all, err)
	}
	check(t, os.WriteFile(filepath.Join(dir, "thesis"), nil, 0o600))
	_, err = s.Records()
	refused(t, err, "is no image store", "LICHEN_STORE=DIR says where images are kept")
	check(t, os.WriteFile(filepath.Join(dir, "version"), []byte(version+"\n"), 0o600))
	if all, err := s.Records(); err != nil || len(all) != 0 {
		t.Errorf("in a store without directories: %+v, %v", all, err)
	}
}
