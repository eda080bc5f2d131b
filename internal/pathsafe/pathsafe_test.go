package pathsafe

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/lichen-sandbox/lichen/spec"
)

const (
	plainUID = 1500 // whom the suite drops to where it is root
	roleVar  = "LICHEN_TEST_ROLE"
)

// TestAsPlainUser runs the others again without root's rights.
func TestAsPlainUser(t *testing.T) {
	if os.Getuid() != 0 || os.Getenv(roleVar) != "" {
		t.Skip("only where the suite is root, which can become somebody else")
	}
	public, err := os.MkdirTemp("", "pathsafe")
	must(t, err)
	defer os.RemoveAll(public)
	must(t, os.Chmod(public, 0o755))
	bin, tmp := filepath.Join(public, "test"), filepath.Join(public, "tmp")
	src, err := os.ReadFile("/proc/self/exe")
	must(t, err)
	must(t, os.WriteFile(bin, src, 0o755))
	must(t, os.Mkdir(tmp, 0o755))
	must(t, os.Chown(tmp, plainUID, plainUID))
	cmd := exec.Command(bin)
	cmd.Env = []string{roleVar + "=plain", "TMPDIR=" + tmp}
	cmd.Dir, cmd.SysProcAttr = tmp, &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: plainUID, Gid: plainUID}}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// newTree makes a directory to be the root, with links that lead out of it,
// beside a directory "out" that has a file.
func newTree(t testing.TB) (r *Root, root, out string) {
	dir := t.TempDir()
	root, out = filepath.Join(dir, "root"), filepath.Join(dir, "out")
	must(t, os.MkdirAll(root+"/usr/lib", 0o755))
	must(t, os.MkdirAll(out+"/sub", 0o755))
	must(t, os.WriteFile(out+"/file", []byte("secret"), 0o600))
	for name, to := range map[string]string{"lib": "usr/lib", "abs": "/usr/lib", "out": out, "climb": "../out", "far": strings.Repeat("../", 40) + out,
		"self": "/proc/self/root" + out, "loop": "loop", "nowhere": "no/where", "usr/up": "..", "magic": "/proc/self/cwd"} {
		must(t, os.Symlink(to, filepath.Join(root, name)))
	}
	r, err := Open(root)
	must(t, err)
	t.Cleanup(func() { must(t, r.Close()) })
	return r, root, out
}

func TestParent(t *testing.T) {
	r, root, _ := newTree(t)
	for path, want := range map[string]string{
		"a": ".", "/a": ".", "//a//": ".", "usr/lib/a": "usr/lib", "lib/a": "usr/lib", "abs/a": "usr/lib", "usr/up/usr/up/lib/a": "usr/lib", "./usr/./a": "usr", "lib": ".",
	} {
		fd, base, err := r.Parent(path)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		var got, expected unix.Stat_t
		must(t, unix.Fstat(fd, &got))
		must(t, unix.Stat(filepath.Join(root, want), &expected))
		must(t, unix.Close(fd))
		if got.Ino != expected.Ino || base != filepath.Base(path) {
			t.Errorf("%s is %s in another directory than %s", path, base, want)
		}
	}
	for path, want := range map[string]error{
		"": unix.EINVAL, "/": unix.EINVAL, ".": unix.EINVAL, "..": unix.EINVAL, "a/..": unix.EINVAL, "../out/a": unix.EINVAL, "usr/../a": unix.EINVAL, "a\x00b/c": unix.EINVAL,
		"out/file": unix.ENOENT, "climb/file": unix.ENOENT, "far/file": unix.ENOENT, "self/file": unix.ENOENT, "magic/file": unix.ENOENT, "loop/a": unix.ELOOP, "no/a": unix.ENOENT,
	} {
		fd, _, err := r.Parent(path)
		var e *spec.Error
		if !errors.Is(err, want) || !errors.As(err, &e) || fd != -1 {
			t.Errorf("%q: got %v, want %v", path, err, want)
		}
	}
}

