package seccomp

import (
	"slices"
	"strings"
	"testing"

	"github.com/lichen-sandbox/lichen/spec"
)

// stopped are the calls that @default must not let through, on any
// architecture that has them.
const stopped = `
	mount umount umount2 pivot_root chroot fsopen fsconfig fsmount fspick move_mount open_tree open_tree_attr mount_setattr
	init_module finit_module delete_module create_module add_key keyctl request_key bpf perf_event_open
	io_uring_setup io_uring_enter io_uring_register userfaultfd kexec_load kexec_file_load reboot
	ptrace process_vm_readv process_vm_writev kcmp pidfd_getfd setns clone3 openat2 open_by_handle_at name_to_handle_at
	quotactl quotactl_fd swapon swapoff acct settimeofday stime clock_settime clock_settime64 clock_adjtime clock_adjtime64 adjtimex
	iopl ioperm modify_ldt vm86 vm86old nfsservctl lookup_dcookie move_pages migrate_pages fanotify_init syslog vhangup
	sethostname setdomainname lsm_set_self_attr uselib ustat sysfs _sysctl pciconfig_read pciconfig_write listns`

// needed are the calls that @default must let through. Not all exist
// everywhere.
const needed = `
	read write open openat close close_range stat fstat lstat newfstatat statx fstat64 fstatat64 poll ppoll ppoll_time64 lseek _llseek
	mmap mmap2 mprotect munmap brk mremap madvise mseal memfd_create membarrier rseq futex futex_time64 futex_waitv futex_wait futex_wake futex_requeue
	rt_sigaction rt_sigprocmask rt_sigreturn sigreturn rt_sigtimedwait_time64 kill tgkill sigaltstack pause signalfd4
	fork vfork execve execveat exit exit_group wait4 waitid waitpid clone setsid setpgid prctl arch_prctl set_thread_area set_tls set_tid_address set_robust_list
	getpid gettid getuid getuid32 setuid setresuid32 setgroups capget capset getrlimit ugetrlimit prlimit64 setrlimit sched_setaffinity sched_getaffinity getcpu
	clock_gettime clock_gettime64 clock_nanosleep clock_nanosleep_time64 nanosleep gettimeofday time timer_create timerfd_create timerfd_settime64
	epoll_create1 epoll_wait epoll_pwait epoll_pwait2 eventfd2 inotify_init1 pipe2 dup dup2 dup3 fcntl fcntl64
	accept4 bind connect listen sendmsg recvmsg sendmmsg recvmmsg recvmmsg_time64 getsockopt setsockopt shutdown sendto recvfrom send recv
	shmget shmat shmctl semget semop semctl semtimedop semtimedop_time64 msgget ipc mq_open mq_timedsend_time64
	io_setup io_submit io_getevents getrandom uname sysinfo getcwd getdents64 readlink readlinkat rename renameat2 link unlink unlinkat mkdir chmod fchmodat2 chown chown32
	getxattr setxattr statfs statfs64 fallocate ftruncate ftruncate64 fadvise64 arm_fadvise64_64 sync_file_range arm_sync_file_range copy_file_range sendfile splice fsync flock
	landlock_create_ruleset landlock_add_rule landlock_restrict_self seccomp pidfd_open pidfd_send_signal process_madvise
	cachestat map_shadow_stack pkey_alloc statmount listmount file_getattr uretprobe uprobe cacheflush mbind get_mempolicy mlock2 restart_syscall`

func TestDefaultGroup(t *testing.T) {
	allArches(func(a Arch) {
		prog := mustCompile(t, &defaultPolicy, Options{Arch: a})
		for list, want := range map[string]bool{stopped: false, needed: true} {
			for name := range strings.FieldsSeq(list) {
				if _, ok := callNamed(name); !ok {
					t.Errorf("the test's %s is unknown", name)
				}
				if nr, ok := Number(a, name); ok {
					ret, _ := Run(prog, Data{Nr: int32(nr), Arch: a.AuditArch()})
					if (ret == RetAllow) != want {
						t.Errorf("%s: %s = %s", a.Name(), name, returnText(ret))
					}
				}
			}
		}
	})
}

func TestEveryCallIsInAGroup(t *testing.T) {
	var all callSet
	for i := range groups {
		all.addAll(&groups[i].all)
	}
	for id := range callID(numCalls) {
		if !all.has(id) {
			t.Errorf("%s is in no group", id)
		}
	}
}

func TestGroupsAreDocumented(t *testing.T) {
	all := Groups()
	if !slices.IsSortedFunc(all, func(a, b Group) int { return strings.Compare(a.Name, b.Name) }) {
		t.Error("groups are not sorted")
	}
	for _, g := range all {
		if !strings.HasPrefix(g.Name, "@") || !strings.HasSuffix(g.Doc, ".") || len(g.Members) == 0 {
			t.Errorf("%s: doc %q, %d members", g.Name, g.Doc, len(g.Members))
		}
		for _, name := range g.Guarded {
			if id, _ := callNamed(name); guardOf(id) == nil {
				t.Errorf("%s: %s has no guard", g.Name, name)
			}
		}
		if err := Check(&spec.Seccomp{Allow: entries(g.Name), Deny: entries(g.Name)}); err != nil {
			t.Error(err)
		}
	}
	for i := range groups {
		for _, name := range groups[i].restores.names() {
			if id, _ := callNamed(name); guardOf(id) == nil {
				t.Errorf("%s: %s has no guard to restore", groups[i].name, name)
			}
		}
	}
}
