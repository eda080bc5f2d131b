package seccomp

import (
	"testing"

	"github.com/lichen-sandbox/lichen/spec"
)

func BenchmarkCompileDefault(b *testing.B) {
	benchmarkCompile(b, &defaultPolicy)
}

func BenchmarkCompileCompat(b *testing.B) {
	benchmarkCompile(b, &spec.Seccomp{Allow: entries("@default", "ptrace"), Deny: entries("@mount"), Compat: true})
}

func BenchmarkCompileRules(b *testing.B) {
	benchmarkCompile(b, &spec.Seccomp{Allow: entries("@default"), Rules: ruleList(
		"ioctl: arg1 != TIOCSTI && arg1 != TIOCLINUX", "prctl: !(arg0 in {PR_SET_MM, PR_SET_DUMPABLE}); return errno:EPERM")})
}

// benchmarkCompile also reports the program's length, and how many instructions
// it runs for a call that it lets through: the mean over all of them.
func benchmarkCompile(b *testing.B, p *spec.Seccomp) {
	prog := mustCompile(b, p, Options{})
	allowed, executed := 0, 0
	for nr := range int32(500) {
		if ret, n := Run(prog, Data{Nr: nr, Arch: AMD64.AuditArch()}); ret == RetAllow {
			allowed++
			executed += n
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Compile(p, Options{}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(prog)), "instructions")
	b.ReportMetric(float64(executed)/float64(allowed), "executed/call")
}

// TestCompileIsCheap holds the budget of a launch in allocations, which do not
// depend on the machine.
func TestCompileIsCheap(t *testing.T) {
	allocs := testing.AllocsPerRun(10, func() {
		if _, err := Compile(&defaultPolicy, Options{}); err != nil {
			t.Fatal(err)
		}
	})
	if allocs > 30 {
		t.Errorf("%v allocations", allocs)
	}
}

func BenchmarkCompileFrequency(b *testing.B) {
	for b.Loop() {
		if _, err := Compile(&defaultPolicy, Options{Frequency: map[string]uint64{"read": 100}}); err != nil {
			b.Fatal(err)
		}
	}
}
