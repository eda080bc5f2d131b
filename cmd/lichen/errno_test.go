package main

import (
	"os"
	"testing"

	"github.com/lichen-sandbox/lichen/profile"
	"github.com/lichen-sandbox/lichen/profiles"
	"github.com/lichen-sandbox/lichen/seccomp"
	"github.com/lichen-sandbox/lichen/spec"
)

// TestErrorNumbersLoad: what `seccomp import` and `seccomp show` call an error
// number is what a profile calls it.
func TestErrorNumbersLoad(t *testing.T) {
	const newest = 133 // EHWPOISON
	unused := map[uint16]bool{41: true, 58: true}
	file := t.TempDir() + "/p.toml"
	for n := uint16(1); n <= newest; n++ {
		if unused[n] {
			continue
		}
		action := spec.Action{Kind: spec.ActionErrno, Errno: n}
		text := "version = 1\nextends = ['base']\n[seccomp]\ndefault = '" + seccomp.ActionText(action) + "'\n"
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		l := &profile.Loader{Builtin: profiles.FS}
		p, err := l.Load(file)
		if err != nil {
			t.Errorf("%d: %v", n, err)
			continue
		}
		if p.Spec.Seccomp.Default != action {
			t.Errorf("%d: %+v", n, p.Spec.Seccomp.Default)
		}
	}
}
