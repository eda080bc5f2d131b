package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

func TestSixteenAtOnce(t *testing.T) {
	forUsers(t, func(t *testing.T, u account) {
		s, b := newServer(t), newBox(t, u)
		ref := s.push(t, "demo/app:1", testImage(t, 3_000_000))
		var all [16]*exec.Cmd
		var said [16]bytes.Buffer
		for i := range all {
			all[i] = b.command("pull", ref)
			all[i].Stdout, all[i].Stderr = &said[i], &said[i]
			if err := all[i].Start(); err != nil {
				t.Fatal(err)
			}
		}
		for i, c := range all {
			if err := c.Wait(); err != nil {
				t.Errorf("%v: %s", err, &said[i])
			}
		}
		// 3 layers, and the config for each of them.
		if n := s.asked("/blobs/"); n > 3+16 {
			t.Errorf("%d blobs were fetched", n)
		}
		b.tree()
		b.empty("partial", "staging", "locks")
		b.ok("verify")
	})
}

// TestKilled kills pulls at random moments; what they leave must never look
// whole, nor stand in the way.
func TestKilled(t *testing.T) {
	rounds := 100
	if testing.Short() {
		rounds = 10
	}
	forUsers(t, func(t *testing.T, u account) {
		s, b := newServer(t), newBox(t, u)
		var refs []string
		for i := range 4 { // two of a kind, so that trees are built on others
			refs = append(refs, s.push(t, fmt.Sprintf("demo/app%d:1", i), imageWith(t, i)))
		}
		start := time.Now()
		b.ok("pull", refs[0])
		whole := time.Since(start)
		b.ok("prune", "--all")
		done := 0
		for i := range rounds {
			c := b.command("pull", "-q", refs[i%len(refs)])
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Duration(rand.Int64N(int64(whole * 5 / 4))))
			_ = c.Process.Kill()
			if c.Wait() == nil {
				done++
			}
			if i%10 == 9 { // else all of it is there soon
				b.ok("verify", "-q")
				b.ok("prune", "--all")
			}
		}
		t.Logf("%d of %d pulls ended before they were killed; a whole one takes %v", done, rounds, whole)
		for _, ref := range refs {
			b.ok("pull", ref)
		}
		if out := b.ok("verify", "-q"); out != "all is as it should be\n" {
			t.Errorf("verify: %s", out)
		}
		b.ok("prune", "--all")
		b.empty("staging", "partial", "trees", "records", "locks", "blobs/sha256")
	})
}

func TestFullDisk(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("mounting a small tmpfs needs root")
	}
	forUsers(t, func(t *testing.T, u account) {
		s, b := newServer(t), newBox(t, u)
		small := s.push(t, "demo/small:1", testImage(t, 300_000))
		big := s.push(t, "demo/big:1", testImage(t, 30_000_000))
		tree := s.push(t, "demo/tree:1", testImage(t, 11_000_000)) // the blob fits, the tree beside it does not
		if err := os.Mkdir(b.store(), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Mount("tmpfs", b.store(), "tmpfs", 0, fmt.Sprintf("size=20m,mode=0700,uid=%d,gid=%d", u.uid, u.uid)); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := syscall.Unmount(b.store(), syscall.MNT_DETACH); err != nil {
				t.Error(err)
			}
		})
		b.ok("pull", small)
		for _, ref := range []string{big, tree} {
			code, out, errs := b.run("pull", "-q", ref)
			lines := strings.Split(strings.TrimSpace(errs), "\n")
			if code != exitFailed || out != "" || len(lines) != 2 || !strings.Contains(lines[0], "no space left") || !strings.HasPrefix(lines[1], "hint: ") {
				t.Errorf("%s: %d, %q\n%s", ref, code, out, errs)
			}
			b.empty("staging", "locks")
			b.fails("not in the image store", "inspect", ref)
		}
		b.tree()
		b.ok("prune", "--all")
		b.ok("pull", small)
		b.ok("verify")
	})
}

// cutOff ends the answer to a request for a large blob after some bytes.
func cutOff(times *atomic.Int32, after int) func(http.Handler) http.Handler {
	return func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.Contains(r.URL.Path, "/blobs/") && times.Add(-1) >= 0 {
				w = &shortWriter{ResponseWriter: w, left: after}
			}
			h.ServeHTTP(w, r)
		})
	}
}

type shortWriter struct {
	http.ResponseWriter
	left int
}

func (w *shortWriter) Write(p []byte) (int, error) {
	if w.left -= len(p); w.left < 0 {
		panic(http.ErrAbortHandler)
	}
	return w.ResponseWriter.Write(p)
}

func TestBrokenConnection(t *testing.T) {
	forUsers(t, func(t *testing.T, u account) {
		s, b := newServer(t), newBox(t, u)
		ref := s.push(t, "demo/app:1", testImage(t, 5_000_000))
		var times atomic.Int32
		times.Store(4)
		s.wrap.Store(cutOff(&times, 1_000_000))
		b.ok("pull", ref)
		if times.Load() >= 0 {
			t.Error("no connection was broken")
		}
		b.ok("verify")
	})
}

