package main

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/lichen-sandbox/lichen/internal/feature"
	"github.com/lichen-sandbox/lichen/internal/sys"
	"github.com/lichen-sandbox/lichen/spec"
)

func serviceSpec() *spec.Spec {
	return &spec.Spec{
		Origins:    map[string]spec.Origin{"service.listen": {File: "t.toml", Line: 1}, "service.notify": {File: "t.toml", Line: 2}},
		Namespaces: spec.Namespaces{User: true, Mount: true, PID: true, Net: true},
		Service:    spec.Service{Listen: true, Notify: true},
		Mounts:     []spec.Mount{{Type: spec.MountDir, Target: "/run"}, {Type: spec.MountTmpfs, Target: "/tmp"}},
	}
}

// managed sets what a manager would, and nothing else.
func managed(t *testing.T, pairs ...string) {
	t.Helper()
	for _, name := range append(hostVariables[:], "NOTIFY_SOCKET", "JOURNAL_STREAM") {
		t.Setenv(name, "")
	}
	for _, p := range pairs {
		name, value, _ := strings.Cut(p, "=")
		t.Setenv(name, value)
	}
}

func own() string { return strconv.Itoa(os.Getpid()) }

func variables(s *spec.Spec) string {
	var out []string
	for _, v := range s.Env.Set {
		out = append(out, v.Name+"="+v.Value)
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

// TestServiceTarget: the socket lies where lichen makes the directories.
func TestServiceTarget(t *testing.T) {
	bind := func(p string) spec.Mount { return spec.Mount{Type: spec.MountBind, Target: p} }
	tmpfs := func(p string) spec.Mount { return spec.Mount{Type: spec.MountTmpfs, Target: p} }
	dir := func(p string) spec.Mount { return spec.Mount{Type: spec.MountDir, Target: p} }
	for _, c := range []struct {
		image  string
		mounts []spec.Mount
		want   string
	}{
		{"", nil, "/run/lichen/notify"},
		{"", []spec.Mount{dir("/run"), tmpfs("/tmp"), bind("/usr")}, "/run/lichen/notify"},
		{"", []spec.Mount{bind("/run"), tmpfs("/tmp")}, "/tmp/.lichen-notify"},
		{"", []spec.Mount{bind("/"), tmpfs("/run")}, "/run/lichen/notify"},
		{"", []spec.Mount{bind("/"), {Type: spec.MountDev, Target: "/dev"}}, "/dev/lichen-notify"},
		{"", []spec.Mount{bind("/run"), tmpfs("/run/lichen")}, "/run/lichen/notify"},
		{"", []spec.Mount{bind("/")}, ""},
		{"x", nil, ""},
		{"x", []spec.Mount{tmpfs("/run")}, "/run/lichen/notify"},
	} {
		s := &spec.Spec{Mounts: c.mounts, Rootfs: spec.Rootfs{Image: c.image}}
		got, err := notifyTarget(s)
		if got != c.want || (err != nil) != (c.want == "") {
			t.Errorf("%q %+v: %q, %v", c.image, c.mounts, got, err)
		}
	}
}

// TestPlannedService: a plan makes no socket, and shows what there would be.
func TestPlannedService(t *testing.T) {
	managed(t, "NOTIFY_SOCKET=/run/systemd/notify", "WATCHDOG_USEC=5", "WATCHDOG_PID="+own(), "SYSTEMD_EXEC_PID="+own())
	dir := t.TempDir()
	t.Setenv("XDG_RUNTIME_DIR", dir)
	s, svc := serviceSpec(), &service{plan: true}
	if err := svc.attach(s); err != nil {
		t.Fatal(err)
	}
	m := s.Mounts[len(s.Mounts)-1]
	if m.Target != "/run/lichen/notify" || !m.Socket || m.Origin.Line != 2 {
		t.Errorf("%+v", m)
	}
	if got := variables(s); got != "NOTIFY_SOCKET=/run/lichen/notify WATCHDOG_USEC=5" {
		t.Errorf("variables %s", got)
	}
	if got := strings.Join(s.Env.PIDs, " "); got != "WATCHDOG_PID SYSTEMD_EXEC_PID" {
		t.Errorf("process ids %s", got)
	}
	f := &feature.Facts{Files: feature.HostFiles{}}
	svc.planned(f)
	if mode, err := f.Files.Lstat(m.Source); err != nil || mode&os.ModeSocket == 0 {
		t.Errorf("%v, %v", mode, err)
	}
	if list, _ := os.ReadDir(dir); len(list) != 0 {
		t.Errorf("made %v", list)
	}
}

// TestStaleService: what was meant for another process is not passed on.
func TestStaleService(t *testing.T) {
	managed(t, "LISTEN_PID=1", "LISTEN_FDS=junk", "LISTEN_FDNAMES=x", "WATCHDOG_PID=1", "WATCHDOG_USEC=5", "SYSTEMD_EXEC_PID=1", "JOURNAL_STREAM=1:2")
	s := serviceSpec()
	if err := (&service{}).attach(s); err != nil {
		t.Fatal(err)
	}
	if len(s.Env.Set)+len(s.Env.PIDs)+len(s.Process.KeepFDs) != 0 {
		t.Errorf("passed on: %+v %+v", s.Env, s.Process.KeepFDs)
	}
	for _, name := range append(hostVariables[:], "NOTIFY_SOCKET", "JOURNAL_STREAM") {
		if !slices.Contains(s.Env.Drop, name) {
			t.Errorf("%s could be kept", name)
		}
	}
	managed(t, "NOTIFY_SOCKET=vsock:2:1234")
	if err := (&service{}).attach(serviceSpec()); err == nil || !strings.Contains(err.Error(), "t.toml:2") {
		t.Errorf("%v", err)
	}
	managed(t, "LISTEN_PID="+own(), "LISTEN_FDS=junk")
	if err := (&service{}).attach(serviceSpec()); err == nil || !strings.Contains(err.Error(), "t.toml:1") {
		t.Errorf("%v", err)
	}
	// A descriptor that lichen has opened itself is none of the manager's.
	managed(t, "LISTEN_PID="+own(), "LISTEN_FDS=4000")
	if err := (&service{}).attach(serviceSpec()); err == nil || !strings.Contains(err.Error(), "it is not open (LISTEN_FDS)") {
		t.Errorf("%v", err)
	}
}

// TestJournalStream: the variable says which file the standard output or error is.
func TestJournalStream(t *testing.T) {
	dropped := func(change func(*spec.Spec)) bool {
		s := serviceSpec()
		s.Service = spec.Service{}
		change(s)
		if err := (&service{}).attach(s); err != nil {
			t.Fatal(err)
		}
		return slices.Contains(s.Env.Drop, "JOURNAL_STREAM")
	}
	nothing := func(*spec.Spec) {}
	id, err := sys.IdentifyFD(2)
	if err != nil {
		t.Fatal(err)
	}
	stream := func(dev, ino uint64) string {
		return "JOURNAL_STREAM=" + strconv.FormatUint(dev, 10) + ":" + strconv.FormatUint(ino, 10)
	}
	managed(t, stream(id.Dev, id.Ino))
	if dropped(nothing) {
		t.Error("it is true, and dropped")
	}
	if !dropped(func(s *spec.Spec) { s.Process.PTY = true }) || !dropped(func(s *spec.Spec) { s.Limits.Output = 1 }) {
		t.Error("the payload writes elsewhere, and it is kept")
	}
	managed(t, stream(id.Dev, id.Ino+1<<40))
	if !dropped(nothing) {
		t.Error("it is false, and kept")
	}
}

func TestRuntimeDir(t *testing.T) {
	dir := t.TempDir()
	long := filepath.Join(dir, strings.Repeat("x", 80))
	if err := os.Mkdir(long, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("XDG_RUNTIME_DIR", "/dev")
	if got := runtimeDir(); os.Getuid() == 0 && got != "/dev" {
		t.Errorf("%q", got)
	}
	for _, bad := range []string{"", "relative", "/dev/", "/nowhere", "/dev/null", long} {
		t.Setenv("XDG_RUNTIME_DIR", bad)
		if got := runtimeDir(); got != "/tmp" {
			t.Errorf("%q: %q", bad, got)
		}
	}
}
