//go:build !cgo

package unpacker

import "syscall"

// newPID gives the worker process ids of its own; see pidns_cgo.go.
const newPID = syscall.CLONE_NEWPID
