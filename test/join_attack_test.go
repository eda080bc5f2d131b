package test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestJoinerIsClosed protects P4 in the moment between a process's coming into the
// sandbox and its execve. Without Landlock nothing but its being closed to inspection
// keeps the payload out (CVE-2016-9962).
func TestJoinerIsClosed(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		for _, name := range []string{"no Landlock", "default", "nested"} {
			options := b.confined()[name]
			if !b.mayUse(options...) {
				continue
			}
			stop := b.ctl + "/stop-" + strings.ReplaceAll(name, " ", "")
			p := b.sandbox("box", append(options, "--rw", b.ctl, "--seccomp-allow", "ptrace", "--seccomp-allow", "pidfd_getfd"), binDir+"/catch", "look", stop)
			end := time.Now().Add(deadline)
			for i := 0; ; i++ {
				if o := b.do(command{args: lichenArgs("exec", "--env", "SECRET=hunter2", "box", "/bin/true"), env: b.runtimeEnv()}); o.code != 0 {
					t.Fatalf("%s: %+v", name, o)
				}
				_, err := os.Stat(stop + ".seen")
				if i >= 20 && (err == nil || time.Now().After(end)) {
					break
				}
			}
			b.file(stop, "")
			o := p.wait()
			if strings.Contains(o.stdout, "got") {
				t.Errorf("%s: the payload got hold of:\n%s", name, o.stdout)
			}
			if !strings.Contains(o.stdout, "refused ") || strings.Contains(o.stdout, "refused 0") {
				t.Errorf("%s: nobody was seen on the way in: %q %s", name, o.stdout, o.stderr)
			}
		}
	})
}

// TestInterpreterOfItself protects the host's lichen: a command that the payload may
// write can be a script whose interpreter is the program that executes it
// (CVE-2019-5736).
func TestInterpreterOfItself(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		// One that the user owns, as one does who builds it.
		own := b.dir + "/lichen"
		data, err := os.ReadFile(binDir + "/lichen")
		b.check(err)
		b.check(os.WriteFile(own, data, 0o755))
		b.check(os.Chown(own, b.user.uid, b.user.uid))
		for _, name := range []string{"no Landlock", "default", "nested"} {
			options := b.confined()[name]
			if !b.mayUse(options...) {
				continue
			}
			stop := b.ctl + "/stop-" + strings.ReplaceAll(name, " ", "")
			p := b.sandbox("box", append(options, "--rw", b.ctl), binDir+"/catch", "overwrite", stop)
			b.file(b.ctl+"/evil", "#!/proc/self/exe doctor\n")
			b.check(os.Chmod(b.ctl+"/evil", 0o755))
			for range 8 {
				b.do(command{args: []string{own, "exec", "box", b.ctl + "/evil"}, env: b.runtimeEnv()})
			}
			b.file(stop, "")
			o := p.wait()
			if strings.Contains(o.stdout, "written") || strings.Contains(o.stdout, own) {
				t.Errorf("%s: %s", name, o.stdout)
			}
			if after, err := os.ReadFile(own); err != nil || string(after) != string(data) {
				t.Fatalf("%s: lichen itself was changed: %v", name, err)
			}
			if info, err := os.Stat(own); err != nil || info.Mode() != 0o755 {
				t.Errorf("%s: lichen's mode was changed: %v %v", name, info.Mode(), err)
			}
		}
	})
}

// TestFirstCommandIsOfItself: the same for the first command, which an image or an
// earlier run has written. It waits inside, as lichen whose errors nobody reads, and
// is looked at from outside.
func TestFirstCommandIsOfItself(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		own := b.mkdir(b.dir+"/own") + "/lichen"
		data, err := os.ReadFile(binDir + "/lichen")
		b.check(err)
		b.check(os.WriteFile(own, data, 0o755))
		b.check(os.Chown(own, b.user.uid, b.user.uid))
		evil := b.file(b.ctl+"/evil", "#!/proc/self/exe check\n")
		b.check(os.Chmod(evil, 0o755))
		unread, full, err := os.Pipe()
		b.check(err)
		defer unread.Close()
		defer full.Close()
		fd := int(full.Fd())
		b.check(unix.SetNonblock(fd, true))
		for err == nil {
			_, err = unix.Write(fd, make([]byte, 4096))
		}
		b.check(unix.SetNonblock(fd, false))
		confined := b.confined()
		for name, options := range map[string][]string{"no Landlock": confined["no Landlock"], "nested": confined["nested"], "granted": {"--ro", b.dir + "/own"}} {
			if !b.mayUse(options...) {
				continue
			}
			p := &process{b: b, cmd: b.cmd(b.t.Context(), command{args: append(append([]string{own, "run", "--rw", b.ctl}, options...), "--", evil)})}
			p.cmd.Stderr = full
			b.check(p.cmd.Start())
			var payload int
			b.until(name+": lichen runs inside", func() bool {
				for _, pid1 := range childrenOf(p.cmd.Process.Pid) {
					for _, payload = range childrenOf(pid1) {
						text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", payload)) // it may be gone
						if strings.Contains(string(text), "check") {
							return true
						}
					}
				}
				return false
			})
			if exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", payload)); err != nil || !strings.HasPrefix(exe, "/memfd:") {
				t.Errorf("%s: what runs inside is %s, %v", name, exe, err)
			}
			p.kill()
		}
	})
}

