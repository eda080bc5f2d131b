package test

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestReadOnlyHolds protects P2 against a payload that owns the files.
func TestReadOnlyHolds(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		f := b.file(b.work+"/file", "content")
		b.mkdir(b.work + "/dir")
		b.attacks([]string{"--ro", b.work, "--tmpfs", "/tmp"}, []attack{
			{"write " + f + " pwned", "EROFS EACCES", "ok"},
			{"openw " + f, "EROFS EACCES", "ok"},
			{"chmod " + f + " 0644", "EROFS EPERM EACCES", "ok"},
			{"utimes " + f, "EROFS EPERM EACCES", "ok"},
			{"setxattr " + f, "EROFS EPERM EACCES", "ok EOPNOTSUPP"},
			{"truncate " + f, "EROFS EACCES", "ok"},
			{"create " + b.work + "/dir/a@ x", "EROFS EACCES", "ok"},
			{"rename " + b.work + "/dir/a@ " + b.work + "/dir/b@", "EROFS EACCES ENOENT", "ok"},
			{"mkdir " + b.work + "/dir/c@", "EROFS EACCES", "ok"},
			{"symlink x " + b.work + "/dir/d@", "EROFS EACCES", "ok"},
			{"link " + f + " " + b.work + "/dir/e@", "EROFS EACCES EXDEV", "ok"},
			{"link " + f + " /tmp/f", "EXDEV EACCES", ""},
			{"mkfifo " + b.work + "/dir/g@", "EROFS EACCES", "ok"},
			{"unlink " + b.work + "/dir/b@", "EROFS EACCES ENOENT", "ok"},
			{"opendirw " + b.work, "EROFS EACCES", ""},
			{"mmapexec " + f, "ok", ""},
			{"remount " + b.work, "EPERM", ""},
			{"superrw " + b.work, "EPERM", ""},
			{"setattr " + b.work, "EPERM", ""},
			{"setattr / recursive", "EPERM", ""},
			{"umount " + b.work, "EPERM", ""},
			{"umount /", "EPERM", ""},
			{"bindmount " + b.work + " /tmp", "EPERM", ""},
			{"mount tmpfs /tmp", "EPERM", ""},
			{"mount proc /tmp", "EPERM", ""},
			{"shared /", "EPERM", ""},
			{"opentree " + b.work, "EPERM", ""},
			{"fsopen tmpfs", "EPERM", ""},
			{"movemount /tmp /usr", "EPERM", ""},
			{"pivot /tmp", "EPERM", ""},
			{"newns ids", "EPERM fork/exec ENOSPC", ""},
		})
		b.file(f, "content")
		b.inside([]string{"--rw", b.work}, "write "+f+" written")
		if got := readFile(b, f); got != "written" {
			t.Errorf("a writable grant does not write: %q", got)
		}
	})
}

// hostScript is run by root in a mount namespace with shared propagation, as
// on a usual host: it starts lichen, and mounts while the payload runs.
const hostScript = `set -e
mount --make-rshared /
mount -t tmpfs before $WORK/sub
echo below >$WORK/sub/file; chmod 666 $WORK/sub/file; chmod 777 $WORK/sub
cd $WORK
%s "$@" &
while [ ! -e $CTL/ready ]; do sleep 0.01; done
mount -t tmpfs late $WORK/late
echo %s >$WORK/late/secret; chmod 777 $WORK/late
rm $CTL/hold
wait $!
`

// TestHostMounts protects P2: file systems that are mounted below a grant are
// read-only with it, and those that come later never appear.
func TestHostMounts(t *testing.T) {
	asRoot(t, func(t *testing.T, b *box) {
		for _, sub := range []string{"sub", "late"} {
			b.mkdir(b.work + "/" + sub)
		}
		for _, grant := range []string{"--ro", "--rw"} {
			b.file(b.ctl+"/hold", "")
			as := fmt.Sprintf("setpriv --reuid %d --regid %d --clear-groups", b.user.uid, b.user.uid)
			probes := []string{"create " + b.ctl + "/ready x", "gone " + b.ctl + "/hold", "list " + b.work + "/late", "list " + b.work + "/sub",
				"openw " + b.work + "/sub/file", "create " + b.work + "/late/new x", "create " + b.work + "/sub/new x"}
			args := append([]string{"unshare", "--mount", "sh", "-c", fmt.Sprintf(hostScript, as, canary), "sh"},
				probeArgs([]string{grant, b.work, "--rw", b.ctl}, probes...)...)
			o := b.do(command{args: args, uid: -1, env: []string{"WORK=" + b.work, "CTL=" + b.ctl}})
			if o.code != 0 {
				t.Fatalf("status %d: %s", o.code, o.stderr)
			}
			in := parseAnswers(t, o.stdout)
			if got := in[probes[2]].Out; got != "" {
				t.Errorf("%s: the late mount shows %q", grant, got)
			}
			if got := in[probes[3]].Out; got != "file" {
				t.Errorf("%s: the submount shows %q", grant, got)
			}
			write := "ok"
			if grant == "--ro" {
				write = "EROFS EACCES"
			}
			for _, p := range probes[4:] {
				b.expect("inside with "+grant, in[p], write)
			}
			os.Remove(b.ctl + "/ready")
			os.Remove(b.work + "/late/new")
		}
	})
}

// TestSandboxMountsStayInside protects the host from the sandbox's mounts where
// its own mount namespace shares with others.
func TestSandboxMountsStayInside(t *testing.T) {
	asRoot(t, func(t *testing.T, b *box) {
		as := fmt.Sprintf("setpriv --reuid %d --regid %d --clear-groups", b.user.uid, b.user.uid)
		script := "set -e; mount --make-rshared /; cat /proc/self/mountinfo >$CTL/before; " + as + ` "$@"; cat /proc/self/mountinfo >$CTL/after`
		args := append([]string{"unshare", "--mount", "sh", "-c", script, "sh"}, probeArgs([]string{"--rw", b.work}, "ids")...)
		o := b.do(command{args: args, uid: -1, env: []string{"CTL=" + b.ctl}})
		before, after := readFile(b, b.ctl+"/before"), readFile(b, b.ctl+"/after")
		if o.code != 0 || before != after || !strings.Contains(before, "shared:") {
			t.Errorf("status %d %s\nbefore:\n%s\nafter:\n%s", o.code, o.stderr, before, after)
		}
	})
}
