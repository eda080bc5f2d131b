package unit

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// parseBool reads what systemd takes for a boolean.
func parseBool(s string) (value, ok bool) {
	switch strings.ToLower(s) {
	case "1", "yes", "y", "true", "t", "on":
		return true, true
	case "0", "no", "n", "false", "f", "off":
		return false, true
	}
	return false, false
}

// parseSpan reads a time span of systemd.time(7). ok is false for "infinity",
// too, which finite tells apart.
func parseSpan(s string) (d time.Duration, finite, ok bool) {
	s = strings.TrimSpace(s)
	if s == "infinity" {
		return 0, false, true
	}
	if s == "" {
		return 0, false, false
	}
	total := 0.0
	for s != "" {
		n := len(s) - len(strings.TrimLeft(s, "0123456789."))
		value, err := strconv.ParseFloat(s[:n], 64)
		if err != nil {
			return 0, false, false
		}
		s = strings.TrimLeft(s[n:], " \t")
		n = len(s) - len(strings.TrimLeft(s, "abcdefghijklmnopqrstuvwxyzMµ"))
		unit, known := spanUnit(s[:n])
		if !known {
			return 0, false, false
		}
		total += value * float64(unit)
		s = strings.TrimLeft(s[n:], " \t")
	}
	if total < 0 || total > float64(math.MaxInt64/2) {
		return 0, false, false
	}
	return time.Duration(total), true, true
}

func spanUnit(name string) (time.Duration, bool) {
	const day = 24 * time.Hour
	switch name {
	case "", "s", "sec", "second", "seconds":
		return time.Second, true
	case "us", "µs", "usec":
		return time.Microsecond, true
	case "ms", "msec":
		return time.Millisecond, true
	case "m", "min", "minute", "minutes":
		return time.Minute, true
	case "h", "hr", "hour", "hours":
		return time.Hour, true
	case "d", "day", "days":
		return day, true
	case "w", "week", "weeks":
		return 7 * day, true
	case "M", "month", "months":
		return 2629800 * time.Second, true
	case "y", "year", "years":
		return 31557600 * time.Second, true
	}
	return 0, false
}

// parseBytes reads a size whose letters count base each, 1024 or 1000.
func parseBytes(s string, base float64) (uint64, bool) {
	i := strings.IndexAny(s, "BKMGTPE")
	digits, factor := s, 1.0
	if i >= 0 {
		if i != len(s)-1 {
			return 0, false
		}
		digits = strings.TrimSpace(s[:i])
		factor = math.Pow(base, float64(strings.IndexByte("BKMGTPE", s[i])))
	}
	if strings.Trim(digits, "0123456789.") != "" {
		return 0, false
	}
	if whole, err := strconv.ParseUint(digits, 10, 63); err == nil && factor == 1 {
		return whole, true
	}
	n, err := strconv.ParseFloat(digits, 64)
	if err != nil || n*factor >= 1<<63 {
		return 0, false
	}
	return uint64(n * factor), true
}
