package profile

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/lichen-sandbox/lichen/spec"
)

// parseSize reads a number of bytes: "4096", "64K", "16M", "2G", "1T", each
// letter 1024 times the one before.
func parseSize(s string) (uint64, error) {
	const hint = `write bytes ("4096") or a number with K, M, G or T ("64M")`
	digits, shift := s, 0
	if s != "" {
		if i := strings.IndexByte("KMGT", s[len(s)-1]); i >= 0 {
			digits, shift = s[:len(s)-1], 10*(i+1)
		}
	}
	n, err := parseCount(digits)
	if err != nil || digits == "" {
		return 0, badValue(s, "is not a size", hint)
	}
	if n > math.MaxInt64>>shift {
		return 0, badValue(s, "is too large", "")
	}
	return n << shift, nil
}

// parseCount reads plain decimal digits: no sign, no underscore.
func parseCount(s string) (uint64, error) {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, badValue(s, "is not a number", "")
		}
	}
	n, err := strconv.ParseUint(s, 10, 63)
	if err != nil {
		return 0, badValue(s, "is not a number below 2^63", "")
	}
	return n, nil
}

// parseMode reads permission bits up to max, in octal digits.
func parseMode(s string, limit uint32) (uint32, error) {
	n, err := strconv.ParseUint(s, 8, 32)
	if err != nil || strings.ContainsAny(s, "+_") || uint32(n) > limit {
		return 0, badValue(s, "is not an octal mode up to "+strconv.FormatUint(uint64(limit), 8), `write it like "022" or "0755"`)
	}
	return uint32(n), nil
}

func parseDuration(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		return 0, badValue(s, "is not a duration", `write it like "500ms", "30s", "1h30m"`)
	}
	return d, nil
}

// parseLimit reads a resource limit, "VALUE" or "SOFT:HARD".
func parseLimit(s string, u unit) (soft, hard uint64, err error) {
	first, second, two := strings.Cut(s, ":")
	if soft, err = parseLimitValue(first, u); err != nil || !two {
		return soft, soft, err
	}
	if hard, err = parseLimitValue(second, u); err != nil {
		return 0, 0, err
	}
	if soft > hard {
		return 0, 0, badValue(s, "has a soft limit above the hard one", "the form is SOFT:HARD")
	}
	return soft, hard, nil
}

func parseLimitValue(s string, u unit) (uint64, error) {
	if s == "unlimited" {
		return spec.RlimInfinity, nil
	}
	if u == unitBytes {
		return parseSize(s)
	}
	if s == "" || s[len(s)-1] < '0' || s[len(s)-1] > '9' {
		return parseLimitTime(s, u)
	}
	return parseCount(s)
}

// parseLimitTime reads a duration where the kernel counts time, rounded up.
func parseLimitTime(s string, u unit) (uint64, error) {
	step := time.Second
	switch u {
	case unitMicroseconds:
		step = time.Microsecond
	case unitSeconds:
	default:
		return 0, badValue(s, "is not a limit", `write a number, "unlimited", or "SOFT:HARD"`)
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		return 0, badValue(s, "is not a limit", `write a number, a duration ("30s"), "unlimited", or "SOFT:HARD"`)
	}
	n := uint64(d / step)
	if d%step != 0 {
		n++
	}
	return n, nil
}
