package test

import (
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// rangedUID is the user that setup.sh makes, with ranges of subordinate ids.
const rangedUID = 1501

// forRanges runs a test as a user who has ranges in /etc/subuid.
func forRanges(t *testing.T, f func(t *testing.T, b *box)) {
	t.Helper()
	u := user{"ranges", rangedUID}
	if uid := os.Getuid(); uid != 0 {
		u = user{"self", uid}
	}
	name := nameOf(t, u.uid)
	for _, file := range []string{"/etc/subuid", "/etc/subgid"} {
		text, err := os.ReadFile(file)
		if name == "" || err != nil || !strings.Contains("\n"+string(text), "\n"+name+":") {
			skip(t, "no user with ranges in "+file+": run test/setup/setup.sh as root")
		}
	}
	if _, err := os.Stat("/usr/bin/newuidmap"); err != nil {
		skip(t, "no newuidmap: install uidmap")
	}
	t.Run(u.name, func(t *testing.T) { f(t, newBox(t, u)) })
}

// nameOf looks a uid up in /etc/passwd.
func nameOf(t *testing.T, uid int) string {
	t.Helper()
	passwd, err := os.ReadFile("/etc/passwd")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(passwd)) {
		if f := strings.Split(line, ":"); len(f) > 2 && f[2] == strconv.Itoa(uid) {
			return f[0]
		}
	}
	return ""
}

// stayOutside is what no root inside may do, whatever its ids.
var stayOutside = []attack{
	{"superrw /", "EPERM", ""},
	{"setattr / recursive", "EPERM", ""},
	{"umount /tmp", "EPERM", ""},
	{"mount tmpfs /tmp", "EPERM", ""},
	{"bindmount / /tmp", "EPERM", ""},
	{"fsopen tmpfs", "EPERM", ""},
	{"newns ids", "EPERM ENOSPC", ""},
	{"unshare 0x10000000", "EPERM ENOSPC", ""},
	{"chroot /tmp", "EPERM", ""},
	{"mknod /tmp/null", "EPERM", ""},
	{"sys sethostname 0 0", "EPERM", ""},
	{"sys reboot 0 0 0", "EPERM", ""},
	{"sys syslog 2 0 0", "EPERM", ""},
	{"openw /proc/sys/user/max_user_namespaces", "EACCES EROFS EPERM", ""},
	{"openw /proc/self/uid_map", "ok EACCES EPERM EROFS", ""},
	{"write /proc/self/uid_map 0", "EACCES EPERM EROFS EINVAL", ""},
	{"attach 1", "EPERM ESRCH", ""},
	{"kill 1 9", "EPERM", ""},
	{"readlink /proc/1/exe", "EACCES EPERM ENOENT", ""},
	{"readlink /proc/1/fd/0", "EACCES EPERM", ""},
}

// TestRanges protects P3 where the payload has ranges of ids: its root may do
// with them what it likes, and nothing else.
func TestRanges(t *testing.T) {
	forRanges(t, func(t *testing.T, b *box) {
		root := b.tree("tree", usualTree...)
		image := []string{"--image", "dir:" + root, "--ids", "subuid", "--write", "tmpfs"}
		in := b.inside(image, "ids", "caps", "capset", "create /tmp/f 1", "chown /tmp/f 33 44", "chmod /tmp/f 04755", "stat /tmp/f", "chown /etc/owned 1 1", "groups", "setuid 33", "chown /tmp/f 0 0", "setuid 0")
		for probe, want := range map[string]string{
			"ids": "0 0 0 ", "caps": "effective=fb permitted=fb inheritable=0 bounding=fb", "stat /tmp/f": "urwxr-xr-x ",
		} {
			if got := in[probe].Out; !strings.HasPrefix(got, want) {
				t.Errorf("%s: %q, want %q", probe, got, want)
			}
		}
		for _, probe := range []string{"chown /tmp/f 33 44", "chmod /tmp/f 04755", "chown /etc/owned 1 1", "groups", "setuid 33"} {
			b.expect("inside", in[probe], "ok")
		}
		for _, probe := range []string{"capset", "chown /tmp/f 0 0", "setuid 0"} { // the last two as uid 33
			b.expect("inside", in[probe], "EPERM")
		}
		b.attacks(image, stayOutside)
		asUser := append(image, "--uid", "33", "--gid", "34")
		in = b.inside(asUser, "ids", "caps", "chown /etc/owned 1 1", "setuid 0", "groups", "create /etc/x 1", "create /tmp/x 1")
		if got := in["ids"].Out + in["caps"].Out; !strings.HasPrefix(got, "33 34 0 ") || !strings.Contains(got, "effective=0 permitted=0 inheritable=0 bounding=0") {
			t.Error(got)
		}
		for _, probe := range []string{"chown /etc/owned 1 1", "setuid 0", "groups"} {
			b.expect("inside", in[probe], "EPERM")
		}
		b.expect("inside", in["create /etc/x 1"], "EACCES")
		b.expect("inside", in["create /tmp/x 1"], "ok")
		b.attacks(asUser, stayOutside)
	})
}

