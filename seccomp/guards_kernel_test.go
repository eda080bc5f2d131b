package seccomp

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestKernelGuards makes guarded calls on the running kernel. The policy "log"
// has no guards: what it lets through shows that a refusal is the filter's.
func TestKernelGuards(t *testing.T) {
	arch, err := Native()
	if err != nil {
		t.Skip(err)
	}
	dir := t.TempDir()
	file, err := os.Create(filepath.Join(dir, "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	path, made := file.Name(), filepath.Join(dir, "made")
	self := os.Getpid()
	const atCWD, creatExcl, garbage = "0xffffffffffffff9c", "0xc1", "0xffffffffffffffff"
	for _, tt := range []struct {
		policy, call, args string
		want               syscall.Errno
	}{
		{"log", "fchmod", "0 04755", 0},
		{"default", "fchmod", "0 04755", syscall.EPERM},
		{"default", "fchmod", "0 0x1000009ed", syscall.EPERM},
		{"default", "fchmod", "0 0755", 0},
		{"default", "fchmod", "0 0x9000001ed", 0},
		{"inplace", "fchmod", "0 0755", syscall.EPERM},
		{"setid", "fchmod", "0 04755", 0},
		{"fake", "fchmod", "0 04755", 0},
		{"fake", "fchmod", "99 04755", 0}, // no such descriptor: nothing was done
		{"fake", "fchmod", "99 0755", syscall.EBADF},
		{"fake", "fchown", "99 5 5", 0},
		{"default", "fchown", "99 5 5", syscall.EBADF},
		{"fake", "fchownat", "99 0 5 5 0", 0},
		{"fake", "setgroups", "1000000000 0", 0},
		{"default", "setgroups", "1000000000 0", syscall.EINVAL},
		{"fake", "capset", "0 0", 0},
		{"default", "fchmodat", atCWD + " " + path + " 02755", syscall.EPERM},
		{"default", "fchmodat", atCWD + " " + path + " 0755", 0},
		{"default", "mknodat", atCWD + " " + made + " 0104755", syscall.EPERM},
		{"default", "openat", atCWD + " " + made + " " + creatExcl + " 04755", syscall.EPERM},
		{"default", "openat", atCWD + " " + made + " 0x1000000c1 04755", syscall.EPERM},
		{"default", "openat", atCWD + " " + dir + " 0x410002 02755", syscall.EPERM}, // O_TMPFILE
		{"default", "openat", atCWD + " " + path + " 0 " + garbage, 0},
		{"default", "openat", atCWD + " " + made + " " + creatExcl + " 0644", 0},
		{"log", "openat", atCWD + " " + made + "2 " + creatExcl + " 04755", 0},
		{"default", "openat2", atCWD + " " + path + " 0 0", syscall.ENOSYS},
		{"nested", "openat2", atCWD + " " + path + " 0 0", syscall.EINVAL},
		{"log", "prlimit64", fmt.Sprint(self, " 0 1 0"), syscall.EFAULT},
		{"default", "prlimit64", fmt.Sprint(self, " 0 1 0"), syscall.EPERM},
		{"default", "prlimit64", fmt.Sprint(self, " 0 0 0"), 0},
		{"default", "prlimit64", "0 0 1 0", syscall.EFAULT},
		{"log", "setpriority", "1 0 19", 0},
		{"default", "setpriority", "1 0 19", syscall.EPERM},
		{"default", "setpriority", "0 0 19", 0},
		{"inplace", "setpriority", fmt.Sprint("0 ", self, " 19"), syscall.EPERM},
		{"default", "ioprio_set", "2 0 0", syscall.EPERM},
		{"default", "ioprio_set", "1 0 0", 0},
		{"log", "fcntl", "0 1024 2", syscall.EAGAIN}, // F_UNLCK: there is no lease
		{"default", "fcntl", "0 1024 2", syscall.EPERM},
		{"default", "fcntl", "0 0x100000400 2", syscall.EPERM},
		{"default", "fcntl", "0 1025", 0}, // F_GETLEASE
		{"default", "kill", "0 0", 0},
		{"inplace", "kill", "0 0", syscall.EPERM},
		{"inplace", "kill", "0x100000000 0", syscall.EPERM},
		{"inplace", "kill", fmt.Sprint(self, " 0"), 0},
		{"inplace", "socket", "1 1 0", syscall.EAFNOSUPPORT},
		{"inplace", "socketpair", "1 2 0 1", syscall.EAFNOSUPPORT},
		{"inplace", "socketpair", "1 1 0 1", syscall.EFAULT},
		{"inplace", "msgget", "0 0", syscall.EPERM},
		{"inplace", "utimensat", "0 0 0 0", syscall.EPERM},
		{"default", "utimensat", "0 0 0 0", 0},
	} {
		nr, ok := Number(arch, tt.call)
		if !ok {
			t.Errorf("no %s here", tt.call)
			continue
		}
		got, _ := runVictimOn(t, file, fmt.Sprint(tt.policy, " ", nr, " ", tt.args))
		if got != tt.want {
			t.Errorf("%s: %s(%s) = %d (%v), want %d (%v)", tt.policy, tt.call, tt.args, got, got, tt.want, tt.want)
		}
	}
}
