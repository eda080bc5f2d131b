package main

import (
	"github.com/lichen-sandbox/lichen/sandbox"
	"github.com/lichen-sandbox/lichen/spec"
)

// cgroupRun is the cgroup of one sandbox.
type cgroupRun struct{}

func newCgroup(s *spec.Spec) (*cgroupRun, error) {
	if len(s.Limits.Cgroup) == 0 {
		return nil, nil
	}
	return nil, &spec.Error{Op: "profile", Object: "limits.cgroup", Reason: "not part of this build yet", Origin: s.OriginOf("limits.cgroup")}
}

func (t *cgroupRun) options(*sandbox.Options) {}
func (t *cgroupRun) ended(*outcome)           {}
func (t *cgroupRun) close()                   {}
