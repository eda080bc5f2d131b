package subid

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/lichen-sandbox/lichen/spec"
)

var ann = User{Name: "ann", UID: 1000}

func TestParse(t *testing.T) {
	for _, test := range []struct {
		name, file, want string // ranges as "FIRST-LAST:LINE", space separated; or "error: …"
	}{
		{"empty", "", ""},
		{"by name", "ann:100000:65536\n", "100000-165535:1"},
		{"by uid", "bob:1:1\n1000:100000:65536", "100000-165535:2"},
		{"prefix of a name", "anna:100000:65536\nann1:5:5\n", ""},
		{"doubled", "ann:100000:65536\nann:100000:65536\n", "100000-165535:1"},
		{"doubled, name and uid", "1000:100000:65536\nann:100000:65536\n", "100000-165535:1"},
		{"overlapping", "ann:100000:100\nann:100050:100\n", "100000-100149:1"},
		{"inside", "ann:100000:100\nann:100050:10\n", "100000-100099:1"},
		{"adjacent, unsorted", "ann:100100:100\nann:100000:100\n", "100000-100199:2"},
		{"apart", "ann:300000:10\nann:100000:10\n", "100000-100009:2 300000-300009:1"},
		{"none", "ann:100000:0\n", ""},
		{"up to the last id", "ann:4294967294:1\n", "4294967294-4294967294:1"},
		{"past the last id", "ann:4294967294:2\n", "error: read f: 2 ids from 4294967294 end after the last id, 4294967294 (f:1)"},
		{"overflow", "ann:4294967290:4294967290\n", "error: read f: 4294967290 ids from 4294967290 end after the last id, 4294967294 (f:1)"},
		{"33 bits", "ann:1:4294967296\n", `error: read f: want USER:FIRST:COUNT, have "1:4294967296" after the user (f:1)`},
		{"word", "\nann:one:2\n", `error: read f: want USER:FIRST:COUNT, have "one:2" after the user (f:2)`},
		{"escape", "ann:\x1b[2J:2\n", `error: read f: want USER:FIRST:COUNT, have "\x1b[2J:2" after the user (f:1)`},
		{"too few", "ann:5\n", `error: read f: want USER:FIRST:COUNT, have "5" after the user (f:1)`},
		{"too many", "ann:5:6:7\n", `error: read f: want USER:FIRST:COUNT, have "5:6:7" after the user (f:1)`},
		{"negative", "ann:-5:6\n", `error: read f: want USER:FIRST:COUNT, have "-5:6" after the user (f:1)`},
		{"others' lines", "bob:x:y\n# ann\n\n::\nann:7:8\n", "7-14:5"},
		{"CR LF", "ann:7:8\r\n", "7-14:1"},
	} {
		ranges, err := Parse("f", []byte(test.file), ann)
		var have []string
		for _, r := range ranges {
			have = append(have, r.String()+":"+text(uint64(r.Origin.Line)))
		}
		got := strings.Join(have, " ")
		if err != nil {
			got = "error: " + err.Error()
		}
		if got != test.want {
			t.Errorf("%s: have %s, want %s", test.name, got, test.want)
		}
	}
}

