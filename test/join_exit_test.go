package test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestJoinedExit protects scripts: exec answers as run does.
func TestJoinedExit(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		p := b.sandbox("box", nil, "sh", "-c", "echo ready; exec sleep 60")
		for _, code := range []int{0, 1, 2, 77, 124, 125, 126, 127, 128, 200, 255} {
			if o := b.listed("exec", "box", "--", "sh", "-c", fmt.Sprint("exit ", code)); o.code != code || o.stderr != "" {
				t.Errorf("exit %d: %+v", code, o)
			}
		}
		for _, sig := range []syscall.Signal{unix.SIGTERM, unix.SIGKILL, unix.SIGUSR1} {
			if o := b.listed("exec", "box", "sh", "-c", fmt.Sprintf("kill -%d $$", int(sig))); o.code != 128+int(sig) || o.signal != 0 {
				t.Errorf("%v: %+v", sig, o)
			}
		}
		b.fails(b.listed("exec", "box", "nosuchprogram"), 127, "nosuchprogram")
		b.fails(b.listed("exec", "box", "/usr"), 126, "/usr")
		b.fails(b.listed("exec", "box", "--cwd", "/nowhere", "true"), 127)
		b.fails(b.listed("exec", "--cwd", "/nowhere", "box", "true"), 125, "/nowhere")
		b.fails(b.listed("exec", "--cwd", "relative", "box", "true"), 125, "absolute")
		b.fails(b.listed("exec", "box"), 125, "command", "hint:")
		b.fails(b.listed("exec", "other", "true"), 125, "other", "lichen ps")
		o := b.do(command{args: lichenArgs("exec", "--env", "A=b", "--env", "CANARY", "--env", "UNSET", "--cwd", "/usr", "box", "sh", "-c", "echo $A $CANARY ${UNSET-none} $PWD; cat"), env: b.runtimeEnv(), stdin: pipeOf(b, "through")})
		if o.stdout != "b "+canary+" none /usr\nthrough" {
			t.Errorf("environment, directory and input: %+v", o)
		}
		if o := b.listed("exec", "box", "sh", "-c", "echo ${CANARY-none}"); o.stdout != "none\n" {
			t.Errorf("the caller's environment: %+v", o)
		}
		p.kill()
	})
}

func pipeOf(b *box, text string) *os.File {
	b.t.Helper()
	r, w, err := os.Pipe()
	b.check(err)
	_, err = w.WriteString(text)
	b.check(err)
	w.Close()
	b.t.Cleanup(func() { r.Close() })
	return r
}

// TestJoinedDescriptors protects P4: what a joiner's caller has open stays outside,
// and a directory is refused.
func TestJoinedDescriptors(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		p := b.sandbox("box", nil, "sh", "-c", "echo ready; exec sleep 60")
		dir, err := os.Open(b.outside)
		b.check(err)
		defer dir.Close()
		extra := []*os.File{dir, dir, dir, dir}
		in := parseAnswers(t, b.do(command{args: lichenArgs("exec", "box", binDir+"/probe", "fds"), env: b.runtimeEnv(), extra: extra}).stdout)
		if in["fds"].Out != "0 1 2" {
			t.Errorf("descriptors %q", in["fds"].Out)
		}
		b.fails(b.do(command{args: lichenArgs("exec", "box", "true"), env: b.runtimeEnv(), stdin: dir}), 125, "descriptor 0", "directory")
		file, err := os.Open(b.file(b.outside+"/input", "mine"))
		b.check(err)
		defer file.Close()
		in = parseAnswers(t, b.do(command{args: lichenArgs("exec", "box", binDir+"/probe", "openw /proc/self/fd/0", "truncate /proc/self/fd/0", "read /proc/self/fd/0"), env: b.runtimeEnv(), stdin: file}).stdout)
		b.expect("input", in["openw /proc/self/fd/0"], "EACCES")
		b.expect("input", in["truncate /proc/self/fd/0"], "EACCES EINVAL")
		b.expect("input", in["read /proc/self/fd/0"], "ok")
		p.kill()
		p = b.sandbox("box", b.confined()["no Landlock"], "sh", "-c", "echo ready; exec sleep 60")
		b.fails(b.do(command{args: lichenArgs("exec", "box", "true"), env: b.runtimeEnv(), stdin: file}), 125, "descriptor 0", "opened for reading")
		p.kill()
	})
}

// TestJoinedSignals protects supervisors: signals to "lichen exec" reach the command,
// which ends with it.
func TestJoinedSignals(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		p := b.sandbox("box", nil, "sh", "-c", "echo ready; exec sleep 60")
		j := b.start(command{args: lichenArgs("exec", "box", binDir+"/probe", "trap SIGTERM"), env: b.runtimeEnv()})
		j.line()
		for _, sig := range []syscall.Signal{unix.SIGHUP, unix.SIGINT, unix.SIGQUIT, unix.SIGUSR1, unix.SIGUSR2, unix.SIGWINCH, unix.SIGTERM} {
			b.check(j.cmd.Process.Signal(sig))
			if got := j.line(); got != unix.SignalName(sig) {
				t.Errorf("sent %s, arrived %q", unix.SignalName(sig), got)
			}
		}
		if o := j.wait(); o.code != 42 {
			t.Errorf("%+v", o)
		}
		j = b.start(command{args: lichenArgs("exec", "box", "sh", "-c", "echo $$; exec sleep 61"), env: b.runtimeEnv()})
		inside := j.line()
		j.kill()
		b.until("the command ends with its launcher", func() bool {
			return b.listed("exec", "box", "sh", "-c", "! grep -q sleep /proc/"+inside+"/cmdline").code == 0
		})
		p.kill()
	})
}

