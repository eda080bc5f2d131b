package main

import (
	"errors"
	"strings"
	"syscall"
	"testing"

	"github.com/lichen-sandbox/lichen/sandbox"
	"github.com/lichen-sandbox/lichen/spec"
)

func TestReport(t *testing.T) {
	e := spec.Error{Op: "bind", Object: "/a", Err: syscall.ENOENT, Origin: spec.Origin{File: "x.toml", Line: 3}, Hint: "make it"}
	tests := []struct {
		err  error
		want string
	}{
		{&e, "lichen: bind /a: no such file or directory (x.toml:3)\nhint: make it\n"},
		{&sandbox.Failure{Cause: e}, "lichen: bind /a: no such file or directory (x.toml:3)\nhint: make it\n"},
		{errors.New("plain"), "lichen: plain\n"},
		{&spec.Error{Op: "bind", Object: "/a\nhint: no\x1b[31m\xff", Reason: "no"}, `lichen: bind /a\nhint: no\x1b[31m\xff: no` + "\n"},
	}
	for _, tt := range tests {
		var b strings.Builder
		if code := (&ui{err: &b}).fail(tt.err); code != exitFailed || b.String() != tt.want {
			t.Errorf("%d, %q, want %q", code, b.String(), tt.want)
		}
	}
}

func TestPrintable(t *testing.T) {
	tests := []struct{ in, want string }{
		{"", ""}, {"/usr/bin", "/usr/bin"}, {"/home/größe", "/home/größe"}, {"a\tb", `a\tb`}, {"\x00", `\x00`},
		{"\x7f\u0085", `\x7f\u0085`}, {"\u202e", `\u202e`}, {"\xc3", `\xc3`}, {"�", "�"}, {"�\n", `�\n`},
	}
	for _, tt := range tests {
		if got := printable(tt.in); got != tt.want {
			t.Errorf("%q: %q, want %q", tt.in, got, tt.want)
		}
	}
}

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

func TestPrintFails(t *testing.T) {
	t.Setenv("HOME", "/home/somebody")
	for _, args := range []string{"--help", "run --help", "--version", "profile list", "profile show base", "profile show --resolved base", "completion bash", "check base", "plan -p base ls",
		"seccomp show base", "seccomp explain base read", "seccomp diff script base", "seccomp export base", "seccomp export --format oci base", "seccomp groups --json", "seccomp disassemble base"} {
		var b strings.Builder
		code := dispatch(&ui{out: failingWriter{}, err: &b}, strings.Fields(args))
		if code != exitFailed || !strings.Contains(b.String(), "write standard output: no space left on device") {
			t.Errorf("lichen %s: %d, %q", args, code, b.String())
		}
	}
}
