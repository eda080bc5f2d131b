//go:build !riscv64

package forward

// action is the kernel's struct sigaction.
type action struct {
	handler  uintptr
	flags    uint64
	restorer uintptr
	mask     uint64
}

func newAction() *action {
	return &action{handler: handlerPC(), restorer: restorerPC(), mask: ^uint64(0),
		flags: saSiginfo | saRestorer | saOnStack | saRestart}
}
