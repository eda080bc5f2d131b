package test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestThousand protects job runners: a thousand sandboxes, fifty at a time, each
// with the status that it has to have, and nothing left of any.
func TestThousand(t *testing.T) {
	forUsers(t, func(t *testing.T, b *box) {
		sandboxes := 1000
		if b.user.uid == 0 {
			sandboxes = 100 // the same code; what differs is the user's limits
		}
		run, tmp := b.mkdir(b.dir+"/run"), b.mkdir(b.dir+"/tmp")
		b.check(os.Chmod(run, 0o700))
		env := []string{"XDG_RUNTIME_DIR=" + run, "TMPDIR=" + tmp}
		fds, groups := descriptorsOf("self"), cgroups()
		var wg sync.WaitGroup
		next := make(chan int)
		for range 50 {
			wg.Go(func() {
				for i := range next {
					args, code := oneOfMany(i)
					if o := b.do(command{args: args, env: env}); o.code != code || o.signal != 0 {
						t.Errorf("sandbox %d, %q: %+v, want %d", i, args, o, code)
					}
				}
			})
		}
		for i := range sandboxes {
			next <- i
		}
		close(next)
		wg.Wait()
		if left := descendants(); len(left) > 0 {
			t.Errorf("left %s", left)
		}
		if now := descriptorsOf("self"); now > fds {
			t.Errorf("%d descriptors are open, %d were", now, fds)
		}
		b.leftNoFiles(run)
		b.leftNoFiles(tmp)
		b.leftNoCgroups(groups)
	})
}

// oneOfMany returns a command line for sandbox i, and the status that it ends
// with.
func oneOfMany(i int) (args []string, code int) {
	switch i % 10 {
	case 0:
		return append(runArgs("--timeout", "50ms", "--kill-after", "0s"), "sleep", "60"), 124
	case 1:
		return append(runArgs(), "/nonexistent/command"), 127
	case 2:
		return append(runArgs(), "/etc/passwd"), 126
	case 3:
		return append(runArgs("--ro", "/nonexistent"), "true"), 125
	case 4, 5:
		signals := []int{1, 2, 6, 9, 11, 13, 15, 31, 34, 64}
		sig := signals[i/10%len(signals)]
		return append(runArgs(), "sh", "-c", fmt.Sprintf("(sleep 60)& kill -%d $$", sig)), 128 + sig
	case 6:
		return append(runArgs("--linger"), "sh", "-c", fmt.Sprintf("(sleep 0.02)& exit %d", i/10)), i / 10 % 256
	}
	return append(runArgs(), "sh", "-c", fmt.Sprintf("(sleep 60)& exit %d", i%256)), i % 256
}

// descriptorsOf counts the open descriptors of a process.
func descriptorsOf(pid string) int {
	list, _ := os.ReadDir("/proc/" + pid + "/fd") // none where it has ended
	return len(list)
}

// leftNoFiles checks that nothing but directories is in a directory.
func (b *box) leftNoFiles(dir string) {
	b.t.Helper()
	b.check(filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			b.t.Errorf("left %s", path)
		}
		return err
	}))
}

// leftNoCgroups checks that no cgroup of lichen's has come. Those of other test
// programs, which run at the same time, go away.
func (b *box) leftNoCgroups(before []string) {
	b.t.Helper()
	var left []string
	for end := time.Now().Add(deadline); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		left = slices.DeleteFunc(cgroups(), func(path string) bool { return slices.Contains(before, path) })
		if len(left) == 0 {
			return
		}
	}
	b.t.Errorf("left %s", left)
}

// cgroups lists those that lichen has made.
func cgroups() []string {
	var list []string
	_ = filepath.WalkDir("/sys/fs/cgroup", func(path string, d os.DirEntry, err error) error {
		if err == nil && d.IsDir() && strings.HasPrefix(d.Name(), "lichen-") {
			list = append(list, path)
		}
		return nil // directories come and go
	})
	return list
}
