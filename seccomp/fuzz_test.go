package seccomp

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/lichen-sandbox/lichen/spec"
)

// generator makes policies, and calls that lie near what they decide.
type generator struct {
	*rand.Rand
	values []uint64 // of the policy's rules
	calls  []callID // that it names
}

func pick[T any](g *generator, from ...T) T { return from[g.IntN(len(from))] }

func (g *generator) entries(n int) []spec.SyscallEntry {
	var names []string
	for range g.IntN(n) {
		if g.IntN(3) > 0 {
			names = append(names, groups[g.IntN(len(groups))].name)
			continue
		}
		id := g.call()
		g.calls = append(g.calls, id)
		names = append(names, id.String())
	}
	return entries(names...)
}

// call prefers those with guards.
func (g *generator) call() callID {
	if g.IntN(2) == 0 {
		return guardedCalls[g.IntN(len(guardedCalls))]
	}
	return callID(g.IntN(numCalls))
}

func (g *generator) value() uint64 {
	v := pick(g, uint64(g.IntN(8)), 0x5412, 0x541c, 1<<g.IntN(64), uint64(g.Uint32()), g.Uint64(), -uint64(g.IntN(100)), ^(uint64(1) << g.IntN(32)))
	g.values = append(g.values, v)
	return v
}

// condition makes an expression on n arguments.
func (g *generator) condition(n, depth int) string {
	arg := fmt.Sprintf("arg%d", g.IntN(n))
	switch k := g.IntN(9); {
	case depth > 0 && k < 2:
		return "(" + g.condition(n, depth-1) + pick(g, " && ", " || ") + g.condition(n, depth-1) + ")"
	case depth > 0 && k < 3:
		return "!(" + g.condition(n, depth-1) + ")"
	case k < 5:
		return fmt.Sprintf("%s %s %#x", arg, pick(g, "==", "!=", "<", "<=", ">", ">="), g.value())
	case k < 6:
		return fmt.Sprintf("%s & %#x", arg, g.value())
	case k < 7:
		mask, bits := g.value(), g.value()
		return fmt.Sprintf("%s & %#x %s %#x", arg, mask, pick(g, "==", "!="), mask&bits)
	}
	return fmt.Sprintf("%s in {%#x, %#x, %#x}", arg, g.value(), g.value(), g.value())
}

// rules makes rules, and drops those that Check refuses.
func (g *generator) rules(p *spec.Seccomp) {
	for range g.IntN(5) {
		id := g.call()
		if len(g.calls) > 0 && g.IntN(3) == 0 {
			id = g.calls[len(g.calls)-1]
		}
		n := len(strings.Trim(signatures[id], "-"))
		if n == 0 {
			continue
		}
		text := id.String() + ": " + g.body(n)
		if check(&spec.Seccomp{Default: p.Default, Rules: append(p.Rules[:len(p.Rules):len(p.Rules)], ruleList(text)...)}, Options{Notify: true}) == nil {
			p.Rules = append(p.Rules, ruleList(text)...)
			g.calls = append(g.calls, id)
		}
	}
}

// body makes what follows the names in a rule.
func (g *generator) body(n int) string {
	if g.IntN(3) > 0 {
		return g.condition(n, 3) + pick(g, "", "; return kill", "; return errno:EINVAL", "; return log", "; return notify")
	}
	var out string
	for range g.IntN(4) {
		out += "if " + g.condition(n, 2) + " return " + g.action() + "; "
	}
	return out + pick(g, "if "+g.condition(n, 2)+" return ", "return ") + g.action()
}

func (g *generator) action() string {
	return pick(g, "allow", "allow", "log", "kill", "trap", "notify", "errno:EINVAL", "errno:95")
}

