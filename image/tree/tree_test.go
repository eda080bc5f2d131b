package tree

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/lichen-sandbox/lichen/spec"
)

// plainUID has no entry in /etc/passwd and no subordinate ids.
const plainUID = 1500

// asUsers runs a test as the suite's user, and as a plain one too when that is
// root: in a process of its own, since ids belong to threads.
func asUsers(t *testing.T, test func(t *testing.T, dir string)) {
	if os.Getenv("LICHEN_TEST_AS_PLAIN") == "" {
		t.Run("self", func(t *testing.T) { test(t, t.TempDir()) })
	} else {
		test(t, t.TempDir())
		return
	}
	if os.Getuid() != 0 {
		return
	}
	t.Run("plain", func(t *testing.T) {
		dir, err := os.MkdirTemp("", "lichen-tree-")
		check(t, err)
		defer os.RemoveAll(dir)
		check(t, os.Chmod(dir, 0o777))
		self, err := os.ReadFile("/proc/self/exe")
		check(t, err)
		check(t, os.WriteFile(dir+"/test", self, 0o755))
		name, _, _ := strings.Cut(t.Name(), "/")
		cmd := exec.Command(dir+"/test", "-test.v", "-test.run=^"+name+"$")
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "LICHEN_TEST_AS_PLAIN=1", "TMPDIR="+dir)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: plainUID, Gid: plainUID}}
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS: "+name) {
			t.Errorf("%v\n%s", err, out)
		}
	})
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T, path string) *os.File {
	t.Helper()
	f, err := os.Open(path)
	check(t, err)
	t.Cleanup(func() { f.Close() })
	return f
}

// sample makes a tree with what an image can hold.
func sample(t *testing.T, root string) {
	t.Helper()
	for _, d := range []string{"", "/bin", "/empty", "/ro", "/ro/deep", "/sticky"} {
		check(t, os.Mkdir(root+d, 0o755))
	}
	for name, mode := range map[string]os.FileMode{"/bin/tool": 0o755, "/secret": 0, "/ro/file": 0o444, "/setuid": 0o4755} {
		check(t, os.WriteFile(root+name, []byte("content of "+name), 0o600))
		check(t, syscall.Chmod(root+name, uint32(mode)))
	}
	check(t, os.Link(root+"/bin/tool", root+"/bin/tool2"))
	check(t, os.Link(root+"/bin/tool", root+"/ro/deep/tool3"))
	check(t, os.Symlink("/etc/passwd", root+"/link"))
	check(t, os.Symlink("nowhere/../..", root+"/bin/dangling"))
	check(t, unix.Mkfifo(root+"/fifo", 0o640))
	sparse, err := os.Create(root + "/sparse")
	check(t, err)
	_, err = sparse.WriteAt([]byte("middle"), 1<<20)
	check(t, err)
	check(t, sparse.Truncate(4<<20))
	check(t, sparse.Close())
	check(t, ignoreUnsupported(unix.Setxattr(root+"/bin", "user.note", []byte("dir\x00"), 0)))
	check(t, ignoreUnsupported(unix.Setxattr(root+"/sparse", "user.note", []byte("file"), 0)))
	check(t, syscall.Chmod(root+"/sticky", 0o1777))
	check(t, syscall.Chmod(root+"/ro/deep", 0o555))
	check(t, syscall.Chmod(root+"/ro", 0o555))
	times := func(ns int64) []unix.Timespec { return []unix.Timespec{{Sec: 1, Nsec: ns}, {Sec: 1e9, Nsec: ns}} }
	for i, p := range []string{"/bin/tool", "/secret", "/link", "/fifo", "/sparse", "/bin/dangling", "/ro/deep", "/ro", "/bin", "/empty", "/sticky", ""} {
		check(t, unix.UtimesNanoAt(unix.AT_FDCWD, root+p, times(int64(i+1)), unix.AT_SYMLINK_NOFOLLOW))
	}
}

func ignoreUnsupported(err error) error {
	if err == unix.EOPNOTSUPP {
		return nil
	}
	return err
}

