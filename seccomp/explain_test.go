package seccomp

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/lichen-sandbox/lichen/spec"
)

// TestExplainAgrees: what Explain answers is what the program answers, and Show
// has an answer for the calls that have one.
func TestExplainAgrees(t *testing.T) {
	for seed := range uint64(150) {
		g := &generator{Rand: rand.New(rand.NewPCG(seed, 3))}
		p, o := g.policy()
		prog := mustCompile(t, p, o)
		fixed := map[string]string{}
		shown, err := Show(p, o, o.Arch)
		if err != nil {
			t.Fatal(err)
		}
		for i := range shown {
			if answer, ok := shown[i].Answer(); ok {
				fixed[shown[i].Name] = answer
			}
		}
		for range 30 {
			d := g.data(o)
			if d.Arch != o.Arch.AuditArch() {
				continue
			}
			want := verdict(prog, d)
			got, err := Explain(p, o, o.Arch, d)
			if err != nil || got.Answer != want {
				t.Fatalf("seed %d: %#x = %+v, %v; the program says %s\n%+v", seed, d, got, err, want, p)
			}
			name, _ := CallName(o.Arch, uint32(d.Nr))
			if answer, ok := fixed[name]; ok && answer != want {
				t.Fatalf("seed %d: %s is shown as %s, and the program says %s", seed, name, answer, want)
			}
		}
	}
}

func TestExplainReasons(t *testing.T) {
	p := spec.Seccomp{
		Allow: entries("@default", "ptrace", "@debug"), Deny: entries("@mount", "umask"), Default: kill,
		Rules: ruleList("lseek: arg1 < 10; return errno:EINVAL", "lseek: arg1 == 20", "prctl: if arg0 == 1 return errno:EPERM; if arg0 == 2 return log", "prctl: return allow", "dup: arg0 == 1"),
	}
	for _, tt := range []struct {
		call string
		args []uint64
		want string
	}{
		{"read", nil, `allow: allow "@default" (p.toml:1)`},
		{"ptrace", nil, `allow: allow "ptrace" (p.toml:2)`},
		{"mount", nil, `errno:EPERM: deny "@mount" (p.toml:1)`},
		{"umask", nil, `errno:EPERM: deny "umask" (p.toml:2)`},
		{"bpf", nil, `kill: default`},
		{"socket", []uint64{38}, `errno:EAFNOSUPPORT: guard "` + socketGuard.rule + `"`},
		{"socket", []uint64{1}, `allow: allow "@default" (p.toml:1)`},
		{"lseek", []uint64{0, 9}, `allow: rule "lseek: arg1 < 10; return errno:EINVAL" (p.toml:1)`},
		{"lseek", []uint64{0, 20}, `allow: rule "lseek: arg1 == 20" (p.toml:2)`},
		{"lseek", []uint64{0, 21}, `errno:EINVAL: rule "lseek: arg1 < 10; return errno:EINVAL" (p.toml:1)`},
		{"prctl", []uint64{1}, `errno:EPERM: rule "prctl: if arg0 == 1 return errno:EPERM; if arg0 == 2 return log" (p.toml:3)`},
		{"prctl", []uint64{2}, `log: rule "prctl: if arg0 == 1 return errno:EPERM; if arg0 == 2 return log" (p.toml:3)`},
		{"prctl", []uint64{3}, `allow: rule "prctl: return allow" (p.toml:4)`},
		{"dup", []uint64{1}, `allow: rule "dup: arg0 == 1" (p.toml:5)`},
		{"dup", []uint64{2}, `kill: default`},
	} {
		e, err := Explain(&p, Options{}, AMD64, call(t, AMD64, tt.call, tt.args...))
		if err != nil {
			t.Fatal(err)
		}
		if got := e.Answer + ": " + e.Reason.String(); got != tt.want {
			t.Errorf("%s%#x\n got %s\nwant %s", tt.call, tt.args, got, tt.want)
		}
	}
	e, err := Explain(&p, Options{}, AMD64, Data{Nr: 999, Arch: AMD64.AuditArch()})
	if err != nil || e.Answer != "errno:ENOSYS" || e.Reason.What != "unknown" {
		t.Errorf("number 999: %+v, %v", e, err)
	}
	if _, err := Explain(&spec.Seccomp{Off: true}, Options{}, AMD64, Data{}); err == nil {
		t.Error("there is no filter to explain")
	}
	e, err = Explain(&spec.Seccomp{}, Options{Nested: true}, AMD64, call(t, AMD64, "mount"))
	if err != nil || e.Reason.What != "nested" {
		t.Errorf("mount: %+v, %v", e, err)
	}
}