// TestHostRoot has / for the root, where the links of /proc lead somewhere.
func TestHostRoot(t *testing.T) {
	r, err := Open("/")
	must(t, err)
	defer r.Close()
	for _, path := range []string{"proc/self/cwd", "proc/self/root/etc", "proc/self/fd/0/x"} {
		if fd, err := r.OpenDir(path); !errors.Is(err, unix.ELOOP) {
			t.Errorf("%s: %d, %v", path, fd, err)
		}
	}
	if fd, err := r.OpenBeneath("proc/self"); err == nil {
		t.Errorf("a mount and a symlink on the way: %d", fd)
	}
	fd, err := r.OpenDir("etc")
	must(t, err)
	must(t, unix.Close(fd))
}

func TestOpenBeneath(t *testing.T) {
	r, _, _ := newTree(t)
	fd, err := r.OpenBeneath("usr/lib")
	must(t, err)
	must(t, unix.Close(fd))
	for path, want := range map[string]error{"lib": unix.ELOOP, "usr/up": unix.ELOOP, "..": unix.EXDEV, "/usr": unix.EXDEV, "no": unix.ENOENT} {
		if fd, err := r.OpenBeneath(path); !errors.Is(err, want) {
			t.Errorf("%s: %d, %v, want %v", path, fd, err, want)
		}
	}
}

func TestReadFile(t *testing.T) {
	r, root, _ := newTree(t)
	must(t, os.WriteFile(root+"/usr/lib/f", []byte("12345"), 0o600))
	must(t, unix.Mkfifo(root+"/fifo", 0o600))
	for _, path := range []string{"usr/lib/f", "/lib/f", "abs/f", "../usr/lib/f"} {
		if b, err := r.ReadFile(path, 5); err != nil || string(b) != "12345" {
			t.Errorf("%s: %q, %v", path, b, err)
		}
	}
	for path, want := range map[string]string{"lib/f": "larger than 4 bytes", "fifo": "not a regular file", "usr": "not a regular file", "out/file": "no such file", "climb/file": "no such file", "loop": "too many levels"} {
		if b, err := r.ReadFile(path, 4); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %q, %v", path, b, err)
		}
	}
}

func TestMkdirAll(t *testing.T) {
	r, root, out := newTree(t)
	for path, want := range map[string]string{"a/b/c": "a/b/c", "lib/x/y": "usr/lib/x/y", "/abs//z/./w/": "usr/lib/z/w", "usr": "usr", "": "."} {
		fd, err := r.MkdirAll(path, 0o755)
		must(t, err)
		var got, expected unix.Stat_t
		must(t, unix.Fstat(fd, &got))
		must(t, unix.Stat(filepath.Join(root, want), &expected))
		must(t, unix.Close(fd))
		if got.Ino != expected.Ino {
			t.Errorf("%s is not %s", path, want)
		}
	}
	for path, want := range map[string]error{"nowhere/a": unix.EEXIST, "loop/a": unix.ELOOP, "a/../../b": unix.ENOENT, "out/new": unix.EEXIST} {
		if fd, err := r.MkdirAll(path, 0o755); !errors.Is(err, want) {
			t.Errorf("%s: %d, %v, want %v", path, fd, err, want)
		}
	}
	if names, err := os.ReadDir(out); err != nil || len(names) != 2 {
		t.Errorf("%v, %v", names, err)
	}
}

