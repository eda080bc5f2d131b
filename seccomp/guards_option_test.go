package seccomp

import (
	"strings"
	"testing"

	"github.com/lichen-sandbox/lichen/spec"
)

func TestInPlace(t *testing.T) {
	never := strings.Fields(`chmod fchmod fchmodat fchmodat2 chown fchown lchown fchownat chown32 fchown32 lchown32
		setxattr lsetxattr fsetxattr setxattrat removexattr lremovexattr fremovexattr removexattrat
		utime utimes utimensat futimesat utimensat_time64 file_setattr
		msgget shmget semget msgctl shmctl semctl shmat msgsnd msgrcv semop semtimedop semtimedop_time64 ipc mq_open mq_unlink`)
	tests := []guardTest{
		{call: "setpriority", refused: [][]uint64{{1}, {0, 1}, {1 | high}, {high, 1 | high}}, good: [][]uint64{{0, 0, 5}, {high, high}}},
		{call: "ioprio_set", refused: [][]uint64{{0}, {1, 1}, {2}, {1, 1 | high}}, good: [][]uint64{{1, 0, 5}, {1 | high, high}}},
	}
	for _, name := range never {
		tests = append(tests, guardTest{call: name, refused: [][]uint64{{}, {0, 0o644}, {1, 2, 3, 4, 5, 6}}})
	}
	for _, name := range []string{"sched_setscheduler", "sched_setparam", "sched_setattr", "sched_setaffinity"} {
		tests = append(tests, guardTest{call: name, refused: [][]uint64{{1}, {1 | trash}, {0xffffffff}}, good: [][]uint64{{0, 5}, {high}}})
	}
	allArches(func(a Arch) {
		o := Options{Arch: a, InPlace: true}
		for _, tt := range tests {
			tt.run(t, a, mustCompile(t, &defaultPolicy, o), "errno:EPERM", "allow")
			tt.run(t, a, mustCompile(t, &spec.Seccomp{Allow: entries("@default", tt.call)}, o), "allow", "allow")
			tt.run(t, a, mustCompile(t, &spec.Seccomp{Default: allow}, o), "errno:EPERM", "allow")
			tt.run(t, a, mustCompile(t, &spec.Seccomp{Allow: entries(tt.call), Deny: entries(tt.call), DenyAction: kill}, o), "kill", "kill")
		}
		for _, tt := range guardTests { // the others stay
			if inPlaceGuardOf(mustCall(tt.call)) == nil {
				tt.run(t, a, mustCompile(t, &defaultPolicy, o), tt.refusal(), "allow")
			}
		}
	})
}

func mustCall(name string) callID {
	id, ok := callNamed(name)
	if !ok {
		panic("no " + name)
	}
	return id
}

func TestNoSockets(t *testing.T) {
	tests := []guardTest{
		{call: "socket", refused: [][]uint64{{1, 1}, {2, 1}, {16, 3}, {1 | high, 5}}, answer: "errno:EAFNOSUPPORT"},
		{call: "socketpair", refused: [][]uint64{{1, 2}, {1, 3}, {1, 4}, {1, 2 | high}, {1, 0x80802}, {2, 1}, {1, 0}, {16, 1}, {1, 10}},
			good: [][]uint64{{1, 1}, {1, 5}, {1, 0x80801}, {1, 0x80005 | high}, {1 | high, 1}}, answer: "errno:EAFNOSUPPORT"},
		{call: "socketcall", refused: [][]uint64{{1}, {3}, {8}, {16}}, answer: "errno:ENOSYS"},
		{call: "io_uring_setup", refused: [][]uint64{{}}}, {call: "io_uring_enter", refused: [][]uint64{{}}}, {call: "io_uring_register", refused: [][]uint64{{}}},
		{call: "connect", good: [][]uint64{{}}},
	}
	allArches(func(a Arch) {
		for _, o := range []Options{{Arch: a, NoSockets: true}, {Arch: a, NoSockets: true, UnixOnly: true, InPlace: true, Nested: true}} {
			for _, tt := range tests {
				for _, p := range []spec.Seccomp{{Default: allow}, {Allow: entries("@default", tt.call, "@io-uring")}} {
					tt.run(t, a, mustCompile(t, &p, o), tt.refusal(), "allow")
				}
			}
		}
	})
	if _, err := Compile(&spec.Seccomp{Off: true}, Options{NoSockets: true}); err == nil {
		t.Error("an unenforced network restriction compiles")
	}
}