func TestDiff(t *testing.T) {
	a := spec.Seccomp{Allow: entries("@default"), Rules: ruleList("prctl: arg0 in {1, 2}", "lseek: arg1 < 4096; return errno:EINVAL")}
	b := spec.Seccomp{Allow: entries("@default", "ptrace"), Deny: entries("umask"), Rules: ruleList("prctl: arg0 in {1, 3}", "lseek: arg1 < 4097; return errno:EINVAL")}
	got, err := Diff(&a, &b, Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]Difference{
		"lseek widens":  {A: "errno:EINVAL", B: "allow", Args: [6]uint64{0, 4096}, ByArgs: true},
		"prctl narrows": {A: "allow", B: "errno:EPERM", Args: [6]uint64{2}, ByArgs: true},
		"prctl widens":  {A: "errno:EPERM", B: "allow", Args: [6]uint64{3}, ByArgs: true},
		"ptrace widens": {A: "errno:EPERM", B: "allow"},
		"umask narrows": {A: "allow", B: "errno:EPERM"},
	}
	for _, d := range got {
		key := d.Call + map[bool]string{true: " widens", false: " narrows"}[d.Wider]
		w, ok := want[key]
		w.Call, w.Wider = d.Call, d.Wider
		if delete(want, key); !ok || d != w {
			t.Errorf("%s: %+v", key, d)
		}
	}
	if len(want) > 0 {
		t.Errorf("not found: %v", want)
	}
	if got, err := Diff(&a, &a, Options{}); err != nil || len(got) != 0 {
		t.Errorf("a policy differs from itself: %v, %v", got, err)
	}
	a.Compat = true
	got, err = Diff(&a, &a, Options{})
	if err != nil || len(got) != 0 {
		t.Errorf("a policy differs from itself: %v, %v", got, err)
	}
	got, err = Diff(&spec.Seccomp{}, &spec.Seccomp{Compat: true}, Options{})
	if err != nil || len(got) != 1 || got[0].Arch != I386 || !got[0].Wider {
		t.Errorf("compat: %+v, %v", got, err)
	}
	if _, err := Diff(&a, &spec.Seccomp{Off: true}, Options{}); err == nil {
		t.Error("a policy that is off compares")
	}
}

// TestFlatten decides calls by the flat rules, and compares with the program.
func TestFlatten(t *testing.T) {
	flattened := 0
	for seed := range uint64(120) {
		g := &generator{Rand: rand.New(rand.NewPCG(seed, 4))}
		p, o := g.policy()
		p.Compat = false
		prog := mustCompile(t, p, o)
		rules, err := Flatten(p, o, o.Arch)
		if err != nil {
			if !strings.Contains(err.Error(), "rules of the form") {
				t.Fatal(err)
			}
			continue
		}
		flattened++
		byCall := map[string][]FlatRule{}
		for _, r := range rules {
			byCall[r.Call] = append(byCall[r.Call], r)
		}
		for range 60 {
			d := g.data(o)
			name, ok := CallName(o.Arch, uint32(d.Nr))
			if !ok || d.Arch != o.Arch.AuditArch() {
				continue
			}
			got := flatVerdict(t, byCall[name], d, ActionText(p.Default))
			if want := verdict(prog, d); got != want {
				t.Fatalf("seed %d: %s %#x = %s, want %s\n%+v\n%+v", seed, name, d, got, want, p, byCall[name])
			}
		}
	}
	if flattened < 60 {
		t.Errorf("only %d policies could be flattened", flattened)
	}
}

func flatVerdict(t *testing.T, rules []FlatRule, d Data, def string) string {
	out := ""
	for _, r := range rules {
		holds := true
		for _, a := range r.Args {
			holds = holds && d.Args[a.Index]&a.Mask == a.Value
		}
		if answer := ActionText(r.Action); holds {
			if out != "" && out != answer {
				t.Fatalf("rules disagree: %s and %s", out, answer)
			}
			out = answer
		}
	}
	if out == "" {
		return def
	}
	return out
}

func TestFlattenErrors(t *testing.T) {
	if _, err := Flatten(&spec.Seccomp{Off: true}, Options{}, AMD64); err == nil {
		t.Error("a policy that is off flattens")
	}
	p := spec.Seccomp{Rules: ruleList("write: arg0 != 1 && arg1 != 2 && arg2 != 3")}
	if _, err := Flatten(&p, Options{}, AMD64); err == nil || !strings.Contains(err.Error(), "flatten write") {
		t.Errorf("err = %v", err)
	}
}

