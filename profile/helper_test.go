package profile

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/lichen-sandbox/lichen/spec"
)

// testEnv is an environment of its own, so that no test depends on the one
// the tests run in.
func testEnv(pairs ...string) func(string) (string, bool) {
	env := map[string]string{"HOME": "/home/u", "USER": "u"}
	for _, p := range pairs {
		name, value, _ := strings.Cut(p, "=")
		env[name] = value
	}
	return func(name string) (string, bool) { s, ok := env[name]; return s, ok }
}

func testVars(pairs ...string) Vars { return Vars{Dir: "/work/p", Env: testEnv(pairs...)} }

// builtins makes a loader with profiles given as name, text, name, text…; the
// line "version = 1" is added before each.
func builtins(nameText ...string) *Loader {
	fsys := fstest.MapFS{}
	for i := 0; i < len(nameText); i += 2 {
		fsys[nameText[i]+".toml"] = &fstest.MapFile{Data: []byte("version = 1\n" + nameText[i+1])}
	}
	return &Loader{Builtin: fsys, Vars: testVars()}
}

// loadText loads one profile; its text begins on line 2.
func loadText(t *testing.T, text string) *Profile {
	t.Helper()
	p, err := builtins("x", text).Load("x")
	if err != nil {
		t.Fatalf("Load: %v", err)
	}
	return p
}

// write makes a file below dir and returns its path.
func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	p := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return p
}

// wantError checks an error of this package: all of want is in the message,
// the hint has hint in it (an empty one: there is none), and it has a place.
func wantError(t *testing.T, err error, hint string, want ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want %q", want)
	}
	var e *spec.Error
	if !errors.As(err, &e) {
		t.Fatalf("%T is no *spec.Error: %v", err, err)
	}
	for _, w := range want {
		if !strings.Contains(e.Error(), w) {
			t.Errorf("error %q has no %q in it", e, w)
		}
	}
	if !strings.Contains(e.Hint, hint) || hint == "" && e.Hint != "" {
		t.Errorf("error %q: hint %q, want %q", e, e.Hint, hint)
	}
	if e.Origin != spec.CommandLine && (e.Origin.File == "" || e.Origin.Line == 0) {
		t.Errorf("error %q has no place: %+v", e, e.Origin)
	}
	if e.Op == "" || e.Object == "" {
		t.Errorf("error %q has no operation or no object", e)
	}
}
