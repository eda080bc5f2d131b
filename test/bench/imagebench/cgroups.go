package main

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

// cgroups starts this program again where /sys/fs/cgroup is cgroup v2 alone, if
// it is not and root may say so. crun refuses to run on a host with controllers
// in both versions, even when it is told to make no group. In its own mount
// namespace this changes nothing on the host.
func cgroups() error {
	const again = "IMAGEBENCH_CGROUPS"
	const magic = 0x63677270 // CGROUP2_SUPER_MAGIC, linux/magic.h
	var fs syscall.Statfs_t
	if err := syscall.Statfs("/sys/fs/cgroup", &fs); err != nil || fs.Type == magic || os.Getuid() != 0 || os.Getenv(again) != "" {
		return nil
	}
	unshare, err := exec.LookPath("unshare")
	if err != nil {
		return nil // crun's own error is clear
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	const script = `umount -R /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup && exec "$0" "$@"`
	argv := append([]string{unshare, "-m", "sh", "-c", script, self}, os.Args[1:]...)
	return fmt.Errorf("%s: %w", unshare, syscall.Exec(unshare, argv, append(os.Environ(), again+"=1")))
}