// TestRangesAndHostFiles protects P2 and P8: root of ranges cannot write what is
// granted read-only, and can leave no setuid file in what it may write. What it
// gives away there goes to the caller's own ranges.
func TestRangesAndHostFiles(t *testing.T) {
	forRanges(t, func(t *testing.T, b *box) {
		root := b.tree("tree", usualTree...)
		file := b.file(b.work+"/file", "1")
		marked := b.file(b.work+"/marked", "1")
		b.check(os.Chmod(marked, 0o755|os.ModeSetuid))
		fixed := b.file(b.outside+"/fixed", "1")
		image := []string{"--image", "dir:" + root, "--ids", "subuid", "--write", "tmpfs"}
		in := b.inside(append(image, "--rw", b.work, "--ro", b.outside), "caps", "chmod "+file+" 06755", "chown "+file+" 33 33", "write "+marked+" 2",
			"chown "+fixed+" 33 33", "chmod "+fixed+" 0", "write "+fixed+" 2", "mknod "+b.work+"/null", "chown /tmp 70000 0")
		if got := in["caps"].Out; !strings.HasPrefix(got, "effective=eb permitted=eb ") {
			t.Errorf("capabilities %q", got)
		}
		b.expect("inside", in["chmod "+file+" 06755"], "ok") // and did nothing
		b.expect("inside", in["chown "+file+" 33 33"], "ok")
		b.expect("inside", in["write "+marked+" 2"], "ok")
		b.expect("inside", in["chown "+fixed+" 33 33"], "EROFS")
		b.expect("inside", in["chmod "+fixed+" 0"], "EROFS")
		b.expect("inside", in["write "+fixed+" 2"], "EROFS EACCES")
		b.expect("inside", in["mknod "+b.work+"/null"], "EPERM")
		b.expect("inside", in["chown /tmp 70000 0"], "EINVAL")
		for _, path := range []string{file, marked} {
			fi, err := os.Stat(path)
			b.check(err)
			if fi.Mode()&(os.ModeSetuid|os.ModeSetgid) != 0 {
				t.Errorf("%s: %v", path, fi.Mode())
			}
		}
		fi, err := os.Stat(file)
		b.check(err)
		if uid := fi.Sys().(*syscall.Stat_t).Uid; uid < 100000 {
			t.Errorf("%s was given to %d", file, uid)
		}
	})
}

// TestFakeIDs protects that pretended ids are only that: calls succeed, nothing
// is done, and what is left of root's rights reaches no further than the
// caller's own.
func TestFakeIDs(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		root := b.tree("tree", usualTree...)
		image := []string{"--image", "dir:" + root, "--ids", "fake", "--write", "tmpfs"}
		file := b.file(b.work+"/file", "1")
		in := b.inside(append(image, "--rw", b.work), "ids", "caps", "create /tmp/f 1", "chown /tmp/f 33 44", "chmod /tmp/f 0", "read /tmp/f", "groups", "setuid 33", "create /etc/x 1",
			"chown "+file+" 33 33", "chmod "+file+" 04755", "chmod "+file+" 0640", "chown /missing 1 1")
		for _, probe := range []string{"chown /tmp/f 33 44", "chmod /tmp/f 0", "read /tmp/f", "groups", "setuid 33", "create /etc/x 1", "chown " + file + " 33 33", "chmod " + file + " 04755", "chmod " + file + " 0640", "chown /missing 1 1"} {
			b.expect("inside", in[probe], "ok")
		}
		if got := in["ids"].Out; !strings.HasPrefix(got, "0 0 ") {
			t.Errorf("ids %q", got)
		}
		if got := in["caps"].Out; got != "effective=2 permitted=2 inheritable=0 bounding=2" {
			t.Errorf("capabilities %q", got)
		}
		fi, err := os.Stat(file)
		b.check(err)
		if uid := fi.Sys().(*syscall.Stat_t).Uid; int(uid) != b.user.uid || fi.Mode() != 0o640 {
			t.Errorf("%s: owner %d, mode %v", file, uid, fi.Mode())
		}
		b.attacks(image, stayOutside)
		denied := b.inside(append(image, "--seccomp-deny", "lchown"), "chown /tmp 1 1")
		b.expect("inside", denied["chown /tmp 1 1"], "EPERM")
	})
}

// TestIDsThatCannotBe protects P10.
func TestIDsThatCannotBe(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		root := b.tree("tree", usualTree...)
		if nameOf(t, b.user.uid) == "" {
			b.fails(b.lichen("run", "--image", "dir:"+root, "--ids", "subuid", "--", "/bin/probe", "ids"), 125, "/etc/subuid", "no range")
		}
		if !b.mayUse("--nested") {
			return
		}
		b.fails(b.lichen("run", "--image", "dir:"+root, "--ids", "fake", "--write", "tmpfs", "--nested", "--", "/bin/probe", "ids"), 125, "rootfs.ids")
	})
	forRanges(t, func(t *testing.T, b *box) {
		root := b.tree("tree", usualTree...)
		b.fails(b.lichen("run", "--image", "dir:"+root, "--ids", "subuid", "--uid", "4000000", "--", "/bin/probe", "ids"), 125, "process.uid", "4000000")
	})
}
