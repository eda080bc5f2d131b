package seccomp

import (
	"errors"
	"strings"
	"testing"

	"github.com/lichen-sandbox/lichen/spec"
)

const high = 1 << 32

// probe is a call and what it should get.
type probe struct {
	call string
	args []uint64
	want string
}

var (
	kill  = spec.Action{Kind: spec.ActionKillProcess}
	allow = spec.Action{Kind: spec.ActionAllow}
)

var verdictTests = []struct {
	name   string
	policy spec.Seccomp
	opts   Options
	probes []probe
}{
	{"default group", defaultPolicy, Options{}, []probe{
		{"read", nil, "allow"},
		{"mount", nil, "errno:EPERM"},
		{"ioctl", []uint64{0, 0x5401}, "allow"},
		{"ioctl", []uint64{0, 0x5412}, "errno:EPERM"},
		{"ioctl", []uint64{0, 0x5412 | high}, "errno:EPERM"},
		{"ioctl", []uint64{0, 0x541c | 0xdead<<32}, "errno:EPERM"},
		{"socket", []uint64{1}, "allow"},
		{"socket", []uint64{2}, "allow"},
		{"socket", []uint64{16}, "allow"},
		{"socket", []uint64{38}, "errno:EAFNOSUPPORT"},
		{"socket", []uint64{40 | high}, "errno:EAFNOSUPPORT"},
		{"socket", []uint64{2 | high}, "allow"}, // the kernel reads 2
		{"socketpair", []uint64{17}, "errno:EAFNOSUPPORT"},
		{"clone", []uint64{0x3d0f00}, "allow"},
		{"clone", []uint64{0x10000011}, "errno:EPERM"},
		{"clone", []uint64{0x20000 | high}, "errno:EPERM"},
		{"clone", []uint64{0x80}, "allow"}, // CSIGNAL, not CLONE_NEWTIME
		{"clone3", nil, "errno:ENOSYS"},
		{"unshare", []uint64{0x400}, "allow"},
		{"unshare", []uint64{0x80}, "errno:EPERM"},
		{"unshare", []uint64{0x10000000}, "errno:EPERM"},
		{"unshare", []uint64{0x400 | high}, "errno:EPERM"},
		{"personality", []uint64{0xffffffff}, "allow"},
		{"personality", []uint64{0x40000}, "errno:EPERM"},
		{"setns", nil, "errno:EPERM"},
	}},
	{"names lift guards", spec.Seccomp{Allow: entries("@default", "ioctl", "clone3", "socket")}, Options{}, []probe{
		{"ioctl", []uint64{0, 0x5412}, "allow"},
		{"clone3", nil, "allow"},
		{"socket", []uint64{38}, "allow"},
		{"socketpair", []uint64{38}, "errno:EAFNOSUPPORT"},
	}},
	{"groups lift guards", spec.Seccomp{Allow: entries("@default", "@namespaces")}, Options{}, []probe{
		{"clone", []uint64{0x10000000}, "allow"}, {"clone3", nil, "allow"}, {"setns", nil, "allow"},
		{"unshare", []uint64{0x10000000}, "allow"}, {"mount", nil, "errno:EPERM"},
	}},
	{"debuggers fix addresses", spec.Seccomp{Allow: entries("@default", "@debug")}, Options{}, []probe{
		{"personality", []uint64{0x40000}, "allow"}, {"ptrace", nil, "allow"}, {"clone3", nil, "errno:ENOSYS"},
	}},
	{"denied groups put guards back", spec.Seccomp{Allow: entries("@default", "clone", "@namespaces"), Deny: entries("@namespaces")}, Options{Nested: true}, []probe{
		{"clone", []uint64{17}, "allow"}, {"clone", []uint64{0x10000000}, "errno:EPERM"},
		{"clone3", nil, "errno:ENOSYS"}, {"setns", nil, "errno:EPERM"}, {"mount", nil, "allow"},
	}},
	{"nested", defaultPolicy, Options{Nested: true}, []probe{
		{"clone", []uint64{0x10000000}, "allow"}, {"clone3", nil, "allow"}, {"unshare", []uint64{0x10000000}, "allow"},
		{"pivot_root", nil, "allow"}, {"mount", nil, "allow"}, {"setns", nil, "allow"},
		{"ioctl", []uint64{0, 0x5412}, "errno:EPERM"}, {"bpf", nil, "errno:EPERM"},
	}},
	{"unix only", spec.Seccomp{Default: allow, Allow: entries("socket", "io_uring_setup")}, Options{UnixOnly: true}, []probe{
		{"socket", []uint64{1}, "allow"}, {"socket", []uint64{1 | high}, "allow"}, {"socket", []uint64{2}, "errno:EAFNOSUPPORT"},
		{"socket", []uint64{16}, "errno:EAFNOSUPPORT"}, {"socketpair", []uint64{2}, "errno:EAFNOSUPPORT"},
		{"io_uring_setup", nil, "errno:EPERM"}, {"io_uring_enter", nil, "errno:EPERM"}, {"mount", nil, "allow"},
	}},
	{"rules decide alone", spec.Seccomp{Default: kill, Allow: entries("prctl", "@basic-io"), Rules: ruleList(
		"prctl: arg0 == PR_SET_NAME", "prctl: arg0 in {PR_GET_NAME, 4}; return errno:EINVAL",
		"ioctl: arg1 != TCGETS", "mremap: arg1 > 4096 && !(arg2 >= 0x100000000)", "chmod: arg1 & 0o7000 == 0; return log")}, Options{}, []probe{
		{"prctl", []uint64{15}, "allow"}, {"prctl", []uint64{16 | high}, "allow"}, {"prctl", []uint64{4}, "allow"}, {"prctl", []uint64{1}, "errno:EINVAL"},
		{"ioctl", []uint64{0, 1}, "allow"}, {"ioctl", []uint64{0, 0x5401 | high}, "kill"}, {"ioctl", []uint64{0, 0x5412}, "errno:EPERM"},
		{"mremap", []uint64{0, 4097}, "allow"}, {"mremap", []uint64{0, high, high - 1}, "allow"}, {"mremap", []uint64{0, high, high}, "kill"}, {"mremap", []uint64{0, 4096}, "kill"},
		{"chmod", []uint64{0, 0o755 | 1<<16}, "allow"}, {"chmod", []uint64{0, 0o4755}, "log"},
		{"getpid", nil, "kill"},
	}},
	{"unsigned long that the kernel narrows", spec.Seccomp{Rules: ruleList("clone: arg0 != 17", "mprotect: arg2 == PROT_READ")}, Options{}, []probe{
		{"clone", []uint64{18}, "allow"}, {"clone", []uint64{17}, "errno:EPERM"}, {"clone", []uint64{17 | high}, "errno:EPERM"},
		{"mprotect", []uint64{0, 0, 1}, "allow"}, {"mprotect", []uint64{0, 0, 1 | high}, "errno:EPERM"},
	}},
	{"guards bind groups only", spec.Seccomp{Default: allow}, Options{}, []probe{{"ioctl", []uint64{0, 0x5412}, "allow"}, {"clone", []uint64{0x10000000}, "allow"}}},
	{"notify", notifyPolicy, Options{Notify: true, GuardDefault: true}, []probe{
		{"getppid", nil, "notify"},
		{"lseek", []uint64{0, 7}, "notify"},
		{"lseek", []uint64{0, 8}, "allow"},
		{"ioctl", []uint64{0, 0x5412}, "errno:EPERM"},
	}},
	{"guards under an open default", spec.Seccomp{Default: spec.Action{Kind: spec.ActionLog}, Allow: entries("@default")}, Options{}, []probe{
		{"ioctl", []uint64{0, 0x5412}, "errno:EPERM"}, {"bpf", nil, "log"}}},
}

