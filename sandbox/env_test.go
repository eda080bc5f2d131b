package sandbox

import (
	"slices"
	"strings"
	"testing"

	"github.com/lichen-sandbox/lichen/internal/plan"
	"github.com/lichen-sandbox/lichen/internal/sys"
	"github.com/lichen-sandbox/lichen/spec"
)

// TestProcessIDs: names for the payload's process id win over everything else, and
// what is dropped comes in by no pattern, but by a value of the profile's own.
func TestProcessIDs(t *testing.T) {
	e := spec.Env{
		Keep: []spec.Pattern{{Pattern: "*"}, {Pattern: "LISTEN_FDS"}},
		Set:  []spec.EnvVar{{Name: "LISTEN_PID", Value: "9"}, {Name: "OWN", Value: "1"}},
		PIDs: []string{"LISTEN_PID", "WATCHDOG_PID"},
		Drop: []string{"LISTEN_FDS", "WATCHDOG_PID", "OWN"},
	}
	got := environment(e, []string{"LISTEN_PID=1", "LISTEN_FDS=3", "WATCHDOG_PID=1", "A=b", "OWN=2"}, 3)
	if want := []string{"A=b", "LISTEN_PID=3", "OWN=1", "WATCHDOG_PID=3"}; !slices.Equal(got, want) {
		t.Errorf("environment %q, want %q", got, want)
	}
}

// TestProcessIDIsVerified: the kernel is asked before execve, and only where the
// environment tells the number.
func TestProcessIDIsVerified(t *testing.T) {
	for name, c := range map[string]struct {
		ids  spec.IDs
		pids []string
		want int
	}{
		"none": {spec.IDsSingle, nil, 0}, "single": {spec.IDsSingle, []string{"LISTEN_PID"}, 2}, "ranges": {spec.IDsSubuid, []string{"LISTEN_PID"}, 3},
	} {
		s := withIDs(c.ids, nil)
		s.Env.PIDs = c.pids
		p, err := Compile(s, rangeFacts())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got := 0
		for _, o := range p.Ops[plan.Payload] {
			if o.Nr == sys.SYS_GETPID && o.Check == plan.CheckEqual {
				got = int(o.Expect)
			}
		}
		if got != c.want {
			t.Errorf("%s: expects process %d, want %d", name, got, c.want)
		}
	}
}

// TestProcessIDIsRefused: without a pid namespace the number is not known.
func TestProcessIDIsRefused(t *testing.T) {
	s := small()
	s.Namespaces, s.Mounts = spec.Namespaces{Isolation: spec.IsolationLandlock}, s.Mounts[:1]
	f := facts()
	if _, err := Compile(s, f); err != nil {
		t.Fatal(err)
	}
	s.Env.PIDs = []string{"LISTEN_PID"}
	if _, err := Compile(s, f); err == nil || !strings.Contains(err.Error(), "set environment variable LISTEN_PID") {
		t.Errorf("%v", err)
	}
}
