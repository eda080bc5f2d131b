package cgroup

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/lichen-sandbox/lichen/spec"
)

// set writes the limits and reads them back.
func (g *Group) set() error {
	for i := range g.limits.Cgroup {
		l := &g.limits.Cgroup[i]
		value := l.Value
		if l.File == "io.max" {
			var err error
			if value, err = withDevice(g.place.host, l); err != nil {
				return err
			}
		}
		if err := write(g.Dir+"/"+l.File, value); err != nil {
			return unwritten(l, value, err)
		}
		text, err := os.ReadFile(g.Dir + "/" + l.File)
		if err != nil {
			return about(l, "it cannot be read back from "+l.File+": "+unwrapPath(err).Error(), "")
		}
		if !holds(l.File, value, string(text)) {
			return about(l, "the kernel has made "+quote(strings.TrimSpace(string(text)))+" of "+quote(value)+" in "+l.File, "")
		}
	}
	if !needsMemory(g.limits) {
		return nil
	}
	// A sandbox of which one process is killed and the rest goes on tells nobody
	// what has happened. With memory.oom.group the kernel kills all of it.
	if err := write(g.Dir+"/memory.oom.group", "1"); err != nil {
		return about(g.first("memory.max"), "1 cannot be written into memory.oom.group: "+err.Error(), "")
	}
	return nil
}

// first returns the limit by that file, or nil.
func (g *Group) first(file string) *spec.CgroupLimit {
	for i := range g.limits.Cgroup {
		if l := &g.limits.Cgroup[i]; l.File == file {
			return l
		}
	}
	return nil
}

func unwritten(l *spec.CgroupLimit, value string, err error) error {
	if errors.Is(err, syscall.ENOENT) {
		switch l.File {
		case "io.weight":
			return about(l, "the kernel has no io.weight (CONFIG_BLK_CGROUP_IOCOST)", "")
		case "memory.swap.max":
			return about(l, "the kernel does not count swap: there is no memory.swap.max", "")
		}
		return about(l, "the kernel has no "+l.File, "")
	}
	if errors.Is(err, syscall.ENODEV) && l.File == "io.max" {
		return about(l, "the kernel has no limits for the disk of "+quote(value), "")
	}
	return about(l, quote(value)+" cannot be written into "+l.File+": "+err.Error(), "")
}

// holds compares what was written with what is in force.
func holds(file, want, got string) bool {
	switch got = strings.TrimSuffix(got, "\n"); {
	case file == "io.max":
		return holdsIO(want, got)
	case file == "io.weight":
		// One line for each device follows.
		first, _, _ := strings.Cut(got, "\n")
		return first == "default "+want
	case strings.HasPrefix(file, "memory."):
		return holdsPages(want, got)
	}
	return got == want
}

// holdsPages knows that the kernel counts memory in pages, rounding down, and
// that a number of pages above its range is no limit.
func holdsPages(want, got string) bool {
	if want == got {
		return true
	}
	w, err := strconv.ParseUint(want, 10, 64)
	if err != nil {
		return false
	}
	const none = 1 << 62
	if got == "max" {
		return w >= none
	}
	page := uint64(os.Getpagesize())
	g, err := strconv.ParseUint(got, 10, 64)
	return err == nil && g == w/page*page
}

// holdsIO looks for the device's line and each of its limits. A device that all
// limits are lifted from has no line.
func holdsIO(want, got string) bool {
	f := strings.Fields(want)
	line := []string{}
	for l := range strings.Lines(got) {
		if w := strings.Fields(l); len(w) > 0 && w[0] == f[0] {
			line = w[1:]
		}
	}
	for _, limit := range f[1:] {
		found := strings.HasSuffix(limit, "=max") && len(line) == 0
		for _, l := range line {
			found = found || l == limit
		}
		if !found {
			return false
		}
	}
	return true
}

// withDevice puts the numbers of the whole disk in the place of a path: the
// kernel takes no partition (block/blk-cgroup.c).
func withDevice(h *Host, l *spec.CgroupLimit) (string, error) {
	first, _, _ := strings.Cut(l.Value, "=")
	i := strings.LastIndexByte(first, ' ')
	if i < 0 {
		return "", about(l, quote(l.Value)+" is not a device and its limits", "")
	}
	device, limits := l.Value[:i], l.Value[i+1:]
	if !strings.HasPrefix(device, "/") {
		return l.Value, nil
	}
	var st syscall.Stat_t
	if err := syscall.Stat(h.Root+device, &st); err != nil {
		return "", about(l, device+": "+err.Error(), "")
	}
	dev := st.Dev
	if st.Mode&syscall.S_IFMT == syscall.S_IFBLK {
		dev = st.Rdev
	}
	name := number(dev)
	if dev>>8&0xfff == 0 {
		// btrfs, overlayfs and file systems in memory have numbers that are no disk's.
		return "", about(l, device+" is on a file system without a disk of its own", "name the disk: a device in /dev, or MAJOR:MINOR")
	}
	sysfs := "/sys/dev/block/" + name
	if !h.exists(sysfs) {
		return "", about(l, device+" is on "+name+", which is no disk here", "")
	}
	if h.exists(sysfs + "/partition") {
		// The link leads to .../DISK/PARTITION.
		text, err := h.read(sysfs + "/../dev")
		if err != nil {
			return "", about(l, "the disk of "+device+" cannot be found: "+unwrapPath(err).Error(), "")
		}
		name = strings.TrimSpace(text)
	}
	return name + " " + limits, nil
}

// number writes a dev_t as makedev(3) puts it together.
func number(dev uint64) string {
	major := dev>>8&0xfff | dev>>32&^0xfff
	minor := dev&0xff | dev>>12&^0xff
	return strconv.FormatUint(major, 10) + ":" + strconv.FormatUint(minor&0xffffffff, 10)
}
