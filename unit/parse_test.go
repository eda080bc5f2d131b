package unit

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	text := "\ufeff; comment\n# a comment does not continue \\\n[Unit]\nA = 1 \n\n[Service]\r\nB=x \\\n  # between, and it ends nothing\n; nor this \\\n  y\nC=a\\\\\nD=\nE=last \\"
	list, err := parseFile(File{"f", []byte(text)})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range list {
		got = append(got, s.section+"/"+s.name+"="+s.value)
	}
	want := []string{"Unit/A=1", "Service/B=x    y", `Service/C=a\\`, "Service/D=", "Service/E=last"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if list[1].line != 7 || list[2].line != 11 {
		t.Errorf("the lines are %d and %d", list[1].line, list[2].line)
	}
	for _, bad := range []string{"A=1", "[Service", "[Service]\nword", "[Service]\nA=\x00", strings.Repeat("#", maxFile+1), "[S]\n" + strings.Repeat("a=\n", maxSettings+1)} {
		if _, err := parseFile(File{"f", []byte(bad)}); err == nil {
			t.Errorf("%.20q is read", bad)
		}
	}
}

func TestWords(t *testing.T) {
	for in, want := range map[string][]string{
		`a  b`:              {"a", "b"},
		`"a b" 'c "d'`:      {"a b", `c "d`},
		`a"b c"d`:           {"ab cd"},
		`"" x`:              {"", "x"},
		`a\ b`:              {`a\ b`[:1] + `\ b`},
		`\x41\101\t\"\\`:    {"AA\t\"\\"},
		`\u00e9 \U0001f600`: {"é", "😀"},
		`a\sb`:              {"a b"},
	} {
		if got, err := splitWords(in); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %q, want %q (%v)", in, got, want, err)
		}
	}
	for _, bad := range []string{`"a`, `'a`, `a\`, `\x4`, `\x00`, `\Uffffffff`} {
		if got, err := splitWords(bad); err == nil {
			t.Errorf("%s is read as %q", bad, got)
		}
	}
}

// TestExecWord: what is written is read again as the same word.
func TestExecWord(t *testing.T) {
	for _, w := range []string{"", "a", "a b", `"`, "'", `\`, "%", "%n", "$A", "$$", ";", "#", "\n\t\x01", "é", "-x", `a\nb`} {
		text := execWord(w)
		words, err := splitWords(text)
		if err != nil || len(words) != 1 {
			t.Errorf("%q becomes %s, which is %q, %v", w, text, words, err)
			continue
		}
		i := importer{}
		got, err := i.word(words[0], true)
		if back := strings.Join(got, "|"); err != nil || strings.ReplaceAll(back, "$$", "$") != w {
			t.Errorf("%q becomes %s, and that %q, %v", w, text, back, err)
		}
	}
}

func TestValues(t *testing.T) {
	for in, want := range map[string]time.Duration{"90": 90 * time.Second, "1min 30s": 90 * time.Second, "1.5h": 90 * time.Minute, "2d": 48 * time.Hour, "5ms10us": 5010 * time.Microsecond} {
		if got, finite, ok := parseSpan(in); !ok || !finite || got != want {
			t.Errorf("%s: %v", in, got)
		}
	}
	for _, bad := range []string{"", "x", "1 parsec", "-5", "1.2.3", "999999999999y", "s"} {
		if d, _, ok := parseSpan(bad); ok {
			t.Errorf("%q is %v", bad, d)
		}
	}
	if _, finite, ok := parseSpan("infinity"); !ok || finite {
		t.Error("infinity ends")
	}
	for in, want := range map[string]uint64{"1": 1, "4K": 4096, "1.5M": 3 << 19, "2G": 2 << 30, "9223372036854775807": 1<<63 - 1} {
		if got, ok := parseBytes(in, 1024); !ok || got != want {
			t.Errorf("%s: %d", in, got)
		}
	}
	for _, bad := range []string{"", "K", "-1", "1KB", "9223372036854775808", "99999999T", "1e3", "+1"} {
		if n, ok := parseBytes(bad, 1024); ok {
			t.Errorf("%q is %d", bad, n)
		}
	}
}

// TestGroups: every word of the table is a call or a group of it.
func TestGroups(t *testing.T) {
	known, ok := callGroup("@known")
	if !ok || len(known) < 400 {
		t.Fatalf("@known has %d calls", len(known))
	}
	for line := range strings.Lines(groupsText) {
		if !strings.HasPrefix(line, "@") {
			continue
		}
		for _, w := range strings.Fields(line) {
			if calls := callsOf(w); calls == nil {
				t.Errorf("%s is nothing", w)
			}
		}
	}
	if len(lichenDefault()) < 200 {
		t.Error("lichen's own group is not found")
	}
}