// lines describes every entry of a tree: what must be the same in a clone.
func lines(t *testing.T, root string) []string {
	t.Helper()
	var out []string
	first := map[uint64]string{}
	check(t, Walk(open(t, root), func(e *Entry) error {
		st := e.Stat
		f := []string{e.Path, strconv.FormatUint(uint64(st.Mode), 8), strconv.Itoa(int(st.Uid)), strconv.Itoa(int(st.Gid)),
			strconv.FormatInt(st.Mtim.Nano(), 10)}
		switch st.Mode & unix.S_IFMT {
		case unix.S_IFLNK:
			target, err := e.Readlink()
			check(t, err)
			f = append(f, target)
		case unix.S_IFREG:
			f = append(f, strconv.FormatInt(st.Size, 10), strconv.FormatInt(st.Blocks, 10))
			if first[st.Ino] == "" {
				first[st.Ino] = e.Path
			}
			f = append(f, first[st.Ino])
		}
		value := make([]byte, 64)
		if n, err := unix.Lgetxattr(filepath.Join(root, e.Path), "user.note", value); err == nil {
			f = append(f, strconv.Quote(string(value[:n])))
		}
		out = append(out, strings.Join(f, " "))
		return nil
	}))
	return out
}

func TestClone(t *testing.T) {
	asUsers(t, func(t *testing.T, dir string) {
		base, dst := dir+"/base", dir+"/dst"
		sample(t, base)
		before := lines(t, base)
		check(t, os.Mkdir(dst, 0o700))
		stats, err := Clone(open(t, base), open(t, dst))
		check(t, err)
		if stats != (Stats{Dirs: 6, Linked: 10}) {
			t.Errorf("stats %+v", stats)
		}
		if have := lines(t, dst); !slices.Equal(have, before) {
			t.Errorf("have\n%s\nwant\n%s", strings.Join(have, "\n"), strings.Join(before, "\n"))
		}
		a, err := os.Stat(base + "/bin/tool")
		check(t, err)
		b, err := os.Stat(dst + "/ro/deep/tool3")
		check(t, err)
		if !os.SameFile(a, b) {
			t.Error("not a hard link")
		}
		check(t, Remove(open(t, dir), "dst"))
		if after := lines(t, base); !slices.Equal(before, after) {
			t.Errorf("removing the clone changed the base: have\n%s\nwant\n%s", strings.Join(after, "\n"), strings.Join(before, "\n"))
		}
		check(t, Remove(open(t, dir), "base"))
	})
}

// TestCloneCopies clones to another file system, where links do not work.
func TestCloneCopies(t *testing.T) {
	asUsers(t, func(t *testing.T, dir string) {
		base := dir + "/base"
		sample(t, base)
		if os.Getuid() != 0 { // a plain user cannot read it, nor needs to when it is linked
			check(t, os.Remove(base+"/secret"))
			check(t, unix.UtimesNanoAt(unix.AT_FDCWD, base, []unix.Timespec{{Sec: 1}, {Sec: 5}}, 0))
		}
		dst, err := os.MkdirTemp("/dev/shm", "lichen-tree-")
		check(t, err)
		defer func() { check(t, Remove(open(t, "/dev/shm"), filepath.Base(dst))) }()
		stats, err := Clone(open(t, base), open(t, dst))
		check(t, err)
		if stats.Linked != 2 || stats.Copied < 7 || stats.Bytes == 0 || stats.Bytes > 1<<20 {
			t.Errorf("stats %+v", stats)
		}
		without := func(lines []string) (out []string) { // blocks differ, xattrs may
			for _, l := range lines {
				f := strings.Fields(l)
				if len(f) > 7 {
					f = append(f[:6], f[7])
				}
				out = append(out, strings.Join(f[:min(len(f), 7)], " "))
			}
			return out
		}
		if have, want := without(lines(t, dst)), without(lines(t, base)); !slices.Equal(have, want) {
			t.Errorf("have\n%s\nwant\n%s", strings.Join(have, "\n"), strings.Join(want, "\n"))
		}
		var st unix.Stat_t
		check(t, unix.Stat(dst+"/sparse", &st))
		if st.Blocks > 64 {
			t.Errorf("the sparse file has %d blocks", st.Blocks)
		}
		a, _ := os.ReadFile(base + "/sparse")
		b, _ := os.ReadFile(dst + "/sparse")
		if len(a) != 4<<20 || string(a) != string(b) {
			t.Error("other content")
		}
		check(t, Remove(open(t, dir), "base"))
	})
}

