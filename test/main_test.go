// Package test attacks lichen from outside: the built binary on the real
// kernel, with hostile payloads, as a plain user and as root. Each promise of
// the design is a test here that tries to break it, and every refusal stands
// beside the same attempt where it is granted.
package test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

// Where TestMain puts what it builds. World-readable: the plain user runs it.
var (
	suiteDir string
	binDir   string
)

// plainUID has no entry in /etc/passwd and no subordinate ids.
const plainUID = 1500

func TestMain(m *testing.M) { os.Exit(suite(m)) }

func suite(m *testing.M) int {
	// Orphans come here instead of to init, so that leftNothing sees them.
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		fmt.Fprintln(os.Stderr, "prctl:", err)
		return 1
	}
	unix.Umask(0o022)
	dir, err := os.MkdirTemp("", "lichen-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	suiteDir, binDir = dir, filepath.Join(dir, "bin")
	if err := build(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// build makes static programs: a helper inside a sandbox has no libraries to
// count on.
func build() error {
	if err := os.Chmod(suiteDir, 0o755); err != nil {
		return err
	}
	if err := os.Mkdir(binDir, 0o755); err != nil {
		return err
	}
	// lichen looks for its tools beside the directory it is in.
	libexec := suiteDir + "/libexec/lichen"
	if err := os.MkdirAll(libexec, 0o755); err != nil {
		return err
	}
	for dir, packages := range map[string][]string{
		binDir:  {"../cmd/lichen", "./helpers/probe", "./helpers/inject", "./helpers/catch"},
		libexec: {"../cmd/lichen-tools"},
	} {
		cmd := exec.Command("go", append([]string{"build", "-buildvcs=false", "-o", dir + "/"}, packages...)...)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("build: %w\n%s", err, out)
		}
	}
	return nil
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

// user is who starts lichen.
type user struct {
	name string
	uid  int
}

// users lists whom the suite can be: as root also a plain user, else itself.
func users() []user {
	if os.Getuid() != 0 {
		return []user{{"self", os.Getuid()}}
	}
	return []user{{"plain", plainUID}, {"root", 0}}
}

// forUsers runs a test as each user.
func forUsers(t *testing.T, f func(t *testing.T, b *box)) {
	for _, u := range users() {
		t.Run(u.name, func(t *testing.T) { f(t, newBox(t, u)) })
	}
}

// asRoot runs a test that needs root's rights on the host, such as mounting.
func asRoot(t *testing.T, f func(t *testing.T, b *box)) {
	if os.Getuid() != 0 {
		skip(t, "the suite is not root")
	}
	forUsers(t, f)
}

// mayUse reports whether lichen lets the box's user have these options.
// TestRootIsRefused shows what it refuses to root, and why there is nothing
// more to test.
func (b *box) mayUse(options ...string) bool {
	refused := func(o string) bool { return o == "landlock" || o == "script" || o == "--nested" }
	return b.user.uid != 0 || !slices.ContainsFunc(options, refused)
}
