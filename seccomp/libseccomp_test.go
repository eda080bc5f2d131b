package seccomp

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/lichen-sandbox/lichen/spec"
)

// operator is an operator of libseccomp (enum scmp_compare) and ours.
type operator struct {
	number int
	text   string
}

var operators = []operator{{1, "!="}, {2, "<"}, {3, "<="}, {4, "=="}, {5, ">="}, {6, ">"}, {7, "&"}}

// foreignPolicy is one policy in the language of testdata/libseccomp.c and in
// ours.
type foreignPolicy struct {
	input  strings.Builder
	policy spec.Seccomp
	values []uint64
	calls  []string
}

// wideCalls have arguments that the kernel reads in 64 bits: libseccomp operators
// no others as the kernel would.
var wideCalls = []struct {
	name string
	args []int
}{{"pread64", []int{1, 2, 3}}, {"mremap", []int{0, 1, 2, 4}}, {"lseek", []int{1}}, {"splice", []int{1, 3, 4}}, {"sendfile", []int{2, 3}}, {"brk", []int{0}}, {"move_pages", []int{1, 2, 3, 4}}}

// randomForeign makes a policy that allows calls on conditions, and else answers
// an error. Each call has one of the shapes that libseccomp compiles as its
// documentation says: one rule of any conditions, or several of equalities on
// the same arguments. On several rules with orders or inequalities, version 2.5
// does not come to an end, or forgets one of them.
func randomForeign(g *rand.Rand) *foreignPolicy {
	p := &foreignPolicy{policy: spec.Seccomp{Default: spec.Action{Kind: spec.ActionErrno, Errno: 95}}}
	fmt.Fprintf(&p.input, "default %#x\n", RetErrno|95)
	for _, c := range wideCalls {
		args := g.Perm(len(c.args))[:1+g.IntN(len(c.args))]
		p.calls = append(p.calls, c.name)
		switch g.IntN(5) {
		case 0:
			fmt.Fprintf(&p.input, "rule %#x %s\n", RetAllow, c.name)
			p.policy.Allow = append(p.policy.Allow, entries(c.name)...)
		case 1, 2:
			p.rule(g, c.name, c.args, args, operators)
		case 3:
			for range 2 + g.IntN(4) {
				p.rule(g, c.name, c.args, args, operators[3:4])
			}
		}
	}
	p.input.WriteString("end\n")
	return p
}

func (p *foreignPolicy) rule(g *rand.Rand, name string, all, args []int, ops []operator) {
	fmt.Fprintf(&p.input, "rule %#x %s", RetAllow, name)
	var terms []string
	for _, i := range args {
		op := ops[g.IntN(len(ops))]
		v := []uint64{uint64(g.IntN(4)), 1 << 32, 0xffffffff, uint64(g.Uint32()), g.Uint64() >> 1, 1 << g.IntN(63)}[g.IntN(6)]
		p.values = append(p.values, v)
		second := uint64(0)
		term := fmt.Sprintf("arg%d %s %#x", all[i], op.text, v)
		if op.text == "&" {
			second = v & g.Uint64()
			p.values = append(p.values, second)
			term += fmt.Sprintf(" == %#x", second)
		}
		terms = append(terms, term)
		fmt.Fprintf(&p.input, " %d %d %#x %#x", all[i], op.number, v, second)
	}
	p.input.WriteByte('\n')
	p.policy.Rules = append(p.policy.Rules, ruleList(name+": "+strings.Join(terms, " && "))...)
}

// buildLibseccomp compiles the helper; it skips where that cannot be done.
func buildLibseccomp(t *testing.T) string {
	t.Helper()
	if runtime.GOARCH != "amd64" {
		t.Skip("the calls of the test are those of amd64")
	}
	out := filepath.Join(t.TempDir(), "libseccomp")
	text, err := exec.Command("gcc", "-O1", "-o", out, "testdata/libseccomp.c", "-lseccomp").CombinedOutput()
	if err == nil {
		return out
	}
	if os.Getenv("LICHEN_MUST_WORK") == "1" {
		t.Fatalf("gcc with libseccomp-dev: %v\n%s", err, text)
	}
	t.Skipf("gcc with libseccomp-dev: %v", err)
	return ""
}

// readPrograms cuts the helper's output.
func readPrograms(t *testing.T, out []byte) [][]Instruction {
	t.Helper()
	var progs [][]Instruction
	for len(out) > 0 {
		n := int(binary.LittleEndian.Uint32(out))
		prog := make([]Instruction, n)
		for i := range prog {
			b := out[4+8*i:]
			prog[i] = Instruction{Op: binary.LittleEndian.Uint16(b), Jt: b[2], Jf: b[3], K: binary.LittleEndian.Uint32(b[4:])}
		}
		progs = append(progs, prog)
		out = out[4+8*n:]
	}
	return progs
}

// TestAgreesWithLibseccomp compares random argument policies with the compiler
// that container runtimes use.
func TestAgreesWithLibseccomp(t *testing.T) {
	helper := buildLibseccomp(t)
	const policies = 150
	var all [policies]*foreignPolicy
	var input bytes.Buffer
	g := rand.New(rand.NewPCG(1, 2))
	for i := range all {
		all[i] = randomForeign(g)
		input.WriteString(all[i].input.String())
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, helper)
	cmd.Stdin = &input
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, stderr.Bytes())
	}
	theirs := readPrograms(t, out)
	if len(theirs) != policies {
		t.Fatalf("%d programs", len(theirs))
	}
	compared, endless := 0, 0
	for i, p := range all {
		if len(theirs[i]) == 0 {
			endless++
			continue
		}
		prog := mustCompile(t, &p.policy, Options{})
		for range 4000 {
			d := p.data(t, g)
			want, _ := Run(theirs[i], d)
			compared++
			if got := verdict(prog, d); got != returnText(want) {
				t.Fatalf("policy %d: %#x = %s, libseccomp says %s\n%s\n%s", i, d, got, returnText(want), p.input.String(), Disassemble(theirs[i]))
			}
		}
	}
	t.Logf("%d calls of %d policies", compared, policies-endless)
	if endless > policies/5 {
		t.Errorf("libseccomp did not come to an end with %d policies", endless)
	}
}

// data makes a call with arguments at and around the policy's values.
func (p *foreignPolicy) data(t *testing.T, g *rand.Rand) Data {
	d := call(t, AMD64, "read")
	if len(p.calls) > 0 && g.IntN(8) > 0 {
		d = call(t, AMD64, p.calls[g.IntN(len(p.calls))])
	} else {
		d.Nr = int32(g.IntN(335))
	}
	for i := range d.Args {
		v := uint64(g.IntN(5))
		if len(p.values) > 0 {
			v = p.values[g.IntN(len(p.values))]
		}
		d.Args[i] = []uint64{v, v, v + 1, v - 1, v ^ 1<<32, v & 0xffffffff, ^v, 0}[g.IntN(8)]
	}
	return d
}
