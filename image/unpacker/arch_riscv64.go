package unpacker

import "golang.org/x/sys/unix"

// auditArch is what seccomp calls this architecture.
const auditArch = unix.AUDIT_ARCH_RISCV64

// refusedHere are refused calls that only this architecture has: none.
var refusedHere []uint32
