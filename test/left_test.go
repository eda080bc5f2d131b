package test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// leftNothing checks, when the test is over, that no process of it is alive
// and that this mount namespace is as it was.
func (b *box) leftNothing() {
	mounts := b.mounts()
	b.t.Cleanup(func() {
		b.noProcesses()
		if after := b.mounts(); after != mounts {
			b.t.Errorf("mounts changed:\n%s\nbefore:\n%s", after, mounts)
		}
	})
}

// mounts lists the mounts of this namespace, without those in the temporary
// directories of other test programs, which run at the same time.
func (b *box) mounts() string {
	b.t.Helper()
	var own strings.Builder
	for line := range strings.Lines(readFile(b, "/proc/self/mountinfo")) {
		const mountPoint = 4 // see proc_pid_mountinfo(5)
		if at := strings.Fields(line)[mountPoint]; !strings.HasPrefix(at, os.TempDir()+"/") || strings.HasPrefix(at, suiteDir) {
			own.WriteString(line)
		}
	}
	return own.String()
}

func readFile(b *box, path string) string {
	b.t.Helper()
	data, err := os.ReadFile(path)
	b.check(err)
	return string(data)
}

// noProcesses waits until no descendant of the suite is left: the kernel takes
// a pid namespace away after its launcher has gone, not at the same moment.
func (b *box) noProcesses() {
	b.t.Helper()
	var left []string
	for end := time.Now().Add(deadline); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if left = descendants(); len(left) == 0 {
			return
		}
	}
	b.t.Errorf("processes left: %s", strings.Join(left, "; "))
	for _, l := range left {
		pid, _, _ := strings.Cut(l, " ")
		if n, err := strconv.Atoi(pid); err == nil {
			unix.Kill(n, unix.SIGKILL) // a descendant of ours
		}
	}
}

// descendants lists the processes below this one, and reaps orphans that have
// ended. It must not run while a command is waited for.
func descendants() []string {
	parents := map[int]int{}
	text := map[int]string{}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, s := range stats {
		data, err := os.ReadFile(s)
		if err != nil {
			continue // it has ended meanwhile
		}
		i := strings.LastIndexByte(string(data), ')')
		f := strings.Fields(string(data[i+1:]))
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(s)))
		ppid, _ := strconv.Atoi(f[1])
		if f[0] == "Z" {
			if ppid == os.Getpid() {
				unix.Wait4(pid, nil, unix.WNOHANG, nil)
			}
			continue
		}
		parents[pid] = ppid
		text[pid] = string(data[:i+1])
	}
	var left []string
	for pid := range parents {
		for p := parents[pid]; p != 0; p = parents[p] {
			if p == os.Getpid() {
				left = append(left, text[pid])
				break
			}
		}
	}
	return left
}

// treeOf lists a directory, to compare before and after.
func (b *box) treeOf(dir string) string {
	b.t.Helper()
	var lines strings.Builder
	b.check(filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err != nil {
			return err
		}
		lines.WriteString(path + " " + info.Mode().String() + " " + info.ModTime().String() + "\n")
		return nil
	}))
	return lines.String()
}
