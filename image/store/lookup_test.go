package store

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/lichen-sandbox/lichen/image/record"
)

// lookupVar holds the store that the inner test looks things up in.
const lookupVar = "LICHEN_STORE_TEST_LOOKUP"

// lookUp does what a launch does with a store.
func lookUp(t testing.TB, dir string) {
	s, err := Open(dir)
	check(t, err)
	r := parse(t, "debian")
	rec, err := s.Record(r, "")
	check(t, err)
	k, err := Key(rec.ChainID, Single)
	check(t, err)
	l, err := s.Lease(k)
	check(t, err)
	if l.Rootfs == "" {
		t.Fatal("no tree")
	}
}

func launchable(t testing.TB) *Store {
	s := newStore(t)
	k := key(t, "1")
	publish(t, s, k)
	r := parse(t, "debian")
	check(t, s.PutRecord(r, "", &record.Record{Reference: r.String(), ChainID: k.ChainID(), Env: []string{"PATH=/bin"}, Cmd: []string{"bash"}}))
	return s
}

// TestLookupCalls counts the system calls that an image adds to a launch before
// its tree is mounted.
func TestLookupCalls(t *testing.T) {
	if dir := os.Getenv(lookupVar); dir != "" {
		runtime.LockOSThread()
		_ = syscall.Access("/lichen-begin", 0)
		lookUp(t, dir)
		_ = syscall.Access("/lichen-end", 0)
		return
	}
	strace, err := exec.LookPath("strace")
	if err != nil {
		if os.Getenv("LICHEN_MUST_WORK") == "1" {
			t.Fatal("must work here, but there is no strace")
		}
		t.Skip("no strace here")
	}
	s := launchable(t)
	exe, err := os.Executable()
	check(t, err)
	// One file per thread: the runtime's other threads do not count.
	out := t.TempDir() + "/trace"
	cmd := exec.Command(strace, "-ff", "-o", out, exe, "-test.run=^TestLookupCalls$")
	cmd.Env = append(os.Environ(), lookupVar+"="+s.dir, "GOGC=off", "GODEBUG=asyncpreemptoff=1")
	if b, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("strace: %v\n%s", err, b)
	}
	files, err := filepath.Glob(out + ".*")
	check(t, err)
	for _, file := range files {
		b, err := os.ReadFile(file)
		check(t, err)
		_, after, found := strings.Cut(string(b), "/lichen-begin")
		if !found {
			continue
		}
		between, _, found := strings.Cut(after, "/lichen-end")
		if !found {
			t.Fatal("begun and not ended")
		}
		lines := strings.Split(between, "\n")
		calls := lines[1 : len(lines)-1] // within the begin and end themselves
		calls = slices.DeleteFunc(calls, ofRuntime)
		const most = 9
		if len(calls) > most || len(calls) < 5 {
			t.Errorf("%d calls, at most %d are right:\n%s", len(calls), most, between)
		}
		t.Logf("%d calls:\n%s", len(calls), strings.Join(calls, "\n"))
		return
	}
	t.Error("the trace has no beginning")
}

// ofRuntime tells what the Go runtime does on a thread at moments of its own:
// waking another thread, growing the heap.
func ofRuntime(call string) bool {
	name, _, _ := strings.Cut(call, "(")
	switch name {
	case "futex", "mmap", "munmap", "madvise", "nanosleep", "sched_yield", "tgkill", "getpid", "gettid", "rt_sigreturn", "rt_sigprocmask", "clone", "clone3":
		return true
	}
	return strings.HasPrefix(call, "---") // a signal
}

func BenchmarkLookup(b *testing.B) {
	s := launchable(b)
	r := parse(b, "debian")
	for b.Loop() {
		s, err := Open(s.dir)
		check(b, err)
		rec, err := s.Record(r, "")
		check(b, err)
		k, err := Key(rec.ChainID, Single)
		check(b, err)
		l, err := s.Lease(k)
		check(b, err)
		l.Close()
	}
}
