// Package images makes OCI images for the tests and the benchmark, from Debian
// packages and from lists of entries, and serves them on loopback. Same
// packages, same digests.
package images

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
)

// ErrNotHere means that the machine lacks what images are made from.
var ErrNotHere = errors.New("the files for test images are not here: run make setup as root")

// cacheDir is build/images of the checkout, or $LICHEN_TEST_IMAGES.
func cacheDir() (string, error) {
	if dir := os.Getenv("LICHEN_TEST_IMAGES"); dir != "" {
		return filepath.Abs(dir)
	}
	root, err := checkout()
	return filepath.Join(root, "build", "images"), err
}

// checkout is the directory of go.mod, at or above the working directory.
func checkout() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; dir != "/"; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
	}
	return "", errors.New("no go.mod at or above the working directory")
}

var prepared = sync.OnceValues(prepare)

// prepare returns the cache with all in it that test/setup/images.sh makes.
// Several test programs at once make it once.
func prepare() (string, error) {
	dir, err := cacheDir()
	if err != nil {
		return "", err
	}
	ready := func() bool { _, err := os.Stat(filepath.Join(dir, "ready")); return err == nil }
	if ready() {
		return dir, nil
	}
	if os.Getuid() != 0 {
		return "", ErrNotHere
	}
	unlock, err := lock(dir)
	if err != nil {
		return "", err
	}
	defer unlock()
	if ready() {
		return dir, nil
	}
	root, err := checkout()
	if err != nil {
		return "", err
	}
	out, err := exec.Command(filepath.Join(root, "test", "setup", "images.sh"), dir).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w (images.sh: %w: %s)", ErrNotHere, err, strings.TrimSpace(string(out)))
	}
	return dir, nil
}

// lock waits until nobody else changes the cache.
func lock(dir string) (unlock func(), err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		f.Close()
		return nil, err
	}
	return func() { f.Close() }, nil
}

// baseLayer is a tar file of the cache as a layer.
func baseLayer(name string) (Layer, error) {
	dir, err := prepared()
	if err != nil {
		return Layer{}, err
	}
	path := filepath.Join(dir, name+".tar")
	sum, err := os.ReadFile(path + ".sha256")
	if err != nil {
		return Layer{}, err
	}
	return Layer{path: path, digest: "sha256:" + strings.TrimSpace(string(sum))}, nil
}

// publish writes a file of the cache so that it is there whole or not at all.
func publish(path string, write func(f *os.File) error) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // after the rename there is nothing to remove
	if err := write(f); err != nil {
		f.Close()
		return err
	}
	if err := f.Chmod(0o644); err != nil {
		f.Close()
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
