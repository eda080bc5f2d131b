package main

import (
	"bytes"
	"io"
	"strings"
	"syscall"
	"testing"

	"github.com/lichen-sandbox/lichen/bwrap"
)

// TestObjects protects the bytes that callers parse.
func TestObjects(t *testing.T) {
	fields := []field{{"child-pid", "7"}, {"mnt-namespace", "4026531832"}}
	for _, c := range []struct{ got, want string }{
		{object(fields, "{\n    ", ",\n    ", "\n}\n"), "{\n    \"child-pid\": 7,\n    \"mnt-namespace\": 4026531832\n}\n"},
		{object(fields, "{ ", ", ", " }\n"), "{ \"child-pid\": 7, \"mnt-namespace\": 4026531832 }\n"},
		{object([]field{{"exit-code", "300"}}, "{ ", ", ", " }\n"), "{ \"exit-code\": 300 }\n"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

// pipe returns the reading end of a pipe that holds text.
func pipe(t *testing.T, text string) int {
	t.Helper()
	var fds [2]int
	if err := syscall.Pipe(fds[:]); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(fds[0]) })
	if _, err := syscall.Write(fds[1], []byte(text)); err != nil {
		t.Fatal(err)
	}
	syscall.Close(fds[1])
	return fds[0]
}

// TestInputs: a descriptor is read once, its number stays taken, and the payload
// does not get it.
func TestInputs(t *testing.T) {
	in := &inputs{}
	fd := pipe(t, "text")
	if data, err := in.content(fd); err != nil || string(data) != "text" {
		t.Errorf("%q, %v", data, err)
	}
	if _, err := in.content(fd); err != syscall.EBADF {
		t.Errorf("a second time: %v", err)
	}
	if _, err := in.args(fd); err != syscall.EBADF {
		t.Errorf("as a list: %v", err)
	}
	flags, _, errno := syscall.Syscall(syscall.SYS_FCNTL, uintptr(fd), syscall.F_GETFD, 0)
	if errno != 0 || flags&syscall.FD_CLOEXEC == 0 {
		t.Errorf("flags %#x, %v", flags, errno)
	}
	if _, err := in.content(1 << 20); err != syscall.EBADF {
		t.Errorf("one that is not open: %v", err)
	}
	r, err := in.args(pipe(t, "a\x00b"))
	if err != nil {
		t.Fatal(err)
	}
	if data, err := io.ReadAll(r); err != nil || string(data) != "a\x00b" {
		t.Errorf("%q, %v", data, err)
	}
}

func TestFilters(t *testing.T) {
	for _, c := range []struct {
		text string
		want string
	}{
		{"12345678", ""}, {"", ""}, {"1234567", "Invalid seccomp data, must be multiple of 8"},
	} {
		in := &inputs{}
		got, err := in.filters(&bwrap.Config{SeccompFDs: []int{pipe(t, c.text)}})
		switch {
		case c.want == "" && (err != nil || len(got) != 1 || string(got[0]) != c.text):
			t.Errorf("%q: %q, %v", c.text, got, err)
		case c.want != "" && (err == nil || err.Error() != c.want):
			t.Errorf("%q: %v", c.text, err)
		}
	}
	in := &inputs{}
	if _, err := in.filters(&bwrap.Config{SeccompFDs: []int{1 << 20}}); err == nil || err.Error() != "Can't read seccomp data: Bad file descriptor" {
		t.Errorf("%v", err)
	}
}

// TestFreeFD: the number is above one that is open.
func TestFreeFD(t *testing.T) {
	const high = 700
	if err := syscall.Dup3(0, high, syscall.O_CLOEXEC); err != nil {
		t.Skip(err)
	}
	defer syscall.Close(high)
	if got := freeFD(); got != high+1 {
		t.Errorf("got %d", got)
	}
}

// TestAnswers are the command lines that start nothing.
func TestAnswers(t *testing.T) {
	for _, c := range []struct {
		args   []string
		code   int
		stdout string
		stderr string
	}{
		{[]string{"bwrap", "--version", "--nonsense"}, 0, "bubblewrap 0.11.1\n", ""},
		{[]string{"x/bwrap", "--help"}, 0, "usage: x/bwrap [OPTIONS", ""},
		{[]string{"bwrap"}, 1, "", "usage: bwrap [OPTIONS"},
		{[]string{"bwrap", "--nonsense"}, 1, "", "bwrap: Unknown option --nonsense\n"},
		{[]string{"bwrap", "--level-prefix", "--nonsense"}, 1, "", "<3>bwrap: Unknown option --nonsense\n"},
		{[]string{"bwrap", "--info-fd", "1048570", "--ro-bind", "/", "/", "true"}, 1, "", "bwrap: Write to info_fd: Bad file descriptor\n"},
		{[]string{"bwrap", "--userns2", "1048570", "--ro-bind", "/", "/", "true"}, 1, "", "bwrap: Setting userns2 failed: Bad file descriptor\n"},
		{[]string{"bwrap", "--ro-bind", "/nonexistent", "/x", "true"}, 1, "", "bwrap: Can't find source path /nonexistent: No such file or directory\n"},
		{[]string{"bwrap", "--chdir", "/a", "--chdir", "/b", "--ro-bind", "/nonexistent", "/x", "true"}, 1, "", "bwrap: Only the last --chdir option will take effect\nbwrap: Can't find source path"},
		{nil, 1, "", "usage: bwrap"},
	} {
		var out, errs bytes.Buffer
		code := run(&ui{out: &out, err: &errs}, c.args)
		if code != c.code || !strings.HasPrefix(out.String(), c.stdout) || !strings.HasPrefix(errs.String(), c.stderr) ||
			(c.stdout == "") != (out.Len() == 0) || (c.stderr == "") != (errs.Len() == 0) {
			t.Errorf("%q: %d, stdout %.60q, stderr %.200q", c.args, code, out.String(), errs.String())
		}
	}
}
