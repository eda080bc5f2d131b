//go:build !amd64

package store

import "syscall"

// sysSyncfs is the number of syncfs(2).
const sysSyncfs = syscall.SYS_SYNCFS
