package sys

import (
	"os"
	"testing"
)

// TestProcStat: a process may be called anything.
func TestProcStat(t *testing.T) {
	line := "7 (a) b) Z 1 2) R 33 7 7 0 -1 4194304 0 0 0 0 0 0 0 0 20 0 1 0 98765 0 0\n"
	if s, ok := ParseProcStat([]byte(line)); !ok || s.Parent != 33 || s.Start != 98765 {
		t.Errorf("%+v %v", s, ok)
	}
	for _, bad := range []string{"", "7 (a", "7 (a) R 1", ")"} {
		if _, ok := ParseProcStat([]byte(bad)); ok {
			t.Errorf("%q is taken", bad)
		}
	}
	if own, err := ReadProcStat(os.Getpid()); err != nil || own.Start == 0 || own.Parent != os.Getppid() {
		t.Errorf("own: %+v, %v", own, err)
	}
}