func TestNoFastOpen(t *testing.T) {
	const fastOpen, dontwait = 0x20000000, 0x40
	tests := []guardTest{
		{call: "sendto", refused: [][]uint64{{3, 0, 0, fastOpen}, {3, 0, 0, fastOpen | dontwait}, {3, 0, 0, fastOpen | high}}, good: [][]uint64{{3, 0, 0, 0}, {3, 0, 0, dontwait | high}}, answer: "errno:EOPNOTSUPP"},
		{call: "sendmmsg", refused: [][]uint64{{3, 0, 1, fastOpen}}, good: [][]uint64{{3, 0, 1, dontwait}}, answer: "errno:EOPNOTSUPP"},
		{call: "sendmsg", refused: [][]uint64{{3, 0, fastOpen}, {3, 0, fastOpen | high}}, good: [][]uint64{{3, 0, dontwait}, {3, 0, 0, fastOpen}}, answer: "errno:EOPNOTSUPP"},
		{call: "setsockopt", refused: [][]uint64{{3, 6, 31}, {3, 6 | high, 31 | high, 0, 3}}, good: [][]uint64{{3, 6, 30}, {3, 1, 31}, {3, 31, 6}}, answer: "errno:EOPNOTSUPP"},
		{call: "socketcall", refused: [][]uint64{{1}, {11}, {16}, {20}}, answer: "errno:ENOSYS"},
		{call: "io_uring_setup", refused: [][]uint64{{}}}, {call: "io_uring_enter", refused: [][]uint64{{}}},
	}
	allArches(func(a Arch) {
		for _, tt := range tests {
			for _, p := range []spec.Seccomp{{Default: allow}, {Allow: entries("@default", tt.call, "@io-uring")}} {
				tt.run(t, a, mustCompile(t, &p, Options{Arch: a, NoFastOpen: true}), tt.refusal(), "allow")
			}
		}
	})
}

func TestNoGroupSignals(t *testing.T) {
	tt := guardTest{call: "kill", refused: [][]uint64{{0, 9}, {high, 15}, {trash}}, good: [][]uint64{{1}, {0xffffffff}, {1 | high, 9}, {0xfffffffe}}}
	allArches(func(a Arch) {
		for _, p := range []spec.Seccomp{defaultPolicy, {Default: allow}, {Allow: entries("kill", "@signal")}} {
			tt.run(t, a, mustCompile(t, &p, Options{Arch: a, NoGroupSignals: true}), "errno:EPERM", "allow")
		}
		tt.run(t, a, mustCompile(t, &defaultPolicy, Options{Arch: a}), "allow", "allow")
	})
}

func TestKeepFiles(t *testing.T) {
	const trunc, creat = 0o1000, 0o100
	tests := []guardTest{
		{call: "openat", refused: [][]uint64{{0, 0, trunc}, {0, 0, trunc | 3}, {0, 0, trunc | high}, {0, 0, creat, 0o4755}},
			good: [][]uint64{{0, 0, 0}, {0, 0, trunc | 1}, {0, 0, trunc | 2}, {0, 0, trunc | creat | 1, 0o644}, {0, 0, 3}}},
		{call: "truncate", refused: [][]uint64{{}, {1, 1}}},
		{call: "ftruncate", good: [][]uint64{{}, {3, 1}}},
	}
	allArches(func(a Arch) {
		for _, tt := range tests {
			if _, ok := Number(a, tt.call); !ok {
				continue
			}
			for _, p := range []spec.Seccomp{defaultPolicy, {Default: allow}, {Allow: entries("@default", tt.call)}} {
				tt.run(t, a, mustCompile(t, &p, Options{Arch: a, KeepFiles: true}), "errno:EPERM", "allow")
			}
		}
	})
}