// TestPlantedRulePath protects P1 and P2: the rules of a command that joins are made of
// paths while the payload runs, which may have put links there.
func TestPlantedRulePath(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		b.mkdir(b.outside + "/grant")
		// Read-only, but the mount would let it be written: only the rule says no.
		text := "version = 1\nextends = ['default']\n[fs]\nrw = ['" + b.work + "']\n[[mount]]\ntype = 'tmpfs'\ntarget = '/t'\n" +
			"[landlock]\nrules = [{ path = '/usr', execute = true }, { path = '" + suiteDir + "', execute = true }, { path = '/proc' }, { path = '/dev', write = true }, { path = '/t', write = true }, { path = '/t/way/in', write = true, execute = true }]\n"
		p := b.sandbox("box", []string{"-p", b.profile(text), "--rw", b.outside + "/grant:/t/way/in"}, binDir+"/probe",
			"rename /t/way /t/moved", "mkdir /t/way", "symlink "+b.work+" /t/way/in", "ids", "pause")
		var lines strings.Builder
		for line := p.line(); !strings.Contains(line, `"ids"`); line = p.line() {
			lines.WriteString(line + "\n")
		}
		planted := parseAnswers(t, lines.String())
		if len(planted) != 2 { // the first line was read by sandbox
			t.Fatalf("answers %v", planted)
		}
		b.expect("planting", planted["symlink "+b.work+" /t/way/in"], "ok")
		o := b.listed("exec", "box", binDir+"/probe", "create "+b.work+"/new x")
		b.fails(o, 125, "/t/way/in")
		if _, err := os.Lstat(b.work + "/new"); err == nil {
			t.Error("the link has moved a rule")
		}
		p.kill()
	})
}

// TestJoinMovedAway: what a payload has made of its own is never entered for what
// lichen has made.
func TestJoinMovedAway(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		if !b.mayUse("--nested") {
			return
		}
		p := b.sandbox("box", []string{"--nested", "--tmpfs", "/t"}, "unshare", "-Urmn", "sh", "-c", "mount -t tmpfs none /usr/share; echo moved; exec sleep 60")
		b.fails(b.listed("exec", "box", "true"), 125, "namespace of their own")
		p.kill()
		// One whose processes are there, beside others that have moved.
		p = b.sandbox("box", []string{"--nested", "--tmpfs", "/t"}, "sh", "-c", "unshare -Urmn sh -c 'echo >/t/moved; exec sleep 60' & while ! [ -e /t/moved ]; do sleep 0.01; done; echo moved; readlink /proc/self/ns/mnt; readlink /proc/self/ns/user; sleep 60")
		o := b.listed("exec", "box", "sh", "-c", "readlink /proc/self/ns/mnt; readlink /proc/self/ns/user")
		if want := p.line() + "\n" + p.line() + "\n"; o.stdout != want {
			t.Errorf("%+v, want %q", o, want)
		}
		p.kill()
	})
}

// TestJoinThroughWhatIsLeft: a payload cannot keep its user out by closing itself, nor
// by ending before the others.
func TestJoinThroughWhatIsLeft(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		closed := fmt.Sprint("sys ", unix.SYS_PRCTL, " ", unix.PR_SET_DUMPABLE, " 0")
		p := b.sandbox("box", nil, binDir+"/probe", closed, "readlink /proc/self/exe", "pause")
		if o := b.listed("exec", "box", "echo", "joined"); o.stdout != "joined\n" {
			t.Errorf("closed to inspection: %+v", o)
		}
		p.kill()
		p = b.sandbox("box", []string{"--linger"}, "sh", "-c", "echo ready; sleep 60 & exit 0")
		b.until("the payload has ended", func() bool { return b.listed("exec", "box", "test", "!", "-e", "/proc/2").code == 0 })
		p.kill()
	})
}
