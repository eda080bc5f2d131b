package sys

import (
	"bytes"
	"strconv"
)

// ProcStat is what is needed of /proc/PID/stat; see proc(5).
type ProcStat struct {
	Parent int
	Start  uint64 // in ticks since the boot
}

// ReadProcStat reads that of a process.
func ReadProcStat(pid int) (ProcStat, error) {
	var buf [1024]byte
	text, err := readSmall("/proc/"+strconv.Itoa(pid)+"/stat", buf[:])
	if err != nil {
		return ProcStat{}, err
	}
	s, ok := ParseProcStat(text)
	if !ok {
		return ProcStat{}, EINVAL
	}
	return s, nil
}

// ParseProcStat reads the text. The second field is a name in parentheses, which the
// process chooses: what follows the last one is the kernel's.
func ParseProcStat(text []byte) (s ProcStat, ok bool) {
	end := bytes.LastIndexByte(text, ')')
	if end < 0 {
		return s, false
	}
	const first, parent, start = 3, 4, 22 // as proc(5) counts
	fields := bytes.Fields(text[end+1:])
	if len(fields) <= start-first {
		return s, false
	}
	var err, err2 error
	s.Parent, err = strconv.Atoi(string(fields[parent-first]))
	s.Start, err2 = strconv.ParseUint(string(fields[start-first]), 10, 64)
	return s, err == nil && err2 == nil
}
