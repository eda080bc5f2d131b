package sandbox_test

import (
	"strings"
	"testing"

	"github.com/lichen-sandbox/lichen/internal/feature"
	"github.com/lichen-sandbox/lichen/internal/plan"
	"github.com/lichen-sandbox/lichen/internal/sys"
	"github.com/lichen-sandbox/lichen/sandbox"
	"github.com/lichen-sandbox/lichen/spec"
)

// TestWrongProcessID: the payload does not start with a process id in its
// environment that is not its own.
func TestWrongProcessID(t *testing.T) {
	needNamespaces(t)
	s := &spec.Spec{
		Namespaces: spec.Namespaces{User: true, Mount: true, PID: true, IPC: true, UTS: true, Cgroup: true, Net: true},
		Process:    spec.Process{Command: []string{"sh", "-c", `test "$LISTEN_PID" = $$ && exit 42`}},
		Env:        spec.Env{PIDs: []string{"LISTEN_PID"}},
		Landlock:   spec.Landlock{Mode: spec.LandlockOff},
		Seccomp:    spec.Seccomp{Off: true},
	}
	for _, dir := range []string{"/usr", "/bin", "/lib", "/lib64"} {
		s.Mounts = append(s.Mounts, spec.Mount{Type: spec.MountBind, Source: dir, Target: dir, Optional: true})
	}
	p, err := sandbox.Compile(s, feature.Gather(nil))
	if err != nil {
		t.Fatal(err)
	}
	if code, f := outcome(t, p); code != 42 {
		t.Fatalf("status %d, %v", code, f)
	}
	for i := range p.Ops[plan.Payload] {
		if op := &p.Ops[plan.Payload][i]; op.Nr == sys.SYS_GETPID {
			op.Expect++
		}
	}
	if code, f := outcome(t, p); f == nil || f.Call != "getpid" || !strings.Contains(f.Error(), "verify the payload's process id, which LISTEN_PID tells") {
		t.Errorf("status %d, %v", code, f)
	}
}
