package output

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"os"
	"runtime"
	"syscall"

	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"

	"github.com/lichen-sandbox/lichen/spec"
)

// Name is what the program is started as, argv[0], when it is the worker.
const Name = "lichen-layer"

// Descriptors of the worker.
const (
	fdOrder  = 3 + iota // the order, one line of JSON
	fdReport            // the report, JSON
	fdTar               // the tar stream
	fdTree              // the directory that is read
	fdBase              // the base tree, or /dev/null
	fdOwners            // the owners file of the tree or of the base, or /dev/null
)

// Kinds of orders.
const (
	kindExport = "export"
	kindCommit = "commit"
	kindPack   = "pack"
)

// order is what the parent asks of the worker.
type order struct {
	Kind       string
	Single     bool   // commit: the kept layer has only the caller's id
	KeepOwners bool   // pack
	Clamp      *int64 // s since 1970
	Limits     Limits
}

// report is what the worker answers.
type report struct {
	Summary summary
	Err     *reportError
}

// reportError carries a spec.Error over the pipe, its cause as an errno.
type reportError struct {
	Op, Object, Reason string
	Errno              int
}

// Worker is the process that reads a tree: the program calls it first thing
// when its name is Name. It has no environment and no descriptors but its own.
// It returns the exit status.
func Worker() int {
	var o order
	err := json.NewDecoder(bufio.NewReader(file(fdOrder))).Decode(&o)
	if err == nil {
		err = confine()
	}
	var r report
	if err == nil {
		r.Summary, err = o.stream()
	}
	if err != nil {
		r.Err = flatten(err)
	}
	if json.NewEncoder(file(fdReport)).Encode(&r) != nil {
		return 1 // the parent is gone
	}
	return 0
}

// stream carries an order out and closes the stream: the parent takes the
// report after its end.
func (o *order) stream() (summary, error) {
	tree, base, owners, out := file(fdTree), file(fdBase), file(fdOwners), file(fdTar)
	defer closeAll([]*os.File{tree, base, owners}) // and they are not collected before
	w := bufio.NewWriterSize(out, 256<<10)
	sum, err := o.scan(tree, base, owners, w)
	return sum, cmp.Or(err, w.Flush(), out.Close())
}

func file(fd uintptr) *os.File { return os.NewFile(fd, "fd") }

// confine leaves this goroutine, which does all of the worker's work, nothing
// but reading below the two directories, where the kernel has Landlock. It
// writes no file, so none may grow.
//
// Only the calling thread is confined, and this goroutine is kept on it: to
// reach all threads takes signals to each (psx(3) in programs with C), which was
// seen to hang where the worker is process 1 of its namespace.
func confine() error {
	for _, resource := range [...]int{unix.RLIMIT_CORE, unix.RLIMIT_FSIZE} {
		if err := unix.Setrlimit(resource, &unix.Rlimit{}); err != nil {
			return &spec.Error{Op: "limit", Object: "the worker", Err: err}
		}
	}
	runtime.LockOSThread() // for good
	err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
	if err == nil {
		err = restrict()
	}
	if err != nil {
		return &spec.Error{Op: "confine", Object: "the worker", Err: err}
	}
	return nil
}

// rights are those on files by the ABI of Landlock that brought them.
var rights = [...]struct {
	abi    int
	access uint64
}{{1, 1<<13 - 1}, {2, ll.AccessFSRefer}, {3, ll.AccessFSTruncate}, {5, ll.AccessFSIoctlDev}}

func restrict() error {
	abi, err := ll.LandlockGetABIVersion()
	if err != nil || abi < 1 {
		return nil // not in this kernel, or switched off
	}
	var attr ll.RulesetAttr
	for _, r := range rights {
		if abi >= r.abi {
			attr.HandledAccessFS |= r.access
		}
	}
	if abi >= 4 {
		attr.HandledAccessNet = ll.AccessNetBindTCP | ll.AccessNetConnectTCP
	}
	if abi >= 6 {
		// Not signals: before Linux 6.15 those to the runtime's own threads too.
		attr.Scoped = ll.ScopeAbstractUnixSocket
	}
	set, err := ll.LandlockCreateRuleset(&attr, 0)
	if err != nil {
		return err
	}
	defer unix.Close(set) // nothing is written to it
	for _, fd := range [...]int{fdTree, fdBase} {
		var st unix.Stat_t
		if unix.Fstat(fd, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFDIR {
			continue
		}
		rule := ll.PathBeneathAttr{ParentFd: fd, AllowedAccess: ll.AccessFSReadFile | ll.AccessFSReadDir}
		if err := ll.LandlockAddPathBeneathRule(set, &rule, 0); err != nil {
			return err
		}
	}
	return ll.LandlockRestrictSelf(set, 0)
}

// scan carries an order out.
func (o *order) scan(tree, base, owners *os.File, to *bufio.Writer) (summary, error) {
	s := &scan{tar: &tarWriter{w: to}, limits: o.Limits.orDefaults(), clamp: o.Clamp, links: map[inode]string{}}
	known, err := readOwners(owners)
	if err != nil {
		return summary{}, err
	}
	switch o.Kind {
	case kindExport:
		s.policy, s.shared = newTreePolicy(known), true
	case kindCommit:
		s.policy = &overlayPolicy{base: int(base.Fd()), owners: known, single: o.Single}
	case kindPack:
		p := &packPolicy{keepOwners: o.KeepOwners}
		if len(known) > 0 {
			p.known = newTreePolicy(known)
		}
		s.policy = p
	default:
		return summary{}, &spec.Error{Op: "read", Reason: "no such order"}
	}
	err = s.run(tree)
	return s.sum, err
}

func flatten(err error) *reportError {
	r := &reportError{Reason: err.Error()}
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		r.Errno = int(errno)
	}
	if e, ok := errors.AsType[*spec.Error](err); ok {
		inner := &spec.Error{Reason: e.Reason, Err: e.Err}
		r.Op, r.Object, r.Reason = e.Op, e.Object, inner.Error()
	}
	return r
}

// restore makes an error of a report one of ours.
func (r *reportError) restore() error {
	e := &spec.Error{Op: r.Op, Object: r.Object, Err: &told{text: r.Reason}}
	if r.Errno > 0 && r.Errno < 4096 { // MAX_ERRNO in linux/err.h
		e.Err = &told{text: r.Reason, is: syscall.Errno(r.Errno)}
	}
	return e
}

// told is a cause as the worker words it.
type told struct {
	text string
	is   error
}

func (t *told) Error() string { return t.text }
func (t *told) Unwrap() error { return t.is }
