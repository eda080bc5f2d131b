package config

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/lichen-sandbox/lichen/spec"
)

const good = `# how registries are reached
[registry."docker.io"]
mirrors = [
  "mirror.test:5000/hub",
  "[::1]:5000",
]

[registry."mirror.test:5000"]
http = true

[registry.plain]
skip_verify = true
location = "real.test/a/b"
ca = "/etc/ca.pem"

[registry."bad.test"]
blocked = true
`

func TestParse(t *testing.T) {
	got, err := Parse("r.toml", good)
	if err != nil {
		t.Fatal(err)
	}
	at := func(line int) spec.Origin { return spec.Origin{File: "r.toml", Line: line} }
	want := map[string]*Registry{
		"docker.io":        {Mirrors: []string{"mirror.test:5000/hub", "[::1]:5000"}, Origin: at(2)},
		"mirror.test:5000": {HTTP: true, Origin: at(8)},
		"plain":            {SkipVerify: true, Location: "real.test/a/b", CA: "/etc/ca.pem", Origin: at(11)},
		"bad.test":         {Blocked: true, Origin: at(16)},
	}
	if !reflect.DeepEqual(got, want) {
		for k, v := range got {
			t.Errorf("%s: %+v", k, *v)
		}
	}
	if got, err := Parse("r.toml", ""); err != nil || len(got) != 0 {
		t.Errorf("an empty file: %v %v", got, err)
	}
}

func TestParseErrors(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"x = 1\n", `read key "x": unknown key (r.toml:1)`},
		{"\n[registries.\"a\"]\n", `read key "registries": unknown key (r.toml:2)`},
		{"registry = 1", `read key "registry": unknown key (r.toml:1)`},
		{"[registry.\"a\"]\nhttp = true\nmirors = []\n", `read key "mirors": unknown key (r.toml:3)`},
		{"[registry.\"a\"]\n\nhttp = 1\n", "read http: must be true or false (r.toml:3)"},
		{"[registry.\"a\"]\nblocked = \"yes\"\n", "read blocked: must be true or false (r.toml:2)"},
		{"[registry.\"a\"]\nmirrors = \"b\"\n", "read mirrors: must be a list (r.toml:2)"},
		{"[registry.\"a\"]\nmirrors = [\"https://b\"]\n", "read mirrors: each must be HOST[:PORT][/PREFIX] (r.toml:2)"},
		{"[registry.\"a\"]\nmirrors = [1]\n", "read mirrors: each must be HOST[:PORT][/PREFIX] (r.toml:2)"},
		{"[registry.\"a\"]\nmirrors = [\"b/../c\"]\n", "each must be"},
		{"[registry.\"a\"]\nmirrors = [\"b/\"]\n", "each must be"},
		{"[registry.\"a\"]\nlocation = \"b c\"\n", "read location: must be HOST[:PORT][/PREFIX] (r.toml:2)"},
		{"[registry.\"a\"]\nca = \"ca.pem\"\n", "read ca: must be an absolute path (r.toml:2)"},
		{"[registry.\"a\"]\nhttp = true\nskip_verify = true\n", "read skip_verify: plain http verifies nothing anyway (r.toml:3)"},
		{"[registry.\"a\"]\nhttp = true\nca = \"/x\"\n", "read ca: plain http has no certificates (r.toml:3)"},
		{"[registry.\"a/b\"]\n", `read registry "a/b": not HOST or HOST:PORT (r.toml:1)`},
		{"[registry.\"a:b\"]\n", "not HOST or HOST:PORT (r.toml:1)"},
		{"[registry.docker.io]\nhttp = true\n", `read key "io": unknown key`},
		{"[registry]\na = 1\n", `read registry "a": not a table`},
		{"[registry.\"a\"]\nhttp = \n", "parse TOML"},
		{"[registry.\"a\"]\nhttp = true\nhttp = true\n", "(r.toml:3)"},
		{"\xff", "the text is not UTF-8 (r.toml:1)"},
		{strings.Repeat("#", maxFile+1), "larger than 64 KiB"},
	} {
		_, err := Parse("r.toml", test.text)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%.60q: %v, not %q", test.text, err, test.want)
		}
		var e *spec.Error
		if !errors.As(err, &e) || e.Origin.Line == 0 {
			t.Errorf("%.60q: no line in %v", test.text, err)
		}
	}
}

