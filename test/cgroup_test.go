package test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// The limits themselves are tested in test/guest, on a kernel that has all
// controllers on cgroup v2. Here: where a sandbox's cgroup is made, and that
// nothing of it is left.

// cgroup2 returns where cgroup v2 is mounted.
func cgroup2(t *testing.T) string {
	t.Helper()
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mounts)) {
		if before, after, _ := strings.Cut(line, " - "); strings.HasPrefix(after, "cgroup2 ") {
			return strings.Fields(before)[4]
		}
	}
	skip(t, "cgroup v2 is not mounted")
	return ""
}

// delegate makes a cgroup of the box's user, and one in it to start lichen in.
func (b *box) delegate() (dir, launch string) {
	b.t.Helper()
	dir, err := os.MkdirTemp(cgroup2(b.t), "lichen-test-")
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) {
		skip(b.t, "no cgroup can be made: "+err.Error())
	}
	b.check(err)
	launch = dir + "/launch"
	b.t.Cleanup(func() {
		if left := madeIn(dir); len(left) > 0 {
			b.t.Errorf("left: %q", left)
		}
		_ = os.WriteFile(dir+"/cgroup.kill", []byte("1"), 0) // after a failure
		for _, d := range append(madeIn(dir), launch, dir) {
			_ = os.Remove(d + "/payload") // likewise
			b.until(d+" is removed", func() bool { return os.Remove(d) == nil })
		}
	})
	b.check(os.Mkdir(launch, 0o755))
	for _, d := range []string{dir, launch} {
		for _, file := range []string{"", "/cgroup.procs", "/cgroup.subtree_control"} {
			b.check(os.Chown(d+file, b.user.uid, b.user.uid))
		}
	}
	return dir, launch
}

// madeIn lists the cgroups of sandboxes in dir.
func madeIn(dir string) []string {
	list, _ := filepath.Glob(dir + "/lichen-*") // the pattern is a good one
	return list
}

// inCgroup has a command start in a cgroup.
func (b *box) inCgroup(dir string, args ...string) command {
	b.t.Helper()
	f, err := os.Open(dir)
	b.check(err)
	b.t.Cleanup(func() { f.Close() })
	return command{args: args, attr: &syscall.SysProcAttr{Setsid: true, UseCgroupFD: true, CgroupFD: int(f.Fd())}}
}

func within(dir string, args []string, options ...string) []string {
	return append(append(lichenArgs("run", "--limit", "cgroup="+dir), options...), args...)
}

// TestCgroupPlace protects where a sandbox runs, and that its cgroup ends with it.
func TestCgroupPlace(t *testing.T) {
	asRoot(t, func(t *testing.T, b *box) {
		dir, launch := b.delegate()
		p := b.start(b.inCgroup(launch, within(dir, []string{"--", "sh", "-c", "cat /proc/self/cgroup; echo ready; exec sleep 100"})...))
		for line := p.line(); !strings.HasPrefix(line, "ready"); line = p.line() {
			if path, ok := strings.CutPrefix(line, "0::"); ok && strings.TrimSpace(path) != "/" {
				t.Errorf("the payload sees its cgroup at %q", path)
			}
		}
		made := madeIn(dir)
		if len(made) != 1 {
			t.Fatalf("made: %q", made)
		}
		inside, err := os.ReadFile(made[0] + "/payload/cgroup.procs")
		b.check(err)
		if n := len(strings.Fields(string(inside))); n < 2 {
			t.Errorf("in its cgroup: %q, want PID 1 and the payload", inside)
		}
		outside, err := os.ReadFile(launch + "/cgroup.procs")
		b.check(err)
		if got := strings.TrimSpace(string(outside)); got != strconv.Itoa(p.cmd.Process.Pid) {
			t.Errorf("beside it: %q, want lichen alone", got)
		}
		b.check(p.cmd.Process.Signal(syscall.SIGTERM))
		if o := p.wait(); o.code != 143 {
			t.Errorf("%+v", o)
		}
		for _, options := range [][]string{{"-p", "landlock"}, {"--nested"}} {
			if !b.mayUse(options...) {
				continue
			}
			if o := b.do(b.inCgroup(launch, within(dir, []string{"--", "sh", "-c", "sleep 100 & exit 3"}, options...)...)); o.code != 3 || o.stderr != "" {
				t.Errorf("%q: %+v", options, o)
			}
		}
	})
}

