package sys

import "syscall"

// Error numbers that plans tolerate or diagnose.
const (
	EPERM        = syscall.EPERM
	ENOENT       = syscall.ENOENT
	EBADF        = syscall.EBADF
	EAGAIN       = syscall.EAGAIN
	ENOMEM       = syscall.ENOMEM
	EACCES       = syscall.EACCES
	EBUSY        = syscall.EBUSY
	EEXIST       = syscall.EEXIST
	ENOTDIR      = syscall.ENOTDIR
	EISDIR       = syscall.EISDIR
	EINVAL       = syscall.EINVAL
	EMFILE       = syscall.EMFILE
	ENFILE       = syscall.ENFILE
	ENOSPC       = syscall.ENOSPC
	EROFS        = syscall.EROFS
	ENAMETOOLONG = syscall.ENAMETOOLONG
	ENOSYS       = syscall.ENOSYS
	ELOOP        = syscall.ELOOP
	ENODEV       = syscall.ENODEV
	ENOEXEC      = syscall.ENOEXEC
	EBADFD       = syscall.EBADFD
	EOPNOTSUPP   = syscall.EOPNOTSUPP
	EUSERS       = syscall.EUSERS
	EXDEV        = syscall.EXDEV
	ETXTBSY      = syscall.ETXTBSY
	ESTALE       = syscall.ESTALE
	EINTR        = syscall.EINTR
)
