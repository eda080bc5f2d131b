package sandbox

import (
	"errors"
	"testing"

	"github.com/lichen-sandbox/lichen/internal/feature"
	"github.com/lichen-sandbox/lichen/spec"
)

// TestRelayed: what the payload has in place of the caller's descriptors, for all
// that looks at them.
func TestRelayed(t *testing.T) {
	file := feature.Descriptor{Kind: feature.DescriptorFile, Writable: true}
	terminal := feature.Descriptor{Kind: feature.DescriptorCharDev, Readable: true, Writable: true}
	dir := feature.Descriptor{Kind: feature.DescriptorDir, Readable: true}
	null := feature.Descriptor{Kind: feature.DescriptorNull, Readable: true, Writable: true}
	pipe := feature.Descriptor{Kind: feature.DescriptorOther, Writable: true}
	limited := &spec.Spec{Limits: spec.Limits{Output: 10}}
	for _, tt := range []struct {
		name  string
		stdio [3]feature.Descriptor
		own   stdio
		want  [3]feature.Descriptor // the zero value: refused
	}{
		{"files", [3]feature.Descriptor{null, file, null}, stdio{}, [3]feature.Descriptor{null, pipe, pipe}},
		{"a directory stays refused", [3]feature.Descriptor{null, dir, terminal}, stdio{}, [3]feature.Descriptor{null, dir, pipe}},
		{"input that can be written", [3]feature.Descriptor{terminal, file, file}, stdio{}, [3]feature.Descriptor{}},
		{"a terminal of its own", [3]feature.Descriptor{terminal, terminal, file}, stdio{in: [3]bool{true, true, false}}, [3]feature.Descriptor{terminal, terminal, pipe}},
	} {
		f := &feature.Facts{Stdio: tt.stdio}
		got, err := relayed(limited, f, tt.own)
		if tt.want == [3]feature.Descriptor{} {
			if e, ok := errors.AsType[*spec.Error](err); !ok || e.Object != "limits.output" || e.Hint == "" {
				t.Errorf("%s: %v", tt.name, err)
			}
			continue
		}
		if err != nil || got.Stdio != tt.want || f.Stdio != tt.stdio {
			t.Errorf("%s: %+v, %v", tt.name, got, err)
		}
	}
	f := &feature.Facts{Stdio: [3]feature.Descriptor{terminal, terminal, terminal}}
	if got, err := relayed(&spec.Spec{}, f, stdio{}); got != f || err != nil {
		t.Errorf("without a limit: %+v, %v", got, err)
	}
}
