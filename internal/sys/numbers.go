// Package sys is the only place of this module that imports
// golang.org/x/sys/unix: system call numbers, constants and structures of the
// kernel's interface, in the kernel's spelling, and the few calls the launcher
// makes itself.
package sys

import "golang.org/x/sys/unix"

// System calls that plans use.
const (
	SYS_CAPGET                  = unix.SYS_CAPGET
	SYS_CAPSET                  = unix.SYS_CAPSET
	SYS_CHDIR                   = unix.SYS_CHDIR
	SYS_CLONE                   = unix.SYS_CLONE
	SYS_CLONE3                  = unix.SYS_CLONE3
	SYS_CLOSE                   = unix.SYS_CLOSE
	SYS_CLOSE_RANGE             = unix.SYS_CLOSE_RANGE
	SYS_DUP3                    = unix.SYS_DUP3
	SYS_EXECVE                  = unix.SYS_EXECVE
	SYS_EXIT_GROUP              = unix.SYS_EXIT_GROUP
	SYS_FCHDIR                  = unix.SYS_FCHDIR
	SYS_FCHMOD                  = unix.SYS_FCHMOD
	SYS_FCHMODAT                = unix.SYS_FCHMODAT
	SYS_FCHOWN                  = unix.SYS_FCHOWN
	SYS_FCNTL                   = unix.SYS_FCNTL
	SYS_FSCONFIG                = unix.SYS_FSCONFIG
	SYS_FSMOUNT                 = unix.SYS_FSMOUNT
	SYS_FSOPEN                  = unix.SYS_FSOPEN
	SYS_GETCWD                  = unix.SYS_GETCWD
	SYS_GETPID                  = unix.SYS_GETPID
	SYS_IOCTL                   = unix.SYS_IOCTL
	SYS_KILL                    = unix.SYS_KILL
	SYS_LANDLOCK_ADD_RULE       = unix.SYS_LANDLOCK_ADD_RULE
	SYS_LANDLOCK_CREATE_RULESET = unix.SYS_LANDLOCK_CREATE_RULESET
	SYS_LANDLOCK_RESTRICT_SELF  = unix.SYS_LANDLOCK_RESTRICT_SELF
	SYS_MKDIRAT                 = unix.SYS_MKDIRAT
	SYS_MKNODAT                 = unix.SYS_MKNODAT
	SYS_MOUNT                   = unix.SYS_MOUNT
	SYS_MOUNT_SETATTR           = unix.SYS_MOUNT_SETATTR
	SYS_MOVE_MOUNT              = unix.SYS_MOVE_MOUNT
	SYS_OPENAT                  = unix.SYS_OPENAT
	SYS_OPENAT2                 = unix.SYS_OPENAT2
	SYS_OPEN_TREE               = unix.SYS_OPEN_TREE
	SYS_PIVOT_ROOT              = unix.SYS_PIVOT_ROOT
	SYS_PPOLL                   = unix.SYS_PPOLL
	SYS_PRCTL                   = unix.SYS_PRCTL
	SYS_PRLIMIT64               = unix.SYS_PRLIMIT64
	SYS_READ                    = unix.SYS_READ
	SYS_RECVFROM                = unix.SYS_RECVFROM
	SYS_RT_SIGPROCMASK          = unix.SYS_RT_SIGPROCMASK
	SYS_SECCOMP                 = unix.SYS_SECCOMP
	SYS_SENDMSG                 = unix.SYS_SENDMSG
	SYS_SENDTO                  = unix.SYS_SENDTO
	SYS_SETGROUPS               = unix.SYS_SETGROUPS
	SYS_SETHOSTNAME             = unix.SYS_SETHOSTNAME
	SYS_SETNS                   = unix.SYS_SETNS
	SYS_SETRESGID               = unix.SYS_SETRESGID
	SYS_SETRESUID               = unix.SYS_SETRESUID
	SYS_SETSID                  = unix.SYS_SETSID
	SYS_SIGNALFD4               = unix.SYS_SIGNALFD4
	SYS_SOCKET                  = unix.SYS_SOCKET
	SYS_STATX                   = unix.SYS_STATX
	SYS_SYMLINKAT               = unix.SYS_SYMLINKAT
	SYS_UMASK                   = unix.SYS_UMASK
	SYS_UMOUNT2                 = unix.SYS_UMOUNT2
	SYS_UNLINKAT                = unix.SYS_UNLINKAT
	SYS_UNSHARE                 = unix.SYS_UNSHARE
	SYS_WAIT4                   = unix.SYS_WAIT4
	SYS_WRITE                   = unix.SYS_WRITE
)

