package seccomp

import (
	"testing"

	"github.com/lichen-sandbox/lichen/spec"
)

func entries(names ...string) []spec.SyscallEntry {
	out := make([]spec.SyscallEntry, len(names))
	for i, n := range names {
		out[i] = spec.SyscallEntry{Name: n, Origin: spec.Origin{File: "p.toml", Line: i + 1}}
	}
	return out
}

func ruleList(texts ...string) []spec.SeccompRule {
	out := make([]spec.SeccompRule, len(texts))
	for i, t := range texts {
		out[i] = spec.SeccompRule{Text: t, Origin: spec.Origin{File: "p.toml", Line: i + 1}}
	}
	return out
}

func mustCompile(t testing.TB, p *spec.Seccomp, o Options) []Instruction {
	t.Helper()
	prog, err := Compile(p, o)
	if err != nil {
		t.Fatal(err)
	}
	wellFormed(t, prog)
	return prog
}

// wellFormed checks what the kernel's seccomp_check_filter and
// bpf_check_classic check: known instructions, jumps inside, a return last.
func wellFormed(t testing.TB, prog []Instruction) {
	t.Helper()
	if len(prog) == 0 || len(prog) > MaxInstructions || prog[len(prog)-1].Op != opReturn {
		t.Fatalf("%d instructions, or no return at the end", len(prog))
	}
	for i, in := range prog {
		left := uint32(len(prog) - i - 1)
		switch in.Op {
		case opLoad:
			if in.K%4 != 0 || in.K >= 64 {
				t.Fatalf("%d loads from %d", i, in.K)
			}
		case opJump:
			if in.K >= left {
				t.Fatalf("%d jumps out", i)
			}
		case opJEq, opJGt, opJGe, opJSet:
			if uint32(in.Jt) >= left || uint32(in.Jf) >= left {
				t.Fatalf("%d jumps out", i)
			}
		case opAnd, opReturn:
		default:
			t.Fatalf("%d is %#x", i, in.Op)
		}
	}
}

// call returns the data of a call by name.
func call(t testing.TB, a Arch, name string, args ...uint64) Data {
	t.Helper()
	nr, ok := Number(a, name)
	if !ok {
		t.Fatalf("no %s on %s", name, a.Name())
	}
	d := Data{Nr: int32(nr), Arch: a.AuditArch()}
	copy(d.Args[:], args)
	return d
}

// verdict runs a call and returns the answer as text.
func verdict(prog []Instruction, d Data) string {
	ret, _ := Run(prog, d)
	return returnText(ret)
}

var defaultPolicy = spec.Seccomp{Allow: entries("@default")}

func allArches(f func(Arch)) {
	for a := range Arch(numArches) {
		f(a)
	}
}
