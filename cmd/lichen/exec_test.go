package main

import (
	"syscall"
	"testing"

	"github.com/lichen-sandbox/lichen/sandbox"
	"github.com/lichen-sandbox/lichen/spec"
)

// TestHintAtRunning: exec has no options that grant a directory.
func TestHintAtRunning(t *testing.T) {
	failure := func(op string, errno syscall.Errno) string {
		f := &sandbox.Failure{Errno: errno, Cause: spec.Error{Op: op, Object: "/x", Err: errno, Hint: "as it was"}}
		hintAtRunning(f)
		return f.Cause.Hint
	}
	if got := failure("enter", syscall.ENOENT); got != "choose a directory that the sandbox shows, with --cwd" {
		t.Error(got)
	}
	for _, got := range []string{failure("enter", syscall.ELOOP), failure("execute", syscall.ENOENT)} {
		if got != "as it was" {
			t.Error(got)
		}
	}
}
