package output

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestMount: what is mounted in a tree is no part of it.
func TestMount(t *testing.T) {
	if _, err := os.Stat("/proc/sys/kernel"); err != nil {
		skip(t, "no /proc")
	}
	root, err := os.Open("/")
	check(t, err)
	defer root.Close()
	n := &node{path: "proc", name: "proc", parent: int(root.Fd())}
	check(t, unix.Fstatat(n.parent, n.name, &n.stat, unix.AT_SYMLINK_NOFOLLOW))
	wantError(t, n.open(unix.O_DIRECTORY), `read "proc": another file system is mounted there`)
}

// TestChanged: a file that another process changes meanwhile is an error, a
// file that took another's place too.
func TestChanged(t *testing.T) {
	dir := t.TempDir()
	root, err := os.Open(dir)
	check(t, err)
	defer root.Close()
	open := func(t *testing.T) (*node, error) {
		n := &node{path: "f", name: "f", parent: int(root.Fd())}
		check(t, os.WriteFile(filepath.Join(dir, "f"), []byte("one"), 0o600))
		check(t, unix.Fstatat(n.parent, n.name, &n.stat, unix.AT_SYMLINK_NOFOLLOW))
		return n, nil
	}
	swaps := map[string]func() error{
		"another file": func() error {
			return errors.Join(os.Rename(dir+"/f", dir+"/g"), os.WriteFile(dir+"/f", []byte("two"), 0o600))
		},
		"a link":      func() error { return errors.Join(os.Remove(dir+"/f"), os.Symlink("/etc/passwd", dir+"/f")) },
		"a fifo":      func() error { return errors.Join(os.Remove(dir+"/f"), syscall.Mkfifo(dir+"/f", 0o600)) },
		"a directory": func() error { return errors.Join(os.Remove(dir+"/f"), os.Mkdir(dir+"/f", 0o700)) },
		"nothing":     func() error { return os.Remove(dir + "/f") },
	}
	for what, swap := range swaps {
		n, _ := open(t)
		check(t, swap())
		if err := n.open(0); !errors.Is(err, errChanged) {
			t.Errorf("%s: %v", what, err)
		}
		check(t, os.RemoveAll(dir+"/f"))
	}
	for what, change := range map[string]func() error{
		"longer":  func() error { return os.WriteFile(dir+"/f", []byte("three"), 0o600) },
		"shorter": func() error { return os.Truncate(dir+"/f", 1) },
		"same, time set back": func() error {
			_, err := os.Stat(dir)
			time.Sleep(20 * time.Millisecond)
			return errors.Join(err, os.WriteFile(dir+"/f", []byte("two"), 0o600), os.Chtimes(dir+"/f", time.Unix(1, 0), time.Unix(1, 0)))
		},
	} {
		n, _ := open(t)
		check(t, n.open(0))
		check(t, n.unchanged(false))
		check(t, change())
		if err := n.unchanged(false); !errors.Is(err, errChanged) {
			t.Errorf("%s: %v", what, err)
		}
		n.file.Close()
	}
	// A file that shrinks between its header and its end.
	n, _ := open(t)
	check(t, n.open(0))
	defer n.file.Close()
	s := &scan{tar: &tarWriter{w: io.Discard}, limits: DefaultLimits(), links: map[inode]string{}}
	err = s.file(&entry{path: "f", kind: typeFile, size: 100}, n.file)
	wantError(t, err, `read "f": it changed while it was read`)
}

// TestChangedWhileRead: what is read to its end, but not as it was, is an error.
func TestChangedWhileRead(t *testing.T) {
	for _, meddle := range []bool{false, true} {
		path := filepath.Join(t.TempDir(), "f")
		check(t, os.WriteFile(path, []byte("content"), 0o600))
		f, err := os.Open(path)
		check(t, err)
		defer f.Close()
		w := writerFunc(func(p []byte) (int, error) {
			if meddle {
				return len(p), os.WriteFile(path, []byte("CONTENT, and more"), 0o600)
			}
			return len(p), nil
		})
		s := &scan{tar: &tarWriter{w: w}, limits: DefaultLimits(), links: map[inode]string{}}
		err = s.write(&entry{path: "f", kind: typeFile, size: 7}, f)
		if errors.Is(err, errChanged) != meddle {
			t.Errorf("meddled with: %v: %v", meddle, err)
		}
	}
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// TestJobEnds: a sink that fails and a context that ends stop the worker.
func TestJobEnds(t *testing.T) {
	src := newSource(t)
	j := job{order: order{Kind: kindPack}, tree: src}
	full := errors.New("full")
	if _, err := j.run(t.Context(), failing{full}); !errors.Is(err, full) {
		t.Errorf("sink: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, err := j.run(ctx, canceling{cancel})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("context: %v", err)
	}
	bad := job{order: order{Kind: "none"}, tree: src}
	_, err = bad.run(t.Context(), io.Discard)
	wantError(t, err, "no such order")
	small := job{order: order{Kind: kindPack, Limits: Limits{Entries: 3}}, tree: src}
	_, err = small.run(t.Context(), io.Discard)
	wantError(t, err, "the tree is larger than what is taken")
	small.Limits = Limits{Bytes: 3}
	_, err = small.run(t.Context(), io.Discard)
	wantError(t, err, "the tree is larger than what is taken")
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

type canceling struct{ cancel func() }

func (c canceling) Write(p []byte) (int, error) { c.cancel(); return len(p), nil }
