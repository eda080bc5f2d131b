package main

import (
	"strconv"
	"strings"
	"syscall"

	"github.com/lichen-sandbox/lichen/internal/sys"
)

// namespace is one namespace of a process, by its inode number in nsfs.
type namespace struct {
	name  string
	inode int64
}

// readNamespaces lists the namespaces of PID 1. It works for a short time
// only: once the payload has started, PID 1 is closed to inspection. What
// cannot be read is left out.
func readNamespaces(pid int) []namespace {
	list := make([]namespace, 0, 8)
	for _, name := range [...]string{"user", "mnt", "pid", "ipc", "uts", "cgroup", "net", "time"} {
		text, err := sys.Readlink("/proc/" + strconv.Itoa(pid) + "/ns/" + name)
		if err != nil {
			continue
		}
		if inode, ok := parseNamespace(text); ok {
			list = append(list, namespace{name, inode})
		}
	}
	return list
}

// parseNamespace reads "user:[4026531837]".
func parseNamespace(text string) (int64, bool) {
	_, number, ok := strings.Cut(text, ":[")
	if !ok {
		return 0, false
	}
	inode, err := strconv.ParseInt(strings.TrimSuffix(number, "]"), 10, 64)
	return inode, err == nil
}

// firstChild returns the oldest child of a process, as the host numbers it. It
// takes CONFIG_PROC_CHILDREN, and that the child has not ended yet.
func firstChild(pid int) (int64, bool) {
	n := strconv.Itoa(pid)
	fd, err := openRead("/proc/" + n + "/task/" + n + "/children")
	if err != nil {
		return 0, false
	}
	defer syscall.Close(fd) // only read
	text, err := readLimited(fd, 1<<20)
	if err != nil {
		return 0, false
	}
	first, _, _ := strings.Cut(text, " ")
	child, err := strconv.ParseInt(first, 10, 64)
	return child, err == nil
}
