package store

import (
	"io/fs"
	"os"
	"syscall"
)

// syncfs writes what a file system holds in memory to the disk: one call for all
// files of a tree, and for those of others too.
func syncfs(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if _, _, errno := syscall.Syscall(sysSyncfs, d.Fd(), 0, 0); errno != 0 {
		return &fs.PathError{Op: "syncfs", Path: dir, Err: errno}
	}
	return nil
}
