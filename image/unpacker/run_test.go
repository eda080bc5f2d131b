package unpacker

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lichen-sandbox/lichen/internal/subid"
	"github.com/lichen-sandbox/lichen/spec"
)

// sample returns two layers, the second of which needs the first.
func sample(t *testing.T) (first, second []byte) {
	first = archive(t, entry{name: "etc", kind: tar.TypeDir, mode: 0o755}, entry{name: "etc/shadow", content: "secret", mode: 0, uid: 0, gid: 42},
		entry{name: "etc/gone", content: "x", mode: 0o644}, entry{name: "bin", kind: tar.TypeSymlink, link: "usr/bin"},
		entry{name: "usr/bin", kind: tar.TypeDir, mode: 0o755}, entry{name: "usr/bin/tool", content: "#!", mode: 0o4755, uid: 33, gid: 33},
		entry{name: "locked", kind: tar.TypeDir, mode: 0}, entry{name: "locked/in", content: "in", mode: 0o600})
	second = archive(t, entry{name: "bin/tool2", kind: tar.TypeLink, link: "bin/tool"}, entry{name: "etc/.wh.gone"}, entry{name: "locked/more", content: "more", mode: 0o640})
	return first, second
}

// run makes a tree and returns its directory.
func run(t *testing.T, job Job) (string, Result) {
	t.Helper()
	job.Staging = staging(t, job.IDs)
	res, err := Run(deadline(t), job)
	if err != nil {
		t.Fatalf("%v %v", err, job)
	}
	return job.Staging, res
}

// look returns mode, owner on the host and size of a tree's entry. Test users
// see into directories that they own.
func look(t *testing.T, path string) string {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%o %d:%d %d", st.Mode, st.Uid, st.Gid, st.Size)
}

func TestRun(t *testing.T) {
	asUsers(t, func(t *testing.T, ids Mapping) {
		first, second := sample(t)
		dir, res := run(t, Job{IDs: ids, Layers: []Layer{layer(gzipped(t, first), first), layer(zstded(t, second), second)}})
		uid, gid := os.Getuid(), os.Getgid()
		owner := fmt.Sprintf("%d:%d", uid, gid)
		tool := owner
		if !ids.IsSingle() {
			u, _ := ids.UIDs.Outside(33)
			g, _ := ids.GIDs.Outside(33)
			tool = fmt.Sprintf("%d:%d", u, g)
		}
		for path, want := range map[string]string{
			"etc/gone": "no such file or directory", "bin": "120777 " + owner + " 7", "usr/bin/tool": "104755 " + tool + " 2",
			"usr/bin/tool2": "104755 " + tool + " 2",
		} {
			if have := look(t, dir+"/rootfs/"+path); have != want {
				t.Errorf("%s: have %s, want %s", path, have, want)
			}
		}
		if have := look(t, dir+"/rootfs/locked"); !strings.HasPrefix(have, "40000 "+owner) {
			t.Errorf("locked: %s", have)
		}
		if have := look(t, dir+"/owners"); !strings.HasPrefix(have, "100600 "+owner) {
			t.Errorf("owners: %s", have)
		}
		if res.Summary.Entries != 11 || res.Confinement.Landlock == 0 {
			t.Errorf("result %+v", res)
		}
		wantNS := []string{"user", "net", "ipc"}
		if newPID != 0 {
			wantNS = append(wantNS, "pid")
		}
		if os.Getenv("LICHEN_TEST_AS") == "forbidden" {
			wantNS = nil
		}
		if !slices.Equal(res.Confinement.Namespaces, wantNS) {
			t.Errorf("namespaces %q, want %q", res.Confinement.Namespaces, wantNS)
		}
		if left := children(t); len(left) != 0 {
			t.Errorf("children left: %q", left)
		}
	})
}

// TestRunOnBase: the layers of the base are not opened, its files are shared,
// and it stays as it was.
func TestRunOnBase(t *testing.T) {
	asUsers(t, func(t *testing.T, ids Mapping) {
		first, second := sample(t)
		base, _ := run(t, Job{IDs: ids, Layers: []Layer{layer(first, first)}})
		var before, after unix.Stat_t
		check(t, unix.Lstat(base+"/rootfs/usr/bin", &before))
		unopened := layer(nil, first)
		unopened.Open = func() (io.ReadCloser, error) { return nil, errors.New("opened") }
		job := Job{IDs: ids, Base: base, BaseLayers: 1, Layers: []Layer{unopened, layer(second, second)}}
		if os.Getenv("LICHEN_TEST_AS") == "forbidden" { // not even the owner may read it
			job.Staging = staging(t, ids)
			if _, err := Run(deadline(t), job); !errors.Is(err, syscall.EACCES) || err.Error() != `read "locked": permission denied` {
				t.Errorf("an unreadable directory: %v", err)
			}
			return
		}
		dir, res := run(t, job)
		if res.Cloned.Linked != 5 || res.Cloned.Copied != 0 {
			t.Errorf("cloned %+v", res.Cloned)
		}
		a, err := os.Lstat(base + "/rootfs/usr/bin/tool")
		check(t, err)
		b, err := os.Lstat(dir + "/rootfs/usr/bin/tool2")
		check(t, err)
		if !os.SameFile(a, b) {
			t.Error("not shared")
		}
		check(t, unix.Lstat(base+"/rootfs/usr/bin", &after))
		if before.Mtim != after.Mtim || before.Ctim != after.Ctim {
			t.Error("the base's directory was changed")
		}
		if have := look(t, base+"/rootfs/etc/gone"); !strings.HasPrefix(have, "100644") {
			t.Errorf("the base lost a file: %s", have)
		}
		if have := look(t, dir+"/rootfs/etc/gone"); have != "no such file or directory" {
			t.Errorf("not whited out: %s", have)
		}
	})
}

