package record

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

func id(n uint32) *uint32 { return &n }

// full has a value in every field.
func full() *Record {
	return &Record{
		Reference: "docker.io/library/x:latest", Platform: "linux/amd64", Manifest: "sha256:m", Config: "sha256:c", ChainID: "sha256:d",
		Stamp:      "12 34 56",
		Entrypoint: []string{"/bin/sh", "-c"}, Cmd: []string{"", "a b\nend\n", "\xff\x00"}, Env: []string{"PATH=/bin", "X=\"y\""},
		WorkingDir: "/w", User: "u:g", UID: id(0), GID: id(1<<32 - 1), UserError: "no \u2028 such user", Home: "/root",
		StopSignal: "SIGQUIT", ExposedPorts: []string{"80/tcp"}, Volumes: []string{"/data"},
	}
}

func TestRoundTrip(t *testing.T) {
	v := reflect.ValueOf(*full())
	for i := range v.NumField() {
		if v.Field(i).IsZero() {
			t.Errorf("full has no %s: this test does not see it", v.Type().Field(i).Name)
		}
	}
	for _, r := range []*Record{full(), {}, {Cmd: []string{""}}} {
		b := r.Encode()
		got, err := Decode(b)
		if err != nil || !reflect.DeepEqual(got, r) {
			t.Errorf("%q is read as %+v, %v", b, got, err)
		}
		if !Complete(b) {
			t.Errorf("%q is not complete", b)
		}
	}
}

// TestCut: no record is read from less than all of it, so that a reader may stop
// where Complete says so, and must not before.
func TestCut(t *testing.T) {
	b := full().Encode()
	for n := range len(b) {
		if r, err := Decode(b[:n]); err == nil {
			t.Errorf("%q is read as %+v", b[:n], r)
		}
		if Complete(b[:n]) {
			t.Errorf("%q is complete", b[:n])
		}
	}
}

func TestRefused(t *testing.T) {
	for in, want := range map[string]string{
		"":                                               "line 1",
		"x":                                              "line 1",
		"lichen-record 1":                                "line 1",
		"lichen-record 0\nend\n":                         "bad version",
		"lichen-record x\nend\n":                         "bad version",
		"lichen-record +2\nend\n":                        "bad version",
		"lichen-record 1\n":                              "cut short",
		"lichen-record 1\nend":                           "cut short",
		"lichen-record 1\nend\n\n":                       "after its end",
		"lichen-record 1\nx \"y\"\nend\n":                `key "x"`,
		"lichen-record 1\nuser\nend\n":                   "bad value",
		"lichen-record 1\nuser y\nend\n":                 "bad value",
		"lichen-record 1\nuser `y`\nend\n":               "bad value",
		"lichen-record 1\nuser 'y'\nend\n":               "bad value",
		"lichen-record 1\nuser \"y\" \nend\n":            "bad value",
		"lichen-record 1\nuid \"-1\"\nend\n":             "bad value",
		"lichen-record 1\nuid \"4294967296\"\nend\n":     "bad value",
		"lichen-record 1\nuser \"y\"\nuser \"z\"\nend\n": `repeated`,
		"lichen-record 1\nuser \"y\"\ncmd \"z\"\nend\n":  `misplaced`,
		"lichen-record 1\n" + strings.Repeat("cmd \"\"\n", 10_000) + "end\n": "10000 lines",
		"lichen-record 1\n" + strings.Repeat("x", 1<<20):                     "1 MiB",
	} {
		r, err := Decode([]byte(in))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") || errors.Is(err, ErrVersion) {
			t.Errorf("%.60q: %v, %v, want %q", in, r, err, want)
		}
	}
	if _, err := Decode([]byte("lichen-record 1\n" + strings.Repeat("cmd \"\"\n", 9_998) + "end\n")); err != nil {
		t.Errorf("10000 lines: %v", err)
	}
	if _, err := Decode([]byte("lichen-record 2\nwhatever")); !errors.Is(err, ErrVersion) || !strings.Contains(err.Error(), "version 2") {
		t.Errorf("a later version: %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(full().Encode())
	f.Add((&Record{}).Encode())
	f.Add([]byte("lichen-record 2\nend\n"))
	f.Add([]byte("lichen-record 1\ncmd \"\\u00e4\"\nuid \"7\"\nend\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := Decode(b)
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Fatalf("an error of several lines: %v", err)
			}
			return
		}
		again, err := Decode(r.Encode())
		if err != nil || !reflect.DeepEqual(again, r) {
			t.Fatalf("%q is read as %+v, and that written and read as %+v, %v", b, r, again, err)
		}
	})
}

func FuzzEncode(f *testing.F) {
	f.Add("a", "b\nc", "\xff", uint32(0))
	f.Fuzz(func(t *testing.T, a, b, c string, n uint32) {
		r := &Record{Reference: a, Entrypoint: []string{b, a}, Env: []string{c}, GID: &n, Home: c, Volumes: []string{a, b}}
		got, err := Decode(r.Encode())
		if err != nil || !reflect.DeepEqual(got, r) {
			t.Fatalf("%+v is read as %+v, %v", r, got, err)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	text := full().Encode()
	for b.Loop() {
		if _, err := Decode(text); err != nil {
			b.Fatal(err)
		}
	}
}
