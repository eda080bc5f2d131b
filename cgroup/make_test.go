package cgroup

import (
	"os"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// TestLockTaken protects the next start: who may only read a delegated cgroup can
// take the lock of what is made there, and lichen does not wait for it.
func TestLockTaken(t *testing.T) {
	parent := t.TempDir()
	var stop atomic.Bool
	taken := make(chan int)
	go func() {
		n, held := 0, [64]int{}
		for i := range held {
			held[i] = -1
		}
		for !stop.Load() {
			entries, _ := os.ReadDir(parent) // the test's
			for _, e := range entries {
				fd, err := open(parent + "/" + e.Name())
				if err == nil && syscall.Flock(fd, syscall.LOCK_EX|syscall.LOCK_NB) == nil {
					_ = syscall.Close(held[n%len(held)]) // long gone
					held[n%len(held)] = fd
					n++
				} else if err == nil {
					_ = syscall.Close(fd)
				}
			}
		}
		taken <- n
	}()
	made := make(chan error)
	go func() {
		for range 200 {
			dir, lock, err := makeDir(parent)
			if err == nil {
				_ = os.Remove(dir)
				_ = syscall.Close(lock)
			}
			made <- err
		}
		close(made)
	}()
	for open := true; open; {
		var err error
		select {
		case err, open = <-made:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(20 * time.Second):
			t.Fatal("lichen waits for the lock of a directory of its own")
		}
	}
	stop.Store(true)
	t.Log(<-taken, "locks were taken")
}

// TestSweep protects what others have made: only what launchers leave is taken away.
func TestSweep(t *testing.T) {
	parent := t.TempDir()
	keep := []string{"lichen", "lichen-1", "lichen-web", "lichen-1-x", "lichen-1-2.scope", "lichen--1", "lichen-1-", "lichen-1-2-3", "other-1-2", "lichen-6-0"}
	for _, name := range append([]string{"lichen-4-0", "lichen-5-12/payload"}, keep...) {
		if err := os.MkdirAll(parent+"/"+name, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	lock, err := open(parent + "/lichen-6-0")
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(lock)
	if !hold(lock, parent+"/lichen-6-0") {
		t.Fatal("the lock is taken")
	}
	sweep(parent)
	left, err := os.ReadDir(parent)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range left {
		names = append(names, e.Name())
	}
	slices.Sort(keep)
	if !slices.Equal(names, keep) {
		t.Errorf("left are %q, want %q", names, keep)
	}
}
