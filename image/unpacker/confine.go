package unpacker

import (
	"os"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/landlock-lsm/go-landlock/landlock"
	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"

	"github.com/lichen-sandbox/lichen/spec"
)

// Limits of the worker; see setrlimit(2).
const (
	// memory is what it may allocate beyond what it began with, in bytes: the
	// names of a large image, and the windows and buffers of some layers.
	memory = 2 << 30
	// fileSize is of one file, in bytes, holes included: above what the limits
	// of an image allow, below where file offsets get strange.
	fileSize  = 1 << 40
	openFiles = 4096
)

// restrain gives up what the worker never needs: inherited descriptors, a
// readable memory, core files. fds is the first descriptor that is not its own.
func restrain(fds int) error {
	os.Clearenv()
	unix.Umask(0)
	if err := closeFrom(fds); err != nil {
		return restrainError("close descriptors", err)
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return restrainError("set dumpable", err)
	}
	data, err := dataSize()
	if err != nil {
		return restrainError("read its size", err)
	}
	debug.SetMemoryLimit(memory / 4 * 3)
	for _, l := range []struct {
		what int
		to   uint64
	}{
		{unix.RLIMIT_CORE, 0}, {unix.RLIMIT_DATA, data + memory}, {unix.RLIMIT_FSIZE, fileSize},
		{unix.RLIMIT_NOFILE, openFiles}, {unix.RLIMIT_MEMLOCK, 0}, {unix.RLIMIT_MSGQUEUE, 0},
	} {
		var have unix.Rlimit
		if err := unix.Getrlimit(l.what, &have); err != nil {
			return restrainError("read limits", err)
		}
		to := min(l.to, have.Max) // raising is not ours to do
		if err := unix.Setrlimit(l.what, &unix.Rlimit{Cur: to, Max: to}); err != nil {
			return restrainError("set limits", err)
		}
	}
	return nil
}

func restrainError(what string, err error) error {
	return &spec.Error{Op: "confine", Object: "the unpacker", Reason: what, Err: bare(err)}
}

// closeFrom closes inherited descriptors, but those of the runtime. Whoever
// started the parent may have left some open without close-on-exec.
func closeFrom(first int) error {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return err
	}
	for _, e := range entries {
		fd, err := strconv.Atoi(e.Name())
		if err != nil || fd < first {
			continue
		}
		link, err := os.Readlink("/proc/self/fd/" + e.Name())
		if err == nil && !isInternal(link) {
			// The one that read the directory is closed already.
			_ = unix.Close(fd)
		}
	}
	return nil
}

// isInternal tells descriptors that the Go runtime made for itself: those of
// its poller. Their names are those of anon_inode_getfile in the kernel.
func isInternal(link string) bool {
	return strings.HasPrefix(link, "anon_inode:[eventpoll]") || strings.HasPrefix(link, "anon_inode:[eventfd]")
}

// dataSize returns the size of the process's data segment as RLIMIT_DATA
// counts it, in bytes: the sixth field of /proc/self/statm, see proc(5).
func dataSize() (uint64, error) {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(text))
	if len(fields) < 6 {
		return 0, unix.EINVAL
	}
	pages, err := strconv.ParseUint(fields[5], 10, 64)
	return pages * uint64(os.Getpagesize()), err
}

// treeAccess is what the worker may do below the staging directory. It does
// not execute, and makes no devices or sockets.
const treeAccess = landlock.AccessFSSet(ll.AccessFSWriteFile | ll.AccessFSReadFile | ll.AccessFSReadDir | ll.AccessFSRemoveDir |
	ll.AccessFSRemoveFile | ll.AccessFSMakeDir | ll.AccessFSMakeReg | ll.AccessFSMakeFifo | ll.AccessFSMakeSym |
	ll.AccessFSRefer | ll.AccessFSTruncate)

// confine leaves the process only the directory open as fd: no other file, no
// network, no signals to others. On a kernel that lacks some of it the rest
// holds; Confinement says what is missing. That something cannot be had which
// the kernel does have is an error.
func confine(fd int) error {
	// Of all threads, and also where Landlock, which needs it, is missing.
	if err := ll.AllThreadsPrctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return restrainError("set no_new_privs", err)
	}
	rule := landlock.PathAccess(treeAccess, "/proc/self/fd/"+strconv.Itoa(fd))
	if err := landlock.V11.BestEffort().Restrict(rule); err != nil {
		return restrainError("set up Landlock", err)
	}
	if err := filterCalls(); err != nil {
		return restrainError("set up the seccomp filter", err)
	}
	return nil
}
