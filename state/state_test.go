package state

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/lichen-sandbox/lichen/internal/sys"
)

func sample(id int) *Entry {
	return &Entry{Launcher: 100 + id, Init: 200 + id, Start: 12345, Profile: "default", Command: []string{"sh", "-c", "a\nb"},
		Began: time.Unix(1_700_000_000, int64(id)), Join: []byte{1, 2, 0}}
}

func openTest(t *testing.T, build string) (*Dir, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "lichen")
	d, err := Open(path, build, true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d, path
}

// add reserves and writes an entry. Its lock is of an open file of its own, so that
// this process sees it as another one would.
func add(t *testing.T, path, build, name string, e *Entry) *Own {
	t.Helper()
	d, err := Open(path, build, true)
	if err != nil {
		t.Fatal(err)
	}
	own, err := d.Reserve(name, uint64(time.Now().UnixNano()))
	if err != nil {
		t.Fatal(err)
	}
	if e != nil {
		if err := own.Write(e); err != nil {
			t.Fatal(err)
		}
	}
	return own
}

// TestList: what runs is listed, the oldest first, and nothing else is.
func TestList(t *testing.T) {
	d, path := openTest(t, "b1")
	second, first := add(t, path, "b1", "", sample(2)), add(t, path, "b1", "one", sample(1))
	other, starting := add(t, path, "b2", "other", sample(3)), add(t, path, "b1", "starting", nil)
	list, err := d.List()
	if err != nil || len(list) != 3 {
		t.Fatalf("%d sandboxes, %v", len(list), err)
	}
	if list[0].ID != "one" || list[1].ID != second.ID || list[2].ID != "other" || !list[2].Other || list[0].Other {
		t.Errorf("list: %v %v %v", list[0], list[1], list[2])
	}
	if !reflect.DeepEqual(list[0].Entry, *sample(1)) {
		t.Errorf("read %+v", list[0].Entry)
	}
	if !list[0].Held() {
		t.Error("a live one is not held")
	}
	first.Remove()
	if list[0].Held() {
		t.Error("one that has ended is held")
	}
	for _, r := range list {
		r.Close()
	}
	for _, o := range []*Own{second, other, starting} {
		o.Remove()
	}
	if left, _ := os.ReadDir(path + "/" + entries); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// TestCrash: an entry whose launcher is gone is removed by who comes across it, and
// its name is free.
func TestCrash(t *testing.T) {
	d, path := openTest(t, "b")
	crash := func() {
		own := add(t, path, "b", "box", sample(1))
		sys.Close(own.fd) // as the kernel does it
	}
	crash()
	if list, err := d.List(); err != nil || len(list) != 0 {
		t.Errorf("%d listed, %v", len(list), err)
	}
	if _, err := os.Lstat(path + "/run/box"); err == nil {
		t.Error("the file is still there")
	}
	crash()
	if _, err := d.Find("box"); err == nil {
		t.Error("found")
	}
	crash()
	own := add(t, path, "b", "box", sample(2))
	if _, err := d.Reserve("box", 0); err == nil || !strings.Contains(err.Error(), "there is one of that name") {
		t.Errorf("a name that is taken: %v", err)
	}
	own.Remove()
}

// TestLockTaken: who may only read the directory can lock it, and holds nobody up.
func TestLockTaken(t *testing.T) {
	d, path := openTest(t, "b")
	sys.Close(add(t, path, "b", "gone", sample(1)).fd)
	live := add(t, path, "b", "live", sample(2))
	defer live.Remove()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if !sys.LockFile(int(f.Fd()), true) {
		t.Fatal("the lock is taken")
	}
	listed := make(chan int)
	go func() {
		list, err := d.List()
		if err != nil {
			t.Error(err)
		}
		for _, r := range list {
			r.Close()
		}
		listed <- len(list)
	}()
	select {
	case n := <-listed:
		if n != 1 {
			t.Errorf("%d are listed", n)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the list waits for a lock")
	}
}

// TestFind: an id can be shortened where that is clear.
func TestFind(t *testing.T) {
	d, path := openTest(t, "b")
	for i, name := range []string{"web", "web2", "db.main"} {
		defer add(t, path, "b", name, sample(i)).Remove()
	}
	for id, want := range map[string]string{"web": "web", "web2": "web2", "d": "db.main", "db.main": "db.main", "we": "", "x": "", "": "", "../run/web": "", ".": "", "WEB": ""} {
		r, err := d.Find(id)
		switch {
		case want == "" && err == nil:
			t.Errorf("%q finds %s", id, r.ID)
		case want != "" && (err != nil || r.ID != want):
			t.Errorf("%q: %v %v", id, r, err)
		}
		r.Close()
	}
}

// TestPlanted: what else lies in the directory is not taken for an entry, and holds
// nobody up.
func TestPlanted(t *testing.T) {
	d, path := openTest(t, "b")
	add(t, path, "b", "real", sample(1)).Remove() // makes the directory
	run := path + "/run/"
	target := filepath.Join(t.TempDir(), "target")
	for _, err := range []error{
		os.WriteFile(target, sample(1).Encode("b"), 0o600), os.Symlink(target, run+"link"), os.Mkdir(run+"dir", 0o700),
		os.WriteFile(run+"junk", []byte("junk"), 0o600), os.WriteFile(run+".hidden", nil, 0o600), os.Truncate(target, 1<<30),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	held := add(t, path, "b", "cut", nil)
	data := sample(1).Encode("b")
	if _, err := sys.Write(held.fd, data[:len(data)-1]); err != nil {
		t.Fatal(err)
	}
	if list, err := d.List(); err != nil || len(list) != 0 {
		t.Errorf("%d listed, %v", len(list), err)
	}
	held.Remove()
	if _, err := os.Lstat(target); err != nil {
		t.Errorf("what a link leads to is gone: %v", err)
	}
}

// TestPrivate: the directory is the caller's alone, or not used.
func TestPrivate(t *testing.T) {
	base := t.TempDir()
	for name, make := range map[string]func(path string) error{
		"open":  func(path string) error { return os.Mkdir(path, 0o755) },
		"group": func(path string) error { return os.Mkdir(path, 0o770) },
		"link":  func(path string) error { return os.Symlink(base, path) },
		"file":  func(path string) error { return os.WriteFile(path, nil, 0o600) },
		"owner": func(path string) error {
			if os.Getuid() != 0 {
				return os.Mkdir(path, 0o755)
			}
			if err := os.Mkdir(path, 0o700); err != nil {
				return err
			}
			return os.Chown(path, 1500, 1500)
		},
	} {
		path := filepath.Join(base, name)
		if err := make(path); err != nil {
			t.Fatal(err)
		}
		if name == "group" {
			os.Chmod(path, 0o770)
		}
		if d, err := Open(path, "b", true); err == nil {
			d.Close()
			t.Errorf("%s: opened", name)
		}
	}
}

// TestPath: where the list is, and where there is none.
func TestPath(t *testing.T) {
	env := func(v string) func(string) string { return func(string) string { return v } }
	if got := Path(env("/x/y")); got != "/x/y/lichen" {
		t.Errorf("%q", got)
	}
	for _, v := range []string{"", "relative"} {
		if got := Path(env(v)); got != "" && !strings.HasPrefix(got, "/run/user/") {
			t.Errorf("%q: %q", v, got)
		}
	}
}

func TestValidName(t *testing.T) {
	for name, want := range map[string]bool{"a": true, "a-b_c.9": true, "": false, ".": false, "..": false, "-x": false, "a/b": false, "A": false, "a b": false,
		strings.Repeat("a", 32): true, strings.Repeat("a", 33): false, "a\x00": false} {
		if ValidName(name) != want {
			t.Errorf("%q", name)
		}
	}
	for seed := range uint64(1000) {
		if !ValidName(newID(seed)) {
			t.Errorf("id of %d: %q", seed, newID(seed))
		}
	}
}

// FuzzDecode: whatever lies in a file is an entry that can be written again, or
// none.
func FuzzDecode(f *testing.F) {
	f.Add(sample(1).Encode("b"))
	f.Add([]byte(format))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) >= len(format)+8 {
			putSum(data[len(format):], sum(data[len(format)+8:])) // the sum would hide the rest
		}
		e, build, ok := Decode(data)
		if !ok {
			return
		}
		again, b2, ok := Decode(e.Encode(build))
		if !ok || b2 != build || again.Init != e.Init || !again.Began.Equal(e.Began) || !reflect.DeepEqual(again.Command, e.Command) {
			t.Errorf("%+v became %+v", e, again)
		}
	})
}
