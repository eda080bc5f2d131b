package test

import (
	"os"
	"strings"
	"testing"
)

// TestRootInside protects P3: uid 0 inside means nothing to the mounts, also
// where it is the real root's.
func TestRootInside(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		f := b.file(b.work+"/file", "content")
		p := b.profile("version = 1\nextends = ['default']\n[process]\nuid = 0\ngid = 0\n[fs]\nro = ['" + b.work + "']\nhide = ['" + f + "']\n")
		options := []string{"-p", p}
		in := b.inside(options, "ids", "caps")
		if got := in["ids"].Out; !strings.HasPrefix(got, "0 0 ") {
			t.Errorf("ids %q", got)
		}
		if got := in["caps"].Out; got != "effective=0 permitted=0 inheritable=0 bounding=0" {
			t.Errorf("capabilities %q", got)
		}
		b.attacks(options, []attack{
			{"remount " + b.work, "EPERM", ""},
			{"superrw " + b.work, "EPERM", ""},
			{"setattr " + b.work, "EPERM", ""},
			{"setattr " + b.work + " recursive", "EPERM", ""},
			{"setattr / recursive", "EPERM", ""},
			{"umount " + f, "EPERM", ""},
			{"umount " + b.work, "EPERM", ""},
			{"mount tmpfs /tmp", "EPERM", ""},
			{"mount proc /proc", "EPERM", ""},
			{"mount sysfs /tmp", "EPERM", ""},
			{"bindmount / /tmp", "EPERM", ""},
			{"opentree " + b.work, "EPERM", ""},
			{"fsopen tmpfs", "EPERM", ""},
			{"capset", "EPERM", ""},
			{"setuid 1", "EINVAL EPERM", ""},
			{"setuid 0", "ok", ""},
			{"groups", "EPERM", ""},
			{"chown /tmp/@ 1 1", "EINVAL EPERM ENOENT", ""},
			{"mknod /tmp/null", "EPERM", ""},
			{"mknod /dev/shm/null", "EPERM", ""},
			{"sys sethostname 0 0", "EPERM", ""},
			{"sys reboot 0 0 0", "EPERM", ""},
			{"sys init_module 0 0 0", "EPERM", ""},
			{"sys syslog 2 0 0", "EPERM", ""},
			{"sys settimeofday 0 0", "EPERM", ""},
			{"sys bpf 0 0 0", "EPERM", ""},
			{"sys acct 0", "EPERM", ""},
			{"sys swapon 0 0", "EPERM", ""},
			{"sys kexec_load 0 0 0 0", "EPERM", ""},
			{"sys quotactl 0 0 0 0", "EPERM", ""},
			{"newns ids", "EPERM ENOSPC", ""},
			{"openw /proc/sys/kernel/core_pattern", "EACCES EROFS EPERM", ""},
			{"openw /proc/sys/kernel/hostname", "EACCES EROFS EPERM", ""},
			{"openw /proc/sys/net/ipv4/ip_forward", "EACCES EROFS EPERM ENOENT", ""},
			{"openw /proc/sys/user/max_user_namespaces", "EACCES EROFS EPERM", ""},
			{"openw /proc/sysrq-trigger", "EACCES EROFS EPERM ENOENT", ""},
			{"openw /proc/irq/default_smp_affinity", "EACCES EROFS EPERM ENOENT EIO", ""},
			{"openw /proc/self/uid_map", "ok EACCES EPERM EROFS", ""},
			{"read /proc/kcore", "EACCES EPERM ENOENT", ""},
			{"read /proc/kmsg", "EACCES EPERM ENOENT EAGAIN", ""},
			{"openw /etc/passwd", "EACCES EROFS", ""},
			{"create /etc/new@ x", "EACCES EROFS", ""},
			{"create /usr/bin/new@ x", "EACCES EROFS", ""},
		})
	})
}

// TestRootsFiles protects P3 and P2 where real root starts lichen: it owns
// every file and every sysctl of the host.
func TestRootsFiles(t *testing.T) {
	asRoot(t, func(t *testing.T, b *box) {
		pattern := readFile(b, "/proc/sys/kernel/core_pattern")
		for _, options := range [][]string{nil, {"--nested"}, {"--net", "host"}} {
			if !b.mayUse(options...) {
				continue
			}
			b.attacks(options, []attack{
				{"openw /proc/sys/kernel/core_pattern", "EACCES EROFS", ""},
				{"openw /proc/sys/vm/drop_caches", "EACCES EROFS", ""},
				{"openw /proc/sys/kernel/modprobe", "EACCES EROFS ENOENT", ""},
				{"openw /proc/sysrq-trigger", "EACCES EROFS ENOENT", ""},
				{"openw /proc/self/oom_score_adj", "ok EACCES EROFS", ""},
				{"mknod /tmp/device", "EPERM", ""},
				{"chown /tmp 1 1", "EPERM EINVAL", ""},
				{"openw /dev/vda", "ENOENT", ""},
				{"openw /dev/kmsg", "ENOENT", ""},
				{"openw /dev/mem", "ENOENT", ""},
			})
		}
		if !b.mayUse("--nested") {
			return
		}
		// A nested namespace of the payload's own is where it has every
		// capability; a new procfs there must be no way to the sysctls.
		in := b.inside([]string{"--nested"}, "newns mount proc /tmp -- openw /tmp/sys/kernel/core_pattern -- openw /tmp/sysrq-trigger -- mount sysfs /mnt -- mount cgroup2 /mnt",
			"newns remount /proc -- setattr / recursive -- openw /proc/sys/kernel/core_pattern -- umount /proc -- remount /usr -- openw /usr/bin/env")
		for _, a := range in {
			for _, r := range parseAnswers(t, a.Out) {
				if strings.HasPrefix(r.Probe, "openw") && r.Err == "" {
					t.Errorf("in a nested namespace, %q works", r.Probe)
				}
				if r.Probe == "openw /usr/bin/env" && r.Err == "" || r.Probe == "remount /usr" && r.Err == "" {
					t.Errorf("in a nested namespace, %q works", r.Probe)
				}
			}
		}
		if now := readFile(b, "/proc/sys/kernel/core_pattern"); now != pattern {
			t.Errorf("core_pattern is now %q", now)
		}
	})
}