func TestReadHasNone(t *testing.T) {
	file := filepath.Join(t.TempDir(), "subgid")
	if err := os.WriteFile(file, []byte("bob:100000:65536\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Read(file, ann)
	var e *spec.Error
	if !errors.As(err, &e) || e.Error() != "read "+file+": ann has no range of subordinate ids here" ||
		e.Hint != "as root: usermod --add-subgids 165536-231071 ann" {
		t.Errorf("have %+v", e)
	}
	if _, err = Read(file+"-not", ann); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
	if err := os.Truncate(file, maxFile+1); err != nil {
		t.Fatal(err)
	}
	if _, err = Read(file, ann); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("a huge file: %v", err)
	}
}

func TestNewMap(t *testing.T) {
	for _, test := range []struct {
		name, file, want string
	}{
		{"one", "ann:100000:65536\n", "0 1000 1\n1 100000 65536\n"},
		{"two", "ann:100000:10\nann:200000:10\n", "0 1000 1\n1 100000 10\n11 200000 10\n"},
		{"the caller first in a range", "ann:1000:10\n", "0 1000 1\n1 1001 9\n"},
		{"the caller last in a range", "ann:991:10\n", "0 1000 1\n1 991 9\n"},
		{"the caller in a range", "ann:995:10\n", "0 1000 1\n1 995 5\n6 1001 4\n"},
		{"the caller alone", "ann:1000:1\n", "0 1000 1\n"},
		{"everything", "ann:0:4294967295\n", "0 1000 1\n1 0 1000\n1001 1001 4294966294\n"},
	} {
		ranges, err := Parse("f", []byte(test.file), ann)
		if err != nil {
			t.Fatal(err)
		}
		m, err := NewMap(ann.UID, ranges)
		if err != nil || m.String() != test.want {
			t.Errorf("%s: have %q, %v, want %q", test.name, m.String(), err, test.want)
		}
		for _, e := range m.Extents {
			for _, id := range []uint32{e.Inside, e.Inside + e.Count - 1} {
				outside, ok := m.Outside(id)
				back, ok2 := m.Inside(outside)
				if !ok || !ok2 || back != id {
					t.Errorf("%s: %d is %d outside, and that %d", test.name, id, outside, back)
				}
			}
		}
	}
}

func TestTooManyExtents(t *testing.T) {
	var b strings.Builder
	for i := range maxExtents - 1 {
		b.WriteString("ann:" + text(uint64(100000+2*i)) + ":1\n")
	}
	ranges, _ := Parse("f", []byte(b.String()), ann)
	if _, err := NewMap(ann.UID, ranges); err != nil {
		t.Errorf("%d extents: %v", maxExtents, err)
	}
	b.WriteString("ann:4000000:1\n")
	ranges, _ = Parse("f", []byte(b.String()), ann)
	if _, err := NewMap(ann.UID, ranges); err == nil || !strings.Contains(err.Error(), "(f:340)") {
		t.Errorf("%d extents: %v", maxExtents+1, err)
	}
}

func TestCheck(t *testing.T) {
	ranges, _ := Parse("/etc/subuid", []byte("bob:1:2\nann:100000:65536\n"), ann)
	m, err := NewMap(ann.UID, ranges)
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range map[uint32]string{
		0:     "",
		65536: "",
		65537: "map id 65537: does not fit: only 0-65536 are mapped, and the last range is 100000-165535 (/etc/subuid:2)",
	} {
		have := ""
		if err := m.Check(id); err != nil {
			have = err.Error()
		}
		if have != want {
			t.Errorf("id %d: have %q, want %q", id, have, want)
		}
	}
	if err := Single(1500).Check(7); err == nil || err.Error() != "map id 7: does not fit: only 0 is mapped, to the caller's own id 1500" {
		t.Errorf("single: %v", err)
	}
	if Single(1500).Check(0) != nil || (Map{}).Check(0) == nil {
		t.Error("id 0")
	}
}

func TestID(t *testing.T) {
	dir := t.TempDir()
	read := func(uids, gids string) Mapping {
		t.Helper()
		for name, content := range map[string]string{"subuid": uids, "subgid": gids} {
			if err := os.WriteFile(dir+"/"+name, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		m, err := readMapping(dir+"/subuid", dir+"/subgid", ann, 1000)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	const line, other = "ann:100000:65536\n", "ann:100001:65536\n"
	plain := read(line, line)
	if id := plain.ID(); len(id) != len("subuid-")+16 || id != read(line+line, line).ID() {
		t.Errorf("%q, and %q with a doubled line", id, read(line+line, line).ID())
	}
	if plain.ID() == read(other, line).ID() || plain.ID() == read(line, other).ID() || plain.ID() == SingleMapping(1000, 1000).ID() {
		t.Error("other ranges, same id")
	}
	if SingleMapping(1, 1).ID() != "single" || SingleMapping(2, 3).ID() != "single" {
		t.Error("single is the same for everyone")
	}
	if want := []string{"0", "1000", "1", "1", "100000", "65536"}; !reflect.DeepEqual(plain.UIDs.Args(), want) {
		t.Errorf("arguments %q", plain.UIDs.Args())
	}
}

func TestNameOf(t *testing.T) {
	passwd := []byte("root:x:0:0::/root:/bin/sh\nbad\n:x:5:5::/:\nann:x:1000:1000:Ann,1000,x:/home/ann:/bin/sh\nann2:x:1000:1000::/:\n")
	for uid, want := range map[uint32]string{0: "root", 1000: "ann", 5: "", 100: ""} {
		if have := NameOf(passwd, uid); have != want {
			t.Errorf("uid %d: have %q, want %q", uid, have, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"ann:1:2\n", "ann:100000:65536\nann:100000:65536\n1000:5:4294967290", "ann::\n:::\nann:4294967294:1", "ann:995:10\nann:7:1"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		ranges, err := Parse("f", data, ann)
		if err != nil {
			return
		}
		for i, r := range ranges {
			if r.Count == 0 || r.end() > ids || r.Origin.Line == 0 {
				t.Fatalf("range %+v", r)
			}
			if i > 0 && uint64(r.First) <= ranges[i-1].end() {
				t.Fatalf("%v and %v are not apart", ranges[i-1], r)
			}
		}
		m, err := NewMap(ann.UID, ranges)
		if err != nil {
			return
		}
		next := uint64(0)
		for i, e := range m.Extents {
			if uint64(e.Inside) != next || (i > 0 && ann.UID-e.Outside < e.Count) {
				t.Fatalf("extents %+v", m.Extents)
			}
			next += uint64(e.Count)
		}
	})
}
