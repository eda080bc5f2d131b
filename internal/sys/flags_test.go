package sys

import (
	"slices"
	"strings"
	"testing"
)

// TestFlagTables checks that each flag is found by its own value: one of
// several bits must not be taken apart, nor hidden by one before it.
func TestFlagTables(t *testing.T) {
	for s := range NumFlagSets {
		table := &flagTables[s]
		if len(table.bits) == 0 {
			t.Errorf("flag set %d is empty", s)
		}
		for _, f := range slices.Concat(table.field, table.bits) {
			if got := s.Split(f.value); !slices.Contains(got, f.name) || len(got) > 2 {
				t.Errorf("flag set %d: %s (%#x) reads as %q", s, f.name, f.value, got)
			}
		}
	}
}

func TestSplitKeepsUnknownBits(t *testing.T) {
	got := CloneFlags.Split(CLONE_NEWUSER | 1<<50 | 1<<62)
	if want := []string{"CLONE_NEWUSER", "0x4004000000000000"}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	if got := NumFlagSets.Split(1); !slices.Equal(got, []string{"0x1"}) {
		t.Errorf("got %q", got)
	}
}

func TestEnumTables(t *testing.T) {
	for e := range NumEnums {
		if e != Capabilities && e != Signals && e != Resources && len(enumTables[e]) == 0 {
			t.Errorf("enum %d is empty", e)
		}
		for _, f := range enumTables[e] {
			if got := e.Name(f.value); got != f.name {
				t.Errorf("enum %d: %s (%#x) reads as %s", e, f.name, f.value, got)
			}
		}
	}
}

func TestCapabilityNumbers(t *testing.T) {
	for _, tt := range []struct {
		nr   uint64
		name string
	}{{0, "CAP_CHOWN"}, {8, "CAP_SETPCAP"}, {21, "CAP_SYS_ADMIN"}, {31, "CAP_SETFCAP"}, {40, "CAP_CHECKPOINT_RESTORE"}, {41, ""}} {
		if got := Capabilities.Name(tt.nr); got != tt.name {
			t.Errorf("%d: got %q", tt.nr, got)
		}
	}
}

func TestResourceNamesMatch(t *testing.T) {
	for i, name := range rlimits {
		if got := Resources.Name(uint64(i)); len(got) < 8 || !strings.EqualFold(got[len("RLIMIT_"):], name) {
			t.Errorf("%s reads as %s", name, got)
		}
	}
}
