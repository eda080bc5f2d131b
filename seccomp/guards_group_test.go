package seccomp

import (
	"testing"

	"github.com/lichen-sandbox/lichen/spec"
)

// guardTest is a call with arguments that its guard refuses, and ones that it
// lets through. answer is the refusal; "" for EPERM.
type guardTest struct {
	call          string
	refused, good [][]uint64
	answer        string
}

const (
	trash   = 0xdeadbeef << 32
	suid    = 0o4755
	sgid    = 0o2755
	creat   = 0o100
	tmpfile = 0o20000000
)

// modeTest has the modes at an argument of a call: the kernel reads 16 bits of
// them.
func modeTest(call string, at int) guardTest {
	mode := func(m uint64) []uint64 { return append(make([]uint64, at, at+1), m) }
	return guardTest{call: call,
		refused: [][]uint64{mode(suid), mode(sgid), mode(suid | high), mode(sgid | trash | 1<<16), mode(0o106755), mode(0o6000)},
		good:    [][]uint64{mode(0o755), mode(0o1777), mode(0o100644), mode(0o755 | trash | 6<<16), mode(0)}}
}

// openTest has the flags at an argument, and the mode after it.
func openTest(call string, at int) guardTest {
	args := func(flags, mode uint64) []uint64 { return append(make([]uint64, at, at+2), flags, mode) }
	return guardTest{call: call,
		refused: [][]uint64{args(creat, suid), args(creat|1, sgid), args(creat|trash, suid), args(tmpfile|2, suid), args(tmpfile|creat|trash, sgid|trash), args(creat, suid|1<<16)},
		good:    [][]uint64{args(0, suid), args(0o2000000, 0xffffffffffffffff), args(0o200000, sgid), args(creat<<32, suid), args(tmpfile<<32, suid), args(creat, 0o644), args(tmpfile|2, 0o600|trash), args(creat|trash, 0o1755)}}
}

var guardTests = []guardTest{
	modeTest("chmod", 1), modeTest("fchmod", 1), modeTest("fchmodat", 2), modeTest("fchmodat2", 2),
	modeTest("mknod", 1), modeTest("mknodat", 2), modeTest("creat", 1),
	openTest("open", 1), openTest("openat", 2),
	{call: "openat2", refused: [][]uint64{{}, {1, 1, 1, 1}}, answer: "errno:ENOSYS"},
	{call: "prlimit64", refused: [][]uint64{{1, 0, 1}, {1 | trash, 0, 1}, {0xffffffff, 0, 0x1000}},
		good: [][]uint64{{0, 0, 1}, {high, 0, 1}, {1, 0, 0}, {1, 0, 0, 1}, {0}}},
	{call: "setpriority", refused: [][]uint64{{1}, {2}, {1 | high, 0}, {2, 1000}}, good: [][]uint64{{0}, {0, 5}, {high, 0, 19}}},
	{call: "ioprio_set", refused: [][]uint64{{0}, {2}, {3}, {high}, {2 | high, 1}}, good: [][]uint64{{1}, {1, 5}, {1 | high}}},
	{call: "fcntl", refused: [][]uint64{{0, 1024}, {3, 1024 | high, 1}}, good: [][]uint64{{0, 1}, {0, 1025}, {0, 1026, 1}, {1024, 4}, {0, 1024 << 32}}},
	{call: "fcntl64", refused: [][]uint64{{0, 1024}, {3, 1024 | high, 1}}, good: [][]uint64{{0, 1}, {0, 1025}, {0, 1026, 1}}},
}

// TestWidePointerOfPrlimit: a pointer is not null for having a low word of 0.
func TestWidePointerOfPrlimit(t *testing.T) {
	for a, want := range map[Arch]string{AMD64: "errno:EPERM", ARM64: "errno:EPERM", I386: "allow", ARM: "allow"} {
		prog := mustCompile(t, &defaultPolicy, Options{Arch: a})
		if got := verdict(prog, call(t, a, "prlimit64", 1, 0, high)); got != want {
			t.Errorf("%s: %s, want %s", a.Name(), got, want)
		}
	}
}