// TestCgroupSweep protects that a launcher takes away what a killed one has left,
// and nothing else.
func TestCgroupSweep(t *testing.T) {
	asRoot(t, func(t *testing.T, b *box) {
		dir, launch := b.delegate()
		p := b.start(b.inCgroup(launch, within(dir, []string{"--", "sh", "-c", "echo ready; exec sleep 100"})...))
		p.line()
		p.kill()
		b.until("the sandbox is gone", func() bool {
			left, err := os.ReadFile(filepath.Join(madeIn(dir)[0], "payload/cgroup.procs"))
			return err == nil && len(left) == 0
		})
		held, used, foreign := dir+"/lichen-1-7", dir+"/lichen-1-8", dir+"/other"
		for _, d := range []string{held, used, foreign} {
			b.check(os.Mkdir(d, 0o755))
			b.check(os.Chown(d, b.user.uid, b.user.uid))
		}
		f, err := os.Open(held)
		b.check(err)
		b.check(syscall.Flock(int(f.Fd()), syscall.LOCK_EX))
		sleeper := b.start(b.inCgroup(used, "sh", "-c", "echo ready; exec sleep 100"))
		sleeper.line()
		if o := b.do(b.inCgroup(launch, within(dir, []string{"--", "true"})...)); o.code != 0 || o.stderr != "" {
			t.Errorf("%+v", o)
		}
		if got := madeIn(dir); len(got) != 2 || got[0] != held || got[1] != used {
			t.Errorf("left are %q, want %q and %q", got, held, used)
		}
		sleeper.kill()
		f.Close()
		b.until("nothing is left", func() bool {
			b.do(b.inCgroup(launch, within(dir, []string{"--", "true"})...))
			return len(madeIn(dir)) == 0
		})
		b.check(os.Remove(foreign))
	})
}

// TestCgroupHeld protects that a payload stays in its cgroup. Outside of a sandbox
// the same user may leave it.
func TestCgroupHeld(t *testing.T) {
	asRoot(t, func(t *testing.T, b *box) {
		dir, launch := b.delegate()
		leave := []string{"sh", "-c", "if echo 0 >" + launch + "/cgroup.procs; then echo gone; else echo held; fi 2>/dev/null"}
		if o := b.do(b.inCgroup(dir, leave...)); o.stdout != "gone\n" {
			t.Errorf("without a sandbox: %+v", o)
		}
		for _, options := range [][]string{nil, {"--nested"}, {"-p", "landlock"}} {
			if !b.mayUse(options...) {
				continue
			}
			if o := b.do(b.inCgroup(launch, within(dir, append([]string{"--"}, leave...), options...)...)); o.stdout != "held\n" {
				t.Errorf("%q: %+v", options, o)
			}
		}
	})
}

