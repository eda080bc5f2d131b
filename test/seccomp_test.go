package test

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/lichen-sandbox/lichen/seccomp"
	"golang.org/x/sys/unix"
)

// victim builds helpers/victim, and returns its path.
func victim(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("cc"); err != nil {
		skip(t, "there is no C compiler")
	}
	if err := buildVictim(); err != nil {
		t.Fatal(err)
	}
	return binDir + "/victim"
}

var buildVictim = sync.OnceValue(func() error {
	out, err := exec.Command("cc", "-O2", "-static", "-pthread", "-o", binDir+"/victim", "helpers/victim/victim.c").CombinedOutput()
	if err != nil {
		return fmt.Errorf("build the victim: %w\n%s", err, out)
	}
	return nil
})

// seccompProfile is the default profile with these keys of [seccomp].
func (b *box) seccompProfile(name, keys string) string {
	b.t.Helper()
	return b.file(b.dir+"/"+name+".toml", "version = 1\nextends = ['default']\n[seccomp]\n"+keys+"\n")
}

// sigsys is lichen's status when SIGSYS has ended the payload.
const sigsys = 128 + int(unix.SIGSYS)

// TestActions protects what a profile's author reads: each action, from each of
// the places that a profile has for one, is what the kernel does to the call.
func TestActions(t *testing.T) {
	program := victim(t)
	const handled = "signal 31 code 1 si_syscall %d si_arch %s\nret"
	arch := map[string]string{"amd64": "0xc000003e", "arm64": "0xc00000b7"}[runtime.GOARCH]
	// Outside of @default, and harmless: kcmp of a process with itself is 0.
	self := []string{fmt.Sprint(unix.SYS_KCMP), "1", "1", "1"}
	yield := []string{fmt.Sprint(unix.SYS_SCHED_YIELD)}
	// dup3 of a descriptor to itself is EINVAL.
	dup := func(flags string) []string { return []string{fmt.Sprint(unix.SYS_DUP3), "1", "1", flags} }
	forUsers(t, func(t *testing.T, b *box) {
		for _, c := range []struct {
			keys, mode string
			call       []string
			code       int
			want       string // how the output begins; "" for none
		}{
			{"", "call", yield, 0, "ret 0 errno 0\n"},
			{"", "call", dup("0"), 0, "ret -1 errno 22\n"},
			{"deny = ['sched_yield']", "call", yield, 0, "ret -1 errno 1\n"},
			{"deny = ['sched_yield']\ndeny_action = 'errno:EXDEV'", "call", yield, 0, "ret -1 errno 18\n"},
			{"deny = ['sched_yield']\ndeny_action = 'log'", "call", yield, 0, "ret 0 errno 0\n"},
			{"deny = ['sched_yield']\ndeny_action = 'kill'", "call", yield, sigsys, ""},
			{"deny = ['sched_yield']\ndeny_action = 'kill'", "call", dup("0"), 0, "ret -1 errno 22\n"},
			{"deny = ['sched_yield']\ndeny_action = 'kill'", "thread", yield, sigsys, ""},
			{"deny = ['sched_yield']\ndeny_action = 'kill'", "handle", yield, sigsys, ""},
			{"deny = ['sched_yield']\ndeny_action = 'trap'", "call", yield, sigsys, ""},
			{"deny = ['sched_yield']\ndeny_action = 'trap'", "thread", yield, sigsys, ""},
			{"deny = ['sched_yield']\ndeny_action = 'trap'", "handle", yield, 0, fmt.Sprintf(handled, unix.SYS_SCHED_YIELD, arch)},
			{"default = 'errno:EXDEV'", "call", self, 0, "ret -1 errno 18\n"},
			{"default = 'kill'", "call", self, sigsys, ""},
			{"default = 'kill'", "thread", self, sigsys, ""},
			{"default = 'kill'", "thread", yield, 0, "ret 0 errno 0\nalive\n"},
			{"default = 'trap'", "handle", self, 0, fmt.Sprintf(handled, unix.SYS_KCMP, arch)},
			{"rules = ['dup3: arg2 == 0; return errno:EXDEV']", "call", dup("1"), 0, "ret -1 errno 18\n"},
			{"rules = ['dup3: arg2 == 0; return errno:EXDEV']", "call", dup("0"), 0, "ret -1 errno 22\n"},
			{"rules = ['dup3: arg2 == 0; return kill']", "thread", dup("1"), sigsys, ""},
			{"rules = ['dup3: arg2 == 0; return kill']", "thread", dup("0"), 0, "ret -1 errno 22\nalive\n"},
			{"rules = ['dup3: arg2 == 0; return log']", "call", dup("1"), 0, "ret -1 errno 22\n"},
			{"rules = ['dup3: arg2 == 0; return trap']", "handle", dup("1"), 0, fmt.Sprintf(handled, unix.SYS_DUP3, arch)},
		} {
			args := append(runArgs("-p", b.seccompProfile("action", c.keys)), program, c.mode)
			o := b.do(command{args: append(args, c.call...)})
			if o.code != c.code || !strings.HasPrefix(o.stdout, c.want) || c.want == "" && o.stdout != "" {
				t.Errorf("%q, %s %v: status %d, %q %s; want %d, %q", c.keys, c.mode, c.call, o.code, o.stdout, o.stderr, c.code, c.want)
			}
		}
	})
}

