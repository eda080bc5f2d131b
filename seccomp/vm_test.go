package seccomp

import (
	"encoding/binary"
	"math/rand/v2"
	"runtime"
	"testing"

	elastic "github.com/elastic/go-seccomp-bpf"
	"golang.org/x/net/bpf"

	"github.com/lichen-sandbox/lichen/spec"
)

// packet lays out a call for x/net's interpreter, which reads words as network
// packets have them, most significant byte first.
func packet(d Data) []byte {
	b := make([]byte, 64)
	for off := uint32(0); off < 64; off += 4 {
		w, _ := d.word(off)
		binary.BigEndian.PutUint32(b[off:], w)
	}
	return b
}

func vm(t testing.TB, prog []Instruction) *bpf.VM {
	t.Helper()
	out := make([]bpf.Instruction, len(prog))
	for i, in := range prog {
		out[i] = bpf.RawInstruction{Op: in.Op, Jt: in.Jt, Jf: in.Jf, K: in.K}.Disassemble()
	}
	m, err := bpf.NewVM(out)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestSimulator compares Run with the interpreter of golang.org/x/net.
func TestSimulator(t *testing.T) {
	for seed := range uint64(60) {
		g := &generator{Rand: rand.New(rand.NewPCG(seed, 2))}
		p, o := g.policy()
		prog := mustCompile(t, p, o)
		m := vm(t, prog)
		for range 60 {
			d := g.data(o)
			want, err := m.Run(packet(d))
			if got, _ := Run(prog, d); err != nil || got != uint32(want) {
				t.Fatalf("seed %d: %#x = %#x, the interpreter says %#x, %v", seed, d, got, want, err)
			}
		}
	}
}

func TestSimulatorRefuses(t *testing.T) {
	for name, prog := range map[string][]Instruction{
		"empty":              {},
		"no return":          {{Op: opLoad}},
		"unknown":            {{Op: 0xffff}},
		"load beyond":        {{Op: opLoad, K: 64}, {Op: opReturn, K: RetAllow}},
		"load between words": {{Op: opLoad, K: 2}, {Op: opReturn, K: RetAllow}},
		"jump out":           {{Op: opJump, K: 0xffffffff}, {Op: opReturn, K: RetAllow}},
		"branch out":         {{Op: opJEq, Jt: 9, Jf: 9}, {Op: opReturn, K: RetAllow}},
	} {
		if ret, _ := Run(prog, Data{}); ret != RetKillProcess {
			t.Errorf("%s = %#x", name, ret)
		}
	}
}

// TestAgreesWithElastic compares policies of names only with those of another
// compiler, which has syscall tables of its own.
func TestAgreesWithElastic(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("the other compiler takes the architecture it runs on")
	}
	for _, group := range Groups() {
		names := sharedNames(group)
		if len(names) == 0 {
			continue
		}
		other := elastic.Policy{DefaultAction: elastic.ActionErrno, Syscalls: []elastic.SyscallGroup{{Names: names, Action: elastic.ActionAllow}}}
		program, err := other.Assemble()
		if err != nil {
			t.Fatalf("%s: %v", group.Name, err)
		}
		m, err := bpf.NewVM(program)
		if err != nil {
			t.Fatal(err)
		}
		prog := mustCompile(t, &spec.Seccomp{Allow: entries(names...)}, Options{Arch: AMD64})
		for nr := range int32(465) {
			d := Data{Nr: nr, Arch: AMD64.AuditArch()}
			want, err := m.Run(packet(d))
			if got, _ := Run(prog, d); err != nil || (got == RetAllow) != (uint32(want) == RetAllow) {
				name, _ := CallName(AMD64, uint32(nr))
				t.Errorf("%s: %s = %s, the other compiler says %#x, %v", group.Name, name, returnText(got), want, err)
			}
		}
	}
}

// sharedNames returns the members of a group that amd64 has and the other
// compiler's older table too.
func sharedNames(g Group) []string {
	var out []string
	for _, name := range g.Members {
		if nr, ok := Number(AMD64, name); ok && nr < 463 && name != "uretprobe" && name != "uprobe" {
			out = append(out, name)
		}
	}
	return out
}
