package unpacker

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/lichen-sandbox/lichen/image/unpack"
	"github.com/lichen-sandbox/lichen/spec"
)

// TestErrorsCross: an error of the worker is the same one in the parent.
func TestErrorsCross(t *testing.T) {
	for _, err := range []error{
		&spec.Error{Op: "unpack", Object: `"a b"`, Reason: "too long"},
		&spec.Error{Op: "unpack", Object: `"é"`, Err: syscall.ENOSPC, Hint: "make room"},
		inLayer("layer 1 (sha256:x)", &spec.Error{Op: "unpack", Object: `"a"`, Err: syscall.EIO}),
		&spec.Error{Op: "map id", Object: "7", Reason: "does not fit", Origin: spec.Origin{File: "/etc/subuid", Line: 3}},
	} {
		data, e := (&report{Err: encodeError(err)}).encode()
		check(t, e)
		r, e := readReport(bytes.NewReader(data))
		check(t, e)
		have := r.Err.decode()
		var errno syscall.Errno
		if have.Error() != err.Error() || (errors.As(err, &errno) && !errors.Is(have, errno)) {
			t.Errorf("have %v, want %v", have, err)
		}
		var before, after *spec.Error
		if !errors.As(err, &before) || !errors.As(have, &after) || before.Hint != after.Hint {
			t.Errorf("hint of %v: %+v", err, after)
		}
	}
}

func TestManyWarnings(t *testing.T) {
	warnings := slices.Repeat([]string{strings.Repeat("w", 5000)}, 5000)
	data, err := (&report{Summary: unpack.Summary{Warnings: warnings}}).encode()
	check(t, err)
	r, err := readReport(bytes.NewReader(data))
	check(t, err)
	if w := r.Summary.Warnings; len(w) != maxWarnings || w[maxWarnings-1] != "4001 more warnings" {
		t.Errorf("%d warnings, the last %q", len(w), w[len(w)-1])
	}
}

func TestMissing(t *testing.T) {
	all := names(^uintptr(0))
	for _, test := range []struct {
		abi        int
		namespaces []string
		want       string
	}{
		{0, nil, "files outside the new tree, truncating files, TCP, signals, abstract sockets, UDP"},
		{0, all, "files outside the new tree, truncating files"},
		{1, all, "files outside the new tree, truncating files"},
		{2, all, "truncating files"},
		{3, all, ""},
		{7, nil, "UDP"},
		{7, all, ""},
		{11, nil, ""},
	} {
		if have := strings.Join(missing(test.abi, test.namespaces), ", "); have != test.want {
			t.Errorf("ABI %d, %q: have %q, want %q", test.abi, test.namespaces, have, test.want)
		}
	}
}

func FuzzReadReport(f *testing.F) {
	for _, s := range []string{"", "{}", `{"Summary":{"Entries":1,"Warnings":["a\nb"]},"Err":{"Op":"x","Errno":28}}`, `{"Err":{"Reason":"\ud800"}}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := readReport(bytes.NewReader(data))
		texts := []string{}
		switch {
		case err != nil:
			texts = append(texts, err.Error())
		case r.Err != nil:
			texts = append(texts, r.Err.decode().Error())
		default:
			texts = r.Summary.Warnings
		}
		for _, s := range texts {
			if strings.ContainsAny(s, "\n\r\x1b\x00\u0085\u202e") || len(s) > 5*4*maxText {
				t.Errorf("%q", s)
			}
		}
	})
}