// TestDefaultLogs protects the way to find out what a program needs: nothing is
// refused but what guards and deny lists say.
func TestDefaultLogs(t *testing.T) {
	program := victim(t)
	forUsers(t, func(t *testing.T, b *box) {
		p := b.file(b.dir+"/log.toml", "version = 1\nextends = ['default']\nremove = ['seccomp.allow']\n[seccomp]\ndefault = 'log'\n")
		// kcmp without a process to compare: the kernel's own ESRCH.
		o := b.do(command{args: append(runArgs("-p", p), program, "call", fmt.Sprint(unix.SYS_KCMP), "999999", "999999", "1")})
		if o.code != 0 || o.stdout != "ret -1 errno 3\n" {
			t.Errorf("status %d, %q %s", o.code, o.stdout, o.stderr)
		}
	})
}

// TestThreadsAreNeverKilledAlone protects programs with threads: one that has
// lost a thread hangs on its locks, or goes on without its guard. The victim's
// own filter shows that the test would see it.
func TestThreadsAreNeverKilledAlone(t *testing.T) {
	program := victim(t)
	forUsers(t, func(t *testing.T, b *box) {
		yield := fmt.Sprint(unix.SYS_SCHED_YIELD)
		for where, prefix := range map[string][]string{"outside": nil, "inside": runArgs()} {
			o := b.do(command{args: append(prefix, program, "killthread", yield)})
			if o.code != 0 || o.stdout != "alive\n" {
				t.Errorf("%s: a killed thread shows as status %d, %q %s", where, o.code, o.stdout, o.stderr)
			}
		}
		for _, action := range []string{"kill_thread", "kill-thread", "notify", "user_notif", "trace", "errno:0", "allow"} {
			p := b.seccompProfile("refused", "deny = ['sched_yield']\ndeny_action = '"+action+"'")
			b.fails(b.do(command{args: append(runArgs("-p", p), program, "call", yield)}), 125, "deny_action", action)
		}
	})
}

// sys is the probe that makes a system call.
func sys(nr uintptr, args string) string { return fmt.Sprint("sys ", nr, " ", args) }

// TestFilterWidths protects the default filter against arguments that the kernel
// narrows and a filter may not, or the other way round (CVE-2019-10063). An
// answer of the kernel's own outside shows that there the call went through.
func TestFilterWidths(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		const high = "|0x100000000"
		b.attacks(nil, []attack{
			{"socket 2 1", "ok", "ok"},
			{"socket 2" + high + " 1", "ok", "ok"}, // the kernel looks at 32 bits, and so does the filter
			{"socket 38" + high + " 5", "EAFNOSUPPORT", ""},
			{"socket 40 1", "EAFNOSUPPORT", ""},
			{"socket 40" + high + " 1", "EAFNOSUPPORT", ""},
			{"socket 2 1" + " 262", "EAFNOSUPPORT", ""}, // MPTCP
			{"socket 2 1" + " 262" + high, "EAFNOSUPPORT", ""},
			{sys(unix.SYS_SOCKETPAIR, "38"+high+" 5 0 0"), "EAFNOSUPPORT", ""},
			{"ioctl 999 0x5412", "EPERM", "EBADF"},
			{"ioctl 999 0x5412" + high, "EPERM", "EBADF"},
			{"ioctl 999 0x541c" + high, "EPERM", "EBADF"},
			{"ioctl 999 0x5423" + high, "EPERM", "EBADF"},
			{"ioctl 999 0x5401" + high, "EBADF", "EBADF"},
			{sys(unix.SYS_FCNTL, "999 1024"), "EPERM", "EBADF"}, // F_SETLEASE
			{sys(unix.SYS_FCNTL, "999 1024"+high), "EPERM", "EBADF"},
			{sys(unix.SYS_FCNTL, "999 1025"), "EBADF", "EBADF"},
			{sys(unix.SYS_FCHMOD, "999 04755"), "EPERM", "EBADF"},
			{sys(unix.SYS_FCHMOD, "999 02755"+high), "EPERM", "EBADF"},
			{sys(unix.SYS_FCHMOD, "999 0755"+high), "EBADF", "EBADF"},
			{sys(unix.SYS_OPENAT, "-1 0 0101 04755"), "EPERM", "EFAULT"},
			{sys(unix.SYS_OPENAT, "-1 0 0101"+high+" 02755"+high), "EPERM", "EFAULT"},
			{sys(unix.SYS_OPENAT, "-1 0 0 04755"), "EFAULT", "EFAULT"}, // no file is made: the mode is what the register held
			{sys(unix.SYS_OPENAT2, "-1 0 0 0"), "ENOSYS", "EINVAL"},
			{sys(unix.SYS_MKNODAT, "-1 0 0104755 0"), "EPERM", "EFAULT"},
			{sys(unix.SYS_PRLIMIT64, "999999 7 1 0"), "EPERM", "EFAULT ESRCH"},
			{sys(unix.SYS_PRLIMIT64, "999999 7 0x100000000 0"), "EPERM", "EFAULT ESRCH"}, // a pointer: all its bits count
			{sys(unix.SYS_PRLIMIT64, "999999 7 0 0"), "ESRCH", "ESRCH"},
			{sys(unix.SYS_PRLIMIT64, "0x100000000 7 1 0"), "EFAULT", "EFAULT"}, // a pid: 32 do
			{sys(unix.SYS_SETPRIORITY, "1 999999 19"), "EPERM", "ESRCH"},
			{sys(unix.SYS_SETPRIORITY, "1"+high+" 999999 19"), "EPERM", "ESRCH"},
			{sys(unix.SYS_SETPRIORITY, "2 999999 19"), "EPERM", "ESRCH"},
			{sys(unix.SYS_SETPRIORITY, "0 999999 19"), "ESRCH", "ESRCH"},
			{sys(unix.SYS_IOPRIO_SET, "2 999999 0"), "EPERM", "ESRCH"},
			{sys(unix.SYS_IOPRIO_SET, "1 999999 0"), "ESRCH", "ESRCH"},
			{"clone 0x10000000" + high, "EPERM", ""},
			{"clone 0x20000" + high, "EPERM", ""},
			{"clone3 0", "ENOSYS", "ok"},
			{"unshare 0x10000000", "EPERM", ""},
			{"unshare 0x100000000", "EPERM", "EINVAL"},
			{"unshare 0x400", "ok", "ok"},
		})
	})
}

