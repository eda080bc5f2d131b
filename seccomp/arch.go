package seccomp

import (
	"runtime"

	"github.com/lichen-sandbox/lichen/spec"
)

// Arch is an architecture with a system call table.
type Arch uint8

const (
	AMD64 Arch = iota
	I386
	ARM64
	ARM

	numArches = 4
)

var archNames = [numArches]string{"amd64", "386", "arm64", "arm"}

// auditArches are the AUDIT_ARCH values of linux/audit.h: the ELF machine, with
// 0x80000000 for 64 bits and 0x40000000 for little-endian.
var auditArches = [numArches]uint32{0xc000003e, 0x40000003, 0xc00000b7, 0x40000028}

// Name returns the architecture's name in Go's spelling.
func (a Arch) Name() string {
	if a >= numArches {
		return "unknown"
	}
	return archNames[a]
}

// AuditArch returns the value of seccomp_data.arch for the architecture.
func (a Arch) AuditArch() uint32 {
	if a >= numArches {
		return 0
	}
	return auditArches[a]
}

// Compat returns the 32-bit architecture that a kernel of a also runs.
func (a Arch) Compat() (Arch, bool) {
	switch a {
	case AMD64:
		return I386, true
	case ARM64:
		return ARM, true
	}
	return 0, false
}

func (a Arch) is32() bool { return a == I386 || a == ARM }

// Native returns the architecture of this program.
func Native() (Arch, error) {
	for i, name := range archNames {
		if name == runtime.GOARCH {
			return Arch(i), nil
		}
	}
	return 0, &spec.Error{Op: "seccomp", Reason: "no system call tables for " + runtime.GOARCH}
}
