package unpacker

import "golang.org/x/sys/unix"

// auditArch is what seccomp calls this architecture.
const auditArch = unix.AUDIT_ARCH_X86_64

// refusedHere are refused calls that only this architecture has.
var refusedHere = []uint32{unix.SYS_FORK, unix.SYS_VFORK}
