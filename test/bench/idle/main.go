// Command idle measures the memory that sandboxes take while nothing happens in
// them: launcher and PID 1, without the payload. It starts as many of lichen as of
// bubblewrap, with the same view, and prints their proportional set size (PSS): a
// page that several processes have mapped counts for each in its part. Only root
// can read it of a PID 1 that is closed to its user. It reports and does not
// judge; its exit status says only whether it could measure.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// plainUID runs the sandboxes; it needs no entry in /etc/passwd.
const plainUID = 1500

// goal is for launcher and PID 1 together.
const goal = 2.5

func main() {
	lichen := flag.String("lichen", "bin/lichen", "the launcher to measure")
	count := flag.Int("n", 100, "sandboxes that run at the same time")
	flag.Parse()
	if err := run(*lichen, *count); err != nil {
		fmt.Fprintln(os.Stderr, "idle:", err)
		os.Exit(1)
	}
}

func run(lichen string, count int) error {
	if os.Getuid() != 0 {
		return fmt.Errorf("only root can read the memory of a PID 1")
	}
	s, err := newStage(lichen)
	if err != nil {
		return err
	}
	defer os.RemoveAll(s.dir)
	fmt.Printf("%d idle sandboxes of uid %d; per sandbox, in KiB:\n\n", count, plainUID)
	fmt.Printf("%-22s %-9s %7s %7s %7s %7s %7s %8s\n", "", "", "PSS", "anon", "file", "private", "RSS", "threads")
	for _, p := range []struct {
		name string
		argv []string
	}{
		{"lichen run", []string{s.lichen, "run", "--", s.payload}},
		{"lichen run, landlock", []string{s.lichen, "run", "-p", "landlock", "--ro", s.dir, "--", s.payload}},
		{"bwrap, the same view", s.bwrap()},
	} {
		if p.argv == nil {
			fmt.Println("bwrap is not installed: nothing to compare with")
			continue
		}
		launcher, pid1, err := s.measure(p.argv, count)
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		launcher.print(p.name, "launcher", count)
		pid1.print("", "PID 1", count)
		sum := launcher
		sum.add(pid1)
		sum.print("", "together", count)
		fmt.Printf("%-22s %.2f MB together, goal for lichen: at most %.1f MB\n\n", "", float64(sum.pss)*1024/1e6/float64(count), goal)
	}
	return nil
}

// stage is where the measured programs run.
type stage struct {
	dir, work, home string
	lichen, payload string
	attr            *syscall.ProcAttr
}

func newStage(lichen string) (*stage, error) {
	dir, err := os.MkdirTemp("", "lichen-idle-")
	if err != nil {
		return nil, err
	}
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return nil, err
	}
	s := &stage{dir: dir, work: dir + "/work", home: "/home/lichen-bench", lichen: dir + "/lichen", payload: dir + "/work/pause"}
	if err = s.fill(lichen); err != nil {
		os.RemoveAll(dir)
	}
	return s, err
}

func (s *stage) fill(lichen string) error {
	if err := os.Chmod(s.dir, 0o755); err != nil {
		return err
	}
	if err := os.Mkdir(s.work, 0o755); err != nil {
		return err
	}
	program, err := os.ReadFile(lichen)
	if err == nil {
		err = os.WriteFile(s.lichen, program, 0o755)
	}
	if err != nil {
		return err
	}
	source := s.dir + "/pause.c"
	if err := os.WriteFile(source, []byte("#include <unistd.h>\nint main(void) { return pause(); }\n"), 0o644); err != nil {
		return err
	}
	if out, err := exec.Command("cc", "-O2", "-static", "-o", s.payload, source).CombinedOutput(); err != nil {
		return fmt.Errorf("compile the payload: %w\n%s", err, out)
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	s.attr = &syscall.ProcAttr{
		Dir: s.work, Env: []string{"PATH=/usr/bin:/bin", "HOME=" + s.home, "LANG=C.UTF-8"},
		Files: []uintptr{null.Fd(), null.Fd(), os.Stderr.Fd()},
		Sys:   &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: plainUID, Gid: plainUID}},
	}
	return nil
}

// bwrap gives the view of the profile "default"; see the launch benchmark.
func (s *stage) bwrap() []string {
	path, err := exec.LookPath("bwrap")
	if err != nil {
		return nil
	}
	return []string{path, "--unshare-all", "--die-with-parent", "--hostname", "localhost",
		"--clearenv", "--setenv", "PATH", "/usr/bin:/bin", "--setenv", "HOME", s.home,
		"--ro-bind", "/usr", "/usr", "--ro-bind", "/etc", "/etc", "--proc", "/proc", "--dev", "/dev",
		"--tmpfs", "/tmp", "--dir", "/run", "--symlink", "/tmp", "/var/tmp",
		"--tmpfs", s.home, "--ro-bind", s.work, s.work, "--chdir", s.work, "--", s.payload}
}

// measure starts the sandboxes, waits until all payloads run, and adds up.
func (s *stage) measure(argv []string, count int) (launcher, pid1 memory, err error) {
	var pids []int
	defer func() {
		for _, pid := range pids {
			_ = syscall.Kill(pid, syscall.SIGKILL) // ours, and not waited for
			_, _ = syscall.Wait4(pid, nil, 0, nil)
		}
	}()
	for range count {
		pid, err := syscall.ForkExec(argv[0], argv, s.attr)
		if err != nil {
			return launcher, pid1, err
		}
		pids = append(pids, pid)
	}
	var inits []int
	for _, pid := range pids {
		init, err := s.waitForPayload(pid)
		if err != nil {
			return launcher, pid1, err
		}
		inits = append(inits, init)
	}
	time.Sleep(2 * time.Second) // what goes on after the start
	for i := range pids {
		for pid, sum := range map[int]*memory{pids[i]: &launcher, inits[i]: &pid1} {
			m, err := readMemory(pid)
			if err != nil {
				return launcher, pid1, err
			}
			sum.add(m)
		}
	}
	return launcher, pid1, nil
}

// waitForPayload returns the pid of PID 1 once its child is the payload.
func (s *stage) waitForPayload(launcher int) (int, error) {
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		for _, init := range children(launcher) {
			for _, payload := range children(init) {
				if exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", payload)); err == nil && exe == s.payload {
					return init, nil
				}
			}
		}
	}
	return 0, fmt.Errorf("the payload does not run")
}