// TestFilterGuardsFiles makes a setuid file, where one can be made.
func TestFilterGuardsFiles(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		own := b.file(b.work+"/own", "")
		b.attacks([]string{"--rw", b.work}, []attack{
			{"chmod " + own + " 0755", "ok", "ok"},
			{"chmod " + own + " 04755", "EPERM", "ok"},
			{"chmod " + own + " 02755", "EPERM", "ok"},
			{"chmod " + own + " 01755", "ok", "ok"},
		})
	})
}

// TestOtherEntriesUnderKill protects probing programs, and the filter, where
// everything unlisted kills: unknown numbers and those of x32 still answer
// ENOSYS, and the 32-bit entry still kills.
func TestOtherEntriesUnderKill(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		p := b.seccompProfile("kill", "default = 'kill'")
		b.attacks([]string{"-p", p}, []attack{
			{"sys 100000", "ENOSYS", "ENOSYS"},
			{"sys 0x7fffffff", "ENOSYS", "ENOSYS"},
			{"sys 0xffffffffffffffff", "ENOSYS", "ENOSYS"},
			{"x32 39", "ENOSYS", "ok ENOSYS"},
			{"fork x32 165", "ENOSYS", ""}, // mount
			{"fork sys keyctl 0 0", "SIGSYS", ""},
			{"fork int80 20", "SIGSYS ENOSYS", "ok ENOSYS"},
		})
	})
}

// TestSyscallTable keeps doc/seccomp.md in step with the groups.
func TestSyscallTable(t *testing.T) {
	text, err := os.ReadFile("../doc/seccomp.md")
	if err != nil {
		t.Fatal(err)
	}
	said := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if cells := strings.Split(line, "|"); len(cells) == 10 {
			said[strings.TrimSpace(cells[1])] = strings.TrimSpace(cells[3])
		}
	}
	want := map[string]string{}
	for nr := range uint32(1 << 10) {
		if name, ok := seccomp.CallName(seccomp.AMD64, nr); ok {
			want[name] = "no"
		}
	}
	for _, g := range seccomp.Groups() {
		if g.Name != "@default" {
			continue
		}
		for answer, names := range map[string][]string{"yes": g.Members, "guarded": g.Guarded} {
			for _, name := range names {
				if w := want[name]; w != "" && w != "guarded" {
					want[name] = answer
				}
			}
		}
	}
	for name, w := range want {
		if said[name] != w {
			t.Errorf("%s is %q there, and %q in @default", name, said[name], w)
		}
	}
	if extra := len(said) - len(want) - 2; extra != 0 { // without the heading and its line
		t.Errorf("%d rows are of no system call", extra)
	}
}
