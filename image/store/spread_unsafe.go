package store

import (
	"os"
	"syscall"
	"unsafe"
)

// From include/uapi/linux/fs.h.
const (
	fsIocGetFlags = 0x80086601 // FS_IOC_GETFLAGS
	fsIocSetFlags = 0x40086602 // FS_IOC_SETFLAGS
	fsTopdirFl    = 0x00020000 // FS_TOPDIR_FL
)

// spread asks ext4 to put each directory in dir into another part of the disk
// (chattr(1), T). ext4 passes over inodes that were freed in the last minutes,
// one by one, so that unpacking a tree beside one that was just removed takes
// several times as long. A file system that knows no such flag needs none.
func spread(dir string) {
	d, err := os.Open(dir)
	if err != nil {
		return
	}
	defer d.Close()
	var flags int // the kernel reads and writes 32 bits of it
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, d.Fd(), fsIocGetFlags, uintptr(unsafe.Pointer(&flags))); errno != 0 {
		return
	}
	flags |= fsTopdirFl
	syscall.Syscall(syscall.SYS_IOCTL, d.Fd(), fsIocSetFlags, uintptr(unsafe.Pointer(&flags))) // only speed is lost
}
