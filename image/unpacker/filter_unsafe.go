package unpacker

import (
	"os"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"
)

// refusedCalls are system calls that the worker has no use for, and that lead
// out of what confines it, or deep into the kernel. Landlock before ABI 9 lets
// a process connect to Unix sockets by path, a session bus among them.
var refusedCalls = []uint32{
	unix.SYS_SOCKET, unix.SYS_SOCKETPAIR, unix.SYS_CONNECT, unix.SYS_BIND, unix.SYS_IO_URING_SETUP,
	unix.SYS_EXECVE, unix.SYS_EXECVEAT, unix.SYS_UNSHARE, unix.SYS_SETNS, unix.SYS_MOUNT, unix.SYS_UMOUNT2,
	unix.SYS_OPEN_TREE, unix.SYS_MOVE_MOUNT, unix.SYS_FSOPEN, unix.SYS_FSPICK, unix.SYS_PIVOT_ROOT, unix.SYS_CHROOT,
	unix.SYS_PTRACE, unix.SYS_PROCESS_VM_READV, unix.SYS_PROCESS_VM_WRITEV, unix.SYS_PIDFD_GETFD,
	unix.SYS_BPF, unix.SYS_PERF_EVENT_OPEN, unix.SYS_USERFAULTFD, unix.SYS_OPEN_BY_HANDLE_AT,
	unix.SYS_ADD_KEY, unix.SYS_REQUEST_KEY, unix.SYS_KEYCTL,
}

// Offsets in struct seccomp_data (linux/seccomp.h), of an argument the lower
// half; and the bit that marks the calls of the x32 ABI on amd64, which no
// number of another architecture has.
const (
	offsetNumber = 0
	offsetArch   = 4
	offsetArg0   = 16
	x32Bit       = 0x40000000
)

// callFilter returns the filter. The refused calls, those of the x32 ABI, and
// all calls of another architecture answer EPERM. So does clone(2) but for a
// thread: a process would outlive the worker where it has no process ids of
// its own. clone3(2), whose flags a filter cannot see, answers ENOSYS, and C
// libraries then use the other.
func callFilter() []unix.SockFilter {
	const refuse = unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)
	const load = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
	stmt := func(code uint16, k uint32) unix.SockFilter { return unix.SockFilter{Code: code, K: k} }
	jump := func(op uint16, k uint32, yes, no uint8) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_JMP | op | unix.BPF_K, Jt: yes, Jf: no, K: k}
	}
	tail := []unix.SockFilter{
		jump(unix.BPF_JEQ, unix.SYS_CLONE3, 0, 1),
		stmt(unix.BPF_RET, unix.SECCOMP_RET_ERRNO|uint32(unix.ENOSYS)),
		jump(unix.BPF_JEQ, unix.SYS_CLONE, 0, 2),
		stmt(load, offsetArg0),
		jump(unix.BPF_JSET, unix.CLONE_THREAD, 0, 1),
		stmt(unix.BPF_RET, unix.SECCOMP_RET_ALLOW),
		stmt(unix.BPF_RET, refuse), // the jumps below come here
	}
	refused := slices.Concat(refusedCalls, refusedHere)
	toRefuse := len(refused) + len(tail) - 1
	f := []unix.SockFilter{
		stmt(load, offsetArch),
		jump(unix.BPF_JEQ, auditArch, 1, 0),
		stmt(unix.BPF_RET, refuse),
		stmt(load, offsetNumber),
		jump(unix.BPF_JGE, x32Bit, uint8(toRefuse), 0),
	}
	for i, nr := range refused {
		f = append(f, jump(unix.BPF_JEQ, nr, uint8(toRefuse-1-i), 0))
	}
	return append(f, tail...)
}

// filterCalls installs the filter in all threads. A kernel built without
// filters is no error; haveFilters tells.
func filterCalls() error {
	if !haveFilters() {
		return nil
	}
	f := callFilter()
	prog := unix.SockFprog{Len: uint16(len(f)), Filter: &f[0]}
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&prog)))
	if errno != 0 {
		return errno
	}
	return nil
}

// haveFilters reports whether the kernel has seccomp filters (Linux 4.14 says
// so in this file; the floor of lichen is later).
func haveFilters() bool {
	_, err := os.Stat("/proc/sys/kernel/seccomp/actions_avail")
	return err == nil
}