func TestRemoveInNamespace(t *testing.T) {
	asUsers(t, func(t *testing.T, ids Mapping) {
		first, _ := sample(t)
		private := archive(t, entry{name: "private", kind: tar.TypeDir, mode: 0o700, uid: 33, gid: 33}, entry{name: "private/f", uid: 33, gid: 33})
		dir, _ := run(t, Job{IDs: ids, Layers: []Layer{layer(first, first), layer(private, private)}})
		if err := os.RemoveAll(dir); err == nil && os.Getuid() != 0 && !ids.IsSingle() {
			t.Error("nothing here needs the namespace")
		}
		check(t, Remove(dir, ids))
		check(t, Remove(dir, ids))
		if _, err := os.Lstat(dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("still there: %v", err)
		}
		check(t, os.Mkdir(dir, 0o700)) // for the cleanup
	})
}

func TestFullDisk(t *testing.T) {
	if os.Getuid() != 0 {
		skip(t, "mounting needs root")
	}
	dir := t.TempDir()
	check(t, unix.Mount("tmpfs", dir, "tmpfs", 0, "size=4m"))
	defer unix.Unmount(dir, unix.MNT_DETACH)
	plain := archive(t, entry{name: "f", content: strings.Repeat("x", 8<<20), mode: 0o644})
	_, err := Run(deadline(t), Job{Staging: dir, IDs: self(), Layers: []Layer{layer(plain, plain)}})
	if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "no space left on device") {
		t.Errorf("have %v", err)
	}
}

func TestCancel(t *testing.T) {
	asUsers(t, func(t *testing.T, ids Mapping) {
		text := []byte(attackMagic + "hang ")
		ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
		defer cancel()
		r, w := io.Pipe() // a source that says nothing more
		defer w.Close()
		stuck := layer(text, text)
		stuck.Open = func() (io.ReadCloser, error) { return r, nil }
		parent := t.TempDir()
		dir := parent + "/staging"
		check(t, os.Mkdir(dir, 0o700))
		_, err := Run(ctx, Job{Staging: dir, IDs: ids, Layers: []Layer{layer(text, text), stuck}})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("have %v", err)
		}
		if left := children(t); len(left) != 0 {
			t.Errorf("children left: %q", left)
		}
		if entries, err := filepath.Glob(parent + "/*"); err != nil || len(entries) != 1 {
			t.Errorf("left %q, %v", entries, err)
		}
		check(t, Remove(dir, ids))
	})
}

func TestInvalidJobs(t *testing.T) {
	good := layer(nil, nil)
	for want, job := range map[string]Job{
		"not an absolute path": {Staging: "x", IDs: self()},
		"no ids are mapped":    {Staging: "/x"},
		"no sha256 digest":     {Staging: "/x", IDs: self(), Layers: []Layer{{DiffID: "sha256:AB"}}},
		"layers without":       {Staging: "/x", IDs: self(), Layers: []Layer{good}, BaseLayers: 1},
		"1 layers of 0":        {Staging: "/x", Base: "/y", IDs: self(), BaseLayers: 1},
		"more than 512":        {Staging: "/x", IDs: self(), Layers: slices.Repeat([]Layer{good}, 513)},
		"no such file":         {Staging: "/nonexistent", IDs: self(), Layers: []Layer{good}},
	} {
		if _, err := Run(deadline(t), job); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("have %v, want …%s", err, want)
		}
	}
}

// TestHelper: what newuidmap says is part of the error, and its absence has a
// hint.
func TestHelper(t *testing.T) {
	ids := Mapping{UIDs: subid.Map{Extents: []subid.Extent{{Outside: uint32(os.Getuid()), Count: 1}, {Inside: 1, Outside: 7, Count: 2}}}}
	dir := t.TempDir()
	t.Setenv("PATH", dir)
	check(t, os.WriteFile(dir+"/newuidmap", []byte("#!/bin/sh\necho \"newuidmap: no\x1b $*\" >&2; exit 3\n"), 0o755))
	err := runHelper(5, "newuidmap", ids.UIDs)
	want := fmt.Sprintf(`map ids with newuidmap: "newuidmap: no\x1b 5 0 %d 1 1 7 2": exit status 3`, os.Getuid())
	if err == nil || err.Error() != want {
		t.Errorf("have %v\nwant %s", err, want)
	}
	err = runHelper(5, "newnothingmap", ids.UIDs)
	var e *spec.Error
	if !errors.As(err, &e) || !errors.Is(err, os.ErrNotExist) || !strings.Contains(e.Hint, "package uidmap") {
		t.Errorf("have %+v", e)
	}
}
