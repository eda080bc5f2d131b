package main

import (
	"os"
	"strings"
	"syscall"
)

type testCase struct {
	name string
	run  func(*test)
}

var plainCases = []testCase{
	{"memory_max ends the sandbox", memoryMax},
	{"memory_max leaves no room to start", memoryNone},
	{"pids_max refuses forks", pidsMax},
	{"cpu_max throttles", cpuMax},
	{"every limit is written", written},
	{"io_max needs a disk", ioNoDisk},
	{"alone in its cgroup", alone},
	{"not alone in its cgroup", notAlone},
	{"beside others below one cgroup", beside},
	{"no cgroup of its own", undelegated},
	{"a controller is missing", missing},
	{"a cgroup elsewhere", elsewhere},
	{"processes in the named cgroup", internal},
	{"the payload cannot lift its limits", lift},
	{"a killed launcher", killed},
	{"fifty at a time", many},
}

// hog has 64M in memory.
var hog = []string{"--", "dd", "if=/dev/zero", "of=/dev/null", "bs=64M", "count=1"}

func with(options []string, command []string) []string {
	return append(append([]string{}, options...), command...)
}

func sh(script string) []string { return []string{"--", "sh", "-c", script} }

func memoryMax(t *test) {
	dir, launch := t.slot("memory")
	r := t.lichen(launch, with([]string{"--limit", "cgroup=" + dir, "--limit", "memory_max=32M"}, hog)...)
	t.expect("32M", r, 137, "lichen: run dd: out of memory (limits.memory_max, command line)\n", `"limit":"memory"`, `"signal":9`, `"cgroup":{"memory_peak":3`, `"oom_kills":`)
	r = t.lichen(launch, with([]string{"--limit", "cgroup=" + dir, "--limit", "memory_max=256M"}, hog)...)
	t.expect("256M", r, 0)
	// The one process that is too large takes the others with it, also where it is
	// not the first.
	script := "dd if=/dev/zero of=/dev/null bs=64M count=1; sleep 1000"
	r = t.lichen(launch, with([]string{"--limit", "cgroup=" + dir, "--limit", "memory_max=32M"}, sh(script))...)
	t.expect("a child", r, 137, `"limit":"memory"`)
	t.check(os.WriteFile("/tmp/memory.toml", []byte("version = 1\nextends = [\"default\"]\n[limits]\nmemory_max = \"32M\"\ncgroup = \""+dir+"\"\n"), 0o644))
	r = t.lichen(launch, with([]string{"-p", "/tmp/memory.toml"}, hog)...)
	t.expect("a profile", r, 137, "out of memory (limits.memory_max, /tmp/memory.toml:4)")
}

func memoryNone(t *test) {
	dir, launch := t.slot("none")
	r := t.lichen(launch, "--limit", "cgroup="+dir, "--limit", "memory_max=64K", "--", "true")
	t.expect("64K", r, 125, "out of memory (limits.memory_max, command line)")
}

func pidsMax(t *test) {
	dir, launch := t.slot("pids")
	script := sh("for i in 1 2 3 4 5 6 7 8 9; do sleep 0.1 & done; wait")
	r := t.lichen(launch, with([]string{"--limit", "cgroup=" + dir, "--limit", "pids_max=5"}, script)...)
	if r.code == 0 {
		t.errorf("five processes: %+v", r)
	} else {
		t.expect("five processes", r, r.code, `"limit":"pids"`, "can't fork")
	}
	r = t.lichen(launch, with([]string{"--limit", "cgroup=" + dir, "--limit", "pids_max=50"}, script)...)
	t.expect("fifty processes", r, 0)
	r = t.lichen(launch, with([]string{"--limit", "cgroup=" + dir, "--limit", "pids_max=5"}, sh("("+script[3]+"); exit 0"))...)
	t.expect("refused, and no failure", r, 0)
	for _, n := range []string{"0", "1"} {
		r = t.lichen(launch, "--limit", "cgroup="+dir, "--limit", "pids_max="+n, "--", "true")
		t.expect(n+" processes", r, 125, "hint: run true: too few processes are allowed for a start (limits.pids_max, command line)")
	}
}

func cpuMax(t *test) {
	dir, launch := t.slot("cpu")
	p := t.start(launch, with([]string{"--limit", "cgroup=" + dir, "--limit", "cpu_max=20%"}, sh("while :; do :; done"))...)
	group := t.only(dir)
	if got := text(group + "/cpu.max"); got != "20000 100000" {
		t.errorf("cpu.max: %q", got)
	}
	t.wait("throttling", func() bool {
		for line := range strings.Lines(text(group + "/cpu.stat")) {
			if n, ok := strings.CutPrefix(line, "nr_throttled "); ok && strings.TrimSpace(n) != "0" {
				return true
			}
		}
		return false
	})
	t.check(p.cmd.Process.Signal(syscall.SIGTERM))
	t.expect("ended", p.wait(), 143)
}