func (tt *guardTest) run(t *testing.T, a Arch, prog []Instruction, refused, good string) {
	t.Helper()
	if _, ok := Number(a, tt.call); !ok {
		return
	}
	for want, calls := range map[string][][]uint64{refused: tt.refused, good: tt.good} {
		for _, args := range calls {
			if got := verdict(prog, call(t, a, tt.call, args...)); got != want {
				t.Errorf("%s: %s%#x = %s, want %s", a.Name(), tt.call, args, got, want)
			}
		}
	}
}

func (tt *guardTest) refusal() string {
	if tt.answer == "" {
		return "errno:EPERM"
	}
	return tt.answer
}

func TestGroupGuards(t *testing.T) {
	allArches(func(a Arch) {
		o := Options{Arch: a}
		def := mustCompile(t, &defaultPolicy, o)
		for _, tt := range guardTests {
			tt.run(t, a, def, tt.refusal(), "allow")
			named := spec.Seccomp{Allow: entries("@default", tt.call)}
			tt.run(t, a, mustCompile(t, &named, o), "allow", "allow")
			denied := spec.Seccomp{Allow: entries("@default", tt.call), Deny: entries(tt.call), DenyAction: kill}
			tt.run(t, a, mustCompile(t, &denied, o), "kill", "kill")
			open := spec.Seccomp{Default: allow}
			tt.run(t, a, mustCompile(t, &open, o), "allow", "allow")
		}
	})
	nested := mustCompile(t, &defaultPolicy, Options{Nested: true})
	for name, want := range map[string]string{"openat2": "allow", "chmod": "errno:EPERM"} {
		if got := verdict(nested, call(t, AMD64, name, 0, suid)); got != want {
			t.Errorf("nested: %s = %s, want %s", name, got, want)
		}
	}
}

// TestGuardsOfCompat has the guards in the second tree of a program.
func TestGuardsOfCompat(t *testing.T) {
	for _, machine := range []Arch{AMD64, ARM64} {
		compat, _ := machine.Compat()
		prog := mustCompile(t, &spec.Seccomp{Allow: entries("@default"), Compat: true}, Options{Arch: machine})
		for _, tt := range guardTests {
			tt.run(t, machine, prog, tt.refusal(), "allow")
			tt.run(t, compat, prog, tt.refusal(), "allow")
		}
	}
}

// TestRulesAddToGuards: a rule makes a guard neither narrower nor wider.
func TestRulesAddToGuards(t *testing.T) {
	prog := mustCompile(t, &spec.Seccomp{Allow: entries("@default"), Rules: ruleList("chmod: arg1 & 0o111 == 0", "openat: arg2 & O_TRUNC == 0; return errno:EACCES")}, Options{})
	for _, p := range []probe{
		{"chmod", []uint64{0, 0o644}, "allow"}, {"chmod", []uint64{0, 0o755}, "errno:EPERM"}, {"chmod", []uint64{0, 0o4644}, "errno:EPERM"},
		{"openat", []uint64{0, 0, creat, suid}, "errno:EPERM"}, {"openat", []uint64{0, 0, 0o1000, suid}, "errno:EACCES"}, {"openat", []uint64{0, 0, creat, 0o644}, "allow"},
	} {
		if got := verdict(prog, call(t, AMD64, p.call, p.args...)); got != p.want {
			t.Errorf("%s%#x = %s, want %s", p.call, p.args, got, p.want)
		}
	}
}

// TestHotCallsStayCheap bounds what it takes to let through the guarded calls
// that programs make all the time.
func TestHotCallsStayCheap(t *testing.T) {
	prog := mustCompile(t, &defaultPolicy, Options{})
	for name, args := range map[string][]uint64{"openat": nil, "open": nil, "fcntl": {0, 3}} {
		if ret, n := Run(prog, call(t, AMD64, name, args...)); ret != RetAllow || n > 14 {
			t.Errorf("%s: %s after %d instructions", name, returnText(ret), n)
		}
	}
}
