package test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// deadline bounds every command: a child that hangs must not hold up the suite.
const deadline = 20 * time.Second

// box is a user with a home, a work directory and a place that no profile
// grants.
type box struct {
	t       *testing.T
	user    user
	dir     string // holds the rest
	home    string
	work    string
	outside string
	ctl     string // granted writable where a test talks with its payload
}

func newBox(t *testing.T, u user) *box {
	t.Helper()
	dir, err := os.MkdirTemp(suiteDir, "box-")
	if err != nil {
		t.Fatal(err)
	}
	b := &box{t: t, user: u, dir: dir,
		home: dir + "/home", work: dir + "/work", outside: dir + "/outside", ctl: dir + "/ctl"}
	for _, d := range []string{dir, b.home, b.work, b.outside, b.ctl} {
		if d != dir {
			b.check(os.Mkdir(d, 0o755))
		}
		b.check(os.Chmod(d, 0o755))
		b.check(os.Chown(d, u.uid, u.uid))
	}
	b.leftNothing()
	return b
}

func (b *box) check(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

// file makes a file of the user's.
func (b *box) file(path, content string) string {
	b.t.Helper()
	b.check(os.WriteFile(path, []byte(content), 0o644))
	b.check(os.Chown(path, b.user.uid, b.user.uid))
	return path
}

// mkdir makes a directory of the user's.
func (b *box) mkdir(path string) string {
	b.t.Helper()
	for p := path; p != b.dir && p != "/"; p = filepath.Dir(p) {
		if _, err := os.Lstat(p); err == nil {
			break
		}
		defer os.Chown(p, b.user.uid, b.user.uid)
	}
	b.check(os.MkdirAll(path, 0o755))
	return path
}

// profile writes a profile to where only its path finds it.
func (b *box) profile(text string) string {
	b.t.Helper()
	return b.file(b.dir+"/profile.toml", text)
}

// env is what the user's programs start with. The canary is what no payload
// may see.
func (b *box) env() []string {
	return []string{"HOME=" + b.home, "PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "CANARY=" + canary, "USER=plain"}
}

const canary = "c4n4ry-7f3a"

// command is a program to start as the box's user.
type command struct {
	args   []string
	dir    string // default: the work directory
	env    []string
	stdin  *os.File
	stdout *os.File
	stderr *os.File
	extra  []*os.File // from descriptor 3
	uid    int        // default: the box's; -1: the suite's own
	attr   *syscall.SysProcAttr
	limit  time.Duration // default: deadline
}

type output struct {
	code   int // 128+n when a signal ended the program itself
	signal syscall.Signal
	stdout string
	stderr string
}

func (b *box) cmd(ctx context.Context, c command) *exec.Cmd {
	cmd := exec.CommandContext(ctx, c.args[0], c.args[1:]...)
	cmd.Dir, cmd.Env = b.work, b.env()
	if c.dir != "" {
		cmd.Dir = c.dir
	}
	cmd.Env = append(cmd.Env, c.env...)
	cmd.SysProcAttr = c.attr
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	}
	uid := b.user.uid
	switch {
	case c.uid < 0:
		uid = os.Getuid()
	case c.uid > 0:
		uid = c.uid
	}
	if uid != os.Getuid() {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}
	}
	cmd.WaitDelay = 2 * time.Second
	if c.stdin != nil {
		cmd.Stdin = c.stdin
	}
	cmd.ExtraFiles = c.extra
	return cmd
}

// do runs a command to its end.
func (b *box) do(c command) output {
	b.t.Helper()
	limit := deadline
	if c.limit != 0 {
		limit = c.limit
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	cmd := b.cmd(ctx, c)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if c.stdout != nil {
		cmd.Stdout = c.stdout
	}
	if c.stderr != nil {
		cmd.Stderr = c.stderr
	}
	err := cmd.Run()
	if ctx.Err() != nil {
		b.t.Fatalf("%q did not end in %v\nstdout: %s\nstderr: %s", c.args, limit, &stdout, &stderr)
	}
	return finished(b.t, cmd, err, stdout.String(), stderr.String())
}

// patiently calls run with a timeout for its payload, a longer one each time until run
// says that the payload came as far as the test needs: how long a start takes is the
// machine's.
func patiently(first time.Duration, run func(timeout string) (reached bool)) {
	for timeout := first; !run(timeout.String()) && timeout < deadline/8; {
		timeout *= 3
	}
}

func finished(t *testing.T, cmd *exec.Cmd, err error, stdout, stderr string) output {
	t.Helper()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%q: %v", cmd.Args, err)
	}
	ws := cmd.ProcessState.Sys().(syscall.WaitStatus)
	o := output{code: ws.ExitStatus(), stdout: stdout, stderr: stderr}
	if ws.Signaled() {
		o.code, o.signal = 128+int(ws.Signal()), ws.Signal()
	}
	return o
}

func lichenArgs(args ...string) []string { return append([]string{binDir + "/lichen"}, args...) }

// lichen runs lichen with these arguments.
func (b *box) lichen(args ...string) output {
	b.t.Helper()
	return b.do(command{args: lichenArgs(args...)})
}

// runArgs is "lichen run" with the helper programs granted.
func runArgs(options ...string) []string {
	return append(append(lichenArgs("run"), options...), "--ro", binDir, "--")
}

// probeArgs runs probes inside.
func probeArgs(options []string, probes ...string) []string {
	return append(append(runArgs(options...), binDir+"/probe"), probes...)
}