func (g *generator) policy() (*spec.Seccomp, Options) {
	p := &spec.Seccomp{Compat: g.IntN(2) == 0, Allow: g.entries(4), Deny: g.entries(3)}
	p.Default = pick(g, spec.Action{}, spec.Action{Kind: spec.ActionKillProcess}, spec.Action{Kind: spec.ActionAllow}, spec.Action{Kind: spec.ActionLog}, spec.Action{Kind: spec.ActionNotify}, spec.Action{Kind: spec.ActionErrno, Errno: 95})
	p.DenyAction = pick(g, spec.Action{}, spec.Action{Kind: spec.ActionTrap}, spec.Action{Kind: spec.ActionNotify})
	g.rules(p)
	return p, Options{Arch: pick(g, AMD64, AMD64, ARM64, I386), Nested: g.IntN(3) == 0, UnixOnly: g.IntN(3) == 0,
		NoSockets: g.IntN(4) == 0, NoFastOpen: g.IntN(3) == 0, FakeIDs: g.IntN(3) == 0, SetIDBits: SetIDBits(g.IntN(3)), NoGroupSignals: g.IntN(3) == 0, InPlace: g.IntN(3) == 0, Notify: true}
}

// data makes a call: mostly one that the policy names, with arguments at its
// values, next to them, and the same with other high words.
func (g *generator) data(o Options) Data {
	arch := o.Arch
	if compat, ok := arch.Compat(); ok && g.IntN(3) == 0 {
		arch = compat
	}
	d := Data{Nr: int32(g.IntN(500)), Arch: arch.AuditArch()}
	if len(g.calls) > 0 && g.IntN(4) > 0 {
		if nr, ok := Number(arch, g.calls[g.IntN(len(g.calls))].String()); ok {
			d.Nr = int32(nr)
		}
	}
	switch g.IntN(40) {
	case 0:
		d.Nr = pick(g, -1, 0x40000000|d.Nr, 0xf0000+int32(g.IntN(9)), int32(g.Uint32()))
	case 1:
		d.Arch = pick(g, 0, 0xc000003e, 0x40000003, 0xc00000b7, 0x40000028, g.Uint32())
	}
	for i := range d.Args {
		v := uint64(g.IntN(20))
		if len(g.values) > 0 && g.IntN(4) > 0 {
			v = g.values[g.IntN(len(g.values))]
		}
		d.Args[i] = pick(g, v, v, v+1, v-1, v^1<<32, v|1<<63, v&0xffffffff, v&0xffff|1<<16, ^v, 0x10000000, 0x5412, 0x40, 0x400000, 0o4755, 0o2000, 1024, 0, 1)
	}
	return d
}

// sameAsOracle compares a random policy's program with the policy itself.
func sameAsOracle(t *testing.T, seed uint64, calls int) {
	g := &generator{Rand: rand.New(rand.NewPCG(seed, 1))}
	p, o := g.policy()
	prog, err := Compile(p, o)
	if err != nil {
		t.Fatalf("seed %d: %v", seed, err)
	}
	wellFormed(t, prog)
	want := &oracle{policy: p, opts: o}
	for range calls {
		d := g.data(o)
		if got, want := verdict(prog, d), want.decide(d); got != want {
			name, _ := CallName(o.Arch, uint32(d.Nr))
			t.Fatalf("seed %d: %s %#x = %s, want %s\npolicy %+v\noptions %+v\n%s", seed, name, d, got, want, p, o, Disassemble(prog))
		}
	}
}

// TestRandomPolicies compares pairs of a policy and a call. LICHEN_PAIRS sets
// how many.
func TestRandomPolicies(t *testing.T) {
	const perPolicy = 60
	pairs := 400 * perPolicy
	if s := os.Getenv("LICHEN_PAIRS"); s != "" {
		var err error
		if pairs, err = strconv.Atoi(s); err != nil {
			t.Fatal("LICHEN_PAIRS: ", err)
		}
	}
	done := 0
	for seed := uint64(0); done < pairs; seed++ {
		sameAsOracle(t, seed, perPolicy)
		done += perPolicy
	}
	t.Logf("%d pairs of a policy and a call, %d policies", done, done/perPolicy)
}

func FuzzCompile(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) { sameAsOracle(t, seed, 200) })
}