// written looks at the files of a sandbox that has every limit.
func written(t *test) {
	dir, launch := t.slot("all")
	var options []string
	for _, l := range []string{"cgroup=" + dir, "memory_max=100M", "memory_high=80M", "swap_max=0", "pids_max=40", "cpu_max=1.5", "cpu_weight=50",
		"io_weight=30", "io_max=/dev/ram0 rbps=1M wiops=100", "io_max=1:0 wbps=2M"} {
		options = append(options, "--limit", l)
	}
	p := t.start(launch, with(options, sh("sleep 1000"))...)
	group := t.only(dir)
	for file, want := range map[string]string{"memory.max": "104857600", "memory.high": "83886080", "memory.swap.max": "0", "memory.oom.group": "1",
		"pids.max": "40", "cpu.max": "150000 100000", "cpu.weight": "50", "io.weight": "default 30", "io.max": "1:0 rbps=1048576 wbps=2097152 riops=max wiops=100"} {
		if got := text(group + "/" + file); got != want {
			t.errorf("%s: %q, want %q", file, got, want)
		}
	}
	if got := text("/proc/" + firstWord(text(group+"/payload/cgroup.procs")) + "/cgroup"); got != "0::"+strings.TrimPrefix(group, mountPoint)+"/payload" {
		t.errorf("it is in %q", got)
	}
	t.check(p.cmd.Process.Signal(syscall.SIGTERM))
	t.expect("ended", p.wait(), 143)
}

func firstWord(s string) string {
	f := strings.Fields(s)
	if len(f) == 0 {
		return ""
	}
	return f[0]
}

func ioNoDisk(t *test) {
	dir, launch := t.slot("nodisk")
	for device, want := range map[string]string{"/tmp": "/tmp is on a file system without a disk of its own", "/nowhere": "no such file", "200:200": "no limits for the disk"} {
		r := t.lichen(launch, "--limit", "cgroup="+dir, "--limit", "io_max="+device+" rbps=1M", "--", "true")
		t.expect(device, r, 125, "lichen: enforce limits.io_max", want)
	}
}

// alone has lichen make a cgroup for itself, and leave it in the end.
func alone(t *test) {
	dir := t.delegate(mountPoint + "/alone")
	r := t.lichen(dir, with([]string{"--limit", "memory_max=32M"}, hog)...)
	t.expect("32M", r, 137, `"limit":"memory"`)
	r = t.lichen(dir, with([]string{"--limit", "memory_max=256M"}, hog)...)
	t.expect("256M", r, 0)
	if got := text(dir + "/cgroup.subtree_control"); got != "" {
		t.errorf("controllers are left on: %q", got)
	}
}

func notAlone(t *test) {
	dir := t.delegate(mountPoint + "/shared")
	p := t.start(dir, "--", "sleep", "1000")
	t.wait("the first", func() bool { return strings.Contains(text(dir+"/cgroup.procs"), "\n") })
	r := t.lichen(dir, "--limit", "memory_max=32M", "--", "true")
	t.expect("the second", r, 125, "enforce limits.memory_max: other processes are in lichen's cgroup, "+dir, "(command line)")
	t.check(p.cmd.Process.Signal(syscall.SIGTERM))
	t.expect("ended", p.wait(), 143)
}

// beside finds the place one above, which has no processes.
func beside(t *test) {
	_, launch := t.slot("beside")
	p := t.start(launch, "--limit", "memory_max=100M", "--", "sleep", "1000")
	t.only(mountPoint + "/beside")
	r := t.lichen(launch, with([]string{"--limit", "memory_max=32M"}, hog)...)
	t.expect("the second", r, 137, `"limit":"memory"`)
	t.check(p.cmd.Process.Signal(syscall.SIGTERM))
	t.expect("the first", p.wait(), 143)
}

func undelegated(t *test) {
	dir := mountPoint + "/locked"
	t.check(os.Mkdir(dir, 0o755))
	t.undo = append(t.undo, func() { t.check(os.Remove(dir)) })
	r := t.lichen(dir, "--limit", "pids_max=5", "--", "true")
	t.expect("root's", r, 125, "enforce limits.pids_max: "+dir+" is not yours to write")
	r = t.lichen(dir, "--limit", "cgroup="+dir, "--limit", "pids_max=5", "--", "true")
	t.expect("root's, named", r, 125, "enforce limits.pids_max: "+dir+" is not yours to write")
}

