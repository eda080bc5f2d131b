package seccomp

import (
	"slices"
	"strings"
	"testing"
)

// allGuards holds every guard of every call.
var allGuards = func() (out []guardOn) {
	for id := range callID(numCalls) {
		for _, g := range []*guard{guardOf(id), unixOnlyGuardOf(id), noSocketsGuardOf(id), inPlaceGuardOf(id), pretendGuardOf(id), fakeIDsGuardOf(id)} {
			if g != nil {
				out = append(out, guardOn{id, g})
			}
		}
	}
	return append(out, guardOn{callKill, &groupSignalGuard})
}()

type guardOn struct {
	id callID
	*guard
}

// guardedCalls are the calls that have guards.
var guardedCalls = func() (out []callID) {
	for _, g := range allGuards {
		if !slices.Contains(out, g.id) {
			out = append(out, g.id)
		}
	}
	return out
}()

// TestGuardsSayWhatTheyDo compares each guard's condition with its text, on
// every architecture: a constant of the text could differ among them.
func TestGuardsSayWhatTheyDo(t *testing.T) {
	for _, g := range allGuards {
		if g.cond == nil && g.rule == "" {
			continue
		}
		allArches(func(a Arch) {
			if _, ok := Number(a, g.id.String()); !ok {
				return
			}
			parsed, err := parseRule(g.id.String()+": "+g.rule, a)
			if err != nil {
				t.Fatal(err)
			}
			want, usable, err := bind(parsed.cond.expr, a, g.id)
			if err != nil || !usable || parsed.cond.foreign {
				t.Fatalf("%s: %s: %q cannot be tested: %v", a.Name(), g.id, g.rule, err)
			}
			if !sameCondition(g.cond, want, a.is32()) {
				t.Errorf("%s: %s: %+v is not %q, %+v", a.Name(), g.id, g.cond, g.rule, want)
			}
		})
	}
}

// sameCondition compares a guard's condition with a bound one. One that looks at
// the low word only may have a mask that says more, and may stand for a wide one
// that masks the rest away.
func sameCondition(g, want *expr, is32 bool) bool {
	if g.kind != want.kind {
		return false
	}
	if g.left != nil {
		return sameCondition(g.left, want.left, is32) && sameCondition(g.right, want.right, is32)
	}
	width := noMask
	if !g.wide || is32 {
		width >>= 32
	}
	sameWidth := is32 || g.wide == want.wide || !g.wide && want.mask>>32 == 0
	return g.arg == want.arg && slices.Equal(g.vals, want.vals) && g.mask&width == want.mask&width && sameWidth
}

// TestOptionGuardsImplyThoseOfGroups, which are left out where an option's is in
// force.
func TestOptionGuardsImplyThoseOfGroups(t *testing.T) {
	for _, o := range optionSets {
		for _, id := range guardedCalls {
			extra, own := o.guardOf(id), guardOf(id)
			if extra == nil || own == nil || extra.never() {
				continue
			}
			for _, x := range []uint64{0, 1, 2, 3, 5, 10, 16, high, 1 | high} {
				for _, y := range []uint64{0, 1, 2, 5} {
					d := Data{Args: [6]uint64{x, y}}
					sig := signature(AMD64, id)
					if naive(extra.cond, AMD64, sig, d) && (own.never() || !naive(own.cond, AMD64, sig, d)) {
						t.Errorf("%+v: %s%#x passes %q, but not %q", o, id, d.Args, extra.rule, own.rule)
					}
				}
			}
		}
	}
}

var optionSets = []Options{{UnixOnly: true}, {NoSockets: true}, {NoFastOpen: true}, {NoGroupSignals: true}, {KeepFiles: true}, {InPlace: true}, {UnixOnly: true, NoSockets: true, NoGroupSignals: true, InPlace: true}}

// TestGuardsAreMarked keeps groups.txt in step: a guard without its mark is
// never in force.
func TestGuardsAreMarked(t *testing.T) {
	def, _ := groupNamed("@default")
	for id := range callID(numCalls) {
		if (guardOf(id) != nil && def.all.has(id)) != def.guarded.has(id) {
			t.Errorf("%s: guarded %v in @default", id, def.guarded.has(id))
		}
	}
}

func TestGuardDocs(t *testing.T) {
	options := map[string]int{}
	for _, g := range Guards() {
		options[g.Option]++
		if !Known(g.Call) || !strings.HasPrefix(g.Answer, "errno:") && g.Answer != "success" {
			t.Errorf("%+v", g)
		}
	}
	want := map[string]int{"": 23, "UnixOnly": 6, "NoSockets": 6, "NoFastOpen": 8, "NoGroupSignals": 1, "KeepFiles": 5, "FakeIDs": 26, "SetIDBits": 4, "InPlace": 46}
	for name, n := range want {
		if options[name] != n {
			t.Errorf("%q has %d guards, want %d", name, options[name], n)
		}
	}
}
