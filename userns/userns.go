// Package userns compiles namespaces and id maps into ops.
//
// There are two user namespaces. PID 1 stays in the outer one, which owns the
// sandbox's mounts, network and processes, and where uid 0 stands for the
// caller: mounting a devpts needs uid 0 mapped (devpts_fill_super). The payload
// gets one of its own below it, without any capability over the outer one.
// That is what keeps it from undoing a read-only mount when it runs as uid 0,
// and from looking into PID 1, whatever their uids (cap_ptrace_access_check).
package userns

import (
	"strconv"
	"syscall"

	"github.com/lichen-sandbox/lichen/internal/feature"
	"github.com/lichen-sandbox/lichen/internal/plan"
	"github.com/lichen-sandbox/lichen/internal/sys"
	"github.com/lichen-sandbox/lichen/spec"
)

// CloneFlags returns the namespaces that PID 1 starts in.
func CloneFlags(n spec.Namespaces) uint64 {
	flags := uint64(0)
	for _, f := range []struct {
		on   bool
		flag uint64
	}{
		{n.User, sys.CLONE_NEWUSER}, {n.Mount, sys.CLONE_NEWNS}, {n.PID, sys.CLONE_NEWPID},
		{n.IPC, sys.CLONE_NEWIPC}, {n.UTS, sys.CLONE_NEWUTS}, {n.Cgroup, sys.CLONE_NEWCGROUP},
		{n.Net, sys.CLONE_NEWNET}, {n.Time, sys.CLONE_NEWTIME},
	} {
		if f.on {
			flags |= f.flag
		}
	}
	return flags
}

// PayloadFlags returns how the payload's process is made.
func PayloadFlags(s *spec.Spec) uint64 {
	flags := uint64(sys.CLONE_VM | sys.CLONE_VFORK)
	if s.Namespaces.User && s.Rootfs.IDs != spec.IDsSubuid { // see MakeInner
		flags |= sys.CLONE_NEWUSER
	}
	return flags
}

// WaitForLauncher has the child wait until the launcher has done its part, in a
// plan with a Gate.
func WaitForLauncher(b *plan.Builder) {
	b.Note("wait for", "the launcher", spec.Origin{})
	passGate(b)
}

// MapOuter lets PID 1 map its own ids: 0 inside is the caller outside. It
// returns what OpenProc does.
func MapOuter(b *plan.Builder, f *feature.Facts) plan.Slot {
	proc := OpenProc(b)
	writeMaps(b, plan.From(proc), 0, 0, f.UID, f.GID)
	return proc
}

// OpenProc returns the slot of a descriptor for the host's procfs, which is out
// of reach after the pivot.
func OpenProc(b *plan.Builder) plan.Slot {
	b.Note("open", "/proc", spec.Origin{})
	return b.Open(plan.FDCWD, "/proc", sys.O_PATH|sys.O_DIRECTORY)
}

// MapPayload lets the payload's process map its ids: uid inside is 0 in the
// outer namespace. It must come before Landlock, which would refuse to open
// the files.
func MapPayload(b *plan.Builder, proc plan.Slot, uid, gid uint32) {
	writeMaps(b, plan.From(proc), uid, gid, 0, 0)
}

// IDs returns the ids that the payload has inside. Where the profile says
// nothing, ranges and pretended ids are there for being root.
func IDs(s *spec.Spec, f *feature.Facts) (uid, gid uint32) {
	if s.Rootfs.IDs == spec.IDsSingle {
		uid, gid = f.UID, f.GID
	}
	if s.Process.UID != nil {
		uid = *s.Process.UID
	}
	if s.Process.GID != nil {
		gid = *s.Process.GID
	}
	return uid, gid
}

// writeMaps writes the three files of a single-id map, which a process may do
// for itself without any helper. gid_map asks for setgroups to be denied
// first (user_namespaces(7), CVE-2014-8989).
func writeMaps(b *plan.Builder, proc plan.Arg, uid, gid, outsideUID, outsideGID uint32) {
	b.Note("deny setgroups", "/proc/self/setgroups", spec.Origin{})
	b.WriteFile(proc, "self/setgroups", "deny")
	b.Note("map user ids", "/proc/self/uid_map", spec.Origin{})
	b.WriteFile(proc, "self/uid_map", idMap(uid, outsideUID))
	b.Note("map group ids", "/proc/self/gid_map", spec.Origin{})
	b.WriteFile(proc, "self/gid_map", idMap(gid, outsideGID))
}

func idMap(inside, outside uint32) string {
	return strconv.FormatUint(uint64(inside), 10) + " " + strconv.FormatUint(uint64(outside), 10) + " 1"
}

// ForbidNesting lets the payload's user namespace be the last one: the outer
// namespace may have one child (namespaces(7), user.max_user_namespaces). A
// host that shows /proc/sys read-only refuses; then the filter has to do it,
// and the caller says whether there is one.
func ForbidNesting(b *plan.Builder, proc plan.Slot, filtered bool, origin spec.Origin) {
	b.Note("forbid user namespaces", "/proc/sys/user/max_user_namespaces", origin)
	fd := b.Open(plan.From(proc), "sys/user/max_user_namespaces", sys.O_WRONLY)
	tolerate(b, filtered, sys.EROFS, sys.EACCES)
	b.Write(fd, []byte("1"))
	tolerate(b, filtered, sys.EBADF)
	b.Close(fd)
	tolerate(b, filtered, sys.EBADF)
}

func tolerate(b *plan.Builder, yes bool, errno ...syscall.Errno) {
	if !yes {
		return
	}
	for i, e := range errno {
		b.Last().Tolerate[i] = uint16(e)
	}
}

// Loopback brings up "lo", which a new network namespace has down.
func Loopback(b *plan.Builder, origin spec.Origin) {
	b.Note("bring up", "the loopback device", origin)
	fd := b.Into(sys.SYS_SOCKET, plan.Val(sys.AF_INET), plan.Val(sys.SOCK_DGRAM|sys.SOCK_CLOEXEC), plan.Val(0))
	b.Call(sys.SYS_IOCTL, plan.From(fd), plan.Val(sys.SIOCSIFFLAGS), b.Buf(sys.InterfaceFlags("lo", sys.IFF_UP|sys.IFF_RUNNING)))
	b.Close(fd)
}

// Hostname sets the name in the sandbox's own uts namespace.
func Hostname(b *plan.Builder, name string, origin spec.Origin) {
	b.Note("set host name", name, origin)
	b.Call(sys.SYS_SETHOSTNAME, b.Str(name), plan.Val(len(name)))
}
