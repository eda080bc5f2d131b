package policy

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestDirectory: no name leads out of a directory, and nothing waits.
func TestDirectory(t *testing.T) {
	dir := t.TempDir()
	inside := filepath.Join(dir, "inside")
	for _, err := range []error{
		os.Mkdir(inside, 0o700),
		os.WriteFile(filepath.Join(dir, "outside"), []byte("read: 1\n"), 0o600),
		os.WriteFile(filepath.Join(inside, "p"), []byte("read: 1\n"), 0o600),
		os.Symlink("p", filepath.Join(inside, "link")),
		os.Symlink("../outside", filepath.Join(inside, "escape")),
		syscall.Mkfifo(filepath.Join(inside, "fifo"), 0o600),
		os.Symlink("/dev/zero", filepath.Join(inside, "zero")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	d, err := OpenDirectory(inside)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	stop := time.AfterFunc(10*time.Second, func() { panic("reading a FIFO waits") })
	defer stop.Stop()
	for name, want := range map[string]string{
		"p": "", "link": "", "escape": "escapes", "../outside": "invalid", "/etc/passwd": "invalid", "fifo": "not a regular file", "zero": "escapes", ".": "not a regular file", "none": "no such file",
	} {
		_, err := Read(d, name, Options{})
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: err = %v, want %q", name, err, want)
		}
	}
	if _, err := Read(os.DirFS(inside), "fifo", Options{}); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("os.DirFS: %v", err)
	}
	if _, err := OpenDirectory(filepath.Join(dir, "none")); err == nil {
		t.Error("a directory that is not there opens")
	}
}

// TestIncludeByDir finds absolute includes below the named directory only.
func TestIncludeByDir(t *testing.T) {
	files := badFiles("@include /usr/share/policy/good\n")
	p, err := Read(files, "p", Options{Include: true, Dir: "/usr/share/policy"})
	if err != nil || names(p.Seccomp.Allow) != "read" || p.Seccomp.Allow[0].Origin.String() != "/usr/share/policy/good:1" {
		t.Errorf("%+v, %v", p, err)
	}
	for _, dir := range []string{"", "/usr/share", "/usr/share/pol", "share"} {
		if _, err := Read(files, "p", Options{Include: true, Dir: dir}); err == nil {
			t.Errorf("%q: the include is found", dir)
		}
	}
}
