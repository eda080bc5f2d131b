package main

import (
	"encoding/json"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lichen-sandbox/lichen/internal/sys"
	"github.com/lichen-sandbox/lichen/sandbox"
	"github.com/lichen-sandbox/lichen/spec"
)

// statusPipe returns a status and a function that closes it and returns what
// was written, and what was reported on standard error.
func statusPipe(t *testing.T) (*status, func() (lines, errs string)) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	s := &status{fd: int(w.Fd()), ui: &ui{err: &b}}
	return s, func() (string, string) {
		w.Close()
		buf := make([]byte, 64<<10)
		n, _ := r.Read(buf) // EOF: nothing was written
		r.Close()
		return string(buf[:n]), b.String()
	}
}

func TestStatusLines(t *testing.T) {
	const usage = `"rusage":{"wall_us":1500,"user_us":0,"system_us":0,"maxrss_kb":7,"minor_faults":0,"major_faults":0,"blocks_in":0,"blocks_out":0,"voluntary_switches":0,"involuntary_switches":0}`
	failure := &sandbox.Failure{Code: sandbox.CodeSetup, Op: 0, Call: "open_tree", Errno: syscall.EACCES,
		Cause: spec.Error{Op: "bind", Object: "/\"\xff", Err: syscall.EACCES, Hint: "h"}}
	tests := []struct {
		name  string
		write func(s *status)
		want  string
	}{
		{"exited", func(s *status) {
			s.exited(&outcome{status: 3 << 8, total: sys.Exit{MaxRSS: 7}, wall: 1500 * time.Microsecond})
		},
			`{"event":"exited","status":3,"timed_out":false,` + usage + "}\n"},
		{"killed", func(s *status) {
			s.exited(&outcome{status: 9, total: sys.Exit{MaxRSS: 7}, wall: 1500 * time.Microsecond, verdict: verdictTimeout})
		},
			`{"event":"exited","signal":9,"name":"SIGKILL","timed_out":true,"limit":"timeout",` + usage + "}\n"},
		{"failed", func(s *status) { s.failed(failure) },
			`{"event":"failed","reason":"setup","op":0,"call":"open_tree","errno":13,"errno_name":"EACCES","message":"bind /\"` + "�" + `: permission denied","hint":"h"}` + "\n"},
		{"profile", func(s *status) { s.failed(&spec.Error{Op: "x"}) },
			`{"event":"failed","reason":"profile","op":-1,"message":"x"}` + "\n"},
		{"started", func(s *status) { s.started(0, []namespace{{"user", 5}, {"net", 6}}) },
			`{"event":"started","pid":0,"namespaces":{"user":5,"net":6}}` + "\n"},
	}
	for _, tt := range tests {
		s, end := statusPipe(t)
		tt.write(s)
		if got, errs := end(); got != tt.want || errs != "" || !json.Valid([]byte(got)) {
			t.Errorf("%s:\n%s%s\nwant\n%s", tt.name, got, errs, tt.want)
		}
	}
}

func TestStatusWithoutDescriptor(t *testing.T) {
	var s *status
	s.started(1, nil)
	s.failed(os.ErrNotExist)
	s.exited(&outcome{status: 0, total: sys.Exit{}, wall: 0})
}

func TestStatusReaderGone(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	r.Close()
	var b strings.Builder
	s := &status{fd: int(w.Fd()), ui: &ui{err: &b}}
	s.started(1, nil)
	s.exited(&outcome{status: 0, total: sys.Exit{}, wall: 0})
	if strings.Count(b.String(), "\n") != 1 || !strings.Contains(b.String(), "broken pipe") {
		t.Errorf("%q", b.String())
	}
}

func TestStatusReaderAsleep(t *testing.T) {
	s, end := statusPipe(t)
	for sys.WriteInTime(s.fd, make([]byte, 4096), 0) == nil {
	}
	begin := time.Now()
	s.started(1, nil)
	s.exited(&outcome{status: 0, total: sys.Exit{}, wall: 0}) // given up already
	if took := time.Since(begin); took < statusPatience*9/10 || took > 3*statusPatience {
		t.Errorf("took %v", took)
	}
	if _, errs := end(); !strings.Contains(errs, "nobody reads it") {
		t.Errorf("%q", errs)
	}
}

func TestReadNamespaces(t *testing.T) {
	list := readNamespaces(os.Getpid())
	if len(list) < 7 || list[0].name != "user" || list[0].inode == 0 {
		t.Errorf("%v", list)
	}
	for text, want := range map[string]int64{"user:[4026531837]": 4026531837, "user": -1, "user:[x]": -1} {
		if got, ok := parseNamespace(text); ok != (want >= 0) || ok && got != want {
			t.Errorf("%s: %d, %v", text, got, ok)
		}
	}
}
