package main

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

func FuzzAppendJSON(f *testing.F) {
	for _, s := range []string{"", "plain", `"\`, "\x00\x1f\x7f", "\xff\xc3(", "größe", "\u2028\u2029", "😀", "\n\r\t"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		line := appendJSON(nil, s)
		var got string
		if err := json.Unmarshal(line, &got); err != nil {
			t.Fatalf("%q: %s: %v", s, line, err)
		}
		want := s
		if !utf8.ValidString(s) {
			var b strings.Builder
			for _, r := range s {
				b.WriteRune(r)
			}
			want = b.String()
		}
		if got != want || strings.ContainsAny(string(line), "\n\r") {
			t.Errorf("%q: %s", s, line)
		}
	})
}

func TestJSONObject(t *testing.T) {
	o := newEvent("x")
	o.number("n", -3)
	o.text("empty", "")
	o.text("t", "a\"b")
	o.object("o", func(o *jsonObject) { o.boolean("b", true); o.number("m", 1) })
	o.object("none", func(*jsonObject) {})
	const want = `{"event":"x","n":-3,"t":"a\"b","o":{"b":true,"m":1},"none":{}}`
	if got := string(o.end()); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
