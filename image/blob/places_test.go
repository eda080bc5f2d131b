package blob

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lichen-sandbox/lichen/image/record"
	"github.com/lichen-sandbox/lichen/image/ref"
	"github.com/lichen-sandbox/lichen/image/store"
	"github.com/lichen-sandbox/lichen/spec"
)

// plainUID is who the tests are run as, besides root.
const plainUID = 1500

// TestElsewhere runs the tests of this package and of package store again: as a
// plain user, and on a FUSE file system, which has locks but no extended
// attributes.
func TestElsewhere(t *testing.T) {
	if os.Getenv(innerVar) != "" {
		return
	}
	if os.Getuid() != 0 {
		skip(t, "the suite is not root")
	}
	dir := t.TempDir()
	for d := dir; d != "/tmp" && d != "/"; d = filepath.Dir(d) {
		check(t, os.Chmod(d, 0o755))
	}
	self, err := os.Executable()
	check(t, err)
	b, err := os.ReadFile(self)
	check(t, err)
	check(t, os.WriteFile(dir+"/blob.test", b, 0o755))
	if out, err := exec.Command("go", "test", "-c", "-o", dir+"/store.test", "../store").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	run := func(t *testing.T, tmp string, uid uint32) {
		for _, exe := range []string{"blob.test", "store.test"} {
			cmd := exec.Command(dir+"/"+exe, "-test.short", "-test.timeout=2m")
			cmd.Dir = tmp
			cmd.Env = append(os.Environ(), innerVar+"=1", "TMPDIR="+tmp, "HOME="+tmp)
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%s: %v\n%s", exe, err, out)
			}
		}
	}
	t.Run("plain user", func(t *testing.T) {
		tmp := dir + "/plain"
		check(t, os.Mkdir(tmp, 0o700))
		check(t, os.Chown(tmp, plainUID, plainUID))
		run(t, tmp, plainUID)
	})
	t.Run("fuse", func(t *testing.T) { run(t, mountFUSE(t, dir), 0) })
}

// mountFUSE mounts a directory upon another by bindfs, until the test ends.
func mountFUSE(t *testing.T, dir string) string {
	t.Helper()
	bindfs, err := exec.LookPath("bindfs")
	if err != nil {
		skip(t, "no bindfs here")
	}
	below, mnt := dir+"/below", dir+"/mnt"
	check(t, os.Mkdir(below, 0o700))
	check(t, os.Mkdir(mnt, 0o700))
	cmd := exec.Command(bindfs, "-f", "--xattr-none", below, mnt)
	cmd.Stderr = os.Stderr
	check(t, cmd.Start())
	t.Cleanup(func() {
		_ = syscall.Unmount(mnt, syscall.MNT_DETACH) // not mounted: said below
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	const fuseMagic = 0x65735546
	for range 500 {
		var st syscall.Statfs_t
		if syscall.Statfs(mnt, &st) == nil && st.Type == fuseMagic {
			return mnt
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("bindfs does not mount")
	return ""
}

// TestFullDisk fills a small file system: each error says so in one line, and
// nothing half is left.
func TestFullDisk(t *testing.T) {
	cmd := worker(t, "full", t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	if uid, gid := os.Getuid(), os.Getgid(); uid != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: uid, Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: gid, Size: 1}}
	}
	err := cmd.Run()
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOSPC) {
		skip(t, "no new mount namespace: "+err.Error())
	}
	check(t, err)
}

// mountFull is the helper: it is in a mount namespace of its own.
func mountFull(dir string) error {
	if err := syscall.Mount("none", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return err
	}
	if err := syscall.Mount("none", dir, "tmpfs", 0, "size=20m,mode=0700"); err != nil {
		return err
	}
	s, err := store.Create(dir + "/store")
	if err != nil {
		return err
	}
	return fillUp(s, dir+"/filler")
}

func fillUp(s *store.Store, filler string) error {
	r, err := ref.Parse("debian")
	if err != nil {
		return err
	}
	small, big := random(1, 1000), random(2, 30<<20)
	if err := errors.Join(putRecord(s, r, "before"), putSmall(s, small)); err != nil {
		return fmt.Errorf("before the disk is full: %w", err)
	}

	// One blob that is too large.
	for range 2 {
		var sink bytes.Buffer
		err := Ingest(s, describe(big), (&source{data: big}).open, &sink, nil)
		if err := fullLine(s, err, describe(big).Digest); err != nil {
			return err
		}
		if err := nothingHalf(s, 1); err != nil {
			return err
		}
	}

	// A disk that others have filled.
	if err := os.WriteFile(filler, big, 0o600); !errors.Is(err, syscall.ENOSPC) {
		return fmt.Errorf("the disk takes 30 MB: %w", err)
	}
	for what, err := range map[string]error{
		"PutRecord": putRecord(s, r, strings.Repeat("after", 10_000)),
		"Put":       putSmall(s, big[:9000]),
		"Ingest":    Ingest(s, describe(big[:9000]), (&source{data: big[:9000]}).open, nil, nil),
	} {
		if err := fullLine(s, err, ""); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
	}
	if err := nothingHalf(s, 1); err != nil {
		return err
	}
	if rec, err := s.Record(r, ""); err != nil || rec.Env[0] != "before" {
		return fmt.Errorf("the old record: %+v, %w", rec, err)
	}

	// With room again, all is well.
	if err := os.Remove(filler); err != nil {
		return err
	}
	fits := big[:10<<20]
	return errors.Join(putRecord(s, r, "after"), Ingest(s, describe(fits), (&source{data: fits}).open, nil, nil), Verify(s, sum(fits)), nothingHalf(s, 2))
}

func putRecord(s *store.Store, r ref.Ref, env string) error {
	return s.PutRecord(r, "", &record.Record{Reference: r.String(), Env: []string{env}})
}

func putSmall(s *store.Store, b []byte) error {
	_, err := Put(s, b)
	return err
}

// fullLine returns nil if err is what a user shall read of a full disk.
func fullLine(s *store.Store, err error, object string) error {
	var e *spec.Error
	switch {
	case !errors.Is(err, syscall.ENOSPC) || !errors.As(err, &e):
		return fmt.Errorf("not a full disk: %w", err)
	case strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), "the image store "+s.Dir()+" has no room left") || !strings.Contains(err.Error(), object):
		return fmt.Errorf("not the line: %q", err.Error())
	case !strings.Contains(e.Hint, "lichen image prune") || !strings.Contains(e.Hint, "LICHEN_STORE"):
		return fmt.Errorf("not the hint: %q", e.Hint)
	}
	return nil
}

// nothingHalf returns nil if the store has so many blobs, all good, and nothing
// else.
func nothingHalf(s *store.Store, blobs int) error {
	list, err := List(s)
	if err != nil || len(list) != blobs {
		return fmt.Errorf("%d blobs, want %d: %w", len(list), blobs, err)
	}
	for _, d := range list {
		if err := Verify(s, d.Digest); err != nil {
			return err
		}
	}
	if n := leftovers(s.Dir()); n > 0 {
		return fmt.Errorf("%d things are left", n)
	}
	for _, sub := range []string{"", "/records"} {
		hidden, err := filepath.Glob(s.Dir() + sub + "/.*")
		if err != nil || len(hidden) > 0 {
			return fmt.Errorf("left: %q, %w", hidden, err)
		}
	}
	return nil
}
