package bwrap

import (
	"errors"
	"io/fs"
	"slices"
	"syscall"
	"testing"

	"github.com/lichen-sandbox/lichen/spec"
)

// specOf returns the Spec of a command line, on a host where descriptor 10 holds
// text and 11 is open on a directory.
func specOf(t *testing.T, args ...string) (*Config, *spec.Spec, error) {
	t.Helper()
	c, err := Parse(append(args, "true"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	s, err := c.Spec(&Host{
		Environ: []string{"HOME=/home/u", "PWD=/elsewhere", "A=1", "B=2", "odd"}, Dir: "/work",
		Read: func(fd int) ([]byte, error) {
			if fd != 10 {
				return nil, syscall.EBADF
			}
			return []byte("text"), nil
		},
		Path: func(fd int) (string, error) {
			if fd != 11 {
				return "", fs.ErrNotExist
			}
			return "/srv/data", nil
		},
		FreeFD: func() int { return 30 },
	})
	return c, s, err
}

// TestSteps protects what becomes of each kind of operation.
func TestSteps(t *testing.T) {
	at := func(line int) spec.Origin { return spec.Origin{File: OriginFile, Line: line} }
	for _, c := range []struct {
		args []string
		want spec.Step
	}{
		{[]string{"--bind", "a", "b"}, spec.Step{Kind: spec.StepBind, Source: "a", Target: "b", Write: true}},
		{[]string{"--ro-bind-try", "/a", "/b"}, spec.Step{Kind: spec.StepBind, Source: "/a", Target: "/b", Optional: true}},
		{[]string{"--dev-bind", "/a", "/b"}, spec.Step{Kind: spec.StepBind, Source: "/a", Target: "/b", Write: true, Dev: true}},
		{[]string{"--ro-bind-fd", "11", "/b"}, spec.Step{Kind: spec.StepBind, Source: "/srv/data", SourceFD: 11, Target: "/b"}},
		{[]string{"--perms", "0700", "--size", "4096", "--tmpfs", "/t"}, spec.Step{Kind: spec.StepTmpfs, Target: "/t", Write: true, Mode: ptr(uint32(0o700)), Size: 4096}},
		{[]string{"--ro-bind-data", "10", "/f"}, spec.Step{Kind: spec.StepData, Target: "/f", Content: []byte("text")}},
		{[]string{"--file", "10", "/f"}, spec.Step{Kind: spec.StepFile, Target: "/f", Write: true, Content: []byte("text")}},
		{[]string{"--symlink", "x", "/l"}, spec.Step{Kind: spec.StepSymlink, Source: "x", Target: "/l", Write: true}},
		{[]string{"--overlay-src", "/1", "--overlay-src", "/2", "--ro-overlay", "/o"}, spec.Step{Kind: spec.StepROOverlay, Target: "/o", Write: true, Lower: []string{"/2", "/1"}}},
	} {
		_, s, err := specOf(t, c.args...)
		if err != nil {
			t.Errorf("%q: %v", c.args, err)
			continue
		}
		c.want.Origin = at(1)
		if c.want.SourceFD == 0 {
			c.want.SourceFD = spec.NoFD
		}
		got := s.Script.Steps[0]
		if got.Kind != c.want.Kind || got.Source != c.want.Source || got.SourceFD != c.want.SourceFD || got.Target != c.want.Target ||
			got.Write != c.want.Write || got.Dev != c.want.Dev || got.Optional != c.want.Optional || got.Size != c.want.Size ||
			(got.Mode == nil) != (c.want.Mode == nil) || got.Mode != nil && *got.Mode != *c.want.Mode || string(got.Content) != string(c.want.Content) ||
			!slices.Equal(got.Lower, c.want.Lower) || got.Origin != c.want.Origin {
			t.Errorf("%q:\n got  %+v\n want %+v", c.args, got, c.want)
		}
	}
}

// TestEnvironment protects the order of the changes, and that PWD is left to the
// sandbox.
func TestEnvironment(t *testing.T) {
	for _, c := range []struct {
		args  []string
		want  []string
		tries []string
	}{
		{nil, []string{"HOME=/home/u", "A=1", "B=2", "odd"}, []string{"/home/u", "/work"}},
		{[]string{"--setenv", "A", "9", "--unsetenv", "HOME", "--setenv", "C", ""}, []string{"A=9", "B=2", "odd", "C="}, []string{"/work"}},
		{[]string{"--setenv", "X", "1", "--clearenv", "--setenv", "HOME", "/h", "--setenv", "PWD", "/p"}, []string{"HOME=/h"}, []string{"/h", "/work"}},
		{[]string{"--chdir", "/c"}, []string{"HOME=/home/u", "A=1", "B=2", "odd"}, nil},
	} {
		_, s, err := specOf(t, c.args...)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(s.Script.Env, c.want) || !slices.Equal(s.Script.CwdTries, c.tries) {
			t.Errorf("%q: %q, %q; want %q, %q", c.args, s.Script.Env, s.Script.CwdTries, c.want, c.tries)
		}
	}
}

// TestFreeFD: numbers are asked for only where they are needed.
func TestFreeFD(t *testing.T) {
	for arg, want := range map[string]int{"--dir": 0, "--lock-file": 30 + spec.FreeFDMargin} {
		if _, s, err := specOf(t, arg, "/x"); err != nil || s.Script.FreeFD != want {
			t.Errorf("%s: %d, %v", arg, s.Script.FreeFD, err)
		}
	}
}

// TestCapabilitySet: nothing is kept that is not asked for.
func TestCapabilitySet(t *testing.T) {
	for _, c := range []struct {
		args []string
		want uint64
	}{
		{nil, 0},
		{[]string{"--cap-add", "CAP_KILL"}, 1 << 5},
		{[]string{"--cap-add", "ALL", "--cap-drop", "CAP_KILL"}, 1<<41 - 1 - 1<<5},
		{[]string{"--cap-add", "CAP_KILL", "--cap-drop", "ALL"}, 0},
	} {
		if _, s, err := specOf(t, c.args...); err != nil || s.Script.Capabilities != c.want {
			t.Errorf("%q: %x, %v", c.args, s.Script.Capabilities, err)
		}
	}
}

// TestLinger: background processes are waited for, but for --die-with-parent.
func TestLinger(t *testing.T) {
	for arg, want := range map[string]bool{"--unshare-pid": true, "--die-with-parent": false} {
		if _, s, err := specOf(t, arg); err != nil || s.Process.Linger != want {
			t.Errorf("%s: %v, %v", arg, s.Process.Linger, err)
		}
	}
}

// TestPhrases protects the words that callers parse.
func TestPhrases(t *testing.T) {
	c, _, err := specOf(t, "--bind", "/src", "dest")
	if err != nil {
		t.Fatal(err)
	}
	first := spec.Origin{File: OriginFile, Line: 1}
	for _, tt := range []struct {
		err  spec.Error
		want string
	}{
		{spec.Error{Op: "find source", Object: "/src", Err: fs.ErrNotExist}, "Can't find source path /src: No such file or directory"},
		{spec.Error{Op: "bind", Object: "/src on dest", Err: syscall.EPERM, Origin: first},
			"Can't bind mount /oldroot/src on /newroot/dest: Unable to mount source on destination: Operation not permitted"},
		{spec.Error{Op: "bind", Object: "/src on dest", Err: syscall.ENOTDIR, Origin: first}, "Can't mkdir dest: Not a directory"},
		{spec.Error{Op: "bind file", Object: "/src on dest", Err: syscall.EINVAL, Origin: first}, "Can't create file at dest: Is a directory"},
		{spec.Error{Op: "mount tmpfs on", Object: "/t", Err: syscall.EPERM}, "Can't mount tmpfs on /newroot/t: Operation not permitted"},
		{spec.Error{Op: "make directory", Object: "/a/b", Err: syscall.EROFS}, "Can't mkdir /a/b: Read-only file system"},
		{spec.Error{Op: "make directory", Object: "/a/b", Err: syscall.ENOTDIR}, "Can't mkdir parents for /a/b: Not a directory"},
		{spec.Error{Op: "make symlink at", Object: "/l", Reason: "existing destination is x"}, "Can't make symlink at /l: existing destination is x"},
		{spec.Error{Op: "make symlink at", Object: "/l", Err: syscall.EEXIST}, "Can't make symlink at /l: destination exists and is not a symlink"},
		{spec.Error{Op: "remount read-only", Object: "/d", Err: syscall.EINVAL}, `Can't remount readonly on /newroot/d: Unable to find "/newroot/d" in mount table`},
		{spec.Error{Op: "chmod 0700", Object: "/x", Err: syscall.ENOENT}, "Can't chmod 0700 /x: No such file or directory"},
		{spec.Error{Op: "execvp", Object: "nothing", Err: syscall.ENOENT}, "execvp nothing: No such file or directory"},
		{spec.Error{Op: "enter", Object: "the pid namespace", Err: syscall.EPERM}, "Setting pidns failed: Operation not permitted"},
		{spec.Error{Op: "tie to", Object: "the launcher", Reason: "recvfrom", Err: syscall.ENOTSOCK, Origin: first}, "tie to the launcher: recvfrom: socket operation on non-socket"},
	} {
		if got := c.Phrase(&tt.err); got != tt.want {
			t.Errorf("%v:\n got  %s\n want %s", &tt.err, got, tt.want)
		}
	}
}

// TestUnreadable: what a descriptor should hold is missed before anything runs.
func TestUnreadable(t *testing.T) {
	c, _, err := specOf(t, "--file", "12", "/f")
	e, ok := errors.AsType[*spec.Error](err)
	if !ok || c.Phrase(e) != "Can't write data to file /f: Bad file descriptor" {
		t.Errorf("%v", err)
	}
}
