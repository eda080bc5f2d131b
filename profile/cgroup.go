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
