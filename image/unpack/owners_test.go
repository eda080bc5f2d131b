package unpack

import (
	"bytes"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
)

var sampleOwners = []Entry{
	{Path: ".", Kind: KindDir, Mode: 0o755, Sec: minTime},
	{Path: "a b\n\xff\"", Kind: KindDir, Mode: 0o7777, UID: 1<<32 - 2, GID: 7, Sec: maxTime, Nsec: 999999999},
	{Path: "a b\n\xff\"/c", Kind: KindFile, Mode: 0, Xattrs: map[string][]byte{"user.a": []byte("\x00\xff\n"), "security.capability": {1}}, Applied: []string{"user.b", "user.c"}},
	{Path: "l", Kind: KindSymlink, Mode: 0o777, Target: "../x y", Sec: -1, Nsec: 5},
	{Path: "n", Kind: KindChar, Major: 1, Minor: 1<<32 - 1},
	{Path: "o", Kind: KindBlock, Major: 8},
	{Path: "p", Kind: KindFifo},
}

func encode(entries []Entry) []byte {
	var b bytes.Buffer
	err := WriteOwners(&b, func(yield func(*Entry) bool) {
		for i := range entries {
			if !yield(&entries[i]) {
				return
			}
		}
	})
	if err != nil {
		panic(err)
	}
	return b.Bytes()
}

func decode(b []byte) (entries []Entry, err error) {
	for e, err := range ReadOwners(bytes.NewReader(b), Limits{}) {
		if err != nil {
			return entries, err
		}
		entries = append(entries, *e)
	}
	return entries, nil
}

func TestOwnersFile(t *testing.T) {
	b := encode(sampleOwners)
	got, err := decode(b)
	if err != nil || !reflect.DeepEqual(got, sampleOwners) {
		t.Fatalf("%v\n%+v\nwant\n%+v", err, got, sampleOwners)
	}
	for n := range len(b) {
		if _, err := decode(b[:n]); err == nil && n < len(b)-1 { // the last newline may be missing
			t.Fatalf("a file cut at byte %d of %d is taken", n, len(b))
		}
	}
}

func TestOwnersFileRefused(t *testing.T) {
	for _, body := range []string{
		"", "x\n", "d 755 0 0 0.0 \".\"\n", "d 755 0 0 0.0 \".\"\nend 2\n", "d 755 0 0 0.0 \".\"\nend 1\nmore\n", "z 755 0 0 0.0 \".\"\nend 1\n",
		"d 10000 0 0 0.0 \".\"\nend 1\n", "d 755 -1 0 0.0 \".\"\nend 1\n", "d 755 0 4294967295 0.0 \".\"\nend 1\n", "d 755 0 0 0 \".\"\nend 1\n",
		"d 755 0 0 0.1000000000 \".\"\nend 1\n", "d 755 0 0 99999999999.0 \".\"\nend 1\n", "d 755 0 0 0.0 .\nend 1\n", "d 755 0 0 0.0 `.`\nend 1\n",
		"f 644 0 0 0.0 \"a/../b\"\nend 1\n", "f 644 0 0 0.0 \"/a\"\nend 1\n", "f 644 0 0 0.0 \"a//b\"\nend 1\n", "f 644 0 0 0.0 \"a\\x00\"\nend 1\n", "f 644 0 0 0.0 \"\"\nend 1\n",
		"f 644 0 0 0.0 \"a\" \"t\"\nend 1\n", "l 777 0 0 0.0 \"a\"\nend 1\n", "l 777 0 0 0.0 \"a\" \"\"\nend 1\n", "c 777 0 0 0.0 \"a\" 1\nend 1\n",
		"f 644 0 0 0.0 \"a\"\nx \"user.a\"\nend 1\n", "f 644 0 0 0.0 \"a\"\nx \"trusted.a\" \"\"\nend 1\n", "f 644 0 0 0.0 \"a\"\na \"user.a\"\na \"user.a\"\nend 1\n",
		"f 644 0 0 0.0 \"" + long(256) + "\"\nend 1\n", "f 644 0 0 0.0 \"a" + strings.Repeat("/a", 600) + "\"\nend 1\n",
	} {
		_, err := decode([]byte(ownersVersion + "\n" + body))
		if err == nil {
			t.Errorf("taken: %q", body)
			continue
		}
		checkError(t, err)
	}
	if _, err := decode([]byte("lichen-owners 2\nend 0\n")); err == nil {
		t.Error("another version is taken")
	}
}

// TestLoad holds what an owners file must say to be that of a tree.
func TestLoad(t *testing.T) {
	root, f := Entry{Path: ".", Kind: KindDir, Mode: 0o755}, Entry{Path: "a", Kind: KindFile}
	for name, c := range map[string]struct {
		entries []Entry
		err     string
	}{
		"good":           {[]Entry{root, f, {Path: "d", Kind: KindDir}, {Path: "d/e", Kind: KindFile}}, ""},
		"no root":        {nil, "no root"},
		"root is late":   {[]Entry{f, root}, "comes first"},
		"root is a file": {[]Entry{{Path: ".", Kind: KindFile}}, "comes first"},
		"root twice":     {[]Entry{root, root}, "twice"},
		"name twice":     {[]Entry{root, f, f}, "twice"},
		"no directory":   {[]Entry{root, {Path: "d/e", Kind: KindFile}}, "no such directory"},
		"below a file":   {[]Entry{root, f, {Path: "a/e", Kind: KindFile}}, "no such directory"},
	} {
		a := newArena(t, t.TempDir())
		dir := openDir(t, a.tree)
		err := New(dir, Options{}).Load(bytes.NewReader(encode(c.entries)))
		if c.err == "" && err != nil || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
			t.Errorf("%s: got %v, want %q", name, err, c.err)
		}
	}
	// An owners file that does not belong to the tree is noticed, and leads
	// nowhere.
	a := newArena(t, t.TempDir())
	tree := New(openDir(t, a.tree), Options{})
	must(t, tree.Load(bytes.NewReader(encode([]Entry{root, {Path: "d", Kind: KindDir, Mode: 0o755}}))))
	must(t, os.Symlink(a.canary, a.tree+"/d"))
	err := tree.Apply(bytes.NewReader(layer(file("d/file", "x"))))
	if err == nil || !strings.Contains(err.Error(), "not what was unpacked") {
		t.Errorf("got %v", err)
	}
	a.checkCanary(t)
}

func FuzzOwners(f *testing.F) {
	f.Add(encode(sampleOwners))
	f.Add(encode(nil))
	f.Add([]byte(ownersVersion + "\nd 755 0 0 0.0 \".\"\na \"user.x\"\nend 1\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		entries, err := decode(b)
		if err != nil {
			checkError(t, err)
			return
		}
		again, err := decode(encode(entries))
		if err != nil || len(again) != len(entries) {
			t.Fatalf("what was read is not read again: %v", err)
		}
		for i := range entries {
			if x, y := entries[i], again[i]; !slices.Equal(x.Applied, y.Applied) || !reflect.DeepEqual(x, y) {
				t.Fatalf("%+v became %+v", x, y)
			}
		}
	})
}
