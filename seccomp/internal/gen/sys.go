package main

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// arches are in the order of the Arch constants.
var arches = [...]string{"amd64", "386", "arm64", "arm"}

// sysTables is what x/sys/unix knows.
type sysTables struct {
	calls     []string // names, sorted; the index is the call's ID
	numbers   [len(arches)]map[string]uint64
	constants [len(arches)]map[string]uint64
	errnos    map[string]uint64
}

// armPrivate are the ARM_NR calls of arch/arm/include/uapi/asm/unistd.h, from
// 0xf0001 on, which x/sys leaves out. The C library calls set_tls at start.
var armPrivate = [...]string{"breakpoint", "cacheflush", "usr26", "usr32", "set_tls", "get_tls"}

// notCalls are macros beside the numbers that name no call.
var notCalls = [...]string{"arch_specific_syscall", "syscall_mask"}

// extraConstants are those useful in rules that x/sys does not have.
var extraConstants = map[string]uint64{
	"ADDR_NO_RANDOMIZE": 0x40000, "PER_LINUX": 0, "PER_LINUX32": 8, "UNAME26": 0x20000,
	"IPC_CREAT": 0o1000, "IPC_EXCL": 0o2000, "IPC_NOWAIT": 0o4000,
	"SHM_EXEC": 0o100000, "SHM_RDONLY": 0o10000, "SHM_REMAP": 0o40000,
	"FIBMAP": 1, "FIGETBSZ": 2, "FIONREAD": 0x541b, "FIONBIO": 0x5421, "FIONCLEX": 0x5450, "FIOCLEX": 0x5451, "FIOASYNC": 0x5452, "FIOQSIZE": 0x5460,
	"FIOSETOWN": 0x8901, "FIOGETOWN": 0x8903, "FIFREEZE": 0xc0045877, "FITHAW": 0xc0045878, "FITRIM": 0xc0185879,
	"FS_IOC_FSGETXATTR": 0x801c581f, "FS_IOC_FSSETXATTR": 0x401c5820, "FS_IOC_GETFSLABEL": 0x81009431, "FS_IOC_SETFSLABEL": 0x41009432,
	"LOOP_CHANGE_FD": 0x4c06, "MLOCK_ONFAULT": 1, "PKEY_DISABLE_ACCESS": 1, "PKEY_DISABLE_WRITE": 2,
	"SYNC_FILE_RANGE_WAIT_BEFORE": 1, "SYNC_FILE_RANGE_WRITE": 2, "SYNC_FILE_RANGE_WAIT_AFTER": 4,
}

// socketCalls are the operations of socketcall(2), from 1 on; linux/net.h.
var socketCalls = strings.Fields(`SOCKET BIND CONNECT LISTEN ACCEPT GETSOCKNAME GETPEERNAME SOCKETPAIR SEND RECV
	SENDTO RECVFROM SHUTDOWN SETSOCKOPT GETSOCKOPT SENDMSG RECVMSG ACCEPT4 RECVMMSG SENDMMSG`)

// constantPrefixes choose the constants that can be arguments of calls.
var constantPrefixes = strings.Fields(`AF_ AT_ BLK CLOCK_ CLONE_ FSCONFIG_ FSMOUNT_ FSOPEN_ FSPICK_ EFD_ EPOLL FALLOC_ FD_ FICLONE FIDEDUPE FIO FS_IOC
	F_ GRND_ IN_ IPPROTO_ ITIMER_ KEYCTL_ LANDLOCK_ LOCK_ LOOP_ MADV_ MAP_ MCL_ MFD_ MNT_ MOUNT_ATTR_ MOVE_MOUNT_
	MREMAP_ MSG_ MS_ NETLINK_ OPEN_TREE_ O_ PIDFD_ POSIX_FADV_ PRIO_ PROT_ PR_ PTRACE_ P_ RENAME_ RESOLVE_
	RLIMIT_ RNDADD RNDCLEAR RNDGET RNDRESEED RNDZAP RUSAGE_ RWF_ SCHED_ SECCOMP_ SEEK_ SFD_ SHUT_ SIG SIOC SOCK_ SOL_ SO_ SPLICE_ S_I TC TFD_ TIOC
	TUNSET UMOUNT_ WALL WCLONE WCONTINUED WEXITED WNOHANG WNOTHREAD WNOWAIT WSTOPPED WUNTRACED XATTR_`)

