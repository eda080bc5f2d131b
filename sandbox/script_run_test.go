package sandbox_test

import (
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/lichen-sandbox/lichen/bwrap"
	"github.com/lichen-sandbox/lichen/internal/feature"
	"github.com/lichen-sandbox/lichen/internal/plan"
	"github.com/lichen-sandbox/lichen/sandbox"
)

// real compiles a command line for this host.
func real(t *testing.T, args ...string) *plan.Plan {
	t.Helper()
	p, err := realPlan(t, args...)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func realPlan(t *testing.T, args ...string) (*plan.Plan, error) {
	t.Helper()
	c, err := bwrap.Parse(args, bwrap.Options{})
	if err != nil {
		t.Fatal(err)
	}
	h := &bwrap.Host{Environ: []string{"PATH=/usr/bin:/bin"}, FreeFD: func() int { return 600 },
		Read: func(int) ([]byte, error) { return []byte("content\n"), nil },
		Path: func(fd int) (string, error) { return os.Readlink("/proc/self/fd/" + strconv.Itoa(fd)) }}
	s, err := c.Spec(h)
	if err != nil {
		t.Fatal(err)
	}
	return sandbox.Compile(s, feature.Gather(nil))
}

// outcome runs a plan and returns the exit status, or the failure.
func outcome(t *testing.T, p *plan.Plan) (int, *sandbox.Failure) {
	t.Helper()
	process, err := sandbox.Start(p, sandbox.Options{})
	if err == nil {
		err = process.Started()
	}
	var exit sandbox.Exit
	if err == nil {
		exit, err = process.Wait()
	}
	if _, waitErr := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); waitErr != syscall.ECHILD {
		t.Errorf("a process is left: %v", waitErr)
	}
	var f *sandbox.Failure
	if err != nil && !errors.As(err, &f) {
		t.Fatalf("%T: %v", err, err)
	}
	return exit.Status.ExitStatus(), f
}

// needNamespaces skips where there can be none.
func needNamespaces(t *testing.T) {
	t.Helper()
	_, f := outcome(t, real(t, "--ro-bind", "/", "/", "true"))
	if f != nil && f.Code == sandbox.CodeCannotSandbox && os.Getenv("LICHEN_MUST_WORK") != "1" {
		t.Skip(f)
	}
}

// noCall is a number that no kernel gives to a system call.
const noCall = 4095

// TestEveryScriptOpFails makes every op of scripts fail once: the blame is on the
// right op, the payload does not run on without it, and nothing is left.
func TestEveryScriptOpFails(t *testing.T) {
	needNamespaces(t)
	for name, args := range map[string]string{
		"direct":     "--ro-bind / / --tmpfs /tmp --bind-data 11 /tmp/a/f --chmod 0700 /tmp --symlink x /tmp/l --dir /tmp/l2/d --remount-ro /tmp --dev /dev --cap-add CAP_NET_ADMIN --unshare-net",
		"supervised": "--unshare-all --ro-bind /usr /usr --symlink usr/lib /lib --symlink usr/lib64 /lib64 --symlink usr/bin /bin --proc /proc --tmpfs / --ro-bind / / --json-status-fd 1 --lock-file /usr/bin/true --hostname x --new-session",
	} {
		t.Run(name, func(t *testing.T) {
			p := real(t, append(strings.Fields(args), "/usr/bin/true")...)
			if code, f := outcome(t, copyPlan(p)); f != nil || code != 0 {
				t.Fatalf("without any failure: %d, %v", code, f)
			}
			for i := range p.Len() {
				c := copyPlan(p)
				op, _, _ := c.At(i)
				op.Nr, op.Tolerate = noCall, [4]uint16{}
				code, f := outcome(t, c)
				switch {
				case op.Check == plan.CheckAny || op.Check == plan.CheckAfterNoExec:
					if f != nil || code != 0 {
						t.Errorf("op %d, whose result does not matter: %d, %v", i, code, f)
					}
				case f == nil:
					t.Errorf("op %d (%v) failed, and the payload ended with %d", i, c.Notes[op.Note], code)
				case f.Op != i:
					t.Errorf("op %d (%v) failed, and the blame is on %d: %v", i, c.Notes[op.Note], f.Op, f)
				}
			}
		})
	}
}

func copyPlan(p *plan.Plan) *plan.Plan {
	c := *p
	for i := range c.Ops {
		c.Ops[i] = append([]plan.Op(nil), p.Ops[i]...)
	}
	c.Arena = append([]byte(nil), p.Arena...)
	return &c
}

