package feature

import (
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/lichen-sandbox/lichen/internal/sys"
)

// Hint is what to do about a failed operation.
type Hint struct {
	Text string
	// Host is true when every sandbox would fail here, whatever its profile.
	Host bool
}

// HintClone explains why the namespaces could not be made; see clone(2) and
// user_namespaces(7).
func HintClone(flags uint64, errno syscall.Errno) string {
	switch errno {
	case sys.ENOSPC, sys.EUSERS:
		for _, ns := range []string{"user", "mnt", "pid", "ipc", "uts", "cgroup", "net", "time"} {
			path := "/proc/sys/user/max_" + ns + "_namespaces"
			if v, ok := readNumber(path); ok && v == 0 {
				return "an administrator has forbidden " + ns + " namespaces; to allow them: sysctl user.max_" + ns + "_namespaces=10000"
			}
		}
		return "a limit on namespaces is met, or they are nested too deeply: see /proc/sys/user/max_*_namespaces and namespaces(7)"
	case sys.EPERM:
		if v, ok := readNumber("/proc/sys/kernel/unprivileged_userns_clone"); ok && v == 0 {
			return "an administrator has forbidden user namespaces; to allow them: sysctl kernel.unprivileged_userns_clone=1"
		}
		if seccompFiltered() {
			return "lichen itself runs under a seccomp filter (a container or a sandbox), which probably forbids namespaces: allow clone3 and unshare there"
		}
		return "user namespaces are refused here: is lichen running in a chroot or a container?"
	case sys.ENOSYS:
		if seccompFiltered() {
			return "lichen itself runs under a seccomp filter (a container or a sandbox) that hides clone3"
		}
		return "lichen needs Linux 5.13 or newer"
	case sys.EINVAL:
		return "this kernel lacks one of the namespaces: see CONFIG_USER_NS, CONFIG_PID_NS, CONFIG_NET_NS in its configuration"
	case sys.EAGAIN:
		return "the limit on processes is met: see ulimit -u, and pids.max of the cgroup"
	case sys.EMFILE:
		return "the limit on open files is met: raise ulimit -n"
	}
	return ""
}

// Diagnose looks for the cause of a failed op: call is the system call, op and
// object what it was for, payload whether it ran in the payload's process.
func Diagnose(call, op, object string, errno syscall.Errno, payload bool) Hint {
	switch {
	case op == "map user ids" || op == "map group ids" || op == "deny setgroups":
		return Hint{hintMaps(errno), true}
	case errno == sys.ENOSYS:
		if seccompFiltered() {
			return Hint{"lichen itself runs under a seccomp filter (a container or a sandbox) that hides " + call, true}
		}
		return Hint{"this kernel has no " + call + ": lichen needs Linux 5.13 or newer", true}
	case errno == sys.EMFILE || errno == sys.EBADF && call == "dup3":
		return Hint{"the limit on open files is met: raise ulimit -n", false}
	case errno == sys.ENFILE:
		return Hint{"the host's limit on open files is met: see /proc/sys/fs/file-max", false}
	case errno == sys.EAGAIN:
		return Hint{"the limit on processes is met: see ulimit -u, and pids.max of the cgroup", false}
	case errno == sys.ENOSPC && (call == "open_tree" || call == "move_mount" || call == "fsmount"):
		return Hint{"the limit on mounts in a namespace is met: see /proc/sys/fs/mount-max", false}
	case errno == sys.EPERM && op == "mount proc on":
		return Hint{hintProc(), true}
	case errno == sys.EPERM && op == "make mounts private":
		return Hint{hintMaps(sys.EPERM), true}
	case errno == sys.ENODEV && call == "fsopen":
		return Hint{"this kernel has no such file system, or its module is not loaded: modprobe overlay", false}
	case op == "enter" && errno == sys.ELOOP:
		return Hint{"a link of /proc, like /proc/self/fd/N, leads out of the sandbox: name the directory itself", false}
	case errno == sys.ELOOP:
		return Hint{"a component of the path is a symbolic link, in a tree that the payload may write: name the place it leads to", false}
	case op == "enter" && errno == sys.ENOENT:
		return Hint{"grant the directory (--ro " + object + " or --rw " + object + "), or choose another with --cwd", false}
	}
	return Hint{}
}

// hintMaps tells apart the causes of a refused id map.
func hintMaps(errno syscall.Errno) string {
	if v, ok := readNumber("/proc/sys/kernel/apparmor_restrict_unprivileged_userns"); ok && v == 1 {
		return "AppArmor restricts user namespaces on this host (Ubuntu 23.10 and newer): give lichen a profile with 'userns,' in /etc/apparmor.d, or: sysctl kernel.apparmor_restrict_unprivileged_userns=0"
	}
	if exe, err := os.Readlink("/proc/self/exe"); err == nil && sys.Access(exe, sys.R_OK) != nil {
		return "you may execute " + exe + " but not read it, which closes its /proc files: chmod +r " + exe
	}
	if errno == sys.EACCES || errno == sys.EPERM {
		return "the kernel refuses id maps: is another security module (SELinux, a container's profile) in the way?"
	}
	return ""
}

// hintProc explains EPERM for a new procfs: the kernel wants to see one whole
// procfs in the old mount namespace (mount_too_revealing).
func hintProc() string {
	data, err := os.ReadFile("/proc/self/mountinfo")
	if err == nil {
		for line := range strings.Lines(string(data)) {
			if f := strings.Fields(line); len(f) > 4 && strings.HasPrefix(f[4], "/proc/") {
				return f[4] + " is mounted over a part of /proc, so that the kernel refuses a new one: in a container, ask for an unmasked /proc (podman run --security-opt unmask=ALL)"
			}
		}
	}
	return "no /proc of this mount namespace is whole, so that the kernel refuses a new one"
}

// seccompFiltered reports whether a filter is in force on this process; see
// proc_pid_status(5).
func seccompFiltered() bool {
	data, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return false
	}
	_, rest, ok := strings.Cut(string(data), "\nSeccomp:\t")
	return ok && strings.HasPrefix(rest, "2")
}

func readNumber(path string) (int, bool) {
	data, err := os.ReadFile(path)
	if err != nil {
		return 0, false
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(data)))
	return n, err == nil
}
