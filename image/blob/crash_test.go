package blob

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lichen-sandbox/lichen/image/ref"
	"github.com/lichen-sandbox/lichen/image/store"
)

// TestKilled kills helpers at random moments, two at a time, and looks each time
// whether all that is visible is whole and the store goes on working.
func TestKilled(t *testing.T) {
	rounds := 100
	if testing.Short() {
		rounds = 10
	}
	dir := t.TempDir() + "/store"
	found := 0
	for round := range rounds {
		var helpers []*exec.Cmd
		for range 2 {
			cmd := worker(t, "churn", dir)
			check(t, cmd.Start())
			helpers = append(helpers, cmd)
		}
		// The helper's own start takes some of it.
		time.Sleep(time.Duration(10+rand.IntN(50)) * time.Millisecond)
		for _, cmd := range helpers {
			_ = cmd.Process.Kill() // it may have failed, which Wait tells
			err := cmd.Wait()
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
				t.Fatalf("round %d: a helper ended by itself: %v", round, err)
			}
		}
		found += leftovers(dir)
		wholeAfterKill(t, dir)
		if t.Failed() {
			t.Fatalf("in round %d", round)
		}
	}
	if found == 0 {
		t.Error("no kill came at a bad moment: nothing was shown")
	}
}

// leftovers counts what the killed left unfinished.
func leftovers(dir string) int {
	n := 0
	for _, sub := range []string{"/partial", "/staging"} {
		entries, _ := os.ReadDir(dir + sub) // not there yet: none
		n += len(entries)
	}
	return n
}

func wholeAfterKill(t *testing.T, dir string) {
	t.Helper()
	s, err := store.Create(dir)
	check(t, err)
	list, err := List(s)
	check(t, err)
	for _, d := range list {
		check(t, Verify(s, d.Digest))
	}
	r, err := ref.Parse("churn")
	check(t, err)
	if _, err := s.Record(r, ""); err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the record: %v", err)
	}
	wholeTree(t, s)
	for _, data := range churnBlobs() {
		check(t, Ingest(s, describe(data), (&source{data: data}).open, nil, nil))
		check(t, Verify(s, sum(data)))
	}
	check(t, buildTree(s))
	wholeTree(t, s)
	_, err = s.Sweep(store.Sweep{Partial: true})
	check(t, err)
	if n := leftovers(dir); n > 0 {
		t.Errorf("%d things are left after a sweep", n)
	}
	for _, sub := range []string{"", "/records"} {
		entries, err := os.ReadDir(dir + sub)
		check(t, err)
		for _, e := range entries {
			if strings.HasPrefix(e.Name(), ".") {
				t.Errorf("%s is left after a sweep", e.Name())
			}
		}
	}
}

// wholeTree fails if there is a tree that is not whole.
func wholeTree(t *testing.T, s *store.Store) {
	t.Helper()
	l, err := s.Lease(churnKey())
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	check(t, err)
	defer l.Close()
	for _, f := range churnFiles {
		if b, err := os.ReadFile(strings.TrimSuffix(l.Rootfs, "rootfs") + f); err != nil || string(b) != f {
			t.Errorf("%s of a tree: %q, %v", f, b, err)
		}
	}
}

// TestProcesses: of sixteen that want the same blobs, one downloads each.
func TestProcesses(t *testing.T) {
	dir := t.TempDir() + "/store"
	var helpers []*exec.Cmd
	for range 16 {
		cmd := worker(t, "ingest", dir)
		check(t, cmd.Start())
		helpers = append(helpers, cmd)
	}
	for _, cmd := range helpers {
		if err := cmd.Wait(); err != nil {
			t.Errorf("a helper: %v", err)
		}
	}
	s, err := store.Open(dir)
	check(t, err)
	for _, data := range churnBlobs() {
		has(t, s, data)
	}
	log, err := os.ReadFile(dir + ".log")
	check(t, err)
	downloads := map[string]int{}
	for line := range strings.Lines(string(log)) {
		downloads[line]++
	}
	for line, n := range downloads {
		if n != 1 || !strings.HasSuffix(line, " 0\n") {
			t.Errorf("%d downloads of %s", n, line)
		}
	}
	if want := len(churnBlobs()) - 1; len(downloads) != want { // an empty one takes none
		t.Errorf("%d downloads, want %d", len(downloads), want)
	}
}