// TestPlantedLinks protects the host from links in a bind: they lead nowhere but
// to places inside, and nothing is made where they lead out of the bind.
func TestPlantedLinks(t *testing.T) {
	needNamespaces(t)
	dir := t.TempDir()
	for _, d := range []string{"app", "app/real", "host"} {
		check(t, os.Mkdir(dir+"/"+d, 0o777))
	}
	for link, text := range map[string]string{"old": "/oldroot" + dir + "/host", "abs": dir + "/host", "up": "../host", "in": "real", "proc": "/proc/self/root" + dir + "/host"} {
		check(t, os.Symlink(text, dir+"/app/"+link))
	}
	system := "--ro-bind /usr /usr --symlink usr/lib /lib --symlink usr/lib64 /lib64 --bind " + dir + "/app /m "
	everything := "--ro-bind / / --bind " + dir + "/app /mnt "
	run := func(args string) *sandbox.Failure {
		t.Helper()
		_, f := outcome(t, real(t, append(strings.Fields(args), "/usr/bin/true")...))
		if e, err := os.ReadDir(dir + "/host"); err != nil || len(e) != 0 {
			t.Fatalf("%s: made on the host: %v %v", args, e, err)
		}
		return f
	}
	for _, link := range []string{"old", "abs", "up", "proc"} {
		for _, args := range []string{
			system + "--dir /m/" + link + "/stub", system + "--tmpfs /m/" + link + "/stub", system + "--symlink x /m/" + link + "/stub",
			system + "--file 11 /m/" + link + "/stub", system + "--ro-bind-data 11 /m/" + link + "/stub",
			everything + "--dir /mnt/" + link + "/stub", everything + "--file 11 /mnt/" + link + "/stub", everything + "--bind /usr /mnt/" + link + "/a/b",
		} {
			if f := run(args); f == nil {
				t.Errorf("%s: nothing is wrong", args)
			}
		}
	}
	// What was mounted through a link lies elsewhere: names there are not taken
	// for the script's own.
	check(t, os.Symlink(dir+"/host", dir+"/app/real/out"))
	run(system + "--dir /own --symlink own /alias --bind " + dir + "/app/real /alias --dir /own/out/stub")
	run(system + "--dir /own --bind " + dir + "/app/real /own/a --symlink /own/a /own/b --dir /own/b/out/stub")
	if f := run(system + "--dir /m/in/stub"); f != nil {
		t.Errorf("a link in the bind: %v", f)
	}
	if _, err := os.Stat(dir + "/app/real/stub"); err != nil {
		t.Error(err) // bubblewrap's callers rely on it
	}
}

// TestBindFD protects that what is mounted is what the descriptor is open on,
// also when its name means another directory by now.
func TestBindFD(t *testing.T) {
	needNamespaces(t)
	dir := t.TempDir()
	check(t, os.Mkdir(dir+"/a", 0o755))
	check(t, os.Mkdir(dir+"/b", 0o755))
	f, err := os.Open(dir + "/a")
	check(t, err)
	defer f.Close()
	args := []string{"--ro-bind", "/", "/", "--bind-fd", strconv.Itoa(int(f.Fd())), "/mnt", "true"}
	if code, failure := outcome(t, real(t, args...)); failure != nil || code != 0 {
		t.Errorf("%d, %v", code, failure)
	}
	p := real(t, args...)
	check(t, os.Rename(dir+"/a", dir+"/c"))
	check(t, os.Rename(dir+"/b", dir+"/a"))
	if code, failure := outcome(t, p); failure == nil || failure.Call != "statx" {
		t.Errorf("another directory was mounted: %d, %v", code, failure)
	}
}

// TestRelativeLinkAtRoot: a link that goes up to "/" is followed on the host,
// also while the new root lies over it.
func TestRelativeLinkAtRoot(t *testing.T) {
	needNamespaces(t)
	dir := t.TempDir()
	check(t, os.Symlink(strings.Repeat("../", strings.Count(dir, "/")+1)+"usr/bin/true", dir+"/link"))
	for _, args := range [][]string{
		{"--ro-bind", "/usr/lib", "/usr/lib", "--symlink", "usr/lib", "/lib", "--ro-bind-try", "/usr/lib64", "/lib64", "--ro-bind", dir + "/link", "/true", "/true"},
		{"--ro-bind", "/usr/lib", "/usr/lib", "--symlink", "usr/lib", "/lib", "--ro-bind-try", "/usr/lib64", "/lib64", "--ro-bind", dir + "/../" + strings.Repeat("../", strings.Count(dir, "/")) + "usr/bin/true", "/true", "/true"},
	} {
		if code, f := outcome(t, real(t, args...)); f != nil || code != 0 {
			t.Errorf("%q: %d, %v", args, code, f)
		}
	}
}