// TestBase has every call refuse what is no name in a directory.
func TestBase(t *testing.T) {
	r, _, _ := newTree(t)
	fd := r.FD()
	second := func(_ any, err error) error { return err }
	for _, base := range []string{"", ".", "..", "a/b", "/", "../out/file", "a\x00"} {
		for name, err := range map[string]error{
			"OpenDirAt": second(OpenDirAt(fd, base)), "OpenAt": second(OpenAt(fd, base)), "Create": second(Create(fd, base)), "Mkdir": Mkdir(fd, base, 0o700),
			"Symlink": Symlink("x", fd, base), "Link": Link(fd, "lib", fd, base), "Link from": Link(fd, base, fd, "new"), "Mkfifo": Mkfifo(fd, base, 0o600), "Unlink": Unlink(fd, base), "Rmdir": Rmdir(fd, base),
			"Stat": second(Stat(fd, base)), "Readlink": second(Readlink(fd, base)), "Chown": Chown(fd, base, 0, 0), "SetTimes": SetTimes(fd, base, unix.Timespec{}),
			"Chmod": Chmod(fd, base, 0o700), "RemoveAll": RemoveAll(fd, base),
		} {
			if err != unix.EINVAL {
				t.Errorf("%s(%q): %v", name, base, err)
			}
		}
	}
}

// TestNoFollow has every call leave alone what a symlink leads to.
func TestNoFollow(t *testing.T) {
	r, root, out := newTree(t)
	fd := r.FD()
	must(t, os.Symlink(out+"/file", root+"/f"))
	before, err := os.Stat(out + "/file")
	must(t, err)
	for name, c := range map[string]struct{ got, want error }{
		"OpenDirAt": {second(OpenDirAt(fd, "out")), unix.ENOTDIR}, "OpenAt": {second(OpenAt(fd, "f")), unix.ELOOP}, "Create": {second(Create(fd, "f")), unix.EEXIST},
		"Mkdir": {Mkdir(fd, "nowhere", 0o700), unix.EEXIST}, "Chmod": {Chmod(fd, "f", 0o777), unix.EOPNOTSUPP}, "SetTimes": {SetTimes(fd, "f", unix.Timespec{Sec: 5}), nil},
		"Chown": {Chown(fd, "f", uint32(os.Getuid()), uint32(os.Getgid())), nil}, "Link": {Link(fd, "f", fd, "g"), nil},
	} {
		if !errors.Is(c.got, c.want) {
			t.Errorf("%s: %v, want %v", name, c.got, c.want)
		}
	}
	if to, err := Readlink(fd, "g"); err != nil || to != out+"/file" {
		t.Errorf("a link to a symlink is %q, %v", to, err)
	}
	// The way without fchmodat2.
	path, err := unix.Openat(fd, "f", unix.O_PATH|unix.O_NOFOLLOW, 0)
	must(t, err)
	if err := chmodProc(path, 0o777); err != unix.EOPNOTSUPP {
		t.Errorf("chmod of a symlink by its descriptor: %v", err)
	}
	must(t, unix.Close(path))
	dir, err := OpenDirAt(fd, "usr")
	must(t, err)
	must(t, chmodProc(dir, 0o711))
	must(t, FSetTimes(dir, unix.Timespec{Sec: 77, Nsec: 9}))
	must(t, unix.Close(dir))
	if st, err := Stat(fd, "usr"); err != nil || st.Mode&0o7777 != 0o711 || st.Mtim.Sec != 77 || st.Mtim.Nsec != 9 {
		t.Errorf("%+v, %v", st, err)
	}
	for _, name := range []string{"f", "out", "climb"} {
		must(t, RemoveAll(fd, name))
	}
	after, err := os.Stat(out + "/file")
	must(t, err)
	if !after.ModTime().Equal(before.ModTime()) || after.Mode() != before.Mode() || after.Sys().(*syscall.Stat_t).Nlink != 1 {
		t.Errorf("%v became %v", before, after)
	}
}

func second(_ any, err error) error { return err }

