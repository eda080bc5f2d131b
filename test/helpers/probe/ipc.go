package main

import (
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

var ipcProbes = map[string]probe{
	"shmget": func(a []string) (string, error) {
		return value(unix.SYS_SHMGET, number(a[0]), 4096, number(arg2(a, "0")))
	},
	"shmrm":  func(a []string) (string, error) { return value(unix.SYS_SHMCTL, number(a[0]), 0, 0) },
	"msgget": func(a []string) (string, error) { return value(unix.SYS_MSGGET, number(a[0]), number(arg2(a, "0"))) },
	"msgrm":  func(a []string) (string, error) { return value(unix.SYS_MSGCTL, number(a[0]), 0, 0) },
	"semget": func(a []string) (string, error) { return value(unix.SYS_SEMGET, number(a[0]), 1, number(arg2(a, "0"))) },
	"semrm":  func(a []string) (string, error) { return value(unix.SYS_SEMCTL, number(a[0]), 0, 0) },
	"mqopen": func(a []string) (string, error) { return closing(messageQueue(a[0], int(number(arg2(a, "0"))))) },
	"mqrm":   removeQueue,
	"addkey": addKey,
	"getkey": func(a []string) (string, error) { return keyValue(a[0]) },
}

func value(nr uintptr, args ...uint64) (string, error) {
	var a [3]uintptr
	for i, v := range args {
		a[i] = uintptr(v)
	}
	r, _, errno := unix.Syscall(nr, a[0], a[1], a[2])
	if errno != 0 {
		return "", errno
	}
	return strconv.Itoa(int(r)), nil
}

func messageQueue(name string, flags int) (int, error) {
	p, err := unix.BytePtrFromString(name)
	if err != nil {
		return -1, err
	}
	fd, _, errno := unix.Syscall6(unix.SYS_MQ_OPEN, uintptr(unsafe.Pointer(p)), uintptr(flags|unix.O_RDWR|unix.O_CLOEXEC), 0o600, 0, 0, 0)
	if errno != 0 {
		return -1, errno
	}
	return int(fd), nil
}

func removeQueue(a []string) (string, error) {
	p, err := unix.BytePtrFromString(a[0])
	if err != nil {
		return "", err
	}
	_, _, errno := unix.Syscall(unix.SYS_MQ_UNLINK, uintptr(unsafe.Pointer(p)), 0, 0)
	if errno != 0 {
		return "", errno
	}
	return "", nil
}

func addKey(a []string) (string, error) {
	id, err := unix.AddKey("user", a[0], []byte("secret"), unix.KEY_SPEC_USER_KEYRING)
	return strconv.Itoa(id), err
}

func keyValue(name string) (string, error) {
	id, err := unix.RequestKey("user", name, "", 0)
	if err != nil {
		return "", err
	}
	buf := make([]byte, 64)
	n, err := unix.KeyctlBuffer(unix.KEYCTL_READ, id, buf, 0)
	return string(buf[:max(n, 0)]), err
}
