package test

import (
	"fmt"
	"os"
	"testing"
)

// TestLandlockIsolation shows what holds where there are no namespaces: the
// payload sees the host's paths and processes, and may use what is granted.
func TestLandlockIsolation(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		if !b.mayUse("landlock") {
			return
		}
		h := newHost(b)
		secret := b.file(b.outside+"/secret", canary)
		ro := b.file(b.home+"/file", "read-only")
		options := []string{"-p", "landlock", "--ro", b.home}
		b.attacks(options, []attack{
			{"read " + ro, "ok", "ok"},
			{"write " + ro + " x", "EACCES", "ok"},
			{"truncate " + ro, "EACCES", "ok"},
			{"unlink " + ro + "@", "EACCES ENOENT", ""},
			{"rename " + ro + " " + b.work + "/stolen", "EACCES EXDEV", ""},
			{"link " + ro + " " + b.work + "/stolen@", "EACCES EXDEV", "ok"},
			{"create " + b.home + "/new@ x", "EACCES", "ok"},
			{"create " + b.work + "/new@ x", "ok", "ok"},
			{"read " + secret, "EACCES", "ok"},
			{"list " + b.outside, "EACCES", "ok"},
			{"create " + b.outside + "/new@ x", "EACCES", "ok"},
			{"symlink x " + b.outside + "/link@", "EACCES", "ok"},
			{"mkfifo " + b.outside + "/fifo@", "EACCES", "ok"},
			{"exec " + binDir + "/probe", "ok", "ok"},
			{"read /proc/self/environ", "EACCES", "ok"},
			{"read /proc/1/cmdline", "EACCES", "ok"},
			{"dial " + h.tcp, "EAFNOSUPPORT", "ok"},
			{"udp " + h.udp, "EAFNOSUPPORT", "ok"},
			{"abstract " + h.abstract, "EPERM EAFNOSUPPORT", "ok"},
			{"sendunix " + h.datagram, "EPERM EAFNOSUPPORT", "ok"},
			{fmt.Sprint("kill ", h.pid), "EPERM", "ok"},
			{fmt.Sprint("pidfd ", h.pid), "EPERM", "ok"},
			{fmt.Sprint("attach ", h.pid), "EPERM", "ok"},
			{fmt.Sprint("vmread ", h.pid), "EPERM", "ok EFAULT"},
			{fmt.Sprint("getfd ", h.pid), "EPERM", "ok"},
			{"unshare 0x10000000", "EPERM", ""},
			{"newns ids", "EPERM", "ok"},
			{"mount tmpfs /tmp", "EPERM", ""},
			{"caps", "ok", ""},
		})
		in := b.inside(options, "no_new", "fds", "env")
		if in["no_new"].Out != "1" || in["fds"].Out != "0 1 2" {
			t.Errorf("%v", in)
		}
		if _, err := os.Lstat(b.work + "/newi"); err != nil {
			t.Error("the work directory is not writable")
		}
	})
}

// TestLandlockMetadata protects P2 where there are no mounts: mode, owner,
// times and attributes of a file are part of it, and Landlock guards none.
func TestLandlockMetadata(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		if !b.mayUse("landlock") {
			return
		}
		secret := b.file(b.outside+"/secret", canary)
		b.check(os.Chmod(secret, 0o600))
		b.attacks([]string{"-p", "landlock"}, []attack{
			{"chmod " + secret + " 0666", "EACCES EPERM", ""},
			{"utimes " + secret, "EACCES EPERM", ""},
			{"setxattr " + secret, "EACCES EPERM EOPNOTSUPP", ""},
		})
		if st, err := os.Stat(secret); err != nil || st.Mode() != 0o600 {
			t.Errorf("the mode became %v", st.Mode())
		}
	})
}

// TestLandlockOtherProcesses protects P5 where there is no pid namespace: a
// limit on CPU time ends a process as surely as a signal does.
func TestLandlockOtherProcesses(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		if !b.mayUse("landlock") {
			return
		}
		h := newHost(b)
		b.attacks([]string{"-p", "landlock"}, []attack{
			{fmt.Sprint("setrlimit ", h.pid), "EPERM", "ok"},
			{fmt.Sprint("nice ", h.pid), "EPERM EACCES ESRCH", "ok"},
			{fmt.Sprint("affine ", h.pid), "EPERM ESRCH", "ok"},
			{"setrlimit 0", "ok", "ok"},
			{"nice 0", "ok", "ok"},
		})
	})
}