// TestJoinedEndsWithTheSandbox protects P7: nothing that has joined outlives the
// sandbox, at whatever point it is.
func TestJoinedEndsWithTheSandbox(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		p := b.sandbox("box", nil, "sh", "-c", "echo ready; exec sleep 60")
		j := b.start(command{args: lichenArgs("exec", "box", binDir+"/probe", "spawn 2", "ids", "pause"), env: b.runtimeEnv()})
		for !strings.Contains(j.line(), `"ids"`) {
		}
		p.kill()
		if o := j.wait(); o.code != 137 {
			t.Errorf("%+v", o)
		}
		b.noProcesses()
		for range 25 {
			wait := time.Duration(rand.IntN(15_000)) * time.Microsecond
			p := b.sandbox("box", nil, "sh", "-c", "echo ready; exec sleep 60")
			j := b.start(command{args: lichenArgs("exec", "box", "sleep", "60"), env: b.runtimeEnv()})
			time.Sleep(wait)
			p.kill()
			if o := j.wait(); o.code != 125 && o.code != 137 || o.code == 125 && !strings.HasPrefix(o.stderr, "lichen: ") {
				t.Errorf("sandbox killed after %v: %+v", wait, o)
			}
		}
		b.noProcesses()
	})
}

// TestJoinKilledAtRandom protects P7 and the sandbox: a joiner that is killed on its
// way in leaves nothing behind.
func TestJoinKilledAtRandom(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		p := b.sandbox("box", nil, "sh", "-c", "echo ready; exec sleep 60")
		for range 40 {
			j := b.start(command{args: lichenArgs("exec", "box", "sleep", "59"), env: b.runtimeEnv()})
			time.Sleep(time.Duration(rand.IntN(20_000)) * time.Microsecond)
			j.kill()
		}
		b.until("only the payload is left", func() bool {
			descendants() // reaps the orphans, as init does
			o := b.listed("exec", "box", "sh", "-c", "cat /proc/[0-9]*/comm | tr '\\n' ' '")
			return o.code == 0 && strings.Count(o.stdout, "sleep") == 1 && !strings.Contains(o.stdout, "lichen-exec")
		})
		p.kill()
	})
}

// TestJoinRefusals: what cannot be joined in the same confinement is not joined.
func TestJoinRefusals(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		if b.mayUse("landlock") {
			p := b.sandbox("box", []string{"-p", "landlock"}, "sh", "-c", "echo ready; exec sleep 60")
			b.fails(b.listed("exec", "box", "true"), 125, "isolation", "hint:")
			b.check(p.cmd.Process.Kill())
			p.cmd.Wait()
			b.noProcesses()
		}
		p := b.sandbox("box", nil, "sh", "-c", "echo ready; exec sleep 60")
		if b.user.uid != 0 && os.Getuid() == 0 {
			// Somebody else, and root, who can open the list of others.
			env := append(b.runtimeEnv(), "HOME=/")
			b.fails(b.do(command{args: lichenArgs("exec", "box", "true"), env: env, uid: 1502}), 125)
			b.fails(b.do(command{args: lichenArgs("exec", "box", "true"), env: env, uid: -1}), 125, "not yours alone")
		}
		p.kill()
	})
}

// TestJoinedIsCounted protects limits by cgroup: who joins is in the sandbox's.
func TestJoinedIsCounted(t *testing.T) {
	asRoot(t, func(t *testing.T, b *box) {
		dir, launch := b.delegate()
		b.runtimeDir()
		c := b.inCgroup(launch, within(dir, []string{"--", "sh", "-c", "echo ready; exec sleep 60"}, "--name", "box")...)
		c.env = b.runtimeEnv()
		p := b.start(c)
		p.line()
		b.until("it is listed", func() bool { return b.listed("ps", "-q").stdout != "" })
		c = b.inCgroup(launch, lichenArgs("exec", "box", "sh", "-c", "echo ready; exec sleep 61")...)
		c.env = b.runtimeEnv()
		j := b.start(c)
		j.line()
		inside, err := os.ReadFile(madeIn(dir)[0] + "/payload/cgroup.procs")
		b.check(err)
		if n := len(strings.Fields(string(inside))); n != 3 {
			t.Errorf("in its cgroup: %q, want PID 1, the payload and who has joined", inside)
		}
		if b.user.uid != 0 {
			// From where it may not move a process there.
			b.fails(b.listed("exec", "box", "true"), 125)
		}
		b.check(p.cmd.Process.Signal(unix.SIGTERM))
		p.wait()
		if o := j.wait(); o.code != 137 {
			t.Errorf("%+v", o)
		}
	})
}