func TestVerdicts(t *testing.T) {
	for _, tt := range verdictTests {
		t.Run(tt.name, func(t *testing.T) {
			prog := mustCompile(t, &tt.policy, tt.opts)
			for _, p := range tt.probes {
				if got := verdict(prog, call(t, AMD64, p.call, p.args...)); got != p.want {
					t.Errorf("%s%#x = %s, want %s", p.call, p.args, got, p.want)
				}
			}
			for _, nr := range []int32{-1, 472, 500, 0x40000000, 0x40000000 | 59} {
				if got := verdict(prog, Data{Nr: nr, Arch: AMD64.AuditArch()}); got != "errno:ENOSYS" {
					t.Errorf("number %#x = %s, want ENOSYS", nr, got)
				}
			}
			for _, arch := range []uint32{0, I386.AuditArch(), ARM64.AuditArch(), 0xffffffff} {
				if got := verdict(prog, Data{Arch: arch}); got != "kill" {
					t.Errorf("architecture %#x = %s, want kill", arch, got)
				}
			}
		})
	}
}

func TestDenyBeatsAll(t *testing.T) {
	p := spec.Seccomp{
		Allow: entries("@default", "mount"), Deny: entries("@mount", "getpid"),
		DenyAction: spec.Action{Kind: spec.ActionErrno, Errno: 22}, Rules: ruleList("umask: arg0 == 0"),
	}
	prog := mustCompile(t, &p, Options{Nested: true})
	for _, name := range []string{"mount", "pivot_root", "getpid"} {
		if got := verdict(prog, call(t, AMD64, name)); got != "errno:EINVAL" {
			t.Errorf("%s = %s", name, got)
		}
	}
}

