package test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// crowd builds helpers/crowd, and returns its path.
func crowd(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("cc"); err != nil {
		skip(t, "there is no C compiler")
	}
	if err := buildCrowd(); err != nil {
		t.Fatal(err)
	}
	return binDir + "/crowd"
}

var buildCrowd = sync.OnceValue(func() error {
	out, err := exec.Command("cc", "-O2", "-static", "-o", binDir+"/crowd", "helpers/crowd/crowd.c").CombinedOutput()
	if err != nil {
		return fmt.Errorf("build the crowd: %w\n%s", err, out)
	}
	return nil
})

// TestOrphanStorm protects long-running sandboxes: what a payload leaves behind
// goes to PID 1, which waits for it and grows by nothing.
func TestOrphanStorm(t *testing.T) {
	const grown = 64 // KiB: less than a word for each of the first
	program := crowd(t)
	forUsers(t, func(t *testing.T, b *box) {
		for orphans, options := range map[int][]string{10_000: nil, 2000: {"-p", "landlock"}} {
			if !b.mayUse(options...) {
				continue
			}
			r, w, err := os.Pipe()
			b.check(err)
			p := b.start(command{args: append(runArgs(options...), program, "storm", strconv.Itoa(orphans)), stdin: r})
			r.Close()
			if got := p.line(); got != "ready" {
				t.Fatalf("%v: %q", options, got)
			}
			pid1 := b.onlyChild(p.cmd.Process.Pid)
			b.handles(p.cmd.Process.Pid, unix.SIGTSTP) // PID 1 has come to its loop
			before := b.resident(pid1)
			_, err = w.WriteString("\n")
			b.check(err)
			// With "landlock" the payload does not see what is left; PID 1's children
			// are counted below.
			if got := p.line(); got != "failed 0 left 0 zombies 0" && options == nil {
				t.Errorf("%v: %s", options, got)
			}
			for end := time.Now().Add(deadline); len(childrenOf(pid1)) != 1; time.Sleep(5 * time.Millisecond) {
				if time.Now().After(end) {
					t.Fatalf("%v: PID 1 has %d children, not only the payload", options, len(childrenOf(pid1)))
				}
			}
			if after := b.resident(pid1); after > before+grown {
				t.Errorf("%v: PID 1 had %d KiB, and has %d", options, before, after)
			}
			_, err = w.WriteString("\n")
			b.check(err)
			w.Close()
			if o := p.wait(); o.code != 7 || o.stderr != "" {
				t.Errorf("%v: %+v", options, o)
			}
		}
	})
}

// childrenOf lists the children of a process.
func childrenOf(pid int) []int {
	var pids []int
	data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid)) // none where it has ended
	for field := range strings.FieldsSeq(string(data)) {
		n, _ := strconv.Atoi(field)
		pids = append(pids, n)
	}
	return pids
}

// onlyChild waits until a process has one child. Any thread may have made it.
func (b *box) onlyChild(pid int) int {
	b.t.Helper()
	for end := time.Now().Add(deadline); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
		b.check(err)
		for _, task := range tasks {
			data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/children", pid, task.Name())) // the thread may be gone
			if n, err := strconv.Atoi(strings.TrimSpace(string(data))); err == nil {
				return n
			}
		}
	}
	b.t.Fatalf("%d has no child", pid)
	return 0
}

// resident returns the KiB of a process that are in memory, shared or not: which
// of its pages PID 1 shares is up to the launcher. Its user cannot read it.
func (b *box) resident(pid int) int {
	b.t.Helper()
	if os.Getuid() != 0 {
		return 0
	}
	lines := bufio.NewScanner(strings.NewReader(readFile(b, fmt.Sprintf("/proc/%d/smaps_rollup", pid))))
	for lines.Scan() {
		if f := strings.Fields(lines.Text()); f[0] == "Rss:" {
			n, err := strconv.Atoi(f[1])
			b.check(err)
			return n
		}
	}
	b.t.Fatalf("%d has no memory", pid)
	return 0
}
