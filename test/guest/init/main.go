// Command init runs the tests of limits by cgroup inside a virtual machine: as
// process 1 of one that has nothing else, or as a service of one with systemd
// (-systemd). What it finds goes to standard output, which is the console.
package main

import (
	"fmt"
	"os"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// The plain user of the tests.
const uid = 1500

func main() {
	cases, mode := plainCases, ""
	if len(os.Args) > 1 {
		mode = os.Args[1]
	}
	switch mode {
	case "-lift":
		os.Exit(liftOutside())
	case "-lift-inside":
		os.Exit(liftInside())
	}
	if mode == "-systemd" {
		cases = systemdCases
	} else if err := root(); err != nil {
		fmt.Println("FAIL root:", err)
		off()
	} else if mode != "" {
		// Another init, in the root that has been made.
		fmt.Println("FAIL", mode, syscall.Exec(mode, os.Args[1:], os.Environ()))
		off()
	} else if err := prepare(); err != nil {
		fmt.Println("FAIL prepare:", err)
		off()
	}
	failed, begin := 0, time.Now()
	for _, c := range cases {
		t := &test{name: c.name}
		t.run(c.run)
		if t.failed {
			failed++
		}
	}
	fmt.Printf("guest: %d tests in %.1f s, %d failed\n", len(cases), time.Since(begin).Seconds(), failed)
	off()
}

func off() {
	time.Sleep(200 * time.Millisecond) // the serial port is slow
	if os.Getpid() == 1 {
		_ = unix.Reboot(unix.LINUX_REBOOT_CMD_RESTART)
	}
}

// root makes a mount of the initramfs, and that the root: nothing can pivot from
// the first mount of all (pivot_root(2)).
func root() error {
	if err := unix.Mount("/", "/mnt", "", unix.MS_BIND, ""); err != nil {
		return err
	}
	if err := os.Chdir("/mnt"); err != nil {
		return err
	}
	if err := unix.Mount(".", "/", "", unix.MS_MOVE, ""); err != nil {
		return err
	}
	if err := unix.Chroot("."); err != nil {
		return err
	}
	return os.Chdir("/")
}

// prepare makes the file systems, and the disk in memory.
func prepare() error {
	for _, m := range [][3]string{{"proc", "/proc", "proc"}, {"sysfs", "/sys", "sysfs"}, {"devtmpfs", "/dev", "devtmpfs"},
		{"cgroup2", "/sys/fs/cgroup", "cgroup2"}, {"tmpfs", "/tmp", "tmpfs"}, {"tmpfs", "/run", "tmpfs"}} {
		if err := unix.Mount(m[0], m[1], m[2], 0, ""); err != nil && err != unix.EBUSY {
			return fmt.Errorf("%s: %w", m[1], err)
		}
	}
	os.Setenv("PATH", "/usr/bin")
	if err := os.Chmod("/tmp", 0o1777); err != nil {
		return err
	}
	if err := os.Chown("/home/user", uid, uid); err != nil {
		return err
	}
	if err := disk(); err != nil {
		return fmt.Errorf("brd.ko: %w", err)
	}
	for _, c := range []string{"cpu", "io", "memory", "pids"} {
		if err := os.WriteFile(mountPoint+"/cgroup.subtree_control", []byte("+"+c), 0); err != nil {
			return err
		}
	}
	return nil
}

// disk loads the driver of /dev/ram0.
func disk() error {
	f, err := os.Open("/brd.ko")
	if err != nil {
		return err
	}
	defer f.Close()
	return unix.FinitModule(int(f.Fd()), "rd_nr=1", 0)
}

// test is one case.
type test struct {
	name   string
	failed bool
	undo   []func()
}

func (t *test) run(f func(*test)) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			for i := len(t.undo) - 1; i >= 0; i-- {
				t.undo[i]()
			}
		}()
		f(t)
	}()
	<-done
	word := "ok"
	if t.failed {
		word = "FAIL"
	}
	fmt.Println(word, t.name)
}

func (t *test) errorf(format string, args ...any) {
	t.failed = true
	_, _, line, _ := runtime.Caller(1)
	fmt.Printf("  line %d: %s\n", line, fmt.Sprintf(format, args...))
}

// check ends the case at an error.
func (t *test) check(err error) {
	if err != nil {
		t.failed = true
		_, _, line, _ := runtime.Caller(1)
		fmt.Printf("  line %d: %v\n", line, err)
		runtime.Goexit()
	}
}

// wait waits for a condition.
func (t *test) wait(what string, done func() bool) {
	for range 600 {
		if done() {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.failed = true
	fmt.Println("  waited in vain for " + what)
	runtime.Goexit()
}

var asUser = &syscall.Credential{Uid: uid, Gid: uid}
