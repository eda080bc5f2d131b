package unpack

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lichen-sandbox/lichen/spec"
)

const (
	plainUID = 1500 // whom the suite drops to where it is root
	roleVar  = "LICHEN_TEST_ROLE"
)

// forRoles runs the tests that match pattern once more as a plain user and,
// where the suite is root, as root of a user namespace with a range of ids.
func forRoles(t *testing.T, pattern string) {
	if os.Getuid() != 0 || os.Getenv(roleVar) != "" {
		t.Skip("only where the suite is root, which can become somebody else")
	}
	roles := map[string]*syscall.SysProcAttr{
		"plain": {Credential: &syscall.Credential{Uid: plainUID, Gid: plainUID}},
		"userns": {Cloneflags: syscall.CLONE_NEWUSER, Credential: &syscall.Credential{Uid: 0, Gid: 0},
			UidMappings:                []syscall.SysProcIDMap{{ContainerID: 0, HostID: plainUID, Size: 1}, {ContainerID: 1, HostID: 100000, Size: 2000}},
			GidMappings:                []syscall.SysProcIDMap{{ContainerID: 0, HostID: plainUID, Size: 1}, {ContainerID: 1, HostID: 100000, Size: 2000}},
			GidMappingsEnableSetgroups: true},
	}
	for role, attr := range roles {
		t.Run(role, func(t *testing.T) {
			// The test binary lies in a directory of root's, and so does
			// what TempDir makes. This one is on a second file system, too.
			where := "/dev/shm"
			if unix.Access(where, unix.W_OK) != nil {
				where = ""
			}
			public, err := os.MkdirTemp(where, "unpack")
			must(t, err)
			defer os.RemoveAll(public)
			must(t, os.Chmod(public, 0o755))
			bin := filepath.Join(public, "unpack.test")
			src, err := os.ReadFile("/proc/self/exe")
			must(t, err)
			must(t, os.WriteFile(bin, src, 0o755))
			tmp := filepath.Join(public, "tmp")
			must(t, os.Mkdir(tmp, 0o755))
			must(t, os.Chown(tmp, plainUID, plainUID))
			cmd := exec.Command(bin, "-test.run", pattern)
			cmd.Env = []string{roleVar + "=" + role, "TMPDIR=" + tmp, "PATH=" + os.Getenv("PATH")}
			cmd.Dir, cmd.SysProcAttr = tmp, attr
			out, err := cmd.CombinedOutput()
			if err != nil || bytes.Contains(out, []byte("no tests to run")) {
				t.Fatalf("%v\n%s", err, out)
			}
		})
	}
}

func TestAsOthers(t *testing.T) {
	forRoles(t, "^(TestHostile|TestMerge|TestMetadata|TestOwnersChown|TestLoad|TestSparse|TestStreams|TestXattrs|TestNeverInPlace|TestCopyForLink|TestManyDirectories|TestSetgid|TestOwnersRecord)$")
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// arena is a directory with the tree to unpack to and a canary beside it.
type arena struct {
	tree, canary string
	before       []string
	owners       []byte
	summary      Summary
}

func newArena(t testing.TB, parent string) *arena {
	a := &arena{tree: filepath.Join(parent, "tree"), canary: filepath.Join(parent, "canary")}
	must(t, os.Mkdir(a.tree, 0o755))
	must(t, os.MkdirAll(filepath.Join(a.canary, "sub"), 0o755))
	must(t, os.WriteFile(filepath.Join(a.canary, "file"), []byte("canary"), 0o600))
	must(t, os.Link(filepath.Join(a.canary, "file"), filepath.Join(a.canary, "sub", "hard")))
	must(t, os.Symlink("file", filepath.Join(a.canary, "link")))
	must(t, unix.Mkfifo(filepath.Join(a.canary, "fifo"), 0o600))
	must(t, os.Chmod(filepath.Join(a.canary, "sub"), 0o555))
	t.Cleanup(func() {
		_ = os.Chmod(filepath.Join(a.canary, "sub"), 0o755)
		_ = filepath.WalkDir(a.tree, func(path string, d fs.DirEntry, err error) error {
			if d != nil && d.IsDir() {
				_ = os.Chmod(path, 0o755)
			}
			return nil
		})
	})
	a.before = census(t, a.canary)
	return a
}

// census lists all that may not change in dir, and the names beside it.
func census(t testing.TB, dir string) []string {
	var lines []string
	beside, err := os.ReadDir(filepath.Dir(dir))
	must(t, err)
	for _, d := range beside {
		lines = append(lines, "beside: "+d.Name())
	}
	must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		var st unix.Stat_t
		if err := unix.Lstat(path, &st); err != nil {
			return err
		}
		content := ""
		if d.Type().IsRegular() {
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			content = string(b)
		}
		xattrs, _ := unix.Llistxattr(path, nil)
		lines = append(lines, fmt.Sprintf("%s ino %d mode %o links %d owner %d:%d size %d mtime %d.%d xattrs %d %q",
			path, st.Ino, st.Mode, st.Nlink, st.Uid, st.Gid, st.Size, st.Mtim.Sec, st.Mtim.Nsec, xattrs, content))
		return nil
	}))
	return lines
}

