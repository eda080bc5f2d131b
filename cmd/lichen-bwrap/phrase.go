package main

import (
	"errors"

	"github.com/lichen-sandbox/lichen/bwrap"
	"github.com/lichen-sandbox/lichen/sandbox"
	"github.com/lichen-sandbox/lichen/spec"
)

// phrase says an error in bubblewrap's words, which callers parse.
func phrase(c *bwrap.Config, err error) string {
	if e, ok := errors.AsType[*bwrap.Error](err); ok {
		return e.Text
	}
	if f, ok := errors.AsType[*sandbox.Failure](err); ok {
		return c.Phrase(&f.Cause)
	}
	if e, ok := errors.AsType[*spec.Error](err); ok {
		return c.Phrase(e)
	}
	return err.Error()
}

func reason(err error) string { return bwrap.Reason(err) }