func missing(t *test) {
	parent := mountPoint + "/few"
	t.check(os.Mkdir(parent, 0o755))
	t.undo = append(t.undo, func() { t.check(os.Remove(parent)) })
	t.check(os.WriteFile(parent+"/cgroup.subtree_control", []byte("+pids"), 0))
	dir := t.delegate(parent + "/user")
	r := t.lichen(dir, "--limit", "memory_max=32M", "--", "true")
	t.expect("memory", r, 125, "the memory controller is not delegated: "+parent+"/cgroup.subtree_control does not list it", "hint: as root: echo +memory >"+parent)
	t.expect("pids", t.lichen(dir, "--limit", "pids_max=50", "--", "true"), 0)
	t.check(os.WriteFile(parent+"/cgroup.subtree_control", []byte("+memory"), 0))
	t.expect("memory, with the remedy", t.lichen(dir, "--limit", "memory_max=32M", "--", "true"), 0)
}

func elsewhere(t *test) {
	dir, _ := t.slot("here")
	_, other := t.slot("there")
	r := t.lichen(other, "--limit", "cgroup="+dir, "--limit", "pids_max=50", "--", "true")
	t.expect("from there", r, 125, "lichen is in "+other+", and nothing may be moved from there to "+dir)
	r = t.lichen(other, "--limit", "cgroup=/tmp", "--limit", "pids_max=50", "--", "true")
	t.expect("no cgroup", r, 125, "/tmp is not below a mount of cgroup v2")
}

func internal(t *test) {
	dir := t.delegate(mountPoint + "/internal")
	p := t.start(dir, "--", "sleep", "1000")
	t.wait("the first", func() bool { return strings.Contains(text(dir+"/cgroup.procs"), "\n") })
	r := t.lichen(dir, "--limit", "cgroup="+dir, "--limit", "pids_max=50", "--", "true")
	t.expect("the second", r, 125, "processes are in "+dir+" itself", "hint: move them into a cgroup below it")
	t.check(p.cmd.Process.Signal(syscall.SIGTERM))
	t.expect("ended", p.wait(), 143)
}

// lift has a payload mount cgroup2 in namespaces of its own.
func lift(t *test) {
	dir, launch := t.slot("lift")
	r := t.lichen(launch, "--nested", "--limit", "cgroup="+dir, "--limit", "memory_max=100M", "--", "/usr/bin/guest-tests", "-lift")
	t.expect("nested", r, 0, "it has cgroup.procs, and no memory.max")
}

// killed looks at what a launcher leaves that is killed, and the next removes.
func killed(t *test) {
	dir, launch := t.slot("killed")
	p := t.start(launch, "--limit", "cgroup="+dir, "--limit", "memory_max=100M", "--", "sleep", "1000")
	group := t.only(dir)
	t.check(p.cmd.Process.Kill())
	p.wait()
	t.wait("the end of the sandbox", func() bool { return text(group+"/payload/cgroup.procs") == "" })
	if left := below(dir); len(left) != 1 {
		t.errorf("left: %q", left)
	}
	t.expect("the next", t.lichen(launch, "--limit", "cgroup="+dir, "--limit", "memory_max=100M", "--", "true"), 0)
	own := t.delegate(mountPoint + "/own")
	p = t.start(own, "--limit", "pids_max=50", "--", "sleep", "1000")
	t.only(own)
	t.check(p.cmd.Process.Kill())
	p.wait()
	t.wait("the end of the sandbox", func() bool { return strings.Contains(text(own+"/cgroup.events"), "populated 0") })
	// lichen's controllers are still on, so that the next one starts below.
	next := own + "/next"
	t.check(os.Mkdir(next, 0o755))
	t.check(os.Chown(next+"/cgroup.procs", uid, uid))
	t.expect("the next", t.lichen(next, "--limit", "pids_max=50", "--", "true"), 0)
	t.check(os.Remove(next))
}

func many(t *test) {
	dir, launch := t.slot("many")
	results := make(chan result)
	for range 50 {
		p := t.start(launch, "--limit", "cgroup="+dir, "--limit", "memory_max=100M", "--", "true")
		go func() { results <- p.wait() }()
	}
	for range 50 {
		if r := <-results; !t.failed {
			t.expect("one of fifty", r, 0)
		}
	}
}
