package test

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	kernel "github.com/lichen-sandbox/lichen/internal/sys"
	listing "github.com/lichen-sandbox/lichen/state"
)

// TestForgedEntries: what is written in the list is not believed.
func TestForgedEntries(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		p := b.sandbox("real", nil, "sh", "-c", "echo ready; exec sleep 60")
		own := b.start(command{args: []string{"sh", "-c", "echo ready; exec sleep 60"}})
		own.line()
		strange := b.start(command{args: []string{"sh", "-c", "echo ready; exec sleep 60"}, uid: otherUID(b)})
		strange.line()
		run := b.dir + "/runtime/lichen/run/"
		real, build, ok := listing.Decode([]byte(readFile(b, run+"real")))
		if !ok {
			t.Fatal("the entry of a sandbox is none")
		}
		startOf := func(pid int) uint64 {
			stat, err := kernel.ReadProcStat(pid)
			b.check(err)
			return stat.Start
		}
		for name, change := range map[string]func(e *listing.Entry){
			"unchanged": func(*listing.Entry) {},
			"reused":    func(e *listing.Entry) { e.Start++ },
			"own":       func(e *listing.Entry) { e.Init = own.cmd.Process.Pid; e.Start = startOf(e.Init) },
			"moved":     func(e *listing.Entry) { e.Launcher = own.cmd.Process.Pid },
			"strange":   func(e *listing.Entry) { e.Init = strange.cmd.Process.Pid; e.Start = startOf(e.Init) },
			"init":      func(e *listing.Entry) { e.Init = 1; e.Start = startOf(1) },
			"launcher":  func(e *listing.Entry) { e.Init = e.Launcher; e.Start = startOf(e.Init) },
			"damaged":   func(e *listing.Entry) { e.Join = e.Join[:len(e.Join)-1] },
			"version":   func(*listing.Entry) {},
			"nothing":   func(e *listing.Entry) { e.Join = nil },
		} {
			e := real
			change(&e)
			f, err := os.OpenFile(run+name, os.O_CREATE|os.O_RDWR, 0o600)
			b.check(err)
			by := build
			if name == "version" {
				by = "99.9"
			}
			_, err = f.Write(e.Encode(by))
			b.check(err)
			b.check(os.Chown(run+name, b.user.uid, b.user.uid))
			b.check(unix.Flock(int(f.Fd()), unix.LOCK_EX))
			o := b.listed("exec", name, "echo", "joined")
			switch {
			case name == "unchanged":
				if o.code != 0 || o.stdout != "joined\n" {
					t.Errorf("%s: %+v", name, o)
				}
			case o.code != 125 || !strings.HasPrefix(o.stderr, "lichen: "):
				t.Errorf("%s: %+v", name, o)
			}
			if name == "version" && !strings.Contains(o.stderr, "another version") {
				t.Errorf("%s: %+v", name, o)
			}
			if name != "unchanged" && name != "damaged" && name != "nothing" && name != "version" {
				b.fails(b.listed("kill", "-s", "KILL", name), 125)
				b.fails(b.listed("kill", name), 125)
			}
			f.Close()
			if _, err := os.Lstat(run + name); err == nil {
				b.listed("ps")
				if _, err := os.Lstat(run + name); err == nil {
					t.Errorf("%s: the entry stays", name)
				}
			}
		}
		own.kill()
		strange.kill()
		p.kill()
	})
}

// otherUID is a user who is not the box's, where the suite can be one.
func otherUID(b *box) int {
	if os.Getuid() != 0 {
		return b.user.uid
	}
	return 1502
}

// TestStateIsOutOfReach protects P8: the list says how exec confines a command.
func TestStateIsOutOfReach(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		dir := b.runtimeDir()
		b.file(dir+"/socket", "")
		b.mkdir(dir + "/app")
		try := func(options ...string) output {
			return b.do(command{args: probeArgs(append(options, "--cwd", "/"), "list "+dir+"/lichen", "create "+dir+"/lichen/run/forged x", "create "+dir+"/app/x y"), env: b.runtimeEnv()})
		}
		b.do(command{args: append(runArgs(), "true"), env: b.runtimeEnv()}) // makes the directory
		for name, options := range map[string][]string{
			"itself": {"--rw", dir + "/lichen"}, "below": {"--rw", dir + "/lichen/run"}, "above": {"--rw", dir}, "elsewhere": {"--rw", dir + ":/mnt"},
		} {
			o := try(options...)
			b.fails(o, 125, dir+"/lichen", "hint:")
			if o.stdout != "" {
				t.Errorf("%s: %s", name, o.stdout)
			}
		}
		in := parseAnswers(t, try("--rw", dir+"/app", "--rw", dir+"/socket").stdout)
		b.expect("single grants", in["create "+dir+"/app/x y"], "ok")
		b.expect("single grants", in["list "+dir+"/lichen"], "ENOENT EACCES")
		in = parseAnswers(t, try("--rw", dir, "--hide", dir+"/lichen").stdout)
		b.expect("covered", in["create "+dir+"/lichen/run/forged x"], "ENOENT EACCES EROFS")
		in = parseAnswers(t, try("--tmpfs", dir).stdout)
		b.expect("on a tmpfs", in["list "+dir+"/lichen"], "ENOENT")
	})
}

// TestNoList: where there is no place for the list, sandboxes run all the same.
func TestNoList(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		b.runtimeDir()
		if _, err := os.Stat("/run/user/" + strconv.Itoa(b.user.uid)); err != nil {
			b.fails(b.lichen("ps"), 125, "XDG_RUNTIME_DIR", "hint:")
			b.fails(b.do(command{args: append(runArgs("--name", "x"), "true")}), 125, "XDG_RUNTIME_DIR")
		}
		for _, env := range []string{"XDG_RUNTIME_DIR=", "XDG_RUNTIME_DIR=/nonexistent", "XDG_RUNTIME_DIR=/proc", "XDG_RUNTIME_DIR=" + b.file(b.dir+"/file", "")} {
			if o := b.do(command{args: append(runArgs(), "true"), env: []string{env}}); o.code != 0 || o.stderr != "" {
				t.Errorf("%s: %+v", env, o)
			}
		}
		list := b.mkdir(b.dir + "/runtime/lichen")
		b.check(os.Chown(list, b.user.uid, b.user.uid))
		if o := b.do(command{args: append(runArgs(), "true"), env: b.runtimeEnv()}); o.code != 0 || o.stderr != "" {
			t.Errorf("a directory that others can open: %+v", o)
		}
		b.fails(b.listed("ps"), 125, "0700")
	})
}
