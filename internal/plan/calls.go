package plan

import (
	"github.com/lichen-sandbox/lichen/internal/sys"
)

// FDCWD stands for the working directory in the calls that take a directory.
var FDCWD = Val(sys.AT_FDCWD)

// Close closes the descriptor in s and frees the slot.
func (b *Builder) Close(s Slot) {
	b.Call(sys.SYS_CLOSE, From(s))
	b.Free(s)
}

// Open adds openat(2), close-on-exec.
func (b *Builder) Open(dir Arg, path string, flags uint64) Slot {
	return b.Into(sys.SYS_OPENAT, dir, b.Str(path), Val(flags|sys.O_CLOEXEC), Val(0))
}

// OpenResolve adds openat2(2) for an O_PATH descriptor, with how to walk.
func (b *Builder) OpenResolve(dir Arg, path string, flags, resolve uint64) Slot {
	how := b.Words(flags|sys.O_PATH|sys.O_CLOEXEC, 0, resolve)
	return b.Into(sys.SYS_OPENAT2, dir, b.Str(path), how, Val(sys.SIZEOF_OPEN_HOW))
}

// CreateFile adds openat(2) for a new file.
func (b *Builder) CreateFile(dir Arg, path string, mode uint32) Slot {
	const flags = sys.O_CREAT | sys.O_EXCL | sys.O_WRONLY | sys.O_NOFOLLOW | sys.O_CLOEXEC
	return b.Into(sys.SYS_OPENAT, dir, b.Str(path), Val(flags), Val(mode))
}

// WriteFile opens an existing file, writes data in one call and closes it. A
// short write is a failure.
func (b *Builder) WriteFile(dir Arg, path, data string) {
	fd := b.Open(dir, path, sys.O_WRONLY)
	b.Write(fd, []byte(data))
	b.Close(fd)
}

// Write writes all of data to fd in one call.
func (b *Builder) Write(fd Slot, data []byte) {
	b.Call(sys.SYS_WRITE, From(fd), b.Buf(data), Val(len(data))).Expecting(uint64(len(data)))
}

// OpenTree clones the mounts at path; see open_tree(2).
func (b *Builder) OpenTree(dir Arg, path string, flags uint64) Slot {
	return b.Into(sys.SYS_OPEN_TREE, dir, b.Str(path), Val(flags|sys.OPEN_TREE_CLONE|sys.OPEN_TREE_CLOEXEC))
}

// SetAttr sets mount attributes on the mount that fd is the root of, with
// private propagation; see mount_setattr(2).
func (b *Builder) SetAttr(fd Slot, attr uint64, recursive bool) {
	flags := uint64(sys.AT_EMPTY_PATH)
	if recursive {
		flags |= sys.AT_RECURSIVE
	}
	b.Call(sys.SYS_MOUNT_SETATTR, From(fd), b.Str(""), Val(flags),
		b.Words(attr, 0, sys.MS_PRIVATE, 0), Val(sys.SIZEOF_MOUNT_ATTR))
}

// MoveTo attaches the detached mount fd on path below dir; an empty path means
// dir itself.
func (b *Builder) MoveTo(fd Slot, dir Arg, path string) {
	flags := uint64(sys.MOVE_MOUNT_F_EMPTY_PATH)
	if path == "" {
		flags |= sys.MOVE_MOUNT_T_EMPTY_PATH
	}
	b.Call(sys.SYS_MOVE_MOUNT, From(fd), b.Str(""), dir, b.Str(path), Val(flags))
}

// Option is one parameter of a file system; an empty Value sets a flag.
type Option struct{ Key, Value string }

// NewFS makes a file system of its own, detached; see fsopen(2).
func (b *Builder) NewFS(fstype string, attr uint64, options ...Option) Slot {
	fs := b.Into(sys.SYS_FSOPEN, b.Str(fstype), Val(sys.FSOPEN_CLOEXEC))
	for _, o := range options {
		if o.Value == "" {
			b.Call(sys.SYS_FSCONFIG, From(fs), Val(sys.FSCONFIG_SET_FLAG), b.Str(o.Key), Null, Val(0))
			continue
		}
		b.Call(sys.SYS_FSCONFIG, From(fs), Val(sys.FSCONFIG_SET_STRING), b.Str(o.Key), b.Str(o.Value), Val(0))
	}
	b.Call(sys.SYS_FSCONFIG, From(fs), Val(sys.FSCONFIG_CMD_CREATE), Null, Null, Val(0))
	mnt := b.Into(sys.SYS_FSMOUNT, From(fs), Val(sys.FSMOUNT_CLOEXEC), Val(attr))
	b.Close(fs)
	return mnt
}

// Mkdir makes a directory, or accepts that something is there: the next op
// that uses it fails if that is no directory.
func (b *Builder) Mkdir(dir Arg, path string, mode uint32) {
	b.Call(sys.SYS_MKDIRAT, dir, b.Str(path), Val(mode)).Tolerating(uint16(sys.EEXIST))
}

// Prctl adds prctl(2).
func (b *Builder) Prctl(args ...Arg) *Op { return b.Call(sys.SYS_PRCTL, args...) }
