package sys

import "golang.org/x/sys/unix"

// Probe is one system call that sandboxes need, and a way to make it that
// changes nothing: its arguments are refused by every kernel that has it.
type Probe struct {
	Name  string
	Linux string // the first version that has it
	nr    uintptr
	args  [3]uintptr
}

const badFD, badFlags = ^uintptr(0), 1<<31 - 1

// Probes lists the newer of the calls that plans and the launcher use.
func Probes() []Probe {
	return []Probe{
		{"clone3", "5.3", unix.SYS_CLONE3, [3]uintptr{0, 0}},
		{"openat2", "5.6", unix.SYS_OPENAT2, [3]uintptr{badFD, 0, 0}},
		{"open_tree", "5.2", unix.SYS_OPEN_TREE, [3]uintptr{badFD, 0, badFlags}},
		{"move_mount", "5.2", unix.SYS_MOVE_MOUNT, [3]uintptr{badFD, 0, badFD}},
		{"fsopen", "5.2", unix.SYS_FSOPEN, [3]uintptr{0, badFlags}},
		{"mount_setattr", "5.12", unix.SYS_MOUNT_SETATTR, [3]uintptr{badFD, 0, badFlags}},
		{"close_range", "5.9", unix.SYS_CLOSE_RANGE, [3]uintptr{1, 0, badFlags}},
		{"pidfd_send_signal", "5.1", unix.SYS_PIDFD_SEND_SIGNAL, [3]uintptr{badFD, 0, 0}},
		{"seccomp", "3.17", unix.SYS_SECCOMP, [3]uintptr{badFlags, 0, 0}},
	}
}

// Missing reports that the kernel answers as if it had no such call. EPERM is
// no sign of that: some of them ask for a capability first.
func (p Probe) Missing() bool {
	_, _, errno := unix.RawSyscall(p.nr, p.args[0], p.args[1], p.args[2])
	return errno == unix.ENOSYS
}

// Getgroups returns the supplementary group ids.
func Getgroups() ([]int, error) { return unix.Getgroups() }

// W_OK asks Access for permission to write.
const W_OK = unix.W_OK
