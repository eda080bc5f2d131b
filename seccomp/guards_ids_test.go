package seccomp

import (
	"strings"
	"testing"

	"github.com/lichen-sandbox/lichen/spec"
)

var ownerCalls = strings.Fields(`chown chown32 lchown lchown32 fchown fchown32 fchownat setuid setuid32 setgid setgid32 setreuid setreuid32 setregid setregid32
	setresuid setresuid32 setresgid setresgid32 setgroups setgroups32 setfsuid setfsuid32 setfsgid setfsgid32 capset`)

// TestFakeIDs: calls that change owners and ids succeed whether the policy lets
// them through, names them or refuses them by default. What the policy denies by
// name stays denied, and nothing else changes.
func TestFakeIDs(t *testing.T) {
	rules := spec.Seccomp{Allow: entries("@default"), Rules: ruleList("fchownat: arg0 == 5; return errno:EACCES", "setuid: if arg0 == 7 return allow; if arg0 == 8 return errno:EACCES; return kill")}
	others := []string{"setpgid", "setsid", "chmod", "fchmodat", "setxattr", "mknodat", "mkdir", "unshare", "setns", "getuid", "execve"}
	allArches(func(a Arch) {
		o := Options{Arch: a, FakeIDs: true}
		for _, name := range ownerCalls {
			for _, args := range [][]uint64{{}, {0, 0}, {1, 2, 3, 4, 5, 6}, {high, trash}} {
				tt := guardTest{call: name, good: [][]uint64{args}}
				for _, p := range []spec.Seccomp{defaultPolicy, {Default: allow}, {Default: kill}, {Allow: entries(name)}} {
					tt.run(t, a, mustCompile(t, &p, o), "", "success")
				}
				tt.run(t, a, mustCompile(t, &spec.Seccomp{Allow: entries("@default", name), Deny: entries(name)}, o), "", "errno:EPERM")
				tt.run(t, a, mustCompile(t, &spec.Seccomp{Default: allow, Deny: entries(name), DenyAction: kill}, o), "", "kill")
			}
		}
		real, fake := mustCompile(t, &defaultPolicy, Options{Arch: a}), mustCompile(t, &defaultPolicy, o)
		for _, name := range others {
			if _, ok := Number(a, name); !ok {
				continue
			}
			for _, args := range [][]uint64{{}, {1, 0o755, 0o755}, {1, suid, suid}} {
				d := call(t, a, name, args...)
				if got, want := verdict(fake, d), verdict(real, d); got != want {
					t.Errorf("%s: %s%#x = %s, and %s with real ids", a.Name(), name, args, got, want)
				}
			}
		}
		if a.is32() {
			return // the ids of setuid are narrower there, and cannot be tested
		}
		prog := mustCompile(t, &rules, o)
		for _, p := range []probe{
			{"fchownat", []uint64{5}, "success"}, {"fchownat", []uint64{6}, "errno:EACCES"},
			{"setuid", []uint64{7}, "success"}, {"setuid", []uint64{8}, "errno:EACCES"}, {"setuid", []uint64{9}, "kill"},
		} {
			if got := verdict(prog, call(t, a, p.call, p.args...)); got != p.want {
				t.Errorf("%s: %s%#x = %s, want %s", a.Name(), p.call, p.args, got, p.want)
			}
		}
	})
}

// TestFakeIDsAreWholeCalls: a call whose result is a descriptor or an address is
// not to be pretended.
func TestFakeIDsAreWholeCalls(t *testing.T) {
	for id := range callID(numCalls) {
		name := id.String()
		fake := fakeIDsGuardOf(id) != nil
		if want := strings.Contains(" "+strings.Join(ownerCalls, " ")+" ", " "+name+" "); fake != want {
			t.Errorf("%s: pretended %v", name, fake)
		}
		if p := pretendGuardOf(id); p != nil && (!strings.HasPrefix(strings.TrimPrefix(name, "f"), "chmod") || guardOf(id) == nil || !guardOf(id).setID) {
			t.Errorf("%s must not seem to succeed", name)
		}
	}
}

// TestSetIDBits: setuid bits are refused, seem to be set, or are.
func TestSetIDBits(t *testing.T) {
	var modes []guardTest
	for _, tt := range guardTests {
		if g := guardOf(mustCall(tt.call)); g.setID {
			modes = append(modes, tt)
		}
	}
	if len(modes) != 9 {
		t.Fatalf("%d calls set modes", len(modes))
	}
	allArches(func(a Arch) {
		for _, tt := range modes {
			pretended := "errno:EPERM" // there would be no file, or no descriptor
			if strings.Contains(tt.call, "chmod") {
				pretended = "success"
			}
			tt.run(t, a, mustCompile(t, &defaultPolicy, Options{Arch: a, SetIDBits: SetIDPretended}), pretended, "allow")
			tt.run(t, a, mustCompile(t, &defaultPolicy, Options{Arch: a, SetIDBits: SetIDAllowed}), "allow", "allow")
			for _, bits := range []SetIDBits{SetIDPretended, SetIDAllowed} {
				o := Options{Arch: a, SetIDBits: bits, GuardDefault: true}
				denied := spec.Seccomp{Allow: entries("@default"), Deny: entries(tt.call), DenyAction: kill}
				tt.run(t, a, mustCompile(t, &denied, o), "kill", "kill")
				o.InPlace = true
				if inPlaceGuardOf(mustCall(tt.call)) != nil {
					tt.run(t, a, mustCompile(t, &defaultPolicy, o), "errno:EPERM", "errno:EPERM")
				}
			}
		}
	})
}

func TestExplainFakeIDs(t *testing.T) {
	list, err := Show(&spec.Seccomp{Allow: entries("@default"), Deny: entries("setgroups")}, Options{FakeIDs: true}, AMD64)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"chown": "success ids", "setgroups": "errno:EPERM deny", "getuid": "allow allow"}
	for i := range list {
		if w, ok := want[list[i].Name]; ok {
			last := list[i].Parts[len(list[i].Parts)-1]
			if got := last.Answer + " " + last.What; got != w {
				t.Errorf("%s: %s, want %s", list[i].Name, got, w)
			}
		}
	}
}