// TestCgroupFails protects that a sandbox which does not start leaves no cgroup.
func TestCgroupFails(t *testing.T) {
	asRoot(t, func(t *testing.T, b *box) {
		dir, launch := b.delegate()
		for _, c := range []struct {
			options []string
			code    int
		}{{[]string{"--", "/nonexistent"}, 127}, {[]string{"--ro", "/nonexistent", "--", "true"}, 125}, {[]string{"--cwd", "/nonexistent", "--", "true"}, 125}} {
			o := b.do(b.inCgroup(launch, within(dir, c.options)...))
			b.fails(o, c.code, "lichen: ")
		}
		b.check(os.WriteFile(dir+"/cgroup.max.descendants", []byte("1"), 0))
		o := b.do(b.inCgroup(launch, within(dir, []string{"--", "true"})...))
		b.fails(o, 125, "make a cgroup in "+dir+": resource temporarily unavailable", "hint: cgroup.max.descendants")
		b.check(os.WriteFile(dir+"/cgroup.max.descendants", []byte("2"), 0))
		o = b.do(b.inCgroup(launch, within(dir, []string{"--", "true"})...))
		b.fails(o, 125, "make the cgroup "+dir+"/lichen-")
		if left := madeIn(dir); len(left) > 0 {
			t.Errorf("left: %q", left)
		}
	})
}

// TestCgroupRefused protects that a limit which cannot be enforced is an error.
func TestCgroupRefused(t *testing.T) {
	asRoot(t, func(t *testing.T, b *box) {
		dir, launch := b.delegate()
		profile := b.profile("version = 1\nextends = [\"default\"]\n[limits]\npids_max = 50\ncgroup = \"" + dir + "\"\n")
		text, err := os.ReadFile("/proc/self/cgroup")
		b.check(err)
		o := b.do(b.inCgroup(launch, lichenArgs("run", "-p", profile, "--", "true")...))
		if strings.Contains(string(text), ":pids:") {
			b.fails(o, 125, "enforce limits.pids_max: the host has the pids controller on cgroup v1 ("+profile+":4)", "cgroup_no_v1=all")
			check := b.do(command{args: lichenArgs("check", profile)})
			b.fails(check, 125, "enforce limits.pids_max: the host has the pids controller on cgroup v1 ("+profile+":4)")
		} else if o.code != 0 {
			b.fails(o, 125, "enforce limits.pids_max: ", "("+profile+":4)")
		}
		for place, want := range map[string]string{
			"/tmp": "/tmp is not below a mount of cgroup v2", dir + "/none": dir + "/none is no cgroup", "launch": `"launch" is not an absolute path`,
		} {
			b.fails(b.do(b.inCgroup(launch, within(place, []string{"--", "true"})...)), 125, "use limits.cgroup: "+want+" (command line)")
		}
		if b.user.uid == 0 {
			return // who may write everywhere
		}
		top := cgroup2(t)
		o = b.do(b.inCgroup(top, within(dir, []string{"--", "true"})...))
		b.fails(o, 125, "lichen is in "+top+", and nothing may be moved from there to "+dir+" without write access to "+top+"/cgroup.procs", "hint: start lichen in a cgroup below "+dir)
		o = b.do(b.inCgroup(launch, within(top, []string{"--", "true"})...))
		b.fails(o, 125, top+" is not yours to write")
	})
}

// TestCgroupMany protects that launchers which share a directory do not disturb
// each other, some of them killed.
func TestCgroupMany(t *testing.T) {
	asRoot(t, func(t *testing.T, b *box) {
		dir, launch := b.delegate()
		var running []*process
		for range 20 {
			running = append(running, b.start(b.inCgroup(launch, within(dir, []string{"--", "sh", "-c", "echo ready; exec sleep 100"})...)))
		}
		for i, p := range running {
			if p.line(); i%2 == 0 {
				p.kill()
			}
		}
		for range 10 {
			if o := b.do(b.inCgroup(launch, within(dir, []string{"--", "true"})...)); o.code != 0 || o.stderr != "" {
				t.Errorf("%+v", o)
			}
		}
		for i, p := range running {
			if i%2 == 1 {
				b.check(p.cmd.Process.Signal(syscall.SIGTERM))
				if o := p.wait(); o.code != 143 {
					t.Errorf("%+v", o)
				}
			}
		}
		b.until("the killed ones' are gone", func() bool {
			b.do(b.inCgroup(launch, within(dir, []string{"--", "true"})...))
			return len(madeIn(dir)) == 0
		})
	})
}