func TestWrongBytes(t *testing.T) {
	forUsers(t, func(t *testing.T, u account) {
		s, b := newServer(t), newBox(t, u)
		ref := s.push(t, "demo/app:1", testImage(t, 500_000))
		s.wrap.Store(func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				h.ServeHTTP(&flipper{ResponseWriter: w, on: strings.Contains(r.URL.Path, "/blobs/")}, r)
			})
		})
		b.fails("digest", "pull", "-q", ref)
		b.fails("not in the image store", "inspect", ref)
		b.empty("trees", "staging", "records")
		// What is left of other layers was interrupted before the byte that is wrong.
		entries, err := os.ReadDir(b.store("partial"))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if info, err := e.Info(); err == nil && info.Size() > wrongByte {
				t.Errorf("left in the store: partial/%s, %d bytes", e.Name(), info.Size())
			}
		}
		s.wrap.Store((func(http.Handler) http.Handler)(nil))
		b.ok("pull", ref)
		b.ok("verify")
	})
}

// wrongByte is the one that flipper changes: in the largest layer alone.
const wrongByte = 300_000

// flipper changes a byte far into an answer.
type flipper struct {
	http.ResponseWriter
	on   bool
	seen int
}

func (w *flipper) Write(p []byte) (int, error) {
	const at = wrongByte
	if w.on && w.seen <= at && at < w.seen+len(p) {
		p = bytes.Clone(p)
		p[at-w.seen] ^= 1
	}
	w.seen += len(p)
	return w.ResponseWriter.Write(p)
}

func TestInterrupted(t *testing.T) {
	forUsers(t, func(t *testing.T, u account) {
		s, b := newServer(t), newBox(t, u)
		ref := s.push(t, "demo/app:1", testImage(t, 5_000_000))
		var slow atomic.Bool
		slow.Store(true)
		s.wrap.Store(stalling(&slow))
		c := b.command("pull", ref)
		var errs bytes.Buffer
		c.Stderr = &errs
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		waitFor(t, func() bool { return fileSize(b.store("partial", "*")) > 1_000_000 })
		if err := c.Process.Signal(syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
		_ = c.Wait()
		if c.ProcessState.ExitCode() != exitFailed || !strings.Contains(errs.String(), "interrupt") {
			t.Errorf("%v: %s", c.ProcessState, &errs)
		}
		b.empty("staging", "trees", "records", "locks")
		if fileSize(b.store("partial", "*")) < 1_000_000 {
			t.Error("the interrupted download is gone")
		}
		slow.Store(false)
		s.asked("")
		b.ok("pull", ref)
		b.ok("verify")
		b.empty("partial")
	})
}

// TestInterruptedWaiting interrupts pulls that wait for other processes: for one
// that downloads the same blob, and for one that builds the same tree.
func TestInterruptedWaiting(t *testing.T) {
	forUsers(t, func(t *testing.T, u account) {
		s, b := newServer(t), newBox(t, u)
		ref := s.push(t, "demo/app:1", testImage(t, 100_000))
		b.ok("pull", ref)
		tree := filepath.Base(filepath.Dir(b.tree()))
		blob := filepath.Base(largest(t, b.store("blobs/sha256/*")))
		b.ok("prune", "--all")
		for _, path := range []string{b.store("partial", blob+".lock"), b.store("locks", tree)} {
			lock, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
			if err != nil {
				t.Fatal(err)
			}
			if err := lock.Chown(u.uid, u.uid); err != nil {
				t.Fatal(err)
			}
			if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
				t.Fatal(err)
			}
			c := b.command("pull", "-q", ref)
			var errs bytes.Buffer
			c.Stderr = &errs
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(500 * time.Millisecond)
			start := time.Now()
			if err := c.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			_ = c.Wait()
			if c.ProcessState.ExitCode() != exitFailed || !strings.Contains(errs.String(), "terminated") || time.Since(start) > 5*time.Second {
				t.Errorf("%s: %v after %v: %s", path, c.ProcessState, time.Since(start), &errs)
			}
			b.empty("staging", "trees", "records")
			lock.Close()
		}
		b.ok("pull", ref)
		b.ok("verify")
	})
}

// largest returns the largest of the files that a pattern matches.
func largest(t *testing.T, pattern string) (found string) {
	t.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	return slices.MaxFunc(names, func(a, b string) int { return int(fileSize(a) - fileSize(b)) })
}

// stalling makes a registry whose answers stop in the middle.
func stalling(slow *atomic.Bool) func(http.Handler) http.Handler {
	return func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h.ServeHTTP(&stalled{w, slow, 0}, r)
		})
	}
}

// stalled stops in the middle of an answer until it is let on.
type stalled struct {
	http.ResponseWriter
	slow *atomic.Bool
	seen int
}

func (w *stalled) Write(p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		for w.seen > 1_500_000 && w.slow.Load() {
			time.Sleep(10 * time.Millisecond)
		}
		var more int
		more, err = w.ResponseWriter.Write(p[n:min(n+100_000, len(p))])
		w.ResponseWriter.(http.Flusher).Flush()
		n, w.seen = n+more, w.seen+more
	}
	return n, err
}

func waitFor(t *testing.T, what func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !what(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it did not come")
		}
	}
}

// fileSize is the largest of the files that a pattern matches.
func fileSize(pattern string) (n int64) {
	names, _ := filepath.Glob(pattern)
	for _, name := range names {
		if info, err := os.Stat(name); err == nil {
			n = max(n, info.Size())
		}
	}
	return n
}
