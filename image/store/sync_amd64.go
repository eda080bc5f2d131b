package store

// sysSyncfs is the number of syncfs(2), which package syscall lacks; from
// arch/x86/entry/syscalls/syscall_64.tbl.
const sysSyncfs = 306
