package test

import (
	"fmt"
	"testing"
)

// TestManyAtOnce protects builds that start sandboxes in parallel.
func TestManyAtOnce(t *testing.T) {
	const sandboxes = 50
	forUsers(t, func(t *testing.T, b *box) {
		b.file(b.ctl+"/hold", "")
		procs := make([]*process, sandboxes)
		for i := range procs {
			profile := []string{"default", "landlock"}[i%2]
			if !b.mayUse(profile) {
				profile = "build"
			}
			procs[i] = b.start(command{args: probeArgs([]string{"-p", profile, "--rw", b.ctl}, fmt.Sprintf("create %s/%d x", b.ctl, i), "spawn 1", "ids", fmt.Sprintf("exit %d", i))})
		}
		for i, p := range procs {
			if o := p.wait(); o.code != i {
				t.Errorf("sandbox %d: %+v", i, o)
			}
		}
		if left := descendants(); len(left) > 0 {
			t.Errorf("left %s", left)
		}
	})
}
