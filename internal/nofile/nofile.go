// Package nofile remembers the soft limit on open files that the program was
// started with. Package syscall raises it to the hard limit when it is
// initialised, and gives it back only to programs that package os starts.
//
// Packages are initialised in the order of their import paths, each after what it
// imports (The Go Programming Language Specification, "Program initialization").
// This one imports nothing, so that it comes before package syscall.
package nofile

// rlimit is struct rlimit64.
type rlimit struct{ soft, hard uint64 }

var started, known = read()

func read() (r rlimit, ok bool) {
	ok = prlimit(&r) == 0
	return r, ok
}

// prlimit is prlimit64(0, RLIMIT_NOFILE, NULL, old). It returns 0 or a negative
// error number.
//
//go:noescape
func prlimit(old *rlimit) (r1 uintptr)

// Started returns the soft and the hard limit; both are 0 when the kernel did not
// tell.
func Started() (soft, hard uint64) { return started.soft, started.hard }

// Soft returns the limit; ok is false when the kernel did not tell.
func Soft() (limit uint64, ok bool) { return started.soft, known }
