package output

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"

	"github.com/lichen-sandbox/lichen/internal/subid"
)

// probeName is what the test binary is started as to show what a worker can do.
const probeName = "lichen-layer-probe"

// probe is confined like a worker, then tries what none may. It prints what
// worked.
func probe() int {
	if err := confine(); err != nil {
		os.Stdout.WriteString(err.Error())
		return 1
	}
	for what, attempt := range map[string]func() error{
		"read-tree":  func() error { _, err := os.ReadFile("/proc/self/fd/6/f"); return err },
		"list-base":  func() error { _, err := os.ReadDir("/proc/self/fd/7"); return err },
		"read-host":  func() error { _, err := os.ReadFile("/etc/passwd"); return err },
		"list-host":  func() error { _, err := os.ReadDir("/"); return err },
		"write-tree": func() error { return os.WriteFile("/proc/self/fd/6/new", nil, 0o600) },
		"write-old":  func() error { return os.WriteFile("/proc/self/fd/6/f", []byte("x"), 0o600) },
		"remove":     func() error { return os.Remove("/proc/self/fd/6/f") },
		"mkdir":      func() error { return os.Mkdir("/proc/self/fd/7/d", 0o700) },
		"exec":       func() error { return exec.Command("/proc/self/fd/6/f").Run() },
	} {
		if attempt() == nil {
			os.Stdout.WriteString(what + "\n")
		}
	}
	return 0
}

// TestConfined: a worker reads below its directories, and does nothing else.
func TestConfined(t *testing.T) {
	if abi, err := ll.LandlockGetABIVersion(); err != nil || abi < 3 {
		skip(t, "no Landlock, or one that does not know truncation")
	}
	bothUsers(t, func(t *testing.T) {
		var files []*os.File
		for i := range 6 {
			dir := t.TempDir()
			check(t, os.WriteFile(filepath.Join(dir, "f"), []byte("#!/bin/true\n"), 0o700))
			f, err := os.Open(dir)
			check(t, err)
			defer f.Close()
			if files = append(files, f); i < 3 {
				files[i] = nil
			}
		}
		var out bytes.Buffer
		cmd := exec.Command("/proc/self/exe")
		cmd.Args, cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = []string{probeName}, &out, &out, files
		if err := cmd.Run(); err != nil {
			t.Fatalf("%v: %s", err, out.String())
		}
		got := strings.Fields(out.String())
		slices.Sort(got)
		same(t, "what worked", got, []string{"list-base", "read-tree"})
	})
}

// TestRanges: in a namespace with ranges of ids, owners come out as the image
// has them.
func TestRanges(t *testing.T) {
	if os.Geteuid() != 0 {
		skip(t, "only root has files of several owners, and maps ranges by itself")
	}
	dir := tempDir(t)
	base, upper := filepath.Join(dir, "base"), filepath.Join(dir, "upper")
	script := `mkdir base upper; cd base; for f in same new-owner gone; do echo $f > $f; chown 100032:100099 $f; done; find . -exec touch -d 2020-01-01 {} +
cp -a same new-owner ../upper; cd ../upper; chown 0:100000 new-owner; mkdir d; chown 100999:101999 d; mknod gone c 0 0; chmod 700 d new-owner`
	cmd := exec.Command("sh", "-euc", script)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	check(t, unix.Setxattr(filepath.Join(upper, "new-owner"), capability, []byte("\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"), 0))
	m, err := subid.NewMap(0, []subid.Range{{First: 100000, Count: 65536}})
	check(t, err)
	j := job{order: order{Kind: kindCommit}, ids: &subid.Mapping{UIDs: m, GIDs: m}, tree: upper, base: base}
	var b bytes.Buffer
	_, err = j.run(t.Context(), &b)
	if errors.Is(err, syscall.EPERM) {
		skip(t, "user namespaces are forbidden: "+err.Error())
	}
	check(t, err)
	// Capabilities that real root set mean nothing in the namespace.
	got := describe(t, &b)
	for i := range got {
		got[i], _, _ = strings.Cut(got[i], " security.")
	}
	same(t, "the layer", got, []string{`0 0000 0:0 ".wh.gone" 0 ""`, `5 0700 1000:2000 "d/"`, `0 0700 0:1 "new-owner" 10 "new-owner\n"`})
}

// TestInheritedOwners: with one id, owners, set-id bits and capabilities that
// only the owners file of the base has stay with their paths.
func TestInheritedOwners(t *testing.T) {
	dir := t.TempDir()
	base, upper, owners := filepath.Join(dir, "base"), filepath.Join(dir, "upper"), filepath.Join(dir, "owners")
	for _, d := range []string{base, upper} {
		check(t, os.Mkdir(d, 0o755))
		for _, f := range []string{"touched", "written", "other"} {
			check(t, os.WriteFile(filepath.Join(d, f), []byte("old"), 0o755))
		}
	}
	check(t, os.WriteFile(filepath.Join(upper, "written"), []byte("new"), 0o755))
	check(t, os.Chtimes(filepath.Join(upper, "touched"), time.Unix(9, 0), time.Unix(9, 0)))
	check(t, os.Remove(filepath.Join(upper, "other")))
	check(t, os.Symlink("x", filepath.Join(upper, "other")))
	check(t, os.WriteFile(filepath.Join(upper, "fresh"), []byte("f"), 0o600))
	text := "lichen-owners 1\nd 755 0 0 5.0 \".\"\n"
	for _, f := range []string{"other", "touched", "written"} {
		text += "f 4755 7 8 5.0 \"" + f + "\"\nx \"security.capability\" \"cap\"\n"
	}
	check(t, os.WriteFile(owners, []byte(text+"end 4\n"), 0o600))
	j := job{order: order{Kind: kindCommit, Single: true}, tree: upper, base: base, owners: owners}
	var b bytes.Buffer
	_, err := j.run(t.Context(), &b)
	check(t, err)
	same(t, "the layer", describe(t, &b), []string{
		`0 0600 0:0 "fresh" 1 "f"`,
		`2 0777 0:0 "other" -> "x"`,
		`0 4755 7:8 "touched" 3 "old" security.capability="cap"`,
		`0 0755 7:8 "written" 3 "new"`,
	})
}

// TestReportErrors: an error keeps its words, its object and its errno on the
// way through the pipe.
func TestReportErrors(t *testing.T) {
	for _, err := range []error{
		fail("open", "a\nb", "", unix.EACCES),
		fail("read", "x", "", errChanged),
		fs.ErrClosed,
	} {
		back := flatten(err).restore()
		if back.Error() != err.Error() {
			t.Errorf("%q came back as %q", err, back)
		}
		if errors.Is(err, unix.EACCES) != errors.Is(back, unix.EACCES) {
			t.Errorf("%q lost its errno", err)
		}
	}
}