// Namespaces and clone(2).
const (
	CLONE_VM          = unix.CLONE_VM
	CLONE_VFORK       = unix.CLONE_VFORK
	CLONE_PIDFD       = unix.CLONE_PIDFD
	CLONE_PARENT      = unix.CLONE_PARENT
	CLONE_NEWTIME     = unix.CLONE_NEWTIME
	CLONE_INTO_CGROUP = unix.CLONE_INTO_CGROUP
	CLONE_NEWNS       = unix.CLONE_NEWNS
	CLONE_NEWCGROUP   = unix.CLONE_NEWCGROUP
	CLONE_NEWUTS      = unix.CLONE_NEWUTS
	CLONE_NEWIPC      = unix.CLONE_NEWIPC
	CLONE_NEWUSER     = unix.CLONE_NEWUSER
	CLONE_NEWPID      = unix.CLONE_NEWPID
	CLONE_NEWNET      = unix.CLONE_NEWNET
	SIGCHLD           = int(unix.SIGCHLD)
	SIGKILL           = int(unix.SIGKILL)
)

// Opening and walking.
const (
	AT_FDCWD                     = unix.AT_FDCWD
	AT_EMPTY_PATH                = unix.AT_EMPTY_PATH
	AT_RECURSIVE                 = unix.AT_RECURSIVE
	AT_SYMLINK_NOFOLLOW          = unix.AT_SYMLINK_NOFOLLOW
	O_RDONLY                     = unix.O_RDONLY
	O_WRONLY                     = unix.O_WRONLY
	O_RDWR                       = unix.O_RDWR
	O_CREAT                      = unix.O_CREAT
	O_EXCL                       = unix.O_EXCL
	O_NOFOLLOW                   = unix.O_NOFOLLOW
	O_TRUNC                      = unix.O_TRUNC
	O_CLOEXEC                    = unix.O_CLOEXEC
	O_PATH                       = unix.O_PATH
	O_DIRECTORY                  = unix.O_DIRECTORY
	O_ACCMODE                    = unix.O_ACCMODE
	RESOLVE_BENEATH              = unix.RESOLVE_BENEATH
	RESOLVE_IN_ROOT              = unix.RESOLVE_IN_ROOT
	RESOLVE_NO_MAGICLINKS        = unix.RESOLVE_NO_MAGICLINKS
	RESOLVE_NO_XDEV              = unix.RESOLVE_NO_XDEV
	RESOLVE_NO_SYMLINKS          = unix.RESOLVE_NO_SYMLINKS
	CLOSE_RANGE_CLOEXEC          = unix.CLOSE_RANGE_CLOEXEC
	F_GETFD                      = unix.F_GETFD
	F_SETFD                      = unix.F_SETFD
	F_OFD_SETLK                  = unix.F_OFD_SETLK
	F_GETFL                      = unix.F_GETFL
	FD_CLOEXEC                   = unix.FD_CLOEXEC
	SIZEOF_OPEN_HOW              = unix.SizeofOpenHow
	LAST_FD               uint64 = 1<<32 - 1 // close_range(2): the largest number
)

// Mounting: fsopen(2), fsconfig(2), open_tree(2), mount_setattr(2).
const (
	MS_REC                  = unix.MS_REC
	MS_PRIVATE              = unix.MS_PRIVATE
	MNT_DETACH              = unix.MNT_DETACH
	FSOPEN_CLOEXEC          = unix.FSOPEN_CLOEXEC
	FSMOUNT_CLOEXEC         = unix.FSMOUNT_CLOEXEC
	FSCONFIG_SET_FLAG       = unix.FSCONFIG_SET_FLAG
	FSCONFIG_SET_STRING     = unix.FSCONFIG_SET_STRING
	FSCONFIG_CMD_CREATE     = unix.FSCONFIG_CMD_CREATE
	OPEN_TREE_CLONE         = unix.OPEN_TREE_CLONE
	OPEN_TREE_CLOEXEC       = unix.OPEN_TREE_CLOEXEC
	MOVE_MOUNT_F_EMPTY_PATH = unix.MOVE_MOUNT_F_EMPTY_PATH
	MOVE_MOUNT_T_EMPTY_PATH = unix.MOVE_MOUNT_T_EMPTY_PATH
	MOUNT_ATTR_RDONLY       = unix.MOUNT_ATTR_RDONLY
	MOUNT_ATTR_NOSUID       = unix.MOUNT_ATTR_NOSUID
	MOUNT_ATTR_NODEV        = unix.MOUNT_ATTR_NODEV
	MOUNT_ATTR_NOEXEC       = unix.MOUNT_ATTR_NOEXEC
	SIZEOF_MOUNT_ATTR       = 32
)

