package forward

// action is the kernel's struct sigaction; this architecture returns from a
// handler through the vdso and has no restorer.
type action struct {
	handler uintptr
	flags   uint64
	mask    uint64
}

func newAction() *action {
	return &action{handler: handlerPC(), mask: ^uint64(0), flags: saSiginfo | saOnStack | saRestart}
}
