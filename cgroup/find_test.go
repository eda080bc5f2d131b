package cgroup

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/lichen-sandbox/lichen/spec"
)

// tree is a host made of files: a path and what is in it. A path that ends in a
// slash is a directory, which gets the files of a cgroup.
func tree(t *testing.T, files map[string]string) *Host {
	t.Helper()
	root := t.TempDir()
	put := func(name, text string) {
		if err := os.MkdirAll(filepath.Dir(root+name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(root+name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name := range files {
		if strings.HasSuffix(name, "/") {
			for _, file := range []string{"cgroup.procs", "cgroup.subtree_control", "cgroup.controllers", "cgroup.type"} {
				put(name+file, "")
			}
		}
	}
	for name, text := range files {
		if !strings.HasSuffix(name, "/") {
			put(name, text)
		}
	}
	return &Host{Root: root, UID: 1500, Getenv: func(string) string { return "" }}
}

const (
	unified = "25 1 0:22 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
	app     = "/sys/fs/cgroup/user.slice/user@1500.service/app.slice/"
)

// limits are what a profile asks for: files and values by turns.
func limits(pairs ...string) *spec.Limits {
	l := &spec.Limits{}
	for i := 0; i < len(pairs); i += 2 {
		l.Cgroup = append(l.Cgroup, spec.CgroupLimit{File: pairs[i], Value: pairs[i+1], Origin: spec.Origin{File: "p.toml", Line: i/2 + 3}})
	}
	return l
}

func with(base map[string]string, more ...string) map[string]string {
	all := map[string]string{}
	for k, v := range base {
		all[k] = v
	}
	for i := 0; i < len(more); i += 2 {
		all[more[i]] = more[i+1]
	}
	return all
}

// inApp is a user's process in a unit of the user's manager.
func inApp(unit string, more ...string) map[string]string {
	return with(map[string]string{
		"/proc/self/cgroup":                                 "0::/user.slice/user@1500.service/app.slice/" + unit + "\n",
		"/proc/self/mountinfo":                              unified,
		app + unit + "/":                                    "",
		app + unit + "/cgroup.controllers":                  "memory pids\n",
		app + unit + "/cgroup.procs":                        itoa(os.Getpid()) + "\n",
		app + "cgroup.controllers":                          "memory pids\n",
		app + "cgroup.subtree_control":                      "memory pids\n",
		"/sys/fs/cgroup/user.slice/cgroup.controllers":      "cpu io memory pids\n",
		"/sys/fs/cgroup/user.slice/cgroup.subtree_control":  "memory pids\n",
		"/sys/fs/cgroup/cgroup.controllers":                 "cpu io memory pids\n",
		"/sys/fs/cgroup/user.slice/user@1500.service/other": "",
	}, more...)
}

func TestFind(t *testing.T) {
	const manager = "/run/user/1500/systemd/private"
	tests := []struct {
		name      string
		files     map[string]string
		delegated string
		limits    *spec.Limits
		dir       string // named in the profile
		want      string // a directory, or a part of the error
		hint      string
		ask       string // of Ask: "scope" or a unit
	}{
		{name: "v1", files: map[string]string{"/proc/self/cgroup": "4:memory:/x\n7:blkio:/\n0::/\n", "/proc/self/mountinfo": unified},
			limits: limits("pids.max", "5", "memory.max", "1"), want: "enforce limits.memory_max: the host has the memory controller on cgroup v1 (p.toml:4)", hint: "cgroup_no_v1=all"},
		{name: "io on v1", files: map[string]string{"/proc/self/cgroup": "4:cpu,cpuacct:/x\n7:blkio:/\n0::/\n", "/proc/self/mountinfo": unified},
			limits: limits("io.max", "1:0 rbps=1"), want: "enforce limits.io_max: the host has the io controller on cgroup v1 (p.toml:3)", hint: "cgroup_no_v1=all"},
		{name: "two on one", files: map[string]string{"/proc/self/cgroup": "4:cpu,cpuacct:/x\n7:name=memory:/\n0::/\n", "/proc/self/mountinfo": unified},
			limits: limits("memory.swap.max", "1", "cpu.weight", "1"), want: "enforce limits.cpu_weight: the host has the cpu controller on cgroup v1", hint: "cgroup_no_v1=all"},
		{name: "no cgroup2", files: map[string]string{"/proc/self/cgroup": "0::/\n", "/proc/self/mountinfo": "25 1 0:22 / /sys rw - sysfs sysfs rw\n"},
			limits: limits("pids.max", "5"), want: "cgroup v2 is not mounted here"},
		{name: "own scope", files: inApp("lichen-7.scope"), delegated: "lichen-7.scope", limits: limits("memory.max", "5"), want: app + "lichen-7.scope"},
		{name: "own scope, not known", files: inApp("x.scope", manager, ""), limits: limits("memory.max", "5"), want: "lichen is in no cgroup that is delegated to it (p.toml:3)", ask: "scope"},
		{name: "a scope, and nobody to ask", files: inApp("x.scope"), limits: limits("memory.max", "5"), want: "no service manager of yours is running", hint: "name it in limits.cgroup"},
		{name: "a service", files: inApp("x.service", manager, ""), limits: limits("memory.max", "5"), want: "lichen is in x.service, whose cgroup is not delegated",
			hint: "write Delegate=yes into [Service] of x.service", ask: "x.service"},
		{name: "a service with more in it", files: inApp("x.service", manager, "", app+"x.service/cgroup.procs", "1\n2\n"), limits: limits("memory.max", "5"),
			want: "lichen is in x.service", hint: "systemd-run --user --scope", ask: "x.service"},
		{name: "a delegated service", files: inApp("x.service"), delegated: "x.service", limits: limits("memory.max", "5"), want: app + "x.service"},
		{name: "a delegated service with more in it", files: inApp("x.service", app+"x.service/cgroup.procs", "1\n2\n"), delegated: "x.service", limits: limits("memory.max", "5"),
			want: "other processes are in lichen's cgroup, " + app + "x.service"},
		{name: "below a delegated service", files: inApp("x.service/sub", app+"x.service/", "", app+"x.service/cgroup.controllers", "pids", app+"x.service/sub/cgroup.procs", "1\n2\n"),
			delegated: "x.service", limits: limits("pids.max", "5"), want: app + "x.service"},
		{name: "not above its unit", files: inApp("x.service", app, "", app+"x.service/cgroup.procs", "1\n2\n"), delegated: "x.service", limits: limits("pids.max", "5"),
			want: "other processes are in lichen's cgroup"},
		{name: "a controller short", files: inApp("x.service"), delegated: "x.service", limits: limits("pids.max", "1", "cpu.max", "5"),
			want: "enforce limits.cpu_max: the cpu controller is not delegated: /sys/fs/cgroup/user.slice/cgroup.subtree_control does not list it (p.toml:4)", hint: "systemctl edit user@.service"},
		{name: "a controller that is nowhere", files: inApp("x.service"), delegated: "x.service", limits: limits("rdma.max", "1"), want: "there is no rdma controller here: /sys/fs/cgroup/cgroup.controllers does not list it"},
		{name: "named", files: inApp("x.service", "/sys/fs/cgroup/d/", "", "/sys/fs/cgroup/d/cgroup.controllers", "pids", "/sys/fs/cgroup/cgroup.procs", ""),
			dir: "/sys/fs/cgroup/d/", limits: limits("pids.max", "1"), want: "/sys/fs/cgroup/d"},
		{name: "named, and lacking", files: inApp("x.service", "/sys/fs/cgroup/d/", "", "/sys/fs/cgroup/d/cgroup.controllers", "pids", "/sys/fs/cgroup/cgroup.procs", ""),
			dir: "/sys/fs/cgroup/d", limits: limits("memory.max", "1"), want: "/sys/fs/cgroup/cgroup.subtree_control does not list it", hint: "as root: echo +memory >/sys/fs/cgroup/cgroup.subtree_control"},
		{name: "named, with processes", files: inApp("x.service", "/sys/fs/cgroup/d/", "", "/sys/fs/cgroup/d/cgroup.controllers", "pids", "/sys/fs/cgroup/cgroup.procs", "", "/sys/fs/cgroup/d/cgroup.procs", "1\n"),
			dir: "/sys/fs/cgroup/d", limits: limits("pids.max", "1"), want: "processes are in /sys/fs/cgroup/d itself", hint: "move them"},
		{name: "named, and only for the counters", files: inApp("x.service", "/sys/fs/cgroup/d/", "", "/sys/fs/cgroup/cgroup.procs", "", "/sys/fs/cgroup/d/cgroup.procs", "1\n"),
			dir: "/sys/fs/cgroup/d", limits: limits(), want: "/sys/fs/cgroup/d"},
		{name: "named outside", files: inApp("x.service"), dir: "/sys/fs", limits: limits("pids.max", "1"), want: "/sys/fs is not below a mount of cgroup v2", hint: "/sys/fs/cgroup"},
		{name: "named, relative", files: inApp("x.service"), dir: "sys", limits: limits("pids.max", "1"), want: "is not an absolute path"},
		{name: "named, and not there", files: inApp("x.service"), dir: "/sys/fs/cgroup/none", limits: limits("pids.max", "1"), want: "/sys/fs/cgroup/none is no cgroup"},
		{name: "a container", files: map[string]string{"/proc/self/cgroup": "0::/\n", "/proc/self/mountinfo": unified, "/sys/fs/cgroup/": "",
			"/sys/fs/cgroup/cgroup.controllers": "pids", "/sys/fs/cgroup/cgroup.procs": itoa(os.Getpid())}, limits: limits("pids.max", "1"), want: "/sys/fs/cgroup"},
		{name: "outside the cgroup namespace", files: map[string]string{"/proc/self/cgroup": "0::/../x\n", "/proc/self/mountinfo": unified},
			limits: limits("pids.max", "1"), want: "no mount of cgroup v2 shows the cgroup that lichen is in, /../x"},
		{name: "hybrid", files: map[string]string{"/proc/self/cgroup": "1:name=systemd:/\n0::/a\n",
			"/proc/self/mountinfo":      "3 1 0:9 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n4 3 0:8 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
			"/sys/fs/cgroup/unified/a/": "", "/sys/fs/cgroup/unified/a/cgroup.controllers": "pids"}, limits: limits("pids.max", "1"), want: "/sys/fs/cgroup/unified/a"},
		{name: "a mount of a part", files: map[string]string{"/proc/self/cgroup": "0::/a/b\n", "/proc/self/mountinfo": "4 3 0:8 /ab /m/x rw - cgroup2 c rw\n4 3 0:8 /a /m/the\\040part rw - cgroup2 c rw\n",
			"/m/the part/b/": "", "/m/the part/b/cgroup.controllers": "pids"}, limits: limits("pids.max", "1"), want: "/m/the part/b"},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			h := tree(t, c.files)
			h.Delegated = c.delegated
			c.limits.CgroupDir = c.dir
			p, err := h.Find(c.limits)
			var ask *Ask
			errors.As(err, &ask)
			switch {
			case err == nil && (p.Dir != c.want || c.hint+c.ask != ""):
				t.Errorf("found %s, want %s", p.Dir, c.want)
			case err != nil && !strings.Contains(err.Error(), c.want):
				t.Errorf("%v, want %q", err, c.want)
			case (ask != nil) != (c.ask != "") || ask != nil && c.ask != "scope" && ask.Unit != c.ask:
				t.Errorf("asks %+v, want %q", ask, c.ask)
			}
			var e *spec.Error
			if errors.As(err, &e) && (!strings.Contains(e.Hint, c.hint) || c.hint == "" && e.Hint != "") {
				t.Errorf("hint %q, want %q", e.Hint, c.hint)
			}
		})
	}
}

func TestHolds(t *testing.T) {
	for _, c := range []struct {
		file, want, got string
		yes             bool
	}{
		{"pids.max", "5", "5\n", true},
		{"pids.max", "5", "6\n", false},
		{"pids.max", "max", "max\n", true},
		{"memory.max", "8192", "8192\n", true},
		{"memory.max", "8193", "8192\n", true},
		{"memory.max", "8192", "4096\n", false},
		{"memory.max", "9223372036854775807", "max\n", true},
		{"memory.max", "8192", "max\n", false},
		{"memory.max", "max", "8192\n", false},
		{"cpu.max", "max 100000", "max 100000\n", true},
		{"io.weight", "50", "default 50\n", true},
		{"io.weight", "50", "default 50\n8:0 20\n", true},
		{"io.weight", "50", "default 100\n", false},
		{"io.max", "8:0 rbps=5", "8:16 rbps=7 wbps=max riops=max wiops=max\n8:0 rbps=5 wbps=max riops=max wiops=max\n", true},
		{"io.max", "8:0 rbps=5 wiops=3", "8:0 rbps=5 wbps=max riops=max wiops=max\n", false},
		{"io.max", "8:0 rbps=5", "8:16 rbps=5 wbps=max riops=max wiops=max\n", false},
		{"io.max", "8:0 rbps=max", "\n", true},
		{"io.max", "8:0 rbps=5", "\n", false},
	} {
		if got := holds(c.file, c.want, c.got); got != c.yes {
			t.Errorf("%s: %q for %q: %v", c.file, c.got, c.want, got)
		}
	}
}

// TestDevice protects the way from a path to the whole disk.
func TestDevice(t *testing.T) {
	h := tree(t, map[string]string{"/srv/data": ""})
	var st syscall.Stat_t
	if err := syscall.Stat(h.Root+"/srv/data", &st); err != nil {
		t.Fatal(err)
	}
	at := func(device string) (string, error) {
		return withDevice(h, &spec.CgroupLimit{File: "io.max", Value: device + " rbps=5 wiops=7"})
	}
	if got, err := at("259:3"); got != "259:3 rbps=5 wiops=7" || err != nil {
		t.Error(got, err)
	}
	if _, err := at("/none"); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Error(err)
	}
	if strings.HasPrefix(number(st.Dev), "0:") {
		if _, err := at("/srv/data"); err == nil || !strings.Contains(err.Error(), "without a disk of its own") {
			t.Error(err)
		}
		return
	}
	if _, err := at("/srv/data"); err == nil || !strings.Contains(err.Error(), "which is no disk here") {
		t.Error(err)
	}
	disk := h.Root + "/sys/devices/disk"
	for _, dir := range []string{disk + "/part", h.Root + "/sys/dev/block"} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("../../devices/disk/part", h.Root+"/sys/dev/block/"+number(st.Dev)); err != nil {
		t.Fatal(err)
	}
	if got, err := at("/srv/data"); got != number(st.Dev)+" rbps=5 wiops=7" || err != nil {
		t.Error(got, err)
	}
	for file, text := range map[string]string{disk + "/dev": "259:0\n", disk + "/part/partition": "3\n"} {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := at("/srv/data"); got != "259:0 rbps=5 wiops=7" || err != nil {
		t.Error(got, err)
	}
}

func TestNumber(t *testing.T) {
	for dev, want := range map[uint64]string{0x801: "8:1", 0x10305: "259:5"} {
		if got := number(dev); got != want {
			t.Errorf("%#x: %s, want %s", dev, got, want)
		}
	}
}

func TestUsage(t *testing.T) {
	dir := t.TempDir()
	for file, text := range map[string]string{"memory.peak": "4096\n", "cpu.stat": "usage_usec 30\nuser_usec 20\nsystem_usec 10\nnr_periods 4\nnr_throttled 2\nthrottled_usec 99\n",
		"memory.events": "low 0\nhigh 0\nmax 7\noom 1\noom_kill 3\noom_group_kill 1\n", "pids.events": "max 2\n", "io.stat": "8:0 rbytes=5 wbytes=6 rios=1 wios=1 dbytes=0 dios=0\n8:16 rbytes=50 wbytes=60 rios=1\n"} {
		if err := os.WriteFile(dir+"/"+file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want := Usage{MemoryPeak: 4096, PidsPeak: -1, CPUUsage: 30, CPUUser: 20, CPUSystem: 10, CPUThrottled: 99, Throttled: 2,
		IORead: 55, IOWritten: 66, OOMKills: 3, ForksRefused: 2, MemoryMaxHits: 7}
	if got := *(&Group{Dir: dir}).Usage(); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	want = Usage{-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1}
	if got := *(&Group{Dir: dir + "/none"}).Usage(); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}
