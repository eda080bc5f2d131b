// Package services runs real services under their shipped profiles, as an ordinary
// user on loopback, with real clients; and beside each thing that works, what a
// service that was taken over must not be able to do.
package services

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// Where TestMain puts what it builds. World-readable: the plain user runs it.
var suiteDir, lichen string

// userUID is the user that setup.sh makes: sshd and initdb want one with a name.
const userUID = 1501

func TestMain(m *testing.M) { os.Exit(suite(m)) }

func suite(m *testing.M) int {
	// What a service leaves comes here, where it is seen.
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		fmt.Fprintln(os.Stderr, "prctl:", err)
		return 1
	}
	unix.Umask(0o022)
	dir, err := os.MkdirTemp("", "lichen-services-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	suiteDir, lichen = dir, filepath.Join(dir, "lichen")
	if err := os.Chmod(dir, 0o755); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	build := exec.Command("go", "build", "-buildvcs=false", "-o", lichen, "../../cmd/lichen")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// skip gives up on a test for which this machine lacks something. Where the
// machine is known to have everything, that is a failure.
func skip(t *testing.T, reason string) {
	t.Helper()
	if os.Getenv("LICHEN_MUST_WORK") == "1" {
		t.Fatal("must work here, but: " + reason)
	}
	t.Skip(reason)
}

// needs finds a program of a Debian package.
func needs(t *testing.T, pkg string, patterns ...string) string {
	t.Helper()
	for _, pattern := range patterns {
		if found, _ := filepath.Glob(pattern); len(found) > 0 {
			return found[len(found)-1]
		}
	}
	skip(t, fmt.Sprintf("no %s: install %s", patterns[0], pkg))
	return ""
}
