// Package landlock compiles grants into a Landlock domain for the payload:
// the same policy that the mounts enforce, enforced a second time by another
// part of the kernel. See landlock(7).
package landlock

import "github.com/lichen-sandbox/lichen/internal/sys"

// Rights is what a rule set handles: what it does not allow somewhere is
// denied everywhere.
type Rights struct {
	FS, Net, Scope uint64
}

// Groups of file-system rights.
const (
	readDir  = sys.LANDLOCK_ACCESS_FS_READ_DIR
	readFile = sys.LANDLOCK_ACCESS_FS_READ_FILE
	execute  = sys.LANDLOCK_ACCESS_FS_EXECUTE

	read = readDir | readFile

	writeFile = sys.LANDLOCK_ACCESS_FS_WRITE_FILE | sys.LANDLOCK_ACCESS_FS_TRUNCATE

	write = writeFile | sys.LANDLOCK_ACCESS_FS_REMOVE_DIR | sys.LANDLOCK_ACCESS_FS_REMOVE_FILE |
		sys.LANDLOCK_ACCESS_FS_MAKE_CHAR | sys.LANDLOCK_ACCESS_FS_MAKE_DIR | sys.LANDLOCK_ACCESS_FS_MAKE_REG |
		sys.LANDLOCK_ACCESS_FS_MAKE_SOCK | sys.LANDLOCK_ACCESS_FS_MAKE_FIFO | sys.LANDLOCK_ACCESS_FS_MAKE_BLOCK |
		sys.LANDLOCK_ACCESS_FS_MAKE_SYM | sys.LANDLOCK_ACCESS_FS_REFER | sys.LANDLOCK_ACCESS_FS_RESOLVE_UNIX

	device = sys.LANDLOCK_ACCESS_FS_IOCTL_DEV

	// onFile are the rights that a rule on something else than a directory
	// may carry; the kernel answers EINVAL to others.
	onFile = execute | readFile | writeFile | device | sys.LANDLOCK_ACCESS_FS_RESOLVE_UNIX
)

const (
	tcp    = sys.LANDLOCK_ACCESS_NET_BIND_TCP | sys.LANDLOCK_ACCESS_NET_CONNECT_TCP
	scopes = sys.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | sys.LANDLOCK_SCOPE_SIGNAL
)

// abis lists what each version can handle, from version 0: no Landlock.
// Versions 7 and 8 added flags of landlock_restrict_self(2) that lichen does
// not need; version 10 adds UDP ports.
var abis = [...]struct {
	Rights
	linux string
}{
	{Rights{}, ""},
	{Rights{FS: 1<<13 - 1}, "5.13"},
	{Rights{FS: 1<<14 - 1}, "5.19"},
	{Rights{FS: 1<<15 - 1}, "6.2"},
	{Rights{FS: 1<<15 - 1, Net: tcp}, "6.7"},
	{Rights{FS: 1<<16 - 1, Net: tcp}, "6.10"},
	{Rights{FS: 1<<16 - 1, Net: tcp, Scope: scopes}, "6.12"},
	{Rights{FS: 1<<16 - 1, Net: tcp, Scope: scopes}, "6.15"},
	{Rights{FS: 1<<16 - 1, Net: tcp, Scope: scopes}, "7.0"},
	{Rights{FS: 1<<17 - 1, Net: tcp, Scope: scopes}, "7.1"},
}

// ScopesABI is the first version with scopes.
const ScopesABI = 6

// Supported returns what a kernel of the given version can handle, up to the
// newest version known here.
func Supported(abi int) Rights {
	return abis[max(0, min(abi, len(abis)-1))].Rights
}

// and keeps the rights that are in both.
func (r Rights) and(o Rights) Rights {
	return Rights{r.FS & o.FS, r.Net & o.Net, r.Scope & o.Scope}
}

// requirement is something a profile needs, and the first version that has it.
type requirement struct {
	abi int
	key string // of the profile
	why string
}