func env(m map[string]string) func(string) string { return func(k string) string { return m[k] } }

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "lichen"), 0o700); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "lichen/registries.toml")
	getenv := env(map[string]string{"XDG_CONFIG_HOME": dir, "HOME": "/nowhere"})
	if files := Files(getenv); files[0] != file || files[1] != "/etc/lichen/registries.toml" {
		t.Errorf("files %v", files)
	}
	if files := Files(env(map[string]string{"HOME": "/h"})); files[0] != "/h/.config/lichen/registries.toml" {
		t.Errorf("files %v", files)
	}
	if c, err := Load(getenv); err != nil || len(c.Registries) != 0 {
		t.Errorf("without a file: %v %v", c, err)
	}
	if err := os.WriteFile(file, []byte(good), 0o600); err != nil {
		t.Fatal(err)
	}
	if c, err := Load(getenv); err != nil || len(c.Registries) != 4 {
		t.Errorf("with a file: %v %v", c, err)
	}
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(getenv); err == nil || !strings.Contains(err.Error(), file+":1") {
		t.Errorf("a bad file: %v", err)
	}
	os.Remove(file)
	if err := os.Mkdir(file, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(getenv); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("a directory: %v", err)
	}
}

func TestEndpoints(t *testing.T) {
	tables, err := Parse("r.toml", good)
	if err != nil {
		t.Fatal(err)
	}
	c := &Config{Registries: tables}
	list, err := c.Endpoints("docker.io", "library/debian", false)
	if err != nil || len(list) != 3 {
		t.Fatal(list, err)
	}
	if m := list[0]; m.Host != "mirror.test:5000" || m.Repository != "hub/library/debian" || !m.Mirror || !m.Registry.HTTP || m.Loopback {
		t.Errorf("first mirror %+v", m)
	}
	if m := list[1]; m.Host != "[::1]:5000" || !m.Loopback {
		t.Errorf("second mirror %+v", m)
	}
	if m := list[2]; m.Host != "docker.io" || m.Repository != "library/debian" || m.Mirror {
		t.Errorf("the registry itself %+v", m)
	}
	list, err = c.Endpoints("plain", "x", true)
	if err != nil || len(list) != 1 || list[0].Host != "real.test" || list[0].Repository != "a/b/x" || list[0].Registry.SkipVerify {
		t.Errorf("location: %+v %v", list, err)
	}
	if _, err := c.Endpoints("bad.test", "x", false); err == nil || err.Error() != "registry bad.test: blocked by the configuration (r.toml:16)" {
		t.Errorf("blocked: %v", err)
	}
}

func TestIsLoopback(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost": true, "localhost:5000": true, "127.0.0.1:80": true, "127.9.9.9": true, "[::1]:5000": true, "[::1]": true, "::1": true,
		"localhost.test": false, "128.0.0.1": false, "10.0.0.1:5000": false, "127.0.0.1.test": false, "": false,
	} {
		if IsLoopback(host) != want {
			t.Errorf("%q: %v", host, !want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(good)
	f.Add("[registry.\"a\"]\nmirrors = [[[[")
	f.Add("registry.a.http = true")
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Count(text, "[") > 1000 || strings.Count(text, ".") > 1000 {
			return // the library takes its time
		}
		tables, err := Parse("r.toml", text)
		var e *spec.Error
		if err != nil && (!errors.As(err, &e) || e.Origin.Line < 1) {
			t.Errorf("an error without a line: %v", err)
		}
		for host, r := range tables {
			if !isHost(host) || r == nil {
				t.Errorf("host %q", host)
			}
		}
	})
}
