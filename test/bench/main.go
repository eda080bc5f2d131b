// Command bench measures what a launch costs, beside bubblewrap with the same
// view. All programs that are compared take turns in one run, because times of
// two runs on a busy or virtual machine cannot be compared. It reports and does
// not judge; its exit status says only whether it could measure.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
)

// plainUID runs the sandboxes when root runs the benchmark: rootless is the
// case that counts. It needs no entry in /etc/passwd.
const plainUID = 1500

func main() {
	lichen := flag.String("lichen", "bin/lichen", "the launcher to measure")
	dropIn := flag.String("lichen-bwrap", "", "lichen-bwrap, to measure beside bwrap where binds are measured; \"\": the one in the launcher's directory, if there is one")
	pairs := flag.Int("pairs", 300, "measured launches of each program")
	warmUp := flag.Int("warmup", 20, "launches of each before that")
	binds := flag.Bool("binds", true, "measure many read-only binds as well")
	filter := flag.Bool("seccomp", false, "measure what the filter costs each system call, and nothing else")
	flag.Parse()
	if err := run(*lichen, *dropIn, *pairs, *warmUp, *binds, *filter); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(lichen, dropIn string, pairs, warmUp int, binds, filter bool) error {
	// What a launcher leaves behind is ours to wait for; bwrap(1) does not
	// wait for its PID 1, whose page faults would be lost.
	const prSetChildSubreaper = 36
	if _, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, prSetChildSubreaper, 1, 0); errno != 0 {
		return errno
	}
	s, err := newStage(lichen, dropIn)
	if err != nil {
		return err
	}
	defer os.RemoveAll(s.dir)
	describe(s)
	if filter {
		return s.filterCost()
	}
	if err := s.launches(pairs, warmUp); err != nil {
		return err
	}
	if binds {
		return s.manyBinds()
	}
	return nil
}

func describe(s *stage) {
	var u syscall.Utsname
	_ = syscall.Uname(&u) // the buffer is ours
	fmt.Printf("Linux %s, %d CPUs, uid %d\n", text(u.Release[:]), runtime.NumCPU(), s.uid())
	if s.bwrap == "" {
		fmt.Println("bwrap is not installed: nothing to compare with")
		return
	}
	version, err := exec.Command(s.bwrap, "--version").Output()
	if err == nil {
		fmt.Println("compared with", strings.TrimSpace(string(version)))
	}
}

func text[T ~int8 | ~uint8](field []T) string {
	var b strings.Builder
	for _, c := range field {
		if c == 0 {
			break
		}
		b.WriteByte(byte(c))
	}
	return b.String()
}

// stage is where the measured programs run: a directory that any user can
// reach, with the launcher, the payload and a work directory in it.
type stage struct {
	dir, work, home string
	lichen, bwrap   string
	dropIn          string // lichen-bwrap, or ""
	payload         string
	attr            *syscall.ProcAttr
}

func newStage(lichen, dropIn string) (*stage, error) {
	dir, err := os.MkdirTemp("", "lichen-bench-")
	if err != nil {
		return nil, err
	}
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return nil, err
	}
	s := &stage{dir: dir, work: filepath.Join(dir, "work"), home: "/home/lichen-bench", lichen: filepath.Join(dir, "lichen")}
	s.payload = filepath.Join(s.work, "true")
	s.bwrap, _ = exec.LookPath("bwrap") // "" when there is none
	if dropIn == "" {
		dropIn = filepath.Join(filepath.Dir(lichen), "lichen-bwrap")
		if _, err := os.Stat(dropIn); err != nil {
			dropIn = ""
		}
	}
	if err = s.fill(lichen); err == nil && dropIn != "" {
		s.dropIn = filepath.Join(dir, "lichen-bwrap")
		err = s.copy(dropIn, s.dropIn)
	}
	if err != nil {
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
	if err := s.copy(lichen, s.lichen); err != nil {
		return err
	}
	source := filepath.Join(s.dir, "true.c")
	if err := os.WriteFile(source, []byte("int main(void) { return 0; }\n"), 0o644); err != nil {
		return err
	}
	if out, err := exec.Command("cc", "-O2", "-static", "-o", s.payload, source).CombinedOutput(); err != nil {
		return fmt.Errorf("compile the payload: %w\n%s", err, out)
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	// As a login has it: lichen keeps its list of running sandboxes there.
	runtime := filepath.Join(s.dir, "runtime")
	if err := os.Mkdir(runtime, 0o700); err != nil {
		return err
	}
	s.attr = &syscall.ProcAttr{
		Dir:   s.work,
		Env:   []string{"PATH=/usr/bin:/bin", "HOME=" + s.home, "LANG=C.UTF-8", "XDG_RUNTIME_DIR=" + runtime},
		Files: []uintptr{null.Fd(), null.Fd(), os.Stderr.Fd()},
	}
	if os.Getuid() == 0 {
		if err := os.Chown(runtime, plainUID, plainUID); err != nil {
			return err
		}
		s.attr.Sys = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: plainUID, Gid: plainUID}}
	}
	return nil
}

func (s *stage) copy(from, to string) error {
	program, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, program, 0o755)
}

func (s *stage) uid() int {
	if s.attr.Sys != nil {
		return plainUID
	}
	return os.Getuid()
}