// TestSteps has rules whose order counts.
func TestSteps(t *testing.T) {
	p := spec.Seccomp{Default: kill, Compat: true, Allow: entries("@default"), Rules: ruleList(
		"clone: if arg0 & 0x100 return errno:EINVAL", // the kernel narrows this argument
		"clone: return allow",
		"ioctl: if arg1 == TCSBRK return trap; if arg1 & 1 return log; return errno:ENOTTY",
		"mmap: if arg2 & PROT_EXEC return errno:EACCES; return allow", // in memory on i386
		"lseek: if arg1 == 1 return errno:EIO",
		"dup, dup2: return errno:EMFILE;",
	)}
	prog := mustCompile(t, &p, Options{})
	for _, tt := range []struct {
		arch Arch
		call string
		args []uint64
		want string
	}{
		{AMD64, "clone", []uint64{0x100}, "errno:EINVAL"},
		{AMD64, "clone", []uint64{0x11}, "allow"},
		{AMD64, "clone", []uint64{0x11 | high}, "allow"},
		{AMD64, "ioctl", []uint64{0, 0x5409 | high}, "trap"},
		{AMD64, "ioctl", []uint64{0, 3}, "log"},
		{AMD64, "ioctl", []uint64{0, 2}, "errno:ENOTTY"},
		{AMD64, "mmap", []uint64{0, 0, 4}, "errno:EACCES"},
		{AMD64, "mmap", []uint64{0, 0, 3}, "allow"},
		{I386, "mmap", []uint64{0, 0, 3}, "errno:EACCES"}, // it cannot be told, so it is refused
		{AMD64, "lseek", []uint64{0, 1}, "errno:EIO"},
		{AMD64, "lseek", []uint64{0, 2}, "kill"},
		{AMD64, "dup2", nil, "errno:EMFILE"},
	} {
		if got := verdict(prog, call(t, tt.arch, tt.call, tt.args...)); got != tt.want {
			t.Errorf("%s %s%#x = %s, want %s", tt.arch.Name(), tt.call, tt.args, got, tt.want)
		}
	}
	for _, tt := range []struct{ rules, want string }{
		{"dup: return kill|dup: return allow", "an earlier rule on dup decides what is left, so that this one is never asked"},
		{"dup: arg0 == 1|dup: return kill", "an earlier rule on dup has the other form: where the order counts, all have to start with if or return"},
		{"dup: if arg0 == 1", `column 18: found the end where "return" should be`},
		{"dup: return", "column 12: not an action: allow, errno:NAME, kill, log, notify or trap"},
		{"dup: return kill; return allow", "column 19: nothing is left to decide after a return without its if"},
		{"dup: if arg0 == 1 return kill; arg0 == 2", `column 32: found "arg0" where "return" should be`},
		{"dup: if return kill", `column 9: found "return" where arg0 to arg5 should be`},
	} {
		err := Check(&spec.Seccomp{Rules: ruleList(strings.Split(tt.rules, "|")...)})
		if err == nil || !strings.Contains(err.Error(), ": "+tt.want+" (p.toml:") {
			t.Errorf("%s: %v", tt.rules, err)
		}
	}
}

// TestFrequency: frequent calls are near, and nothing else changes.
func TestFrequency(t *testing.T) {
	frequency := map[string]uint64{"read": 1 << 60, "ioctl": 1000, "openat": 0}
	prog := mustCompile(t, &defaultPolicy, Options{Frequency: frequency})
	plain := mustCompile(t, &defaultPolicy, Options{})
	best := mustCompile(t, &defaultPolicy, Options{Frequency: map[string]uint64{}})
	allowed, executed, executedBest := 0, 0, 0
	for nr := int32(-1); nr < 500; nr++ {
		d := Data{Nr: nr, Arch: AMD64.AuditArch()}
		want, n := Run(plain, d)
		ret, _ := Run(prog, d)
		retBest, nBest := Run(best, d)
		if ret != want || retBest != want {
			t.Errorf("call %d: %s and %s, want %s", nr, returnText(ret), returnText(retBest), returnText(want))
		}
		if want == RetAllow {
			allowed, executed, executedBest = allowed+1, executed+n, executedBest+nBest
		}
	}
	if _, n := Run(prog, call(t, AMD64, "read")); n > 6 {
		t.Errorf("read takes %d instructions", n)
	}
	if executedBest > executed || executed > 10*allowed {
		t.Errorf("%d instructions for %d calls, %d at best", executed, allowed, executedBest)
	}
}

func TestBytes(t *testing.T) {
	got := string(Bytes([]Instruction{{Op: 0x15, Jt: 1, Jf: 2, K: 0x04030201}}))
	if got != "\x15\x00\x01\x02\x01\x02\x03\x04" {
		t.Errorf("%q", got)
	}
}