// TestSetuidGainsNothing protects P3: setuid programs and file capabilities
// are void, on the host's files and on those of the payload.
func TestSetuidGainsNothing(t *testing.T) {
	asRoot(t, func(t *testing.T, b *box) {
		setuid := b.work + "/setuid"
		data, err := os.ReadFile(binDir + "/probe")
		b.check(err)
		b.check(os.WriteFile(setuid, data, 0o755))
		b.check(os.Chmod(setuid, 0o755|os.ModeSetuid|os.ModeSetgid))
		out := parseAnswers(t, b.do(command{args: []string{setuid, "ids", "caps"}}).stdout)
		if b.user.uid != 0 && !strings.Contains(out["caps"].Out, "effective=1ff") {
			t.Fatalf("outside, the setuid program is none: %v", out)
		}
		in := b.do(command{args: lichenArgs("run", "--", setuid, "ids", "caps", "read /etc/shadow")})
		got := parseAnswers(t, in.stdout)
		if got["caps"].Out != "effective=0 permitted=0 inheritable=0 bounding=0" {
			t.Errorf("capabilities of a setuid program: %v %s", got, in.stderr)
		}
		if b.user.uid != 0 {
			b.expect("inside", got["read /etc/shadow"], "EACCES")
		}
	})
}

// TestNested protects P1 to P3 where the payload may make namespaces: what is
// hidden and read-only stays so in them.
func TestNested(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		if !b.mayUse("--nested") {
			return
		}
		f := b.file(b.work+"/secret", canary)
		dir := b.mkdir(b.work + "/dir")
		b.file(dir+"/inner", canary)
		options := []string{"--nested", "--ro", b.work, "--hide", f, "--hide", dir}
		in := b.inside(options, "newns ids -- mount tmpfs /tmp -- create /tmp/x x", "unshare 0x10000000",
			"newns umount "+f+" -- umount "+dir+" -- read "+f+" -- list "+dir+" -- bindmount "+b.work+" /tmp -- read /tmp/secret -- rbind "+b.work+" /tmp -- read /tmp/secret -- remount "+b.work+" -- openw "+b.work+"/secret",
			"newns setattr "+b.work+" -- opentree "+b.work+" -- chroot / -- umount / -- read "+f)
		made := parseAnswers(t, in["newns ids -- mount tmpfs /tmp -- create /tmp/x x"].Out)
		b.expect("nested", made["mount tmpfs /tmp"], "ok")
		b.expect("nested", made["create /tmp/x x"], "ok")
		for _, a := range in {
			if strings.Contains(a.Out, canary) || strings.Contains(a.Out, "inner") {
				t.Errorf("seen in a nested namespace: %s", a.Out)
			}
			if !strings.HasPrefix(a.Probe, "newns") {
				continue
			}
			for _, r := range parseAnswers(t, a.Out) {
				if r.Err == "" && (strings.HasPrefix(r.Probe, "remount") || strings.HasPrefix(r.Probe, "setattr") || strings.HasPrefix(r.Probe, "openw")) {
					t.Errorf("works in a nested namespace: %s", r.Probe)
				}
			}
		}
		// And without the option there is none.
		b.attacks(nil, []attack{
			{"newns ids", "EPERM ENOSPC", "ok"},
			{"unshare 0x10000000", "EPERM", ""},
			{"clone 0x10000000", "EPERM", ""},
			{"clone3 0x10000000", "ENOSYS", ""},
			{"unshare 0x20000", "EPERM", ""},
			{"unshare 0x110000000", "EPERM EINVAL", ""},
			{"fork int80 310 0x10000000", "SIGSYS ENOSYS", ""},
		})
	})
}

// TestNullIsTheSandboxs protects the host's /dev/null, which belongs to root's
// payload: as a standard descriptor it is that of the sandbox. (The mode asked
// for is the one it has.)
func TestNullIsTheSandboxs(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		null, err := os.OpenFile("/dev/null", os.O_RDWR, 0)
		b.check(err)
		defer null.Close()
		o := b.do(command{args: probeArgs(nil, "chmod /proc/self/fd/0 0666", "write /proc/self/fd/0 x"), stdin: null})
		in := parseAnswers(t, o.stdout)
		b.expect("standard input", in["chmod /proc/self/fd/0 0666"], "EROFS EPERM EACCES")
		b.expect("standard input", in["write /proc/self/fd/0 x"], "ok")
	})
}