// TestNoExec protects execvp's habit of running what has no "#!" by the shell.
func TestNoExec(t *testing.T) {
	needNamespaces(t)
	script := t.TempDir() + "/script"
	check(t, os.WriteFile(script, []byte("exit $(($# + 40))\n"), 0o755))
	if code, f := outcome(t, real(t, "--ro-bind", "/", "/", script, "a", "b")); f != nil || code != 42 {
		t.Errorf("%d, %v", code, f)
	}
	check(t, os.Chmod(script, 0o644))
	if code, f := outcome(t, real(t, "--ro-bind", "/", "/", script)); f == nil || f.Errno != syscall.EACCES {
		t.Errorf("not executable: %d, %v", code, f)
	}
}

// TestGivenNamespaces enters namespaces that another program has made.
func TestGivenNamespaces(t *testing.T) {
	needNamespaces(t)
	holder := exec.Command("unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child", "sh", "-c", "echo; exec sleep 60")
	out, err := holder.StdoutPipe()
	check(t, err)
	check(t, holder.Start())
	defer func() { _, _ = holder.Process.Kill(), holder.Wait() }() // it may have ended
	_, err = out.Read(make([]byte, 1))
	check(t, err)
	list, err := os.ReadFile("/proc/" + strconv.Itoa(holder.Process.Pid) + "/task/" + strconv.Itoa(holder.Process.Pid) + "/children")
	check(t, err)
	fds := map[string]string{}
	for _, name := range []string{"user", "pid"} {
		f, err := os.Open("/proc/" + strings.TrimSpace(string(list)) + "/ns/" + name)
		check(t, err)
		defer f.Close()
		link, err := os.Readlink("/proc/self/fd/" + strconv.Itoa(int(f.Fd())))
		check(t, err)
		fds[name], fds[name+" link"] = strconv.Itoa(int(f.Fd())), link
	}
	for _, c := range []struct {
		args, test string
		failed     string
	}{
		{args: "--userns USER", test: `test "$(readlink /proc/self/ns/user)" = "$1"`},
		{args: "--userns USER --pidns PID --proc /proc", test: `test "$(readlink /proc/self/ns/pid)" = "$2"`},
		{args: "--userns USER --pidns PID --unshare-pid --proc /proc", test: `test $$ = 2 && test "$(readlink /proc/self/ns/pid)" != "$2"`},
		{args: "--userns USER --unshare-pid --proc /proc --info-fd 1", test: "test $$ = 2"},
		{args: "--userns USER --unshare-pid --as-pid-1 --proc /proc", test: "test $$ = 1"},
		{args: "--userns PID", failed: "enter the user namespace"},
		{args: "--pidns USER", failed: "enter the pid namespace"},
	} {
		args := strings.NewReplacer("USER", fds["user"], "PID", fds["pid"]).Replace("--ro-bind / / " + c.args)
		p := real(t, append(strings.Fields(args), "sh", "-c", c.test, "sh", fds["user link"], fds["pid link"])...)
		started, asked := 0, 0
		process, err := sandbox.Start(p, sandbox.Options{Ready: func(pid int) error { asked = pid; return nil }})
		if err == nil {
			started, err = process.PID, process.Started()
		}
		var exit sandbox.Exit
		if err == nil {
			exit, err = process.Wait()
		}
		switch {
		case c.failed != "":
			if err == nil || !strings.HasPrefix(err.Error(), c.failed) {
				t.Errorf("%s: %v", c.args, err)
			}
		case err != nil || exit.Status != 0:
			t.Errorf("%s: %v, status %d", c.args, err, exit.Status)
		case strings.Contains(c.args, "info") && (asked == 0 || asked != started):
			t.Errorf("%s: the launcher was told of %d, and the child is %d", c.args, asked, started)
		}
	}
}

// TestGate protects that nothing is set up before the launcher is ready, and
// that a launcher that gives up leaves nothing.
func TestGate(t *testing.T) {
	needNamespaces(t)
	refused := errors.New("no")
	asked := 0
	_, err := sandbox.Start(real(t, "--ro-bind", "/", "/", "--info-fd", "1", "true"), sandbox.Options{Ready: func(pid int) error {
		asked = pid
		return refused
	}})
	if !errors.Is(err, refused) || asked == 0 {
		t.Errorf("%v, asked for %d", err, asked)
	}
	if err := syscall.Kill(asked, 0); err != syscall.ESRCH {
		t.Errorf("the child is left: %v", err)
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
