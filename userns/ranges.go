package userns

import (
	"github.com/lichen-sandbox/lichen/internal/plan"
	"github.com/lichen-sandbox/lichen/internal/subid"
	"github.com/lichen-sandbox/lichen/internal/sys"
	"github.com/lichen-sandbox/lichen/spec"
)

// Programs that may map a user's ranges, with the files they write. They are
// setuid root or have a capability (newuidmap(1)).
var helpers = [...]struct{ name, file string }{{"newuidmap", "uid_map"}, {"newgidmap", "gid_map"}}

// helperDirs are searched for them: not the caller's PATH, which may lead to
// what a payload wrote.
var helperDirs = [...]string{"/usr/bin/", "/bin/", "/usr/local/bin/", "/run/wrappers/bin/"}

// Helped returns the maps of the outer namespace that a program outside has to
// write; exists tells whether there is one of that path.
func Helped(m subid.Mapping, exists func(path string) bool) ([]plan.IDMap, error) {
	out := make([]plan.IDMap, 0, len(helpers))
	for i, h := range helpers {
		ids := m.UIDs
		if i == 1 {
			ids = m.GIDs
		}
		program := ""
		for _, dir := range helperDirs {
			if exists(dir + h.name) {
				program = dir + h.name
				break
			}
		}
		if program == "" {
			return nil, &spec.Error{Op: "map ids", Object: "with " + h.name, Reason: "there is no such program in /usr/bin, /bin, /usr/local/bin or /run/wrappers/bin",
				Hint: "install it (Debian and Ubuntu: apt-get install uidmap; elsewhere it is a part of shadow), or use rootfs.ids = \"single\" or \"fake\""}
		}
		out = append(out, plan.IDMap{File: h.file, Program: program, Args: ids.Args()})
	}
	return out, nil
}

// WaitForMaps has PID 1 wait until the launcher has had the maps of its
// namespace written. It returns what MapOuter does.
//
// PID 1's own copy of the pipe's other end goes first: with it, the end of the
// launcher would not be seen.
func WaitForMaps(b *plan.Builder) plan.Slot {
	b.Note("wait for", "the maps of user and group ids", spec.Origin{})
	passGate(b)
	return OpenProc(b)
}

func passGate(b *plan.Builder) {
	b.Call(sys.SYS_CLOSE, plan.From(plan.SlotGatePeer))
	b.Call(sys.SYS_READ, plan.From(plan.SlotGate), b.Buf(make([]byte, 8)), plan.Val(1)).Expecting(1)
	b.Call(sys.SYS_CLOSE, plan.From(plan.SlotGate))
}

// firstChild is the pid of the first process that PID 1 makes in a new pid
// namespace.
const firstChild = 2

// MakeInner makes the payload's user namespace and maps in it every id that the
// outer one has, to itself. It returns a descriptor of the namespace.
//
// More than one's own id takes capabilities over the parent namespace, of the
// one who opens the file as well as of the one who writes it
// (new_idmap_permitted), and his own namespace has to be the new one or its
// parent (proc_uid_map_write). The payload's process has no such capabilities
// once it is in the new namespace, the launcher is too far away, and PID 1 is
// stopped while the payload starts. So another process makes the namespace, and
// ends when PID 1 has mapped the ids and holds the namespace by a descriptor.
// The procfs is one of the new pid namespace, which knows that process by a
// number that is known beforehand; it is attached nowhere.
func MakeInner(b *plan.Builder, m subid.Mapping) plan.Slot {
	b.Note("make", "the payload's user namespace", spec.Origin{})
	b.Call(sys.SYS_CLONE, plan.Val(sys.CLONE_NEWUSER|sys.SIGCHLD)).Forking(firstChild)
	b.Note("mount proc on", "nothing, for the id maps", spec.Origin{})
	proc := b.NewFS("proc", sys.MOUNT_ATTR_NOSUID|sys.MOUNT_ATTR_NODEV|sys.MOUNT_ATTR_NOEXEC)
	b.Note("map user ids", "/proc/2/uid_map", spec.Origin{})
	b.WriteFile(plan.From(proc), "2/uid_map", identity(m.UIDs))
	b.Note("map group ids", "/proc/2/gid_map", spec.Origin{})
	b.WriteFile(plan.From(proc), "2/gid_map", identity(m.GIDs))
	b.Note("keep", "the payload's user namespace", spec.Origin{})
	ns := b.Open(plan.From(proc), "2/ns/user", sys.O_RDONLY)
	b.Close(proc)
	b.Call(sys.SYS_KILL, plan.Val(firstChild), plan.Val(sys.SIGKILL))
	b.Call(sys.SYS_WAIT4, plan.Val(firstChild), plan.Null, plan.Val(0), plan.Null).Expecting(firstChild)
	return ns
}

// identity maps the ids inside a map to themselves: extent by extent, because
// the kernel looks for the whole of one in a single extent of the parent
// (map_id_range_down).
func identity(m subid.Map) string {
	same := subid.Map{Extents: make([]subid.Extent, len(m.Extents))}
	for i, e := range m.Extents {
		same.Extents[i] = subid.Extent{Inside: e.Inside, Outside: e.Inside, Count: e.Count}
	}
	return same.String()
}

// EnterInner takes the payload's process into its user namespace and gives it
// its ids. Supplementary groups are dropped: with ranges, and only then, the
// kernel lets a user do that (user_namespaces(7), on setgroups).
//
// Capabilities stay until they are dropped one by one: leaving uid 0 would take
// them all (capabilities(7)), before the bounding set is empty.
func EnterInner(b *plan.Builder, ns plan.Slot, uid, gid uint32) {
	b.Note("enter", "the payload's user namespace", spec.Origin{})
	b.Call(sys.SYS_SETNS, plan.From(ns), plan.Val(sys.CLONE_NEWUSER))
	b.Close(ns)
	b.Prctl(plan.Val(sys.PR_SET_SECUREBITS), plan.Val(sys.SECBIT_NO_SETUID_FIXUP), plan.Val(0), plan.Val(0), plan.Val(0))
	b.Note("take", "the payload's ids", spec.Origin{})
	b.Call(sys.SYS_SETGROUPS, plan.Val(0), plan.Null)
	b.Call(sys.SYS_SETRESGID, plan.Val(gid), plan.Val(gid), plan.Val(gid))
	b.Call(sys.SYS_SETRESUID, plan.Val(uid), plan.Val(uid), plan.Val(uid))
	// A change of ids takes the parent-death signal back (commit_creds).
	b.Prctl(plan.Val(sys.PR_SET_PDEATHSIG), plan.Val(sys.SIGKILL), plan.Val(0), plan.Val(0), plan.Val(0))
}
