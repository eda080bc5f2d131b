package main

import (
	"golang.org/x/sys/unix"
)

var mountProbes = map[string]probe{
	"mount": func(a []string) (string, error) {
		return "", unix.Mount("probe", a[1], a[0], uintptr(optional(a, 2)), "")
	},
	"bindmount": func(a []string) (string, error) { return "", unix.Mount(a[0], a[1], "", unix.MS_BIND, "") },
	"rbind":     func(a []string) (string, error) { return "", unix.Mount(a[0], a[1], "", unix.MS_BIND|unix.MS_REC, "") },
	"remount": func(a []string) (string, error) {
		return "", unix.Mount("", a[0], "", unix.MS_REMOUNT|unix.MS_BIND, "")
	},
	"superrw": func(a []string) (string, error) { return "", unix.Mount("", a[0], "", unix.MS_REMOUNT, "") },
	"shared":  func(a []string) (string, error) { return "", unix.Mount("", a[0], "", unix.MS_SHARED|unix.MS_REC, "") },
	"umount":  func(a []string) (string, error) { return "", unix.Unmount(a[0], unix.MNT_DETACH) },
	"setattr": clearReadOnly,
	"opentree": func(a []string) (string, error) {
		return closing(unix.OpenTree(unix.AT_FDCWD, a[0], unix.OPEN_TREE_CLONE))
	},
	"fsopen": func(a []string) (string, error) { return closing(unix.Fsopen(a[0], 0)) },
	"pivot":  func(a []string) (string, error) { return "", unix.PivotRoot(a[0], a[0]) },
	"movemount": func(a []string) (string, error) {
		return "", unix.MoveMount(unix.AT_FDCWD, a[0], unix.AT_FDCWD, a[1], 0)
	},
	"newns": newNamespaces,
}

func closing(fd int, err error) (string, error) {
	if err == nil {
		unix.Close(fd)
	}
	return "", err
}

// clearReadOnly takes the flag off with mount_setattr(2): setattr PATH
// [recursive].
func clearReadOnly(a []string) (string, error) {
	attr := unix.MountAttr{Attr_clr: unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOEXEC | unix.MOUNT_ATTR_NODEV | unix.MOUNT_ATTR_NOSUID}
	flags := uint(0)
	if arg(a, 1) != "" {
		flags = unix.AT_RECURSIVE
	}
	return "", unix.MountSetattr(unix.AT_FDCWD, a[0], flags, &attr)
}

// newNamespaces makes a user and a mount namespace in a child of its own and
// runs probes there, separated by "--": newns mount tmpfs /mnt -- read /x.
func newNamespaces(a []string) (string, error) {
	return inNamespaces(unix.CLONE_NEWUSER|unix.CLONE_NEWNS|unix.CLONE_NEWPID|unix.CLONE_NEWCGROUP|unix.CLONE_NEWNET|unix.CLONE_NEWIPC, a)
}
