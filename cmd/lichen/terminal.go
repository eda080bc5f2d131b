package main

import (
	"github.com/lichen-sandbox/lichen/sandbox"
	"github.com/lichen-sandbox/lichen/spec"
)

// terminal stands between the caller's terminal and the payload's own.
type terminal struct{}

func newTerminal(_ *ui, s *spec.Spec) (*terminal, error) {
	if !s.Process.PTY {
		return nil, nil
	}
	return nil, &spec.Error{Op: "profile", Object: "process.pty", Reason: "not part of this build yet", Origin: s.OriginOf("process.pty")}
}

func (t *terminal) options(*sandbox.Options) {}
func (t *terminal) started(*sandbox.Process) {}
func (t *terminal) ended(*outcome)           {}
func (t *terminal) close()                   {}
