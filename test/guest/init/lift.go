package main

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// liftOutside starts liftInside in namespaces in which it may mount cgroup2.
func liftOutside() int {
	c := exec.Command("/proc/self/exe", "-lift-inside")
	c.Stdout, c.Stderr = os.Stderr, os.Stderr
	id := []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
	c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWCGROUP, UidMappings: id,
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}}
	if err := c.Run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// liftInside looks for the limits in what it mounts.
func liftInside() int {
	if err := os.Mkdir("/tmp/c", 0o755); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if err := unix.Mount("cgroup2", "/tmp/c", "cgroup2", 0, ""); err != nil {
		fmt.Fprintln(os.Stderr, "mount:", err)
		return 1
	}
	_, procs := os.Stat("/tmp/c/cgroup.procs")
	_, limit := os.Stat("/tmp/c/memory.max")
	if procs != nil || !os.IsNotExist(limit) {
		fmt.Fprintln(os.Stderr, procs, limit)
		return 1
	}
	fmt.Fprintln(os.Stderr, "it has cgroup.procs, and no memory.max")
	return 0
}