func TestRemoveAll(t *testing.T) {
	if unix.Access("/dev/shm", unix.W_OK) == nil { // tmpfs: ten thousand files in no time
		t.Setenv("TMPDIR", "/dev/shm")
	}
	r, root, out := newTree(t)
	fd := r.FD()
	must(t, RemoveAll(fd, "is not there"))
	for name, build := range map[string]func(dir int){
		"file":  func(dir int) { must(t, unix.Unlinkat(fd, "x", unix.AT_REMOVEDIR)); touch(t, fd, "x") },
		"empty": func(int) {},
		"links": func(dir int) {
			must(t, Symlink(out, dir, "out"))
			must(t, Symlink("../../out/file", dir, "f"))
			must(t, Mkdir(dir, "d", 0o755))
		},
		"rights": func(dir int) {
			for _, mode := range []uint32{0, 0o100, 0o400, 0o500, 0o300} {
				sub := mkdir(t, dir, "d"+string(rune('0'+mode>>6)))
				touch(t, mkdir(t, sub, "e"), "f")
				must(t, Chmod(sub, "e", 0))
				must(t, Chmod(dir, "d"+string(rune('0'+mode>>6)), mode))
			}
			must(t, Chmod(fd, "x", 0))
		},
		"wide": func(dir int) {
			for i := range 5000 {
				touch(t, dir, string(rune('a'+i%26))+strings.Repeat("x", i/26))
			}
		},
		"deep": func(dir int) {
			// Longer than any path, deeper than any number of descriptors.
			for range 3000 {
				dir = mkdir(t, dir, strings.Repeat("deep", 20))
				touch(t, dir, "f")
			}
		},
		"deep, wide and closed": func(dir int) {
			for range 300 {
				touch(t, mkdir(t, dir, "side"), "f")
				must(t, Chmod(dir, "side", 0))
				next := mkdir(t, dir, "down")
				touch(t, next, ".removing-1") // the names that removal uses
				touch(t, mkdir(t, next, ".removing-2"), "f")
				dir = next
			}
		},
	} {
		must(t, Mkdir(fd, "x", 0o755))
		dir, err := OpenDirAt(fd, "x")
		must(t, err)
		held = append(held, dir)
		build(dir)
		for _, h := range held {
			must(t, unix.Close(h))
		}
		held = nil
		fds := openFiles(t)
		if err := RemoveAll(fd, "x"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if now := openFiles(t); now != fds {
			t.Errorf("%s: %d descriptors became %d", name, fds, now)
		}
		if _, err := os.Lstat(root + "/x"); err == nil {
			t.Fatalf("%s is still there", name)
		}
	}
	if b, err := os.ReadFile(out + "/file"); err != nil || !bytes.Equal(b, []byte("secret")) {
		t.Errorf("%q, %v", b, err)
	}
	names, err := os.ReadDir(root)
	must(t, err)
	if slices.ContainsFunc(names, func(d os.DirEntry) bool { return strings.HasPrefix(d.Name(), ".removing") }) {
		t.Errorf("left over: %v", names)
	}
}

// TestRemoveAllFails reports what cannot be removed.
func TestRemoveAllFails(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("nothing stops root")
	}
	r, root, _ := newTree(t)
	must(t, os.Chmod(root, 0o555))
	defer os.Chmod(root, 0o755)
	if err := RemoveAll(r.FD(), "usr"); err != unix.EACCES {
		t.Errorf("got %v", err)
	}
	// A root that may not be searched is still one.
	dir, err := os.Open(root)
	must(t, err)
	defer dir.Close()
	must(t, os.Chmod(root, 0))
	closed, err := FromFile(dir)
	must(t, err)
	must(t, closed.Close())
}

// held are descriptors of directories under construction.
var held []int

func mkdir(t testing.TB, dir int, name string) int {
	t.Helper()
	must(t, Mkdir(dir, name, 0o755))
	fd, err := OpenDirAt(dir, name)
	must(t, err)
	if held = append(held, fd); len(held) > 200 {
		must(t, unix.Close(held[0]))
		held = held[1:]
	}
	return fd
}

func touch(t testing.TB, dir int, name string) {
	t.Helper()
	fd, err := Create(dir, name)
	must(t, err)
	must(t, unix.Close(fd))
}

func openFiles(t testing.TB) int {
	names, err := os.ReadDir("/proc/self/fd")
	must(t, err)
	return len(names)
}
