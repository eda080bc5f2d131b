package bwrap

import (
	"errors"
	"io/fs"
	"strings"
	"syscall"

	"github.com/lichen-sandbox/lichen/spec"
)

// Reason returns the text of an error as the C library says it.
func Reason(err error) string {
	if errors.Is(err, fs.ErrNotExist) {
		return reason(syscall.ENOENT)
	}
	return reason(err)
}

// phrases are what bubblewrap says about a failed operation. OBJ stands for the
// object of the error, SRC and DEST for those of the operation.
var phrases = [...]struct{ op, text string }{
	{"find source", "Can't find source path OBJ"},
	{"bind device", "Can't find source path OBJ"},
	{"bind", "Can't bind mount /oldroot/SRC on /newroot/DEST: Unable to mount source on destination"},
	{"bind file", "Can't bind mount /oldroot/SRC on /newroot/DEST: Unable to mount source on destination"},
	{"mount tmpfs on", "Can't mount tmpfs on /newroot/OBJ"},
	{"mount proc on", "Can't mount proc on /newroot/OBJ"},
	{"mount mqueue on", "Can't mount mqueue on /newroot/OBJ"},
	{"mount devpts on", "Can't mount devpts on /newroot/OBJ"},
	{"mount overlay on", "Can't make overlay mount on /newroot/OBJ"},
	{"make parents of", "Can't mkdir parents for OBJ"},
	{"make directory", "Can't mkdir OBJ"},
	{"look at directory", "Can't mkdir OBJ"},
	{"make mount point", "Can't create file at OBJ"},
	{"make file", "Can't create file OBJ"},
	{"make temporary file for", "Can't create tmpfile for OBJ"},
	{"write to", "Can't write data to file OBJ"},
	{"make symlink at", "Can't make symlink at OBJ"},
	{"remount read-only", "Can't remount readonly on /newroot/OBJ"},
	{"chdir to", "Can't chdir to OBJ"},
	{"execvp", "execvp OBJ"},
	{"open lock file", "Unable to open lock file OBJ"},
	{"lock", "Unable to lock file OBJ"},
	{"set host name", "Can't set hostname to OBJ"},
	{"map user ids", "setting up uid map"},
	{"map group ids", "setting up gid map"},
	{"enter the user namespace", "Joining specified user namespace failed"},
	{"enter the second user namespace", "Setting userns2 failed"},
	{"enter the pid namespace", "Setting pidns failed"},
	{"switch to uid", "unable to switch to uid"},
	{"switch to gid", "unable to switch to gid"},
	{"make the namespaces", "Creating new namespace failed"},
}

// Phrase says an error in bubblewrap's words, which callers parse. What
// bubblewrap has no words for is said in lichen's.
func (c *Config) Phrase(e *spec.Error) string {
	errno, _ := errors.AsType[syscall.Errno](e.Err)
	if errors.Is(e.Err, fs.ErrNotExist) {
		errno = syscall.ENOENT
	}
	if text, ok := c.special(e, errno); ok {
		return text
	}
	for _, p := range phrases {
		if e.Op != p.op && strings.TrimSpace(e.Op+" "+e.Object) != p.op {
			continue
		}
		text := strings.Replace(p.text, "/newroot/OBJ", "/newroot"+absolute(e.Object), 1)
		text = strings.Replace(text, "OBJ", e.Object, 1)
		if op, ok := c.Operation(e.Origin); ok {
			text = strings.Replace(text, "/oldroot/SRC", "/oldroot"+absolute(op.Source), 1)
			text = strings.Replace(text, "/newroot/DEST", "/newroot"+absolute(op.Dest), 1)
		}
		if e.Err == nil {
			return text + ": " + e.Reason
		}
		return text + ": " + Reason(e.Err)
	}
	plain := *e
	plain.Origin = spec.Origin{}
	return plain.Error()
}

func absolute(p string) string {
	if strings.HasPrefix(p, "/") {
		return p
	}
	return "/" + p
}

// special are the errors that bubblewrap words by their number.
func (c *Config) special(e *spec.Error, errno syscall.Errno) (text string, ok bool) {
	op, known := c.Operation(e.Origin)
	switch {
	case errno == syscall.EOVERFLOW:
		return "Creating newroot failed: " + reason(errno), true // no id is mapped
	case errno == syscall.ENOTDIR && (e.Op == "make directory" || e.Op == "make mount point" || e.Op == "make file" || e.Op == "make symlink at"):
		return "Can't mkdir parents for " + e.Object + ": " + reason(errno), true
	case errno == syscall.ENOTDIR && known && (e.Op == "bind" || strings.HasPrefix(e.Op, "mount ")):
		return "Can't mkdir " + op.Dest + ": " + reason(errno), true
	case e.Op == "enter" && e.Object == "the user namespace" && errno == syscall.EINVAL:
		return "Joining the specified user namespace failed, it might not be a descendant of the current user namespace.", true
	case e.Op == "bind file" && (errno == syscall.EINVAL || errno == syscall.ENOTDIR):
		if !known {
			return "", false
		}
		return "Can't create file at " + op.Dest + ": " + reason(syscall.EISDIR), true
	case e.Op == "make symlink at" && errno == syscall.EEXIST:
		return "Can't make symlink at " + e.Object + ": destination exists and is not a symlink", true
	case e.Op == "remount read-only" && errno == syscall.EINVAL:
		d := "/newroot" + absolute(e.Object)
		return "Can't remount readonly on " + d + `: Unable to find "` + d + `" in mount table`, true
	case e.Op == "remount read-only" && errno != 0:
		return "Can't remount readonly on /newroot" + absolute(e.Object) + ": realpath(destination): " + reason(errno), true
	case strings.HasPrefix(e.Op, "chmod "):
		return "Can't chmod " + e.Op[len("chmod "):] + " " + e.Object + ": " + reason(errno), true
	case e.Op == "verify" && e.Object == "that user namespaces are refused":
		return "creation of new user namespaces was not disabled as requested", true
	case e.Op == "filter" && errno == syscall.EINVAL:
		return "Unable to set up system call filtering as requested: prctl(PR_SET_SECCOMP) reported EINVAL. (Hint: this requires a kernel configured with CONFIG_SECCOMP and CONFIG_SECCOMP_FILTER.)", true
	case e.Op == "make the namespaces" && errno == syscall.EINVAL:
		return "Creating new namespace failed, likely because the kernel does not support user namespaces.  bwrap must be installed setuid on such systems.", true
	case e.Op == "make the namespaces" && errno == syscall.EPERM:
		return "No permissions to create new namespace, likely because the kernel does not allow non-privileged user namespaces. See <https://deb.li/bubblewrap> or <file:///usr/share/doc/bubblewrap/README.Debian.gz>.", true
	case e.Op == "make the namespaces" && errno == syscall.ENOSPC:
		return "Creating new namespace failed: nesting depth or /proc/sys/user/max_*_namespaces exceeded (ENOSPC)", true
	}
	return "", false
}
