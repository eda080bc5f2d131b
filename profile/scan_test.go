package profile

import (
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
)

// lineOf walks to a key ("a.b") or element ("a.0").
func lineOf(t *testing.T, tr tree, path string) int32 {
	t.Helper()
	n := int32(0)
	for part := range strings.SplitSeq(path, ".") {
		c := tr[n].first
		if part[0] >= '0' && part[0] <= '9' {
			for range part[0] - '0' {
				c = tr[c].next
			}
		} else {
			c = tr.child(n, part)
		}
		if c == 0 {
			t.Fatalf("no node %q", path)
		}
		n = c
	}
	return tr[n].line
}

func TestScanLines(t *testing.T) {
	tests := []struct {
		name, text string
		want       map[string]int32
	}{
		{"keys", "a = 1\n\n# c\nb = 2 # d\r\nc=3", map[string]int32{"a": 1, "b": 4, "c": 5}},
		{"byte order mark", "\ufeffa = 1\nb = 2", map[string]int32{"a": 1, "b": 2}},
		{"tables", "[t]\na = 1\n[ u . v ]\nb = 2\n", map[string]int32{"t": 1, "t.a": 2, "u.v": 3, "u.v.b": 4}},
		{"dotted keys", "a.b = 1\na.c = 2\n[t]\nx . 'y' = 3", map[string]int32{"a.b": 1, "a.c": 2, "t.x.y": 4}},
		{"array", "a = [\n  1,\n  # no\n  2, 3,\n\n  'x',\n]\nb = 1",
			map[string]int32{"a": 1, "a.0": 2, "a.1": 4, "a.2": 4, "a.3": 6, "b": 8}},
		{"nested arrays", "a = [[1,\n2],\n[3]]", map[string]int32{"a.0.1": 2, "a.1": 3, "a.1.0": 3}},
		{"inline table", "a = {x = 1, y.z = 2,\n w = 3}\nb = 1", map[string]int32{"a.x": 1, "a.y.z": 1, "a.w": 2, "b": 3}},
		{"array of tables", "[[m]]\na = 1\n[[m]]\na = 2\n[m.s]\nb = 1",
			map[string]int32{"m.0": 1, "m.0.a": 2, "m.1": 3, "m.1.a": 4, "m.1.s": 5, "m.1.s.b": 6}},
		{"array of inline tables", "m = [{a = 1},\n{a = 2}]", map[string]int32{"m.0.a": 1, "m.1.a": 2}},
		{"strings with structure", "a = \"[#\\\"=\"\nb = '\\'\nc = ['#', \"]\"]\nd = 1",
			map[string]int32{"a": 1, "b": 2, "c.1": 3, "d": 4}},
		{"multi-line strings", "a = \"\"\"\n[x]\n\\\"\\\"\"\" \"\"\"\nb = '''\n\\'''\nc = \"\"\"\"\"\"\nd = 1",
			map[string]int32{"a": 1, "b": 4, "c": 6, "d": 7}},
		{"quotes at the end of a string", "a = \"\"\"x\"\"\"\"\"\nb = '''y''''\nc = 1", map[string]int32{"b": 2, "c": 3}},
		{"a date with a blank", "a = 1979-05-27 07:32:00\nb = 1", map[string]int32{"b": 2}},
		{"quoted keys", "\"a b\" = 1\n[t.'.']\nx = 1", map[string]int32{"a b": 1, "t": 2}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var v any
			if _, err := toml.Decode(tt.text, &v); err != nil {
				t.Fatalf("the case is not TOML: %v", err)
			}
			tr, _, err := scan(tt.text)
			if err != nil {
				t.Fatal(err)
			}
			sameShape(t, tr, 0, v)
			for path, line := range tt.want {
				if got := lineOf(t, tr, path); got != line {
					t.Errorf("%s is on line %d, want %d", path, got, line)
				}
			}
		})
	}
}

func TestScanBounds(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"arrays", "x = 1\na = " + strings.Repeat("[", 100000), "nested too deep"},
		{"inline tables", "x = 1\na = " + strings.Repeat("{a=", 100000), "nested too deep"},
		{"dotted key", "x = 1\n" + strings.Repeat("a.", 100000) + "a = 1", "too many parts"},
		{"table name", "x = 1\n[" + strings.Repeat("a.", 100000) + "a]", "too many parts"},
		{"escaped key", "x = 1\n\"a\\u0041\" = 1", "with an escape"},
		{"empty key", "x = 1\n\"\" = 1", "empty key"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, line, err := scan(tt.text)
			if err == nil || line != 2 || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("line %d: %v, want line 2: %s", line, err, tt.want)
			}
		})
	}
	var many strings.Builder
	for i := range maxTables + 1 {
		many.WriteString("[t" + strings.Repeat("x", i) + "]\n")
	}
	if _, line, err := scan(many.String()); err == nil || line != maxTables+1 {
		t.Errorf("line %d: %v, want too many tables", line, err)
	}
}

// sameShape compares a tree with what the library made of the same text: the
// same keys, and as many elements in each array.
func sameShape(t *testing.T, tr tree, n int32, v any) {
	t.Helper()
	var children []int32
	for c := tr[n].first; c != 0; c = tr[c].next {
		children = append(children, c)
	}
	check := func(i int, v any) { sameShape(t, tr, children[i], v) }
	switch v := v.(type) {
	case map[string]any:
		if len(children) != len(v) {
			t.Fatalf("%d keys, want %d", len(children), len(v))
		}
		for i, c := range children {
			if _, ok := v[tr[c].key]; !ok {
				t.Fatalf("key %q is not in the text", tr[c].key)
			}
			check(i, v[tr[c].key])
		}
	case []map[string]any:
		if len(children) != len(v) {
			t.Fatalf("%d tables, want %d", len(children), len(v))
		}
		for i := range v {
			check(i, v[i])
		}
	case []any:
		if len(children) != len(v) {
			t.Fatalf("%d elements, want %d", len(children), len(v))
		}
		for i := range v {
			check(i, v[i])
		}
	default:
		if len(children) != 0 {
			t.Fatalf("a scalar has %d children", len(children))
		}
	}
}

// FuzzScan: whatever the library accepts, the scanner follows.
func FuzzScan(f *testing.F) {
	for _, s := range []string{
		"a = 1\n[t]\nb.c = 'x'\n", "a = [1, [2], {b = 3}] # c\n", "[[m]]\nx=1\n[m.n]\ny=2\n[[m]]\n",
		"a = \"\"\"x\n\\\n\"\"\"\"\"\nb = '''\n'''\n", "\ufeffa = 1979-05-27 07:32:00Z\n", "a = \"\\\"\"\r\nb = {c.d = 1,\n}\n",
		"a = +inf\nb = 0x_F\n", "'' = 1", "[a.'b c'.\"d\"]\n",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 4096 {
			return
		}
		tr, _, err := scan(text)
		if err != nil {
			return
		}
		var v any
		if _, err := toml.Decode(text, &v); err != nil {
			return
		}
		sameShape(t, tr, 0, v)
	})
}
