package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
)

const hostArch = runtime.GOARCH

// TestMain makes the test binary lichen-tools too: under that name, or as the
// worker that it starts.
func TestMain(m *testing.M) {
	isWorker := func(w worker) bool { return w.name == os.Args[0] }
	if filepath.Base(os.Args[0]) == "lichen-tools" || slices.ContainsFunc(workers(), isWorker) {
		main()
	}
	os.Exit(m.Run())
}

// account is who a test's processes run as.
type account struct {
	name string
	uid  int
}

// forUsers runs a test as this user and, where that is root, as a plain one.
func forUsers(t *testing.T, f func(t *testing.T, u account)) {
	users := []account{{"self", os.Getuid()}}
	if os.Getuid() == 0 {
		users = append(users, account{"plain", 1500})
	}
	for _, u := range users {
		t.Run(u.name, func(t *testing.T) { f(t, u) })
	}
}

// box is a user's home with a copy of the program that the user can reach.
type box struct {
	t     *testing.T
	u     account
	dir   string
	tools string
	env   []string
}

func newBox(t *testing.T, u account) *box {
	t.Helper()
	dir, err := os.MkdirTemp("", "lichen-tools-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				_ = os.Chmod(p, 0o700)
			}
			return nil
		})
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	b := &box{t: t, u: u, dir: dir, tools: filepath.Join(dir, "lichen-tools")}
	self, err := os.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer self.Close()
	to, err := os.OpenFile(b.tools, os.O_WRONLY|os.O_CREATE, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(to, self); err != nil {
		t.Fatal(err)
	}
	if err := to.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(dir, u.uid, u.uid); err != nil {
		t.Fatal(err)
	}
	b.env = []string{"HOME=" + dir, "LICHEN_STORE=" + b.store(), "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "GORACE=" + os.Getenv("GORACE")}
	return b
}

func (b *box) store(parts ...string) string {
	return filepath.Join(append([]string{b.dir, "store"}, parts...)...)
}

// command is "lichen image ARGS", not started.
func (b *box) command(args ...string) *exec.Cmd {
	c := &exec.Cmd{Path: b.tools, Args: append([]string{"lichen-tools", "image"}, args...), Env: b.env, Dir: b.dir}
	if b.u.uid != os.Getuid() {
		c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(b.u.uid), Gid: uint32(b.u.uid)}}
	}
	return c
}

// run runs "lichen image ARGS" and returns what it says.
func (b *box) run(args ...string) (code int, out, errs string) {
	b.t.Helper()
	var o, e bytes.Buffer
	c := b.command(args...)
	c.Stdout, c.Stderr = &o, &e
	if err := c.Run(); err != nil && c.ProcessState == nil {
		b.t.Fatal(err)
	}
	return c.ProcessState.ExitCode(), o.String(), e.String()
}

// ok is run that must succeed.
func (b *box) ok(args ...string) string {
	b.t.Helper()
	code, out, errs := b.run(args...)
	if code != exitOK {
		b.t.Fatalf("lichen image %s: %d\n%s%s", strings.Join(args, " "), code, out, errs)
	}
	return out
}

// fails is run that must fail with a line that has a text in it.
func (b *box) fails(want string, args ...string) {
	b.t.Helper()
	code, out, errs := b.run(args...)
	if code != exitFailed || !strings.Contains(errs, "lichen: ") || !strings.Contains(errs, want) {
		b.t.Errorf("lichen image %s: %d, want %q\n%s%s", strings.Join(args, " "), code, want, out, errs)
	}
}

// tree returns the only tree of the store.
func (b *box) tree() string {
	b.t.Helper()
	trees, err := filepath.Glob(b.store("trees", "*"))
	if err != nil || len(trees) != 1 {
		b.t.Fatalf("trees: %q, %v", trees, err)
	}
	return filepath.Join(trees[0], "rootfs")
}

// empty fails unless a directory of the store is empty, apart from lock files.
func (b *box) empty(dirs ...string) {
	b.t.Helper()
	for _, dir := range dirs {
		entries, err := os.ReadDir(b.store(dir))
		if err != nil {
			b.t.Error(err)
		}
		for _, e := range entries {
			b.t.Errorf("left in the store: %s/%s", dir, e.Name())
		}
	}
}
