package sys

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// TestBindAtLinks: no link that somebody has put in the way leads to another
// directory, or to a file whose mode is changed.
func TestBindAtLinks(t *testing.T) {
	dir := t.TempDir()
	victim := filepath.Join(dir, "victim")
	if err := os.WriteFile(victim, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	bind := func(dir string) error {
		fd, err := DatagramSocket()
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fd)
		return BindAt(fd, dir, "notify", 0o666)
	}
	if err := os.Symlink(".", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if err := bind(filepath.Join(dir, "link")); err == nil {
		t.Error("it follows a link in the place of the directory")
	}
	if err := bind(dir); err != nil {
		t.Fatal(err)
	}
	if fi, err := os.Lstat(filepath.Join(dir, "notify")); err != nil || fi.Mode() != os.ModeSocket|0o666 {
		t.Errorf("%v, %v", fi, err)
	}
	// In the moment between bind(2) and the change of the mode.
	d, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(d)
	if err := os.Symlink("victim", filepath.Join(dir, "swapped")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"swapped", "victim"} {
		if err := chmodSocket(d, name, 0o666); err != unix.ENOTSOCK {
			t.Errorf("%s: %v", name, err)
		}
	}
	if fi, err := os.Stat(victim); err != nil || fi.Mode() != 0o600 {
		t.Errorf("%v, %v", fi, err)
	}
}
