package profile

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestReadFile(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo.toml")
	if err := syscall.Mkfifo(fifo, 0o644); err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(dir, "folder.toml")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	open := write(t, dir, "open.toml", "version = 1\n")
	if err := os.Chmod(open, 0o666); err != nil {
		t.Fatal(err)
	}
	large := write(t, dir, "large.toml", "version = 1\n#"+strings.Repeat("x", maxFile))
	tests := []struct{ path, want, hint string }{
		{fifo, "it is a fifo, not a regular file", ""}, // and the test does not hang
		{folder, "it is a directory", ""},
		{"/dev/null", "it is a device", ""},
		{large, "larger than 1 MiB", ""},
		{open, "everybody may change it", "chmod o-w"},
		{filepath.Join(dir, "none.toml"), "no such file", ""},
	}
	for _, tt := range tests {
		_, err := builtins().Load(tt.path)
		wantError(t, err, tt.hint, "load profile "+tt.path, tt.want, "(command line)")
	}
	exact := "version = 1\n#" + strings.Repeat("x", maxFile-13)
	if _, err := builtins().Load(write(t, dir, "exact.toml", exact)); err != nil {
		t.Errorf("a file of 1 MiB: %v", err)
	}
}

func TestUnreadableDirs(t *testing.T) {
	dir := t.TempDir()
	l := builtins("x", "")
	l.Dirs = []string{filepath.Join(dir, "none"), write(t, dir, "file", "") + "/below"}
	if _, err := l.Load("x"); err != nil {
		t.Errorf("missing directories: %v", err)
	}
	write(t, dir, "d/x.d/a.toml", "version = 1\n")
	if err := os.Chmod(filepath.Join(dir, "d/x.d"), 0o777); err != nil {
		t.Fatal(err)
	}
	l.Dirs = []string{filepath.Join(dir, "d")}
	_, err := l.Load("x")
	wantError(t, err, "chmod o-w", "read drop-ins", "everybody may change it")
}
