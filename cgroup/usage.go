package cgroup

import (
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/lichen-sandbox/lichen/spec"
)

// Usage is what a sandbox has used, as its cgroup has counted it. What the kernel
// or the controllers at hand do not count is -1.
type Usage struct {
	MemoryPeak    int64 // bytes; memory.peak, Linux 5.19
	PidsPeak      int64 // pids.peak, Linux 6.1
	CPUUsage      int64 // microseconds, as all of cpu.stat
	CPUUser       int64
	CPUSystem     int64
	CPUThrottled  int64 // how long it was kept from running by limits.cpu_max
	Throttled     int64 // in how many periods
	IORead        int64 // bytes, of all disks
	IOWritten     int64
	OOMKills      int64 // memory.events
	ForksRefused  int64 // pids.events
	MemoryMaxHits int64
}

// Usage reads the counters. They end with the cgroup: read them before Close.
func (g *Group) Usage() *Usage {
	u := &Usage{MemoryPeak: g.single("memory.peak"), PidsPeak: g.single("pids.peak")}
	cpu := g.file("cpu.stat")
	u.CPUUsage, u.CPUUser, u.CPUSystem = field(cpu, "usage_usec"), field(cpu, "user_usec"), field(cpu, "system_usec")
	u.CPUThrottled, u.Throttled = field(cpu, "throttled_usec"), field(cpu, "nr_throttled")
	memory := g.file("memory.events")
	u.OOMKills, u.MemoryMaxHits = field(memory, "oom_kill"), field(memory, "max")
	u.ForksRefused = field(g.file("pids.events"), "max")
	if io, err := os.ReadFile(g.Dir + "/io.stat"); err == nil {
		u.IORead, u.IOWritten = sum(string(io), "rbytes="), sum(string(io), "wbytes=")
	} else {
		u.IORead, u.IOWritten = -1, -1
	}
	return u
}

// Limit is the limit by a file; it has no File where there is none.
func (g *Group) Limit(file string) spec.CgroupLimit {
	if l := g.first(file); l != nil {
		return *l
	}
	return spec.CgroupLimit{}
}

func (g *Group) file(name string) string {
	text, err := os.ReadFile(g.Dir + "/" + name)
	if err != nil {
		return ""
	}
	return string(text)
}

func (g *Group) single(name string) int64 { return parse(g.file(name)) }

func parse(text string) int64 {
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil {
		return -1
	}
	return n
}

// field returns the value of a line "NAME VALUE".
func field(text, name string) int64 {
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, name+" "); ok {
			return parse(rest)
		}
	}
	return -1
}

// sum adds up what all lines say after prefix.
func sum(text, prefix string) int64 {
	total := int64(0)
	for word := range strings.FieldsSeq(text) {
		if rest, ok := strings.CutPrefix(word, prefix); ok {
			total += max(parse(rest), 0)
		}
	}
	return total
}

// removePatience is how long a cgroup may be busy whose last process is gone: one
// that is killed leaves it a little later than its parent hears of its end.
const removePatience = 5 * time.Second

// Close takes the cgroup away, with whatever may still run in it, and the
// launcher out of the one beside it. It may be called twice.
func (g *Group) Close() {
	if g == nil {
		return
	}
	if g.FD >= 0 {
		_ = syscall.Close(g.FD)
		g.FD = -1
	}
	if g.Dir != "" {
		// A sandbox that did not start, or its strays; Linux 5.14.
		_ = write(g.Dir+"/cgroup.kill", "1")
		if err := remove(g.Dir + "/" + inner); err == nil || err == syscall.ENOENT {
			_ = remove(g.Dir)
		}
		g.Dir = ""
	}
	if g.lock >= 0 {
		_ = syscall.Close(g.lock)
		g.lock = -1
	}
	if g.own != nil {
		g.own.leave(g.place.enable)
		g.own = nil
	}
}

// remove removes an empty cgroup; what stays is the next sweep's.
func remove(dir string) error {
	begin := time.Now()
	for wait := time.Millisecond; ; wait *= 2 {
		err := syscall.Rmdir(dir)
		if err != syscall.EBUSY && err != syscall.EINTR || time.Since(begin)+wait > removePatience {
			return err
		}
		time.Sleep(wait)
	}
}
