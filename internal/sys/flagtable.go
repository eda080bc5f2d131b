package sys

import "golang.org/x/sys/unix"

// Flags that x/sys/unix does not know; their values are in linux/stat.h,
// linux/mount.h and linux/securebits.h.
const (
	moveMountBeneath = 0x200

	secbitNoroot                  = 1 << 0
	secbitNorootLocked            = 1 << 1
	secbitNoSetuidFixup           = 1 << 2
	secbitNoSetuidFixupLocked     = 1 << 3
	secbitKeepCaps                = 1 << 4
	secbitKeepCapsLocked          = 1 << 5
	secbitNoCapAmbientRaise       = 1 << 6
	secbitNoCapAmbientRaiseLocked = 1 << 7
)

var cloneBits = [...]flag{
	{"CLONE_VM", unix.CLONE_VM}, {"CLONE_VFORK", unix.CLONE_VFORK}, {"CLONE_FS", unix.CLONE_FS},
	{"CLONE_FILES", unix.CLONE_FILES}, {"CLONE_SIGHAND", unix.CLONE_SIGHAND}, {"CLONE_THREAD", unix.CLONE_THREAD},
	{"CLONE_PARENT", unix.CLONE_PARENT}, {"CLONE_PTRACE", unix.CLONE_PTRACE}, {"CLONE_PIDFD", unix.CLONE_PIDFD},
	{"CLONE_SYSVSEM", unix.CLONE_SYSVSEM}, {"CLONE_SETTLS", unix.CLONE_SETTLS}, {"CLONE_IO", unix.CLONE_IO},
	{"CLONE_PARENT_SETTID", unix.CLONE_PARENT_SETTID}, {"CLONE_CHILD_SETTID", unix.CLONE_CHILD_SETTID},
	{"CLONE_CHILD_CLEARTID", unix.CLONE_CHILD_CLEARTID}, {"CLONE_UNTRACED", unix.CLONE_UNTRACED},
	{"CLONE_CLEAR_SIGHAND", unix.CLONE_CLEAR_SIGHAND}, {"CLONE_INTO_CGROUP", unix.CLONE_INTO_CGROUP},
	{"CLONE_NEWUSER", unix.CLONE_NEWUSER}, {"CLONE_NEWNS", unix.CLONE_NEWNS}, {"CLONE_NEWPID", unix.CLONE_NEWPID},
	{"CLONE_NEWIPC", unix.CLONE_NEWIPC}, {"CLONE_NEWUTS", unix.CLONE_NEWUTS}, {"CLONE_NEWCGROUP", unix.CLONE_NEWCGROUP},
	{"CLONE_NEWNET", unix.CLONE_NEWNET}, {"CLONE_NEWTIME", unix.CLONE_NEWTIME},
}

// The AT_ flags that calls have in common. 0x200 means AT_REMOVEDIR to
// unlinkat(2) and AT_EACCESS to faccessat2(2), so it is not among them.
var atBits = [...]flag{
	{"AT_EMPTY_PATH", unix.AT_EMPTY_PATH}, {"AT_RECURSIVE", unix.AT_RECURSIVE},
	{"AT_SYMLINK_NOFOLLOW", unix.AT_SYMLINK_NOFOLLOW}, {"AT_NO_AUTOMOUNT", unix.AT_NO_AUTOMOUNT},
}

