package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/lichen-sandbox/lichen/test/images"
)

// testUser runs the tools when root runs the benchmark. It has ranges of
// subordinate ids, without which podman does not work.
const testUser = "lichen-test"

// stage is where the tools work: a scratch directory with a home, the images
// behind a registry, and who runs them.
type stage struct {
	dir, home, runtime string
	lichen, self       string
	host               string
	stop               func()
	uid                int
	attr               *syscall.SysProcAttr
	runs               int
}

func newStage(o options, names []string) (_ *stage, err error) {
	dir, err := os.MkdirTemp("", "lichen-imagebench-")
	if err != nil {
		return nil, err
	}
	s := &stage{dir: dir, home: dir + "/home", runtime: dir + "/runtime", lichen: dir + "/bin/lichen", self: dir + "/bin/imagebench",
		uid: os.Getuid(), stop: func() {}}
	defer func() {
		if err != nil {
			s.remove()
		}
	}()
	if err := os.Chmod(dir, 0o755); err != nil {
		return nil, err
	}
	if err := s.become(); err != nil {
		return nil, err
	}
	for _, d := range []string{s.home, s.runtime, dir + "/runs"} {
		if err := s.mkdir(d); err != nil {
			return nil, err
		}
	}
	if err := s.programs(o.lichen); err != nil {
		return nil, err
	}
	if err := layouts(s.layout(), names, images.Compression(o.compression)); err != nil {
		return nil, err
	}
	registry, err := images.NewRegistry(s.layout())
	if err != nil {
		return nil, err
	}
	s.host, s.stop, err = images.Listen(registry)
	return s, err
}

func (s *stage) layout() string { return s.dir + "/layout" }

// become finds out whom to run the tools as.
func (s *stage) become() error {
	s.attr = &syscall.SysProcAttr{Setsid: true}
	if s.uid != 0 {
		return nil
	}
	u, err := user.Lookup(testUser)
	if err != nil {
		return fmt.Errorf("%w (make setup makes it)", err)
	}
	if s.uid, err = strconv.Atoi(u.Uid); err != nil {
		return err
	}
	s.attr.Credential = &syscall.Credential{Uid: uint32(s.uid), Gid: uint32(s.uid)}
	return nil
}

// programs puts lichen and this program where the user can run them. The
// launcher finds its tools beside itself.
func (s *stage) programs(lichen string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	libexec := filepath.Join(s.dir, "libexec", "lichen")
	for _, d := range []string{filepath.Dir(s.lichen), libexec} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return err
		}
	}
	if err := copyProgram(self, s.self); err != nil {
		return err
	}
	tools := filepath.Join(filepath.Dir(lichen), "..", "libexec", "lichen", "lichen-tools")
	if _, err := os.Stat(tools); err == nil {
		if err := copyProgram(tools, filepath.Join(libexec, "lichen-tools")); err != nil {
			return err
		}
	}
	if _, err := os.Stat(lichen); err != nil {
		return nil // measured without; available says so
	}
	return copyProgram(lichen, s.lichen)
}

func copyProgram(from, to string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o755)
}

func (s *stage) mkdir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if os.Getuid() != 0 {
		return nil
	}
	return os.Chown(dir, s.uid, s.uid)
}

// fresh is an empty directory of the user's. Nothing is deleted before the
// end: on ext4, writing many files right after deleting many is slow.
func (s *stage) fresh() (string, error) {
	s.runs++
	dir := fmt.Sprintf("%s/runs/%d", s.dir, s.runs)
	return dir, s.mkdir(dir)
}

// exec runs a command as the user and returns what it wrote.
func (s *stage) exec(dir string, argv ...string) (string, error) {
	path, err := exec.LookPath(argv[0])
	if err != nil {
		return "", err
	}
	var out, errors bytes.Buffer
	cmd := exec.Command(path, argv[1:]...)
	cmd.Dir, cmd.SysProcAttr, cmd.Stdout, cmd.Stderr = dir, s.attr, &out, &errors
	cmd.Env = []string{"PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "HOME=" + s.home, "XDG_RUNTIME_DIR=" + s.runtime,
		"LANG=C.UTF-8", "USER=" + testUser, "LICHEN_STORE=" + dir + "/lichen", "TMPDIR=" + dir}
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("%s: %w: %s", strings.Join(argv, " "), err, lastLines(errors.String(), 3))
	}
	return out.String(), nil
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "; ")
}

// remove ends what podman leaves running, and deletes the scratch directory.
func (s *stage) remove() {
	s.stop()
	pid, err := os.ReadFile(s.runtime + "/libpod/tmp/pause.pid")
	if n, bad := strconv.Atoi(strings.TrimSpace(string(pid))); err == nil && bad == nil && n > 1 {
		_ = syscall.Kill(n, syscall.SIGKILL) // gone is as good
	}
	if os.Getuid() != 0 {
		// What belongs to subordinate ids goes in a namespace that has them.
		_, _ = s.exec(s.dir, "podman", "unshare", "chmod", "-R", "u+rwX", s.dir+"/runs")
		_, _ = s.exec(s.dir, "podman", "unshare", "rm", "-rf", s.dir+"/runs")
	}
	if err := os.RemoveAll(s.dir); err != nil {
		fmt.Fprintln(os.Stderr, "imagebench: left behind:", err)
	}
}