func TestCompat(t *testing.T) {
	p := spec.Seccomp{Allow: entries("@default"), Compat: true, Rules: ruleList(
		"mmap: arg2 & PROT_EXEC == 0", // in memory on i386
		"chown: arg1 == 0",            // 16 bits there
		"pread64: arg3 == 0",          // two registers there
		"pread64: arg0 == 5",          // in the same place
		"lseek: arg1 < 0x100000000",   // always, in 32 bits
		"munmap: arg1 >= 0x100000000", // never
		"mremap: arg1 == ~0xfff",      // truncated
		"brk: arg0 != 0x100000000",    // always
		"msync: arg0 == 0x100000001",  // never
		"madvise: arg2 == MADV_REMOVE")}
	prog := mustCompile(t, &p, Options{Arch: AMD64})
	for _, tt := range []struct {
		call string
		args []uint64
		want string
	}{
		{"mmap", []uint64{0, 0, 1}, "errno:EPERM"},
		{"mmap2", []uint64{0, 0, 4}, "allow"},
		{"chown", nil, "errno:EPERM"},
		{"chown32", nil, "allow"},
		{"pread64", []uint64{5, 0, 0, 1}, "allow"},
		{"pread64", []uint64{6}, "errno:EPERM"},
		{"lseek", []uint64{0, 0xffffffff}, "allow"},
		{"munmap", []uint64{0, high}, "errno:EPERM"},
		{"mremap", []uint64{0, 0xfffff000}, "allow"},
		{"brk", []uint64{high}, "allow"},
		{"msync", []uint64{high | 1}, "errno:EPERM"},
		{"madvise", []uint64{0, 0, 9 | high}, "allow"},
		{"socket", []uint64{1 | high}, "allow"},
		{"socket", []uint64{40 | high}, "errno:EAFNOSUPPORT"},
		{"socketcall", []uint64{3}, "allow"},
		{"socketcall", []uint64{1}, "errno:ENOSYS"},
		{"socketcall", []uint64{1 | high}, "errno:ENOSYS"},
		{"unshare", []uint64{0x400 | high}, "allow"},
		{"unshare", []uint64{0x80}, "errno:EPERM"},
		{"clock_gettime64", nil, "allow"},
		{"umount", nil, "errno:EPERM"},
	} {
		if got := verdict(prog, call(t, I386, tt.call, tt.args...)); got != tt.want {
			t.Errorf("%s%#x = %s, want %s", tt.call, tt.args, got, tt.want)
		}
	}
	if got := verdict(prog, Data{Arch: ARM64.AuditArch()}); got != "kill" {
		t.Errorf("arm64 = %s", got)
	}
	arm := mustCompile(t, &spec.Seccomp{Allow: entries("@default"), Compat: true}, Options{Arch: ARM64})
	for name, want := range map[string]string{"set_tls": "allow", "cacheflush": "allow", "usr26": "errno:EPERM", "arm_fadvise64_64": "allow"} {
		if got := verdict(arm, call(t, ARM, name)); got != want {
			t.Errorf("arm %s = %s, want %s", name, got, want)
		}
	}
	for _, nr := range []int32{472, 0xeffff, 0xf0000, 0xf0007, -1} {
		if got := verdict(arm, Data{Nr: nr, Arch: ARM.AuditArch()}); got != "errno:ENOSYS" {
			t.Errorf("arm %#x = %s", nr, got)
		}
	}
}