func readSys(dir string) (*sysTables, error) {
	t := &sysTables{errnos: map[string]uint64{}}
	common, err := readConstants(filepath.Join(dir, "zerrors_linux.go"))
	if err != nil {
		return nil, err
	}
	types, err := readConstants(filepath.Join(dir, "ztypes_linux.go"))
	if err != nil {
		return nil, err
	}
	maps.Copy(common, types)
	names := map[string]bool{}
	for i, arch := range arches {
		nums, err := readConstants(filepath.Join(dir, "zsysnum_linux_"+arch+".go"))
		if err != nil {
			return nil, err
		}
		t.numbers[i] = callNumbers(nums, arch)
		for name := range t.numbers[i] {
			names[name] = true
		}
		own, err := readConstants(filepath.Join(dir, "zerrors_linux_"+arch+".go"))
		if err != nil {
			return nil, err
		}
		maps.Copy(own, common)
		if err := t.sortConstants(i, own); err != nil {
			return nil, err
		}
	}
	t.calls = slices.Sorted(maps.Keys(names))
	return t, nil
}

func callNumbers(nums map[string]uint64, arch string) map[string]uint64 {
	out := map[string]uint64{}
	for name, nr := range nums {
		name, ok := strings.CutPrefix(name, "SYS_")
		if name = strings.ToLower(name); ok && !slices.Contains(notCalls[:], name) {
			out[name] = nr
		}
	}
	if arch == "arm" {
		for i, name := range armPrivate {
			out[name] = uint64(0xf0001 + i)
		}
	}
	return out
}

// kernelSpelling puts right the constants that x/sys takes from the C library
// rather than from the kernel: 32-bit locks are the 64-bit ones there, and
// O_LARGEFILE is 0 where the library adds it by itself.
func kernelSpelling(arch string, constants map[string]uint64) {
	constants["F_GETLK"], constants["F_SETLK"], constants["F_SETLKW"] = 5, 6, 7
	switch arch {
	case "amd64":
		constants["O_LARGEFILE"] = 0o100000
	case "arm64":
		constants["O_LARGEFILE"] = 0o400000
	}
}

// sortConstants files the constants of one architecture. Error numbers must be
// the same everywhere, because a policy's errno is resolved without one.
func (t *sysTables) sortConstants(arch int, all map[string]uint64) error {
	t.constants[arch] = maps.Clone(extraConstants)
	for name, v := range all {
		switch {
		case strings.HasPrefix(name, errnoMark):
			if old, ok := t.errnos[name]; ok && old != v {
				return fmt.Errorf("%s is %d and %d", name, old, v)
			}
			t.errnos[name] = v
		case slices.ContainsFunc(constantPrefixes, func(p string) bool { return strings.HasPrefix(name, p) }):
			t.constants[arch][name] = v
		}
	}
	for i, name := range socketCalls {
		t.constants[arch]["SYS_"+name] = uint64(i + 1)
	}
	for name, v := range maps.Clone(t.constants[arch]) {
		if family, ok := strings.CutPrefix(name, "AF_"); ok { // the two are one, by definition
			t.constants[arch]["PF_"+family] = v
		}
	}
	// FDGETFDCSTAT has the size of a structure with an unsigned long in it.
	t.constants[arch]["FDGETFDCSTAT"] = 0x80280215
	if arches[arch] == "386" || arches[arch] == "arm" {
		t.constants[arch]["FDGETFDCSTAT"] = 0x80200215
	}
	kernelSpelling(arches[arch], t.constants[arch])
	return nil
}

// errnoMark stands before the names that are declared as syscall.Errno.
const errnoMark = "errno "

// readConstants returns the integer constants of a Go file.
func readConstants(file string) (map[string]uint64, error) {
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	out := map[string]uint64{}
	for _, decl := range f.Decls {
		gen, ok := decl.(*ast.GenDecl)
		if !ok || gen.Tok != token.CONST {
			continue
		}
		for _, s := range gen.Specs {
			spec := s.(*ast.ValueSpec)
			if len(spec.Names) != 1 || len(spec.Values) != 1 {
				continue
			}
			name := spec.Names[0].Name
			if v, errno, ok := evaluate(spec.Values[0]); ok {
				if errno {
					name = errnoMark + name
				}
				out[name] = v
			}
		}
	}
	return out, nil
}

// evaluate reads literals, negated ones, and syscall.Errno or syscall.Signal
// conversions of them.
func evaluate(e ast.Expr) (v uint64, errno, ok bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		v, ok = constant.Uint64Val(constant.ToInt(constant.MakeFromLiteral(e.Value, e.Kind, 0)))
		return v, false, ok && e.Kind == token.INT
	case *ast.UnaryExpr:
		v, _, ok = evaluate(e.X)
		return -v, false, ok && e.Op == token.SUB
	case *ast.CallExpr:
		sel, isSel := e.Fun.(*ast.SelectorExpr)
		if !isSel || len(e.Args) != 1 {
			return 0, false, false
		}
		v, _, ok = evaluate(e.Args[0])
		return v, sel.Sel.Name == "Errno", ok
	}
	return 0, false, false
}
