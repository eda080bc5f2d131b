package main

import (
	"syscall"
	"testing"

	"github.com/lichen-sandbox/lichen/sandbox"
	"github.com/lichen-sandbox/lichen/spec"
)

func TestOverCPU(t *testing.T) {
	const ms = 1000
	for _, tt := range []struct {
		name       string
		soft, hard uint64
		used       int64 // microseconds
		status     syscall.WaitStatus
		want       bool
	}{
		{"soft", 2, 9, 2000 * ms, syscall.WaitStatus(syscall.SIGXCPU), true},
		{"soft, by the kernel's other clock", 2, 9, 1500 * ms, syscall.WaitStatus(syscall.SIGXCPU), true},
		{"soft, a core was dumped", 2, 9, 2001 * ms, syscall.WaitStatus(syscall.SIGXCPU) | 0x80, true},
		{"sent by somebody", 2, 9, 100 * ms, syscall.WaitStatus(syscall.SIGXCPU), false},
		{"hard", 2, 3, 3000 * ms, syscall.WaitStatus(syscall.SIGKILL), true},
		{"killed after the soft one", 2, 5, 2500 * ms, syscall.WaitStatus(syscall.SIGKILL), false},
		{"killed, no limit", spec.RlimInfinity, spec.RlimInfinity, 1 << 40, syscall.WaitStatus(syscall.SIGKILL), false},
		{"another signal", 2, 3, 5000 * ms, syscall.WaitStatus(syscall.SIGTERM), false},
		{"its own exit", 2, 3, 5000 * ms, 152 << 8, false},
		{"at once", 0, 0, 100 * ms, syscall.WaitStatus(syscall.SIGKILL), true},
	} {
		s := &spec.Spec{Limits: spec.Limits{Rlimits: []spec.Rlimit{{Name: "cpu", Soft: tt.soft, Hard: tt.hard}}}}
		e := &sandbox.Exit{}
		e.Payload.Utime = syscall.NsecToTimeval(tt.used * 1000 / 2)
		e.Payload.Stime = e.Payload.Utime
		if got := overCPU(s, e, tt.status); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
	if overCPU(&spec.Spec{}, &sandbox.Exit{}, syscall.WaitStatus(syscall.SIGKILL)) {
		t.Error("without a limit")
	}
}
