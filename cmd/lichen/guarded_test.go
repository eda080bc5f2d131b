package main

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/lichen-sandbox/lichen/state"
)

// TestGuarded protects P8: no sandbox may write the lists of running ones, neither
// that of this environment nor that of another start.
func TestGuarded(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("XDG_RUNTIME_DIR", dir)
	_, list := guarded(nil)
	usual := state.Path(func(string) string { return "" }) // "" where there is none
	for _, want := range []string{filepath.Join(dir, "lichen"), usual} {
		if want != "" && !slices.Contains(list, want) {
			t.Errorf("%s is not among %q", want, list)
		}
	}
}
