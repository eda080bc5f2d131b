package wire

import (
	"slices"
	"testing"
)

// TestRoundTrip: what is written is read.
func TestRoundTrip(t *testing.T) {
	buf := Strings(Bool(Uint(String(nil, "a\x00b"), 1<<63), true), []string{"", "x"})
	r := NewReader(buf)
	if s, v, b, l := r.String(), r.Uint(), r.Bool(), r.Strings(); s != "a\x00b" || v != 1<<63 || !b || !slices.Equal(l, []string{"", "x"}) || !r.Done() {
		t.Errorf("read %q %d %v %q", s, v, b, l)
	}
	for n := range buf {
		r := NewReader(buf[:n])
		_, _, _, _ = r.String(), r.Uint(), r.Bool(), r.Strings()
		if r.Done() {
			t.Errorf("the first %d bytes are taken for all", n)
		}
	}
}

// TestHostileLengths: a length that is not there is a mistake, and costs nothing.
func TestHostileLengths(t *testing.T) {
	huge := Uint(nil, 1<<62)
	for _, read := range []func(*Reader){func(r *Reader) { r.Bytes() }, func(r *Reader) { r.Count() }, func(r *Reader) { r.Strings() }, func(r *Reader) { r.Below(5) }, func(r *Reader) { r.Bool() }} {
		r := NewReader(huge)
		read(r)
		if r.Done() || r.Uint() != 0 {
			t.Error("taken")
		}
	}
}