// flagTables holds constants only, so that the linker lays it out and nothing
// runs at start-up.
var flagTables = [NumFlagSets]flagTable{
	CloneFlags: {bits: cloneBits[:]},
	ForkFlags:  {mask: unix.CSIGNAL, field: []flag{{"SIGCHLD", uint64(unix.SIGCHLD)}}, bits: cloneBits[:]},
	OpenFlags: {
		mask:  unix.O_ACCMODE,
		field: []flag{{"O_RDONLY", unix.O_RDONLY}, {"O_WRONLY", unix.O_WRONLY}, {"O_RDWR", unix.O_RDWR}},
		bits: []flag{
			{"O_TMPFILE", unix.O_TMPFILE}, {"O_SYNC", unix.O_SYNC}, // before O_DIRECTORY and O_DSYNC, their parts
			{"O_PATH", unix.O_PATH}, {"O_DIRECTORY", unix.O_DIRECTORY}, {"O_CREAT", unix.O_CREAT}, {"O_EXCL", unix.O_EXCL},
			{"O_TRUNC", unix.O_TRUNC}, {"O_APPEND", unix.O_APPEND}, {"O_NONBLOCK", unix.O_NONBLOCK}, {"O_NOCTTY", unix.O_NOCTTY},
			{"O_NOFOLLOW", unix.O_NOFOLLOW}, {"O_NOATIME", unix.O_NOATIME}, {"O_DSYNC", unix.O_DSYNC}, {"O_DIRECT", unix.O_DIRECT},
			{"O_CLOEXEC", unix.O_CLOEXEC},
		},
	},
	CloexecFlags: {bits: []flag{{"O_CLOEXEC", unix.O_CLOEXEC}}},
	FDFlags:      {bits: []flag{{"FD_CLOEXEC", unix.FD_CLOEXEC}}},
	ResolveFlags: {bits: []flag{
		{"RESOLVE_IN_ROOT", unix.RESOLVE_IN_ROOT}, {"RESOLVE_BENEATH", unix.RESOLVE_BENEATH},
		{"RESOLVE_NO_MAGICLINKS", unix.RESOLVE_NO_MAGICLINKS}, {"RESOLVE_NO_SYMLINKS", unix.RESOLVE_NO_SYMLINKS},
		{"RESOLVE_NO_XDEV", unix.RESOLVE_NO_XDEV},
	}},
	AtFlags:     {bits: atBits[:]},
	UnlinkFlags: {bits: []flag{{"AT_REMOVEDIR", unix.AT_REMOVEDIR}}},
	OpenTreeFlags: {bits: []flag{
		{"OPEN_TREE_CLONE", unix.OPEN_TREE_CLONE}, {"OPEN_TREE_CLOEXEC", unix.OPEN_TREE_CLOEXEC}, atBits[0], atBits[1], atBits[2], atBits[3],
	}},
	MoveMountFlags: {bits: []flag{
		{"MOVE_MOUNT_F_EMPTY_PATH", unix.MOVE_MOUNT_F_EMPTY_PATH}, {"MOVE_MOUNT_T_EMPTY_PATH", unix.MOVE_MOUNT_T_EMPTY_PATH},
		{"MOVE_MOUNT_F_SYMLINKS", unix.MOVE_MOUNT_F_SYMLINKS}, {"MOVE_MOUNT_F_AUTOMOUNTS", unix.MOVE_MOUNT_F_AUTOMOUNTS},
		{"MOVE_MOUNT_T_SYMLINKS", unix.MOVE_MOUNT_T_SYMLINKS}, {"MOVE_MOUNT_T_AUTOMOUNTS", unix.MOVE_MOUNT_T_AUTOMOUNTS},
		{"MOVE_MOUNT_SET_GROUP", unix.MOVE_MOUNT_SET_GROUP}, {"MOVE_MOUNT_BENEATH", moveMountBeneath},
	}},
	MountFlags: {bits: []flag{
		{"MS_RDONLY", unix.MS_RDONLY}, {"MS_NOSUID", unix.MS_NOSUID}, {"MS_NODEV", unix.MS_NODEV}, {"MS_NOEXEC", unix.MS_NOEXEC},
		{"MS_REMOUNT", unix.MS_REMOUNT}, {"MS_BIND", unix.MS_BIND}, {"MS_MOVE", unix.MS_MOVE}, {"MS_REC", unix.MS_REC},
		{"MS_PRIVATE", unix.MS_PRIVATE}, {"MS_SLAVE", unix.MS_SLAVE}, {"MS_SHARED", unix.MS_SHARED},
		{"MS_UNBINDABLE", unix.MS_UNBINDABLE}, {"MS_NOATIME", unix.MS_NOATIME}, {"MS_RELATIME", unix.MS_RELATIME},
		{"MS_NOSYMFOLLOW", unix.MS_NOSYMFOLLOW}, {"MS_SILENT", unix.MS_SILENT},
	}},
	UmountFlags: {bits: []flag{
		{"MNT_DETACH", unix.MNT_DETACH}, {"MNT_FORCE", unix.MNT_FORCE}, {"MNT_EXPIRE", unix.MNT_EXPIRE}, {"UMOUNT_NOFOLLOW", unix.UMOUNT_NOFOLLOW},
	}},
	FsopenFlags:  {bits: []flag{{"FSOPEN_CLOEXEC", unix.FSOPEN_CLOEXEC}}},
	FsmountFlags: {bits: []flag{{"FSMOUNT_CLOEXEC", unix.FSMOUNT_CLOEXEC}}},
	MountAttrFlags: {
		mask:  unix.MOUNT_ATTR__ATIME,
		field: []flag{{"MOUNT_ATTR_NOATIME", unix.MOUNT_ATTR_NOATIME}, {"MOUNT_ATTR_STRICTATIME", unix.MOUNT_ATTR_STRICTATIME}},
		bits: []flag{
			{"MOUNT_ATTR_RDONLY", unix.MOUNT_ATTR_RDONLY}, {"MOUNT_ATTR_NOSUID", unix.MOUNT_ATTR_NOSUID},
			{"MOUNT_ATTR_NODEV", unix.MOUNT_ATTR_NODEV}, {"MOUNT_ATTR_NOEXEC", unix.MOUNT_ATTR_NOEXEC},
			{"MOUNT_ATTR_NODIRATIME", unix.MOUNT_ATTR_NODIRATIME}, {"MOUNT_ATTR_IDMAP", unix.MOUNT_ATTR_IDMAP},
			{"MOUNT_ATTR_NOSYMFOLLOW", unix.MOUNT_ATTR_NOSYMFOLLOW},
		},
	},
	CloseRangeFlags: {bits: []flag{{"CLOSE_RANGE_UNSHARE", unix.CLOSE_RANGE_UNSHARE}, {"CLOSE_RANGE_CLOEXEC", unix.CLOSE_RANGE_CLOEXEC}}},
	MessageFlags: {bits: []flag{
		{"MSG_PEEK", unix.MSG_PEEK}, {"MSG_DONTWAIT", unix.MSG_DONTWAIT}, {"MSG_NOSIGNAL", unix.MSG_NOSIGNAL}, {"MSG_TRUNC", unix.MSG_TRUNC},
	}},
	SignalfdFlags: {bits: []flag{{"SFD_NONBLOCK", unix.SFD_NONBLOCK}, {"SFD_CLOEXEC", unix.SFD_CLOEXEC}}},
	SocketFlags: {
		mask: 0xf, // SOCK_TYPE_MASK, linux/net.h
		field: []flag{
			{"SOCK_STREAM", unix.SOCK_STREAM}, {"SOCK_DGRAM", unix.SOCK_DGRAM}, {"SOCK_RAW", unix.SOCK_RAW}, {"SOCK_SEQPACKET", unix.SOCK_SEQPACKET},
		},
		bits: []flag{{"SOCK_CLOEXEC", unix.SOCK_CLOEXEC}, {"SOCK_NONBLOCK", unix.SOCK_NONBLOCK}},
	},
	InterfaceUpFlags: {bits: []flag{{"IFF_UP", unix.IFF_UP}, {"IFF_RUNNING", unix.IFF_RUNNING}, {"IFF_LOOPBACK", unix.IFF_LOOPBACK}}},
	WaitFlags:        {bits: []flag{{"WNOHANG", unix.WNOHANG}, {"WUNTRACED", unix.WUNTRACED}, {"WCONTINUED", unix.WCONTINUED}, {"__WALL", unix.WALL}}},
	SeccompFlags: {bits: []flag{
		{"SECCOMP_FILTER_FLAG_TSYNC", unix.SECCOMP_FILTER_FLAG_TSYNC}, {"SECCOMP_FILTER_FLAG_LOG", unix.SECCOMP_FILTER_FLAG_LOG},
		{"SECCOMP_FILTER_FLAG_SPEC_ALLOW", unix.SECCOMP_FILTER_FLAG_SPEC_ALLOW},
		{"SECCOMP_FILTER_FLAG_NEW_LISTENER", unix.SECCOMP_FILTER_FLAG_NEW_LISTENER},
		{"SECCOMP_FILTER_FLAG_TSYNC_ESRCH", unix.SECCOMP_FILTER_FLAG_TSYNC_ESRCH},
		{"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV},
	}},
	SecurebitsFlags: {bits: []flag{
		{"SECBIT_NOROOT", secbitNoroot}, {"SECBIT_NOROOT_LOCKED", secbitNorootLocked},
		{"SECBIT_NO_SETUID_FIXUP", secbitNoSetuidFixup}, {"SECBIT_NO_SETUID_FIXUP_LOCKED", secbitNoSetuidFixupLocked},
		{"SECBIT_KEEP_CAPS", secbitKeepCaps}, {"SECBIT_KEEP_CAPS_LOCKED", secbitKeepCapsLocked},
		{"SECBIT_NO_CAP_AMBIENT_RAISE", secbitNoCapAmbientRaise}, {"SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED", secbitNoCapAmbientRaiseLocked},
	}},
	LandlockFSFlags: {bits: []flag{
		{"LANDLOCK_ACCESS_FS_EXECUTE", unix.LANDLOCK_ACCESS_FS_EXECUTE}, {"LANDLOCK_ACCESS_FS_WRITE_FILE", unix.LANDLOCK_ACCESS_FS_WRITE_FILE},
		{"LANDLOCK_ACCESS_FS_READ_FILE", unix.LANDLOCK_ACCESS_FS_READ_FILE}, {"LANDLOCK_ACCESS_FS_READ_DIR", unix.LANDLOCK_ACCESS_FS_READ_DIR},
		{"LANDLOCK_ACCESS_FS_REMOVE_DIR", unix.LANDLOCK_ACCESS_FS_REMOVE_DIR}, {"LANDLOCK_ACCESS_FS_REMOVE_FILE", unix.LANDLOCK_ACCESS_FS_REMOVE_FILE},
		{"LANDLOCK_ACCESS_FS_MAKE_CHAR", unix.LANDLOCK_ACCESS_FS_MAKE_CHAR}, {"LANDLOCK_ACCESS_FS_MAKE_DIR", unix.LANDLOCK_ACCESS_FS_MAKE_DIR},
		{"LANDLOCK_ACCESS_FS_MAKE_REG", unix.LANDLOCK_ACCESS_FS_MAKE_REG}, {"LANDLOCK_ACCESS_FS_MAKE_SOCK", unix.LANDLOCK_ACCESS_FS_MAKE_SOCK},
		{"LANDLOCK_ACCESS_FS_MAKE_FIFO", unix.LANDLOCK_ACCESS_FS_MAKE_FIFO}, {"LANDLOCK_ACCESS_FS_MAKE_BLOCK", unix.LANDLOCK_ACCESS_FS_MAKE_BLOCK},
		{"LANDLOCK_ACCESS_FS_MAKE_SYM", unix.LANDLOCK_ACCESS_FS_MAKE_SYM}, {"LANDLOCK_ACCESS_FS_REFER", unix.LANDLOCK_ACCESS_FS_REFER},
		{"LANDLOCK_ACCESS_FS_TRUNCATE", unix.LANDLOCK_ACCESS_FS_TRUNCATE}, {"LANDLOCK_ACCESS_FS_IOCTL_DEV", unix.LANDLOCK_ACCESS_FS_IOCTL_DEV},
		{"LANDLOCK_ACCESS_FS_RESOLVE_UNIX", unix.LANDLOCK_ACCESS_FS_RESOLVE_UNIX},
	}},
	LandlockNetFlags: {bits: []flag{
		{"LANDLOCK_ACCESS_NET_BIND_TCP", unix.LANDLOCK_ACCESS_NET_BIND_TCP}, {"LANDLOCK_ACCESS_NET_CONNECT_TCP", unix.LANDLOCK_ACCESS_NET_CONNECT_TCP},
		{"LANDLOCK_ACCESS_NET_BIND_UDP", unix.LANDLOCK_ACCESS_NET_BIND_UDP},
		{"LANDLOCK_ACCESS_NET_CONNECT_SEND_UDP", unix.LANDLOCK_ACCESS_NET_CONNECT_SEND_UDP},
	}},
	LandlockScopeFlags: {bits: []flag{
		{"LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET", unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET}, {"LANDLOCK_SCOPE_SIGNAL", unix.LANDLOCK_SCOPE_SIGNAL},
	}},
	LandlockCreateFlags: {bits: []flag{
		{"LANDLOCK_CREATE_RULESET_VERSION", unix.LANDLOCK_CREATE_RULESET_VERSION}, {"LANDLOCK_CREATE_RULESET_ERRATA", unix.LANDLOCK_CREATE_RULESET_ERRATA},
	}},
	LandlockRuleFlags: {bits: []flag{{"LANDLOCK_ADD_RULE_QUIET", unix.LANDLOCK_ADD_RULE_QUIET}}},
	LandlockRestrictFlags: {bits: []flag{
		{"LANDLOCK_RESTRICT_SELF_LOG_SAME_EXEC_OFF", unix.LANDLOCK_RESTRICT_SELF_LOG_SAME_EXEC_OFF},
		{"LANDLOCK_RESTRICT_SELF_LOG_NEW_EXEC_ON", unix.LANDLOCK_RESTRICT_SELF_LOG_NEW_EXEC_ON},
		{"LANDLOCK_RESTRICT_SELF_LOG_SUBDOMAINS_OFF", unix.LANDLOCK_RESTRICT_SELF_LOG_SUBDOMAINS_OFF},
		{"LANDLOCK_RESTRICT_SELF_TSYNC", unix.LANDLOCK_RESTRICT_SELF_TSYNC},
	}},
}
