package main

import (
	"strconv"
	"strings"
	"syscall"

	"github.com/lichen-sandbox/lichen/bwrap"
	"github.com/lichen-sandbox/lichen/internal/sys"
)

// info writes what --info-fd and --json-status-fd ask for.
type info struct{ c *bwrap.Config }

// field is one member of the objects.
type field struct{ name, value string }

// started tells of the child before it goes on, and waits for its id maps where
// the caller writes them.
func (i *info) started(pid int) error {
	c := i.c
	fields := []field{{"child-pid", strconv.Itoa(pid)}}
	for _, n := range [...]struct {
		name string
		on   bool
	}{
		{"cgroup", c.Unshare.Cgroup || c.Unshare.CgroupTry}, {"ipc", c.Unshare.IPC}, {"mnt", true}, {"net", c.Unshare.Net},
		{"pid", c.Unshare.PID}, {"uts", c.Unshare.UTS},
	} {
		if !n.on {
			continue
		}
		if inode, ok := namespace(pid, n.name); ok {
			fields = append(fields, field{n.name + "-namespace", inode})
		}
	}
	if c.InfoFD != bwrap.NoFD {
		if err := write(c.InfoFD, object(fields, "{\n    ", ",\n    ", "\n}\n")); err != nil {
			return err
		}
		_ = sys.Close(c.InfoFD) // the reader waits for that
	}
	if c.StatusFD != bwrap.NoFD {
		if err := write(c.StatusFD, object(fields, "{ ", ", ", " }\n")); err != nil {
			return err
		}
	}
	if c.UsernsBlockFD != bwrap.NoFD {
		var b [1]byte
		_, _ = reader(c.UsernsBlockFD).Read(b[:]) // its end is as good as a byte
		_ = sys.Close(c.UsernsBlockFD)
	}
	return nil
}

// exited tells of the end. Nobody may be left to read it.
func (i *info) exited(status int) {
	if i.c.StatusFD != bwrap.NoFD {
		_ = write(i.c.StatusFD, object([]field{{"exit-code", strconv.Itoa(status)}}, "{ ", ", ", " }\n"))
	}
}

func object(fields []field, open, between, end string) string {
	parts := make([]string, len(fields))
	for i, f := range fields {
		parts[i] = `"` + f.name + `": ` + f.value
	}
	return open + strings.Join(parts, between) + end
}

// write writes all of text.
func write(fd int, text string) error {
	for len(text) > 0 {
		n, err := syscall.Write(fd, []byte(text))
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return &bwrap.Error{Text: "Write to info_fd: " + reason(err), Err: err}
		}
		text = text[n:]
	}
	return nil
}

// namespace returns the inode number of a process's namespace.
func namespace(pid int, name string) (inode string, ok bool) {
	text, err := sys.Readlink("/proc/" + strconv.Itoa(pid) + "/ns/" + name)
	if err != nil {
		return "", false
	}
	_, inode, ok = strings.Cut(strings.TrimSuffix(text, "]"), ":[")
	return inode, ok
}
