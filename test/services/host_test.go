package services

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// deadline bounds everything: a service that hangs must not hold up the suite.
const deadline = 60 * time.Second

// host is a user with a home, who runs one service.
type host struct {
	t       *testing.T
	uid     int
	name    string
	dir     string // holds the rest
	home    string
	work    string
	profile string
	port    int // the service's own
}

const secret = "the-key-3b1f"

// newHost makes a home with what no service is to see, and a profile that extends
// a shipped one by a free port.
func newHost(t *testing.T, profile string) *host {
	t.Helper()
	h := &host{t: t, uid: os.Getuid(), port: freePort(t)}
	if h.uid == 0 {
		h.uid = userUID
	}
	u, err := user.LookupId(strconv.Itoa(h.uid))
	if err != nil {
		skip(t, "no user with a name: run test/setup/setup.sh as root")
	}
	h.name = u.Username
	h.dir, err = os.MkdirTemp(suiteDir, "host-")
	h.check(err)
	h.check(os.Chmod(h.dir, 0o755))
	h.home, h.work = h.dir+"/home", h.dir+"/work"
	h.mkdir(h.home, 0o700)
	h.mkdir(h.work, 0o755)
	h.mkdir(h.home+"/.ssh", 0o700)
	h.file(h.home+"/.ssh/id_ed25519", secret)
	h.file(h.home+"/notes", secret)
	h.profile = h.file(h.dir+"/profile.toml", fmt.Sprintf("version = 1\nextends = ['%s']\n[landlock]\ntcp_bind = [%d]\n", profile, h.port))
	return h
}

func (h *host) check(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

// mkdir makes a directory of the user's, with those above it.
func (h *host) mkdir(path string, mode os.FileMode) string {
	h.t.Helper()
	if err := os.Mkdir(path, mode); errors.Is(err, os.ErrNotExist) {
		h.mkdir(filepath.Dir(path), 0o755)
		h.check(os.Mkdir(path, mode))
	} else {
		h.check(err)
	}
	h.check(os.Chown(path, h.uid, h.uid))
	return path
}

// file makes a file of the user's.
func (h *host) file(path, content string) string {
	h.t.Helper()
	h.check(os.WriteFile(path, []byte(content), 0o600))
	h.check(os.Chown(path, h.uid, h.uid))
	return path
}

func (h *host) read(path string) string {
	h.t.Helper()
	text, err := os.ReadFile(path)
	h.check(err)
	return string(text)
}

// freePort returns a port that nobody uses now.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func (h *host) address() string { return "127.0.0.1:" + strconv.Itoa(h.port) }

func (h *host) cmd(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir = h.work
	cmd.Env = []string{"HOME=" + h.home, "USER=" + h.name, "LOGNAME=" + h.name, "PATH=/usr/bin:/bin:/usr/sbin:/sbin", "CANARY=" + secret}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if h.uid != os.Getuid() {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(h.uid), Gid: uint32(h.uid)}
	}
	cmd.WaitDelay = 2 * time.Second
	return cmd
}

type output struct {
	code           int
	stdout, stderr string
}

// do runs a program as the user, outside.
func (h *host) do(args ...string) output {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	cmd := h.cmd(ctx, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) || ctx.Err() != nil {
		h.t.Fatalf("%q: %v\n%s%s", args, err, &stdout, &stderr)
	}
	return output{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// must is do for what works, and returns what it says.
func (h *host) must(args ...string) string {
	h.t.Helper()
	o := h.do(args...)
	if o.code != 0 {
		h.t.Fatalf("%q: %+v", args, o)
	}
	return strings.TrimSuffix(o.stdout, "\n")
}

// fails is do for what must not work, and whose message has a part like this.
func (h *host) fails(part string, args ...string) {
	h.t.Helper()
	o := h.do(args...)
	if o.code == 0 || !strings.Contains(o.stdout+o.stderr, part) || strings.Contains(o.stdout, secret) {
		h.t.Errorf("%q: %+v, and it should fail with %q", args, o, part)
	}
}

// inside returns the command line of a program under the service's profile.
func (h *host) inside(args ...string) []string {
	return append([]string{lichen, "run", "-p", h.profile, "--"}, args...)
}

// running is a service.
type running struct {
	h      *host
	cmd    *exec.Cmd
	log    *bytes.Buffer
	done   chan struct{}
	cancel context.CancelFunc
}

// start starts the service, with the profile's own command where there are no
// arguments.
func (h *host) start(args ...string) *running {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*deadline)
	line := []string{lichen, "run", "-p", h.profile}
	if len(args) > 0 {
		line = h.inside(args...)
	}
	r := &running{h: h, cmd: h.cmd(ctx, line...), log: &bytes.Buffer{}, done: make(chan struct{}), cancel: cancel}
	r.cmd.Stdout, r.cmd.Stderr = r.log, r.log
	h.check(r.cmd.Start())
	go func() {
		_ = r.cmd.Wait() // ProcessState says how
		close(r.done)
	}()
	h.t.Cleanup(func() {
		cancel()
		<-r.done
		if h.t.Failed() {
			h.t.Logf("the service said:\n%s", r.log)
		}
	})
	return r
}

func (r *running) signal(s syscall.Signal) {
	r.h.t.Helper()
	r.h.check(r.cmd.Process.Signal(s))
}

// ends waits for the end of the service and checks lichen's status, as a shell
// tells it.
func (r *running) ends(code int) {
	r.h.t.Helper()
	select {
	case <-r.done:
	case <-time.After(deadline):
		r.h.t.Fatal("the service does not end")
	}
	got := r.cmd.ProcessState.ExitCode()
	if ws := r.cmd.ProcessState.Sys().(syscall.WaitStatus); ws.Signaled() {
		got = 128 + int(ws.Signal()) // exit_by_signal
	}
	if got != code {
		r.h.t.Errorf("the service ended with %d, not %d\n%s", got, code, r.log)
	}
}

// until waits for something to work.
func (r *running) until(what string, works func() error) {
	r.h.t.Helper()
	var err error
	for end := time.Now().Add(deadline); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if err = works(); err == nil {
			return
		}
		select {
		case <-r.done:
			r.h.t.Fatalf("%s: the service has ended\n%s", what, r.log)
		default:
		}
	}
	r.h.t.Fatalf("%s: %v", what, err)
}

// listens waits until somebody accepts on the service's port.
func (r *running) listens() {
	r.h.t.Helper()
	r.until("connect", func() error {
		c, err := net.Dial("tcp", r.h.address())
		if err == nil {
			c.Close()
		}
		return err
	})
}