// prctl(2), capabilities(7), seccomp(2), sockets and the loopback device.
const (
	PR_SET_PDEATHSIG           = unix.PR_SET_PDEATHSIG
	PR_SET_DUMPABLE            = unix.PR_SET_DUMPABLE
	PR_SET_NAME                = unix.PR_SET_NAME
	PR_SET_NO_NEW_PRIVS        = unix.PR_SET_NO_NEW_PRIVS
	PR_GET_NO_NEW_PRIVS        = unix.PR_GET_NO_NEW_PRIVS
	PR_SET_CHILD_SUBREAPER     = unix.PR_SET_CHILD_SUBREAPER
	PR_CAPBSET_DROP            = unix.PR_CAPBSET_DROP
	PR_CAPBSET_READ            = unix.PR_CAPBSET_READ
	PR_CAP_AMBIENT             = unix.PR_CAP_AMBIENT
	PR_CAP_AMBIENT_CLEAR_ALL   = unix.PR_CAP_AMBIENT_CLEAR_ALL
	PR_CAP_AMBIENT_RAISE       = unix.PR_CAP_AMBIENT_RAISE
	PR_SET_SECUREBITS          = unix.PR_SET_SECUREBITS
	SECUREBITS_ALL_LOCKED      = 0xef // linux/securebits.h: every bit but KEEP_CAPS, with its lock
	SECUREBITS_ROOT_LOCKED     = 0xca // the same, with uid 0 as usual: NO_CAP_AMBIENT_RAISE alone is set
	CAP_CHOWN                  = unix.CAP_CHOWN
	CAP_DAC_OVERRIDE           = unix.CAP_DAC_OVERRIDE
	CAP_FOWNER                 = unix.CAP_FOWNER
	CAP_FSETID                 = unix.CAP_FSETID
	CAP_KILL                   = unix.CAP_KILL
	CAP_SETGID                 = unix.CAP_SETGID
	CAP_SETUID                 = unix.CAP_SETUID
	CAP_NET_ADMIN              = unix.CAP_NET_ADMIN
	CAP_NET_RAW                = unix.CAP_NET_RAW
	CAP_SYS_ADMIN              = unix.CAP_SYS_ADMIN
	CAP_CHECKPOINT_RESTORE     = unix.CAP_CHECKPOINT_RESTORE // the last one of Linux 5.13
	SECBIT_NO_SETUID_FIXUP     = secbitNoSetuidFixup
	LINUX_CAPABILITY_VERSION_3 = unix.LINUX_CAPABILITY_VERSION_3
	SECCOMP_SET_MODE_FILTER    = unix.SECCOMP_SET_MODE_FILTER
	SECCOMP_FILTER_SPEC_ALLOW  = unix.SECCOMP_FILTER_FLAG_SPEC_ALLOW
	SIG_SETMASK                = unix.SIG_SETMASK
	SIG_UNBLOCK                = unix.SIG_UNBLOCK
	SIGNALFD_CLOEXEC           = unix.SFD_CLOEXEC
	SIGNALFD_NONBLOCK          = unix.SFD_NONBLOCK
	AF_INET                    = unix.AF_INET
	AF_UNIX                    = unix.AF_UNIX
	SOCK_DGRAM                 = unix.SOCK_DGRAM
	SOCK_CLOEXEC               = unix.SOCK_CLOEXEC
	SOCK_SEQPACKET             = unix.SOCK_SEQPACKET
	SIOCSIFFLAGS               = unix.SIOCSIFFLAGS
	IFF_UP                     = unix.IFF_UP
	IFF_RUNNING                = unix.IFF_RUNNING
	POLLIN                     = unix.POLLIN
	MSG_PEEK                   = unix.MSG_PEEK
	MSG_DONTWAIT               = unix.MSG_DONTWAIT
	MSG_NOSIGNAL               = unix.MSG_NOSIGNAL
	LANDLOCK_RULE_PATH_BENEATH = unix.LANDLOCK_RULE_PATH_BENEATH
	LANDLOCK_RULE_NET_PORT     = 2 // linux/landlock.h
)
