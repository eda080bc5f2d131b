package main

import (
	"errors"
	"os"
	"path"
	"slices"
	"syscall"

	"github.com/lichen-sandbox/lichen/internal/sys"
	"github.com/lichen-sandbox/lichen/spec"
)

// runSealed has this program start again from a copy in memory that nobody can
// change. What becomes the command is this program until then, and a command that
// the payload has written can be a script of the interpreter /proc/self/exe: then
// this program runs inside, as the payload's user, and its file could be written or
// given another mode through /proc/PID/exe, past every mount of the sandbox
// (CVE-2019-5736).
func runSealed() error {
	if sys.RunsSealed() {
		return nil
	}
	env := os.Environ()
	if os.Getenv("LICHEN_LIBEXEC") == "" {
		if tools, err := toolsPath(); err == nil { // the copy is beside nothing
			env = append(env, "LICHEN_LIBEXEC="+path.Dir(tools))
		}
	}
	fd, err := sys.SealedCopy()
	if err == nil {
		err = sys.Become(fd, os.Args, env)
		sys.Close(fd)
	}
	e := &spec.Error{Op: "start", Object: "a sealed copy of lichen", Err: err}
	switch {
	case errors.Is(err, syscall.EACCES):
		e.Hint = "programs in memory may be forbidden here: sysctl vm.memfd_noexec"
	case errors.Is(err, syscall.EFBIG):
		e.Hint = "the limit on the size of files is below that of lichen: ulimit -f"
	}
	return e
}

// sealEarly is sealer for a command line whose lists can be read only once: they count
// as the worst.
func (o *sandboxOptions) sealEarly() error {
	if len(o.BindList)+len(o.BindListRW) == 0 || !sys.OwnExecutable() {
		return nil
	}
	return runSealed()
}

// sealer has lichen run from the copy where a sandbox could change its file. It comes
// before anything is opened that the new start would lose.
type sealer struct{}

func (sealer) attach(s *spec.Spec) error {
	if !sys.OwnExecutable() || !lendsItself(s) {
		return nil
	}
	return runSealed()
}

// lendsItself reports whether the file of this program, which is the caller's own,
// could be run inside: no Landlock rule keeps it from being executed. A rule holds for
// an inode, on whatever mount that is reached.
func lendsItself(s *spec.Spec) bool {
	if s.Namespaces.Nested || s.Landlock.Mode == spec.LandlockOff || s.Landlock.BestEffort && sys.LandlockABI() == 0 {
		return true
	}
	exe, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return true
	}
	var above []os.FileInfo // the file, and the directories that it is in
	for last := ""; exe != last; last, exe = exe, path.Dir(exe) {
		if fi, err := os.Stat(exe); err == nil {
			above = append(above, fi)
		}
	}
	return slices.ContainsFunc(s.Mounts, func(m spec.Mount) bool {
		source, err := os.Stat(m.Source)
		return m.Type == spec.MountBind && err == nil && slices.ContainsFunc(above, func(fi os.FileInfo) bool { return os.SameFile(fi, source) })
	})
}
