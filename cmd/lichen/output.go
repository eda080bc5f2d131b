package main

import (
	"github.com/lichen-sandbox/lichen/sandbox"
	"github.com/lichen-sandbox/lichen/spec"
)

// output counts what the payload writes.
type output struct{}

func newOutput(_ *ui, s *spec.Spec) (*output, error) {
	if s.Limits.Output == 0 {
		return nil, nil
	}
	return nil, &spec.Error{Op: "profile", Object: "limits.output", Reason: "not part of this build yet", Origin: s.OriginOf("limits.output")}
}

func (t *output) options(*sandbox.Options) {}
func (t *output) started(*sandbox.Process) {}
func (t *output) ended(*outcome)           {}
func (t *output) close()                   {}
