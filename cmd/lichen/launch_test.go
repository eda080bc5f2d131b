package main

import (
	"errors"
	"syscall"
	"testing"
	"time"

	"github.com/lichen-sandbox/lichen/internal/sys"
	"github.com/lichen-sandbox/lichen/sandbox"
	"github.com/lichen-sandbox/lichen/spec"
)

func TestExitCode(t *testing.T) {
	for code := range 256 {
		if got := (&outcome{status: syscall.WaitStatus(code << 8)}).exitCode(); got != code {
			t.Errorf("status %d: %d", code, got)
		}
	}
	const coreDumped = 0x80
	for n := 1; n < 65; n++ {
		for _, s := range []int{n, n | coreDumped} {
			if got := (&outcome{status: syscall.WaitStatus(s)}).exitCode(); got != 128+n {
				t.Errorf("signal %d: %d", n, got)
			}
		}
	}
	if got := (&outcome{verdict: verdictTimeout}).exitCode(); got != exitTimeout {
		t.Errorf("timeout: %d", got)
	}
}

func TestFailureCode(t *testing.T) {
	tests := []struct {
		err  error
		want int
	}{
		{errors.New("x"), 125},
		{&spec.Error{}, 125},
		{&sandbox.Failure{Code: sandbox.CodeNotFound}, 127},
		{&sandbox.Failure{Code: sandbox.CodeNotExecutable}, 126},
		{&sandbox.Failure{Code: sandbox.CodeSetup}, 125},
		{&sandbox.Failure{Code: sandbox.CodeKilled}, 125},
	}
	for _, tt := range tests {
		if got := failureCode(tt.err); got != tt.want {
			t.Errorf("%#v: %d, want %d", tt.err, got, tt.want)
		}
	}
}

func TestFinalStatus(t *testing.T) {
	gone := errors.New("gone")
	killed := sandbox.Exit{Total: sys.Exit{Status: 9}}
	if got := finalStatus(sandbox.Exit{Status: 3 << 8}, nil); got != 3<<8 {
		t.Errorf("payload's: %#x", got)
	}
	if got := finalStatus(killed, gone); got != 9 {
		t.Errorf("PID 1 killed: %#x", got)
	}
	if got := (&outcome{status: finalStatus(sandbox.Exit{}, gone)}).exitCode(); got != exitFailed {
		t.Errorf("PID 1 gone: %d", got)
	}
}

func TestKillAfter(t *testing.T) {
	set := map[string]spec.Origin{"process.kill_after": spec.CommandLine}
	tests := []struct {
		s    spec.Spec
		want time.Duration
	}{
		{spec.Spec{}, defaultKillAfter},
		{spec.Spec{Origins: set}, 0},
		{spec.Spec{Origins: set, Process: spec.Process{KillAfter: time.Second}}, time.Second},
	}
	for _, tt := range tests {
		if got := killAfter(&tt.s); got != tt.want {
			t.Errorf("%v, want %v", got, tt.want)
		}
	}
}
