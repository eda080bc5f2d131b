// Package bwrap compares two programs that take bubblewrap's command line:
// each case is run by both with the same arguments, as an ordinary user and as
// root, and what the program in the sandbox sees and what the caller gets must
// be the same.
//
// The program under test is built from cmd/lichen-bwrap; $LICHEN_BWRAP names
// another, and with the reference's own path the suite shows that no field is
// left to chance. $LICHEN_BWRAP_REFERENCE names another reference than bwrap in
// the PATH. For cases that an old reference has no options for,
// testdata/newer.json holds what 0.11.1 showed; $LICHEN_BWRAP_RECORD=1 writes
// it anew, from a reference that has them.
package bwrap

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

var (
	suiteDir  string // world-readable: the plain user runs what is in it
	reportBin string // the directory of the program report
	reference program
	candidate program
)

// program is one side of the comparison.
type program struct {
	path  string
	minor int // 8 for 0.8.0, 11 for 0.11.1
}

// plainUID has no entry in /etc/passwd and no subordinate ids.
const plainUID = 1500

func TestMain(m *testing.M) { os.Exit(suite(m)) }

func suite(m *testing.M) int {
	// What a failed run leaves behind comes here, and ends below.
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		fmt.Fprintln(os.Stderr, "prctl:", err)
		return 1
	}
	for _, name := range []string{"bwrap", "cc"} {
		if _, err := exec.LookPath(name); err != nil {
			fmt.Fprintln(os.Stderr, "nothing is compared:", err)
			if os.Getenv("LICHEN_MUST_WORK") == "1" {
				return 1
			}
			return 0
		}
	}
	unix.Umask(usualUmask)
	// Runs wait more than they work.
	flag.Parse()
	if err := flag.Set("test.parallel", "8"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	dir, err := os.MkdirTemp("", "lichen-bwrap-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	suiteDir, reportBin = dir, filepath.Join(dir, "bin")
	if err := prepare(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer endChildren()
	code := m.Run()
	if code == 0 && os.Getenv("LICHEN_BWRAP_RECORD") == "1" {
		if err := writeRecorded(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return code
}

func prepare() error {
	if err := os.Chmod(suiteDir, 0o755); err != nil {
		return err
	}
	if err := os.Mkdir(reportBin, 0o755); err != nil {
		return err
	}
	cc := exec.Command("cc", "-O1", "-Wall", "-Werror", "-static", "-o", reportBin+"/report", "report/report.c")
	if out, err := cc.CombinedOutput(); err != nil {
		return fmt.Errorf("cc: %w\n%s", err, out)
	}
	path := os.Getenv("LICHEN_BWRAP_REFERENCE")
	if path == "" {
		path = "bwrap"
	}
	path, err := exec.LookPath(path)
	if err != nil {
		return err
	}
	if reference, err = versionOf(path); err != nil {
		return err
	}
	if err := readRecorded(); err != nil {
		return err
	}
	path = os.Getenv("LICHEN_BWRAP")
	if path == "" {
		path = filepath.Join(reportBin, "lichen-bwrap")
		build := exec.Command("go", "build", "-buildvcs=false", "-o", path, "../../cmd/lichen-bwrap")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("build: %w\n%s", err, out)
		}
	}
	candidate, err = versionOf(path)
	return err
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

// users lists whom the suite can be, with the uid: as root also a plain user,
// else itself.
func users() map[string]int {
	if uid := os.Getuid(); uid != 0 {
		return map[string]int{"user": uid}
	}
	return map[string]int{"user": plainUID, "root": 0}
}

func versionOf(path string) (program, error) {
	out, err := exec.Command(path, "--version").Output()
	if err != nil {
		return program{}, fmt.Errorf("%s --version: %w", path, err)
	}
	parts := strings.Split(strings.TrimPrefix(strings.TrimSpace(string(out)), "bubblewrap "), ".")
	if len(parts) < 2 {
		return program{}, fmt.Errorf("%s --version says %q", path, out)
	}
	minor, err := strconv.Atoi(parts[1])
	return program{path, minor}, err
}

// endChildren ends the processes that runs have left to this one. bwrap
// itself leaves some: see the cases about bad descriptors.
func endChildren() {
	self := os.Getpid()
	for range 50 {
		pids, _ := filepath.Glob("/proc/[0-9]*")
		ended := false
		for _, dir := range pids {
			if stat := procStat(filepath.Base(dir)); len(stat) > 3 && stat[3] == strconv.Itoa(self) {
				pid, _ := strconv.Atoi(filepath.Base(dir))
				unix.Kill(pid, unix.SIGKILL)
				unix.Wait4(pid, nil, 0, nil)
				ended = true
			}
		}
		if !ended {
			return
		}
	}
}
