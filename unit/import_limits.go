package unit

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// limits is [limits].
func (i *importer) limits() {
	for _, name := range []string{"AS", "CORE", "CPU", "DATA", "FSIZE", "LOCKS", "MEMLOCK", "MSGQUEUE", "NICE", "NOFILE", "NPROC", "RSS", "RTPRIO", "RTTIME", "SIGPENDING", "STACK"} {
		if s, ok := i.kept("Limit" + name); ok {
			i.limit(s, strings.ToLower(name))
		}
	}
	i.amount("MemoryMax", "limits.memory_max", 1024)
	i.amount("MemoryHigh", "limits.memory_high", 1024)
	i.amount("MemorySwapMax", "limits.swap_max", 1024)
	i.amount("TasksMax", "limits.pids_max", 1)
	if s, ok := i.last("CPUQuota"); ok {
		if n, found := strings.CutSuffix(s.value, "%"); found && isCount(n) && len(n) < 8 && strings.Trim(n, "0") != "" {
			i.doc.text("limits.cpu_max", n+"%")
		} else {
			i.miss(s, "it is no whole percentage")
		}
	}
	i.weight("CPUWeight", "limits.cpu_weight")
	i.weight("IOWeight", "limits.io_weight")
	i.io()
}

// limit is one of the rlimits: SOFT[:HARD]. "infinity" restricts nothing, and a
// user may not even have it; what is below it stays.
func (i *importer) limit(s setting, name string) {
	soft, hard, two := strings.Cut(s.value, ":")
	if !two {
		hard = soft
	}
	var out []string
	for _, text := range []string{soft, hard} {
		v, ok := limitValue(name, text)
		if !ok {
			i.miss(s, "it is no limit")
			return
		}
		out = append(out, v)
	}
	switch {
	case out[0] == "unlimited":
		i.left = append(i.left, s.name)
	case out[1] == "unlimited":
		i.doc.text("limits."+name, out[0])
		i.stricter = append(i.stricter, s.name+"="+s.value+": the program cannot raise it again, because a hard limit without end is above what a user has.")
	case out[0] == out[1]:
		i.doc.text("limits."+name, out[0])
	default:
		i.doc.text("limits."+name, out[0]+":"+out[1])
	}
}

func limitValue(name, s string) (string, bool) {
	if s == "infinity" {
		return "unlimited", true
	}
	switch name {
	case "cpu", "rttime":
		unit, base := time.Second, "s"
		if name == "rttime" {
			unit, base = time.Microsecond, "us"
		}
		if isCount(s) {
			s += base
		}
		d, finite, ok := parseSpan(s)
		return strconv.FormatInt(int64((d+unit-1)/unit), 10), ok && finite && d > 0
	case "nice":
		// +N and -N are nice levels, N the raw limit: 20 minus the level.
		if strings.HasPrefix(s, "+") || strings.HasPrefix(s, "-") {
			n, err := strconv.Atoi(s)
			return strconv.Itoa(20 - n), err == nil && n >= -20 && n < 20
		}
		return s, isCount(s)
	case "locks", "nofile", "nproc", "rtprio", "sigpending":
		return s, isCount(s)
	}
	n, ok := parseBytes(s, 1024)
	return strconv.FormatUint(n, 10), ok
}

// isCount reports whether s is a decimal number that fits everywhere.
func isCount(s string) bool {
	return s != "" && len(s) < 19 && strings.Trim(s, "0123456789") == ""
}

// amount is a limit of a cgroup. A percentage is one of the host's memory.
func (i *importer) amount(name, key string, base float64) {
	s, ok := i.last(name)
	if !ok {
		return
	}
	n, valid := parseBytes(s.value, base)
	switch {
	case s.value == "infinity":
		i.left = append(i.left, name)
	case strings.HasSuffix(s.value, "%"):
		i.miss(s, "a profile has no percentages: keep it in the unit that starts lichen, on whose cgroup systemd enforces it")
	case !valid || base == 1 && !isCount(s.value):
		i.miss(s, "it is no amount")
	default:
		i.doc.set(key, strconv.FormatUint(n, 10))
	}
}

func (i *importer) weight(name, key string) {
	s, ok := i.last(name)
	if !ok {
		return
	}
	value := s.value
	if name == "IOWeight" {
		value = strings.TrimPrefix(value, "default ")
	}
	if n, err := strconv.Atoi(value); err == nil && n >= 1 && n <= 10000 {
		i.doc.set(key, strconv.Itoa(n))
		return
	}
	i.miss(s, "a weight is a number from 1 to 10000")
}

// io collects the limits of each device, whose letters count 1000 each.
func (i *importer) io() {
	names := []struct{ name, key string }{{"IOReadBandwidthMax", "rbps"}, {"IOWriteBandwidthMax", "wbps"}, {"IOReadIOPSMax", "riops"}, {"IOWriteIOPSMax", "wiops"}}
	var devices []string
	values := map[string]string{} // "device key"
	for _, d := range names {
		for _, s := range i.list(d.name) {
			words, err := splitWords(s.value)
			if err != nil || len(words) != 2 || !strings.HasPrefix(words[0], "/") || strings.ContainsAny(words[0], " %=") {
				i.miss(s, "it is no device and a limit")
				continue
			}
			n, ok := parseBytes(words[1], 1000)
			if words[1] == "infinity" {
				continue
			}
			if !ok || n == 0 {
				i.miss(s, "it is no device and a limit")
				continue
			}
			if !slices.Contains(devices, words[0]) {
				devices = append(devices, words[0])
			}
			values[words[0]+" "+d.key] = strconv.FormatUint(n, 10)
		}
	}
	for _, device := range devices {
		text := device
		for _, d := range names {
			if v := values[device+" "+d.key]; v != "" {
				text += " " + d.key + "=" + v
			}
		}
		i.doc.add("limits.io_max", text)
	}
}

// service is [service]: what systemd hands over.
func (i *importer) service() {
	on := func(key string) { i.doc.set("service."+key, "true") }
	if s, ok := i.last("Sockets"); ok || i.Socket {
		on("listen")
		if ok {
			i.left = append(i.left, s.name)
		}
	}
	kind, _ := i.kept("Type")
	watchdog, _ := i.last("WatchdogSec")
	store, _ := i.last("FileDescriptorStoreMax")
	d, _, _ := parseSpan(watchdog.value)
	if kind.value == "notify" || kind.value == "notify-reload" || d > 0 || store.value != "" && store.value != "0" {
		on("notify")
	}
	directories := false
	for _, name := range []string{"RuntimeDirectory", "StateDirectory", "CacheDirectory", "LogsDirectory", "ConfigurationDirectory",
		"LoadCredential", "LoadCredentialEncrypted", "SetCredential", "SetCredentialEncrypted", "ImportCredential"} {
		if len(i.list(name)) > 0 {
			directories = true
			i.left = append(i.left, name)
		}
	}
	if directories {
		on("directories")
	}
}
