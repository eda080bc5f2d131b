package test

import (
	"os"
	"strings"
	"testing"
)

// TestDefaultProfile protects what "lichen run" means without any option: no
// home, no environment, no network, and nothing written.
func TestDefaultProfile(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		b.file(b.home+"/.bashrc", canary)
		b.file(b.outside+"/"+canary, canary)
		b.file(b.work+"/readme", "readme")
		before := b.treeOf(b.dir)
		in := b.inside(nil, "list "+b.home, "env", "ifaces", "ids", "hunt c4n4ry~-7f3a", "read "+b.work+"/readme",
			"create "+b.work+"/new x", "create "+b.home+"/new x", "create /tmp/new x", "create /usr/new x", "create /new x", "getcwd", "caps", "no_new", "fds")
		for probe, want := range map[string]string{
			"list " + b.home: "", "ifaces": "lo/up|loopback|running", "hunt c4n4ry~-7f3a": "", "read " + b.work + "/readme": "readme",
			"getcwd": b.work, "caps": "effective=0 permitted=0 inheritable=0 bounding=0", "no_new": "1", "fds": "0 1 2",
		} {
			if a := in[probe]; a.Out != want || a.Err != "" {
				t.Errorf("%s: %q %s, want %q", probe, a.Out, a.Err, want)
			}
		}
		for _, line := range strings.Split(in["env"].Out, "\n") {
			switch name, _, _ := strings.Cut(line, "="); name {
			case "HOME", "PATH", "USER":
			default:
				t.Errorf("the environment has %q", line)
			}
		}
		b.expect("inside", in["create "+b.work+"/new x"], "EROFS EACCES")
		b.expect("inside", in["create "+b.home+"/new x"], "ok")
		b.expect("inside", in["create /tmp/new x"], "ok")
		b.expect("inside", in["create /usr/new x"], "EROFS EACCES")
		b.expect("inside", in["create /new x"], "EROFS EACCES")
		if after := b.treeOf(b.dir); after != before {
			t.Errorf("files changed:\n%s\nbefore:\n%s", after, before)
		}
		// The probes are no good if they find nothing outside either.
		out := b.outsideProbes("list "+b.home, "env")
		if !strings.Contains(out["list "+b.home].Out, ".bashrc") || !strings.Contains(out["env"].Out, canary) {
			t.Errorf("outside: %v", out)
		}
	})
}

// TestShell is the first thing that anybody tries.
func TestShell(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		b.file(b.home+"/.bashrc", canary)
		o := b.lichen("run", "--", "sh", "-c", `id; ls -a ~; cat /proc/1/environ; tr '\0' ' ' </proc/1/cmdline; cat /proc/net/dev; ls /; env; cat /proc/self/mountinfo`)
		for _, no := range []string{canary, ".bashrc", "eth0", "--ro", "old_root"} {
			if strings.Contains(o.stdout, no) {
				t.Errorf("the payload sees %q:\n%s", no, o.stdout)
			}
		}
		for _, yes := range []string{"uid=", "lo:", "HOME=" + b.home} {
			if !strings.Contains(o.stdout, yes) {
				t.Errorf("the payload lacks %q:\n%s", yes, o.stdout)
			}
		}
		if o.code != 0 || !strings.Contains(o.stderr, "/proc/1/environ: Permission denied") {
			t.Errorf("status %d: %s", o.code, o.stderr)
		}
	})
}

// TestHomeIsNoWorkDirectory protects a user who runs lichen right after
// logging in: "the work directory" must not become "all that I have".
func TestHomeIsNoWorkDirectory(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		b.file(b.home+"/secret", canary)
		for _, dir := range []string{b.home, b.dir, "/"} {
			o := b.do(command{args: probeArgs([]string{"--cwd", "/tmp"}, "hunt c4n4ry~-7f3a"), dir: dir})
			if in := parseAnswers(t, o.stdout); o.code != 0 || in["hunt c4n4ry~-7f3a"].Out != "" {
				t.Errorf("from %s: status %d, %v %s", dir, o.code, in, o.stderr)
			}
			o = b.do(command{args: probeArgs([]string{"-p", "build"}, "hunt c4n4ry~-7f3a"), dir: dir})
			b.fails(o, 125, "hint:")
		}
		// By its own name it can be had.
		in := b.inside([]string{"--ro", b.home}, "read "+b.home+"/secret")
		b.expect("inside", in["read "+b.home+"/secret"], "ok")
	})
}

// TestStdoutIsThePayloads protects pipelines: lichen writes nothing there.
func TestStdoutIsThePayloads(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		r, w, err := os.Pipe()
		b.check(err)
		go func() { w.WriteString("a\x00b\xffc"); w.Close() }()
		o := b.do(command{args: lichenArgs("run", "--", "cat"), stdin: r})
		if o.stdout != "a\x00b\xffc" || o.stderr != "" || o.code != 0 {
			t.Errorf("%d %q %q", o.code, o.stdout, o.stderr)
		}
		r.Close()
	})
}
