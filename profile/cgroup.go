package profile

import (
	"math"
	"strconv"
	"strings"
)

// Limits by cgroup v2. An entry keeps in text what was written, and in name what
// the cgroup's file takes (cgroups(7), Documentation/admin-guide/cgroup-v2.rst).

// unlimited is how those files spell "no limit".
const unlimited = "max"

func cgroupValue(e *entry, v any) (err error) {
	if n, ok := v.(int64); ok {
		e.text = strconv.FormatInt(n, 10)
	} else if e.text, err = stringValue(v); err != nil {
		return err
	}
	return e.parseCgroup()
}

func (e *entry) parseCgroup() error {
	def := &keys[e.key]
	switch {
	case e.key == keyCPUMax:
		return e.parseCPUMax()
	case e.key == keyCPUWeight || e.key == keyIOWeight:
		n, err := parseCount(e.text)
		if err != nil || n < 1 || n > 10_000 {
			return badValue(e.text, "is not a weight", "write a number from 1 to 10000; everybody else has 100")
		}
		e.name = strconv.FormatUint(n, 10)
		return nil
	case e.text == unlimited || e.text == "unlimited":
		e.name = unlimited
		return nil
	}
	parse := parseCount
	if def.unit == unitBytes {
		parse = parseSize
	}
	n, err := parse(e.text)
	if err != nil {
		return err
	}
	e.name = strconv.FormatUint(n, 10)
	return nil
}

// cpuPeriod is the kernel's default period of cpu.max, in microseconds.
const cpuPeriod = 100_000

// parseCPUMax reads how many processors may be busy: "1.5" or "150%".
func (e *entry) parseCPUMax() error {
	if e.text == unlimited || e.text == "unlimited" {
		e.name = unlimited + " " + strconv.Itoa(cpuPeriod)
		return nil
	}
	digits, percent := strings.CutSuffix(e.text, "%")
	n, err := strconv.ParseFloat(digits, 64)
	if percent {
		n /= 100
	}
	const least = 0.01 // 1 ms of each period, the kernel's own bound
	if err != nil || strings.ContainsAny(digits, "+-eExXpPiInN_") || n < least || n > 1<<20 {
		return badValue(e.text, "is not a number of processors", `write it like "1.5" or "150%", at least "1%"`)
	}
	e.name = strconv.FormatUint(uint64(math.Round(n*cpuPeriod)), 10) + " " + strconv.Itoa(cpuPeriod)
	return nil
}

// ioLimits are the limits of io.max: bytes and operations a second.
var ioLimits = [...]string{"rbps", "wbps", "riops", "wiops"}

// parseIOMax reads "DEVICE rbps=10M wiops=100" into the words that io.max takes.
// DEVICE is "MAJOR:MINOR" or a path, which may have blanks in it.
func parseIOMax(text string) (string, error) {
	device, rest := text, ""
	for _, name := range ioLimits {
		if i := strings.Index(device, " "+name+"="); i >= 0 {
			device, rest = text[:i], text[i:]
		}
	}
	device = strings.TrimSpace(device)
	const form = `write it like "/srv rbps=10M wbps=10M riops=100 wiops=100", each of them at most once`
	if rest == "" || !isDevice(device) {
		return "", badValue(text, "is not a device and its limits", form)
	}
	out, seen := device, ""
	for word := range strings.FieldsSeq(rest) {
		name, value, _ := strings.Cut(word, "=")
		parse := parseCount
		switch name {
		case "rbps", "wbps":
			parse = parseSize
		case "riops", "wiops":
		default:
			return "", badValue(word, "is not a limit of a device", form)
		}
		if strings.Contains(seen, " "+name+" ") {
			return "", badValue(name, "is there twice", form)
		}
		seen += " " + name + " "
		if value != unlimited && value != "unlimited" {
			n, err := parse(value)
			if err != nil || n == 0 {
				return "", badValue(word, "is not a limit of a device", form)
			}
			value = strconv.FormatUint(n, 10)
		} else {
			value = unlimited
		}
		out += " " + name + "=" + value
	}
	return out, nil
}

// isDevice reports whether s is a path or MAJOR:MINOR.
func isDevice(s string) bool {
	if strings.HasPrefix(s, "/") {
		return true
	}
	major, minor, ok := strings.Cut(s, ":")
	_, err := strconv.ParseUint(major, 10, 32)
	_, err2 := strconv.ParseUint(minor, 10, 32)
	return ok && err == nil && err2 == nil
}
