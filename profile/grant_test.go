package profile

import (
	"strings"
	"testing"
)

func TestParseShort(t *testing.T) {
	tests := []struct {
		in   string
		want shortForm
	}{
		{"/a", shortForm{path: "/a"}},
		{"/a?", shortForm{path: "/a", optional: true}},
		{"/a:/b", shortForm{path: "/a", rest: "/b", hasRest: true}},
		{"/a:/b?", shortForm{path: "/a", rest: "/b", hasRest: true, optional: true}},
		{"/a?b", shortForm{path: "/a?b"}},
		{"/a?:/b", shortForm{path: "/a?", rest: "/b", hasRest: true}},
		{"/a??", shortForm{path: "/a?", optional: true}},
		{`/a\:b`, shortForm{path: "/a:b"}},
		{`/a\:b:/c\:d`, shortForm{path: "/a:b", rest: "/c:d", hasRest: true}},
		{`/a\?`, shortForm{path: "/a?"}},
		{`/a\??`, shortForm{path: "/a?", optional: true}},
		{`/a\\`, shortForm{path: `/a\`}},
		{`/a\\:/b`, shortForm{path: `/a\`, rest: "/b", hasRest: true}},
		{"/ä:/ö", shortForm{path: "/ä", rest: "/ö", hasRest: true}},
	}
	for _, tt := range tests {
		got, err := parseShort(tt.in)
		if err != nil || got != tt.want {
			t.Errorf("%s: %+v, %v; want %+v", tt.in, got, err, tt.want)
		}
	}
	for _, in := range []string{"/a:/b:/c", `/a\`, `/a\n`, `/a\::/b:/c`} {
		if got, err := parseShort(in); err == nil {
			t.Errorf("%s is accepted: %+v", in, got)
		}
	}
}

func FuzzShort(f *testing.F) {
	f.Add("/a:b?")
	f.Add(`/\\\:?`)
	f.Fuzz(func(t *testing.T, path string) {
		got, err := parseShort(escapeShort(path))
		if err != nil || got.path != path || got.hasRest || got.optional {
			t.Errorf("%q is escaped as %q and read as %+v, %v", path, escapeShort(path), got, err)
		}
	})
}

func TestUnits(t *testing.T) {
	sizes := map[string]uint64{"0": 0, "4096": 4096, "1K": 1 << 10, "64M": 64 << 20, "2G": 2 << 30, "1T": 1 << 40, "8388607T": 8388607 << 40}
	for in, want := range sizes {
		if got, err := parseSize(in); err != nil || got != want {
			t.Errorf("size %s: %d, %v", in, got, err)
		}
	}
	for _, in := range []string{"", "K", "1k", "1KB", "-1", "+1", "1.5M", "0x10", "1_000", " 1", "8388608T", "99999999999999999999", "50%"} {
		if got, err := parseSize(in); err == nil {
			t.Errorf("size %q is accepted: %d", in, got)
		}
	}
	for in, want := range map[string]uint32{"0": 0, "022": 0o22, "0755": 0o755, "7777": 0o7777} {
		if got, err := parseMode(in, 0o7777); err != nil || got != want {
			t.Errorf("mode %s: %o, %v", in, got, err)
		}
	}
	for _, in := range []string{"", "8", "-1", "+1", "10000", "0o755", "7_7", "u+x"} {
		if got, err := parseMode(in, 0o7777); err == nil {
			t.Errorf("mode %q is accepted: %o", in, got)
		}
	}
}

func TestParseLimit(t *testing.T) {
	const inf = ^uint64(0)
	tests := []struct {
		in         string
		unit       unit
		soft, hard uint64
	}{
		{"1", unitCount, 1, 1},
		{"1:2", unitCount, 1, 2},
		{"unlimited", unitCount, inf, inf},
		{"1024:unlimited", unitCount, 1024, inf},
		{"4G", unitBytes, 4 << 30, 4 << 30},
		{"64K:1M", unitBytes, 64 << 10, 1 << 20},
		{"30s", unitSeconds, 30, 30},
		{"1m30s:2m", unitSeconds, 90, 120},
		{"1500ms", unitSeconds, 2, 2},
		{"60", unitSeconds, 60, 60},
		{"10ms", unitMicroseconds, 10000, 10000},
	}
	for _, tt := range tests {
		soft, hard, err := parseLimit(tt.in, tt.unit)
		if err != nil || soft != tt.soft || hard != tt.hard {
			t.Errorf("%s: %d, %d, %v", tt.in, soft, hard, err)
		}
	}
	for _, in := range []string{"", ":", "1:", ":1", "1:2:3", "-1", "2:1", "unlimited:1", "infinity", "9223372036854775808"} {
		for _, u := range []unit{unitCount, unitBytes, unitSeconds, unitMicroseconds} {
			if soft, hard, err := parseLimit(in, u); err == nil {
				t.Errorf("%q is accepted: %d, %d", in, soft, hard)
			}
		}
	}
}

func TestKeysAreComplete(t *testing.T) {
	for id := range keyCount {
		def := keys[id]
		section, name := splitKey(def.name)
		if def.name == "" {
			t.Fatalf("key %d has no name", id)
		}
		if got, ok := findKey(section, name); !ok || got != id {
			t.Errorf("findKey(%q, %q) = %d, %v", section, name, got, ok)
		}
		if (def.kind == kindWord) != (len(def.words) > 0) || (def.kind == kindUnbuilt) != (def.note != "") {
			t.Errorf("%s: %+v", def.name, def)
		}
		if section != "" && !isSection(section) || isSection(def.name) {
			t.Errorf("sections of %s", def.name)
		}
	}
	if _, ok := findKey("", "process.cwd"); ok {
		t.Error("a quoted key with a dot is taken for a key of a table")
	}
}

func TestDidYouMean(t *testing.T) {
	names := []string{"command", "cwd", "hostname", "linger"}
	for in, want := range map[string]string{
		"comand": "command", "commnad": "command", "COMMAND": "", "lingre": "linger", "host": "", "hostnames": "hostname", "xyz": "",
	} {
		got := didYouMean(in, names)
		if want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", in, got, want)
		}
	}
}