func TestUnixOnlyCompat(t *testing.T) {
	p := spec.Seccomp{Allow: entries("@default", "socketcall"), Compat: true}
	prog := mustCompile(t, &p, Options{UnixOnly: true})
	for nr := range uint64(21) {
		if got := verdict(prog, call(t, I386, "socketcall", nr)); got != "errno:ENOSYS" {
			t.Errorf("socketcall(%d) = %s", nr, got)
		}
	}
	if got := verdict(prog, call(t, I386, "socket", 2)); got != "errno:EAFNOSUPPORT" {
		t.Errorf("socket = %s", got)
	}
}

func TestOff(t *testing.T) {
	if prog, err := Compile(&spec.Seccomp{Off: true}, Options{}); prog != nil || err != nil {
		t.Errorf("got %d instructions, %v", len(prog), err)
	}
	if _, err := Compile(&spec.Seccomp{Off: true}, Options{UnixOnly: true}); err == nil {
		t.Error("an unenforced network restriction compiles")
	}
}

// TestOneAnswer has sections without a search, which share their only answer.
func TestOneAnswer(t *testing.T) {
	p := spec.Seccomp{Default: spec.Action{Kind: spec.ActionErrno, Errno: enosys}, Compat: true}
	prog := mustCompile(t, &p, Options{})
	for _, a := range []Arch{AMD64, I386} {
		if got := verdict(prog, call(t, a, "read")); got != "errno:ENOSYS" {
			t.Errorf("%s: %s", a.Name(), got)
		}
	}
}

func TestUnknownArch(t *testing.T) {
	const bad = Arch(numArches)
	if _, err := Compile(&defaultPolicy, Options{Arch: bad}); err == nil {
		t.Error("Compile")
	}
	if _, err := AllowOnly(bad, nil); err == nil {
		t.Error("AllowOnly")
	}
	if _, ok := Number(bad, "read"); ok || bad.AuditArch() != 0 || bad.Name() != "unknown" {
		t.Error("Number, AuditArch or Name")
	}
	if _, ok := CallName(bad, 0); ok {
		t.Error("CallName")
	}
}

// TestFarTargets needs jumps that 8 bits cannot hold, and answers whose copies
// are too far.
func TestFarTargets(t *testing.T) {
	var set strings.Builder
	for i := range 400 {
		set.WriteString(", " + string(rune('0'+i%10)) + strings.Repeat("7", i%5+1))
	}
	rules := []string{"ioctl: arg1 in {1" + set.String() + "} || arg2 == 3", "write: arg2 in {1" + set.String() + "}; return trap"}
	p := spec.Seccomp{Allow: entries("@default"), Rules: ruleList(rules...), Compat: true}
	prog := mustCompile(t, &p, Options{})
	for _, d := range []struct {
		data Data
		want string
	}{
		{call(t, AMD64, "ioctl", 0, 177), "allow"}, {call(t, AMD64, "ioctl", 0, 178, 3), "allow"}, {call(t, AMD64, "ioctl", 0, 178, 4), "errno:EPERM"},
		{call(t, AMD64, "write", 0, 0, 177), "allow"}, {call(t, AMD64, "write", 0, 0, 177|high), "trap"},
		{call(t, I386, "write", 0, 0, 177|high), "allow"}, {call(t, I386, "mount"), "errno:EPERM"}, {call(t, AMD64, "read"), "allow"},
	} {
		if got := verdict(prog, d.data); got != d.want {
			t.Errorf("%+v = %s, want %s", d.data, got, d.want)
		}
	}
}

func TestAllowOnly(t *testing.T) {
	allArches(func(a Arch) {
		prog, err := AllowOnly(a, []string{"wait4", "exit_group", "ppoll"})
		if err != nil {
			t.Fatal(err)
		}
		wellFormed(t, prog)
		for nr := int32(-1); nr < 600; nr++ {
			name, _ := CallName(a, uint32(nr))
			want := "kill"
			if name == "wait4" || name == "exit_group" || name == "ppoll" {
				want = "allow"
			}
			if got := verdict(prog, Data{Nr: nr, Arch: a.AuditArch()}); got != want {
				t.Errorf("%s %d %s = %s, want %s", a.Name(), nr, name, got, want)
			}
		}
		if got := verdict(prog, Data{Arch: 1}); got != "kill" {
			t.Errorf("foreign architecture: %s", got)
		}
	})
	_, err := AllowOnly(AMD64, []string{"clock_gettime64"})
	var e *spec.Error
	if !errors.As(err, &e) || e.Object != "clock_gettime64" {
		t.Errorf("err = %v", err)
	}
}