// TestCloneRefuses: what cannot be cloned is named, and never followed.
func TestCloneRefuses(t *testing.T) {
	dir := t.TempDir()
	check(t, os.MkdirAll(dir+"/base/sub", 0o755))
	check(t, os.MkdirAll(dir+"/dst/sub\x1b", 0o755))
	check(t, os.Mkdir(dir+"/base/sub\x1b", 0o755))
	_, err := Clone(open(t, dir+"/base"), open(t, dir+"/dst"))
	var e *spec.Error
	if !errors.As(err, &e) || !errors.Is(err, os.ErrExist) || e.Error() != `clone "sub\x1b": file exists` {
		t.Errorf("an entry that is there: %v", err)
	}
}

func TestRemove(t *testing.T) {
	asUsers(t, func(t *testing.T, dir string) {
		sample(t, dir+"/tree")
		check(t, os.Mkdir(dir+"/outside", 0o755))
		check(t, os.WriteFile(dir+"/outside/canary", nil, 0o644))
		check(t, os.Symlink("../outside", dir+"/tree/out"))
		for _, mode := range []uint32{0, 0o100, 0o300, 0o400, 0o500, 0o600} {
			sub := dir + "/tree/mode" + strconv.Itoa(int(mode))
			check(t, os.MkdirAll(sub+"/below", 0o755))
			check(t, os.WriteFile(sub+"/below/file", nil, 0))
			check(t, os.Chmod(sub+"/below", os.FileMode(mode)))
			check(t, os.Chmod(sub, os.FileMode(mode)))
		}
		deep := dir + "/tree/deep"
		for range 200 {
			deep += "/dddddddd"
		}
		check(t, os.MkdirAll(deep, 0o755))
		check(t, os.Symlink("tree", dir+"/link"))
		parent := open(t, dir)
		check(t, Remove(parent, "link"))
		if _, err := os.Lstat(dir + "/tree/bin/tool"); err != nil {
			t.Errorf("removing a link followed it: %v", err)
		}
		check(t, Remove(parent, "tree"))
		check(t, Remove(parent, "tree"))
		if _, err := os.Lstat(dir + "/tree"); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("still there: %v", err)
		}
		if _, err := os.Lstat(dir + "/outside/canary"); err != nil {
			t.Errorf("the canary: %v", err)
		}
	})
}

func TestWalk(t *testing.T) {
	dir := t.TempDir()
	sample(t, dir+"/tree")
	var paths []string
	root := open(t, dir+"/tree")
	check(t, Walk(root, func(e *Entry) error { paths = append(paths, e.Path); return nil }))
	want := []string{".", "bin", "bin/dangling", "bin/tool", "bin/tool2", "empty", "fifo", "link", "ro", "ro/deep", "ro/deep/tool3", "ro/file", "secret", "setuid", "sparse", "sticky"}
	if !slices.Equal(paths, want) {
		t.Errorf("have %q, want %q", paths, want)
	}
	stop := errors.New("enough")
	seen := 0
	err := Walk(root, func(e *Entry) error {
		seen++
		switch e.Path {
		case "bin/tool":
			f, err := e.Open()
			check(t, err)
			f.Close()
		case "link":
			if f, err := e.Open(); !errors.Is(err, unix.ELOOP) {
				t.Errorf("opening a link: %v, %v", f, err)
			}
			return stop
		}
		return nil
	})
	if err != stop || seen != 8 {
		t.Errorf("%d entries, then %v", seen, err)
	}
}
