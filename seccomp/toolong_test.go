package seccomp

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/lichen-sandbox/lichen/spec"
)

// TestTooLongNamesRules protects the user of a policy that outgrows the
// kernel's limit: the error says which rules to merge, the longest one first.
func TestTooLongNamesRules(t *testing.T) {
	values := func(n int) string {
		parts := make([]string, n)
		for i := range parts {
			parts[i] = fmt.Sprintf("%#x", uint64(i+1)<<33|uint64(i*3))
		}
		return "arg2 in {" + strings.Join(parts, ",") + "}"
	}
	p := spec.Seccomp{Allow: entries("@default")}
	for i, text := range []string{"umask: arg0 == 1", "write: " + values(1000), "read: " + values(900)} {
		p.Rules = append(p.Rules, spec.SeccompRule{Text: text, Origin: spec.Origin{File: "p.toml", Line: i + 1}})
	}
	_, err := Compile(&p, Options{Arch: AMD64})
	var e *spec.Error
	if !errors.As(err, &e) {
		t.Fatalf("error of type %T", err)
	}
	if got := fmt.Sprintf("%.300s", e.Error()); !strings.Contains(got, "the kernel no more than 4096 (p.toml:2)") {
		t.Errorf("error %s", got)
	}
	if got := fmt.Sprintf("%.300s", e.Hint); !strings.HasPrefix(got, "the longest rules are those of write (p.toml:2, ") || !strings.Contains(got, "read (p.toml:3, ") {
		t.Errorf("hint %q", got)
	}
}
