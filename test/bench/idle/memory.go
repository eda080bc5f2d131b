package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// children lists the children of all threads of a process.
func children(pid int) []int {
	var list []int
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid)) // the pattern is good
	for _, file := range files {
		data, _ := os.ReadFile(file) // a thread may have ended
		for field := range strings.FieldsSeq(string(data)) {
			if n, err := strconv.Atoi(field); err == nil {
				list = append(list, n)
			}
		}
	}
	return list
}

// memory is in KiB, from smaps_rollup (proc_pid_smaps(5)).
type memory struct{ pss, anon, file, private, rss, threads int }

func (m *memory) add(o memory) {
	m.pss += o.pss
	m.anon += o.anon
	m.file += o.file
	m.private += o.private
	m.rss += o.rss
	m.threads += o.threads
}

func (m *memory) print(name, part string, count int) {
	each := func(n int) float64 { return float64(n) / float64(count) }
	fmt.Printf("%-22s %-9s %7.0f %7.0f %7.0f %7.0f %7.0f %8.1f\n", name, part,
		each(m.pss), each(m.anon), each(m.file), each(m.private), each(m.rss), each(m.threads))
}

func readMemory(pid int) (m memory, err error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return m, err
	}
	for line := range strings.Lines(string(data)) {
		f := strings.Fields(line)
		if len(f) < 3 {
			continue
		}
		n, err := strconv.Atoi(f[1])
		if err != nil {
			continue // the line with the addresses
		}
		switch f[0] {
		case "Pss:":
			m.pss = n
		case "Pss_Anon:":
			m.anon = n
		case "Pss_File:":
			m.file = n
		case "Private_Clean:", "Private_Dirty:":
			m.private += n
		case "Rss:":
			m.rss = n
		}
	}
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	m.threads = len(tasks)
	return m, err
}