func (a *arena) checkCanary(t testing.TB) {
	t.Helper()
	if after := census(t, a.canary); !slices.Equal(a.before, after) {
		t.Errorf("something beside the tree changed:\n%s\nwas:\n%s", strings.Join(after, "\n"), strings.Join(a.before, "\n"))
	}
}

// unpack applies layers, the files of the arena filled in, and finishes.
func (a *arena) unpack(t testing.TB, o Options, layers ...[]byte) error {
	t.Helper()
	root, err := os.Open(a.tree)
	must(t, err)
	defer root.Close()
	tree := New(root, o)
	for _, l := range layers {
		if err = tree.Apply(bytes.NewReader(l)); err != nil {
			break
		}
	}
	if err == nil {
		var out bytes.Buffer
		a.summary, err = tree.Finish(&out)
		a.owners = out.Bytes()
	}
	if err != nil {
		checkError(t, err)
		if again := tree.Apply(bytes.NewReader(nil)); !errors.Is(again, err) {
			t.Errorf("after a failure, Apply says %v", again)
		}
	}
	a.checkCanary(t)
	return err
}

// checkError holds what every error that a user sees is like.
func checkError(t testing.TB, err error) {
	t.Helper()
	var e *spec.Error
	if !errors.As(err, &e) {
		t.Errorf("%T is not a *spec.Error: %v", err, err)
	}
	for _, c := range err.Error() {
		if c < ' ' || c == 0x7f {
			t.Errorf("the error is not one clean line: %q", err)
			break
		}
	}
}

// listing describes the tree, a line for each name.
func (a *arena) listing(t testing.TB) []string {
	t.Helper()
	var lines []string
	var visit func(dir, rel string)
	visit = func(path, rel string) {
		var st unix.Stat_t
		must(t, unix.Lstat(path, &st))
		mode := st.Mode & 0o7777
		name := fmt.Sprintf("%o %s", mode, rel)
		switch st.Mode & unix.S_IFMT {
		case unix.S_IFDIR:
			lines = append(lines, "d "+name)
			if mode&0o500 != 0o500 {
				must(t, os.Chmod(path, 0o700))
				defer func() {
					must(t, os.Chmod(path, os.FileMode(mode)))
					must(t, os.Chtimes(path, fsTime(st.Mtim), fsTime(st.Mtim)))
				}()
			}
			names, err := os.ReadDir(path)
			must(t, err)
			for _, n := range names {
				visit(filepath.Join(path, n.Name()), strings.TrimPrefix(rel+"/"+n.Name(), "./"))
			}
		case unix.S_IFREG:
			b := []byte("(unreadable)")
			if mode&0o400 != 0 || os.Getuid() == 0 {
				var err error
				b, err = os.ReadFile(path)
				must(t, err)
			}
			if len(b) > 64 {
				b = fmt.Appendf(b[:16], "...%d", len(b))
			}
			lines = append(lines, fmt.Sprintf("f %s %q", name, b))
		case unix.S_IFLNK:
			to, err := os.Readlink(path)
			must(t, err)
			lines = append(lines, "l "+rel+" -> "+to)
		default:
			lines = append(lines, fmt.Sprintf("%o %s", st.Mode&unix.S_IFMT>>12, name))
		}
	}
	visit(a.tree, ".")
	slices.Sort(lines)
	return lines
}

// wantTree compares the listing with want, both without order.
func (a *arena) wantTree(t testing.TB, want ...string) {
	t.Helper()
	want = slices.Sorted(slices.Values(append(want, "d 755 .")))
	if got := a.listing(t); !slices.Equal(got, want) {
		t.Errorf("the tree is\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

func fsTime(ts unix.Timespec) time.Time { return time.Unix(ts.Sec, ts.Nsec) }
