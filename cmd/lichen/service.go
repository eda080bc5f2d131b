package main

import (
	"github.com/lichen-sandbox/lichen/sandbox"
	"github.com/lichen-sandbox/lichen/spec"
)

// service is what a service manager has handed to lichen and the payload gets.
type service struct {
	plan bool // nothing is made on the host
}

// attach puts it into a Spec. A plan makes nothing on the host.
func (t *service) attach(s *spec.Spec) error {
	if s.Service.Listen || s.Service.Notify {
		return &spec.Error{Op: "profile", Object: "service.listen", Reason: "not part of this build yet", Origin: s.OriginOf("service.listen")}
	}
	return nil
}

func (t *service) started(*sandbox.Process) {}
func (t *service) close()                   {}
