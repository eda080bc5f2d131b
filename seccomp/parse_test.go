package seccomp

import (
	"errors"
	"strings"
	"testing"

	"github.com/lichen-sandbox/lichen/spec"
)

func TestRuleErrors(t *testing.T) {
	for _, tt := range []struct{ rule, object, reason, hint string }{
		{"", "", "column 1: found the end where the name of a system call should be", ""},
		{"ioctl", "", `column 6: found the end where ":" should be`, ""},
		{"ioctl arg0 == 1", "arg0", `column 7: found "arg0" where ":" should be`, ""},
		{"iotcl: arg0 == 1", "iotcl", "column 1: no such system call", `did you mean "ioctl"?`},
		{"read, wirte: arg0 == 1", "wirte", "column 7: no such system call", `did you mean "write"?`},
		{"@mount: arg0 == 1", "@mount", "column 1: a rule tests arguments, which the calls of a group do not share", ""},
		{"ioctl:", "", "column 7: found the end where arg0 to arg5 should be", ""},
		{"ioctl: arg6 == 1", "arg6", `column 8: found "arg6" where arg0 to arg5 should be`, ""},
		{"ioctl: arg3 == 1", "", "column 8: ioctl has only arg0 to arg2", ""},
		{"getpid: arg0 == 1", "", "column 9: getpid has no arguments to test", ""},
		{"ioctl: arg1", "", "column 12: found the end where a comparison should be", ""},
		{"ioctl: arg1 = 1", "=", `column 13: found "=" where a comparison should be`, ""},
		{"ioctl: arg1 & 3 < 1", "<", `column 17: found "<" where &&, || or ; return ACTION should be`, ""},
		{"ioctl: arg1 == TIOCSTY", "TIOCSTY", "column 16: no such constant", `did you mean "TIOCSTI"?`},
		{"ioctl: arg1 == 0x1ffffffff", "", "column 8: 0x1ffffffff does not fit the 32 bits that the kernel reads of this argument", ""},
		{"chmod: arg1 & 0x10000", "", "column 8: 0x10000 does not fit the 16 bits that the kernel reads of this argument", ""},
		{"ioctl: arg1 < -1", "", "column 8: a negative value cannot be ordered: comparisons are unsigned", ""},
		{"ioctl: arg1 == 99999999999999999999", "99999999999999999999", "column 16: not a number of at most 64 bits", ""},
		{"ioctl: arg1 == 0x", "0x", "column 16: not a number of at most 64 bits", ""},
		{"ioctl: arg1 == 1 &&", "", "column 20: found the end where arg0 to arg5 should be", ""},
		{"ioctl: (arg1 == 1", "", `column 18: found the end where ")" should be`, ""},
		{"ioctl: arg1 in {1, 2", "", `column 21: found the end where "}" should be`, ""},
		{"ioctl: arg1 in {}", "}", `column 17: found "}" where a number or a constant should be`, ""},
		{"ioctl: arg1 == 1; kill", "kill", `column 19: found "kill" where "return" should be`, ""},
		{"ioctl: arg1 == 1; return errno:ENOSIS", "errno:ENOSIS", "column 26: no such error number", `did you mean "ENOSYS"?`},
		{"ioctl: arg1 == 1; return errno:0", "errno:0", "column 26: error number 0 is not between 1 and 4095", ""},
		{"ioctl: arg1 == 1; return never", "never", "column 26: not an action: allow, errno:NAME, kill, log, notify or trap", ""},
		{"ioctl: arg1 == 1; return allow", "allow", "column 26: the call would be let through whether the rule holds or not; it is when the rule holds", ""},
		{"ioctl: arg1 == \xff", "\xff", "column 16: found \"\xff\" where a number or a constant should be", ""},
		{"ioctl: " + strings.Repeat("(", 100), "", "column 72: nested too deep", ""},
		{"ioctl: arg1 == " + strings.Repeat("~", 100) + "1", "", "column 79: nested too deep", ""},
		{strings.Repeat(" ", 20000), "", "longer than 16 KiB", ""},
	} {
		err := Check(&spec.Seccomp{Rules: ruleList(tt.rule)})
		var e *spec.Error
		if !errors.As(err, &e) {
			t.Errorf("%q: err = %v", tt.rule, err)
			continue
		}
		object := tt.object
		if object == "" {
			object = tt.rule
		}
		if e.Op != "seccomp rule" || e.Object != object || e.Reason != tt.reason || e.Hint != tt.hint || e.Origin.String() != "p.toml:1" {
			t.Errorf("%q:\n got %q, %q, hint %q, at %s\nwant %q, %q, hint %q", tt.rule, e.Object, e.Reason, e.Hint, e.Origin, object, tt.reason, tt.hint)
		}
	}
}

func TestPolicyErrors(t *testing.T) {
	errno := func(n uint16) spec.Action { return spec.Action{Kind: spec.ActionErrno, Errno: n} }
	allow, notify := spec.Action{Kind: spec.ActionAllow}, spec.Action{Kind: spec.ActionNotify}
	at := spec.Origin{File: "p.toml", Line: 9}
	const nobody = `nobody listens: without a process that answers "notify" the call fails with ENOSYS`
	const enosys = "write errno:ENOSYS if that is what it should get"
	for _, tt := range []struct {
		policy spec.Seccomp
		text   string
		hint   string
	}{
		{spec.Seccomp{Allow: entries("@defualt")}, "seccomp allow @defualt: no such group (p.toml:1)", `did you mean "@default"?`},
		{spec.Seccomp{Allow: entries("@default", "ptrase")}, "seccomp allow ptrase: no such system call (p.toml:2)", `did you mean "ptrace"?`},
		{spec.Seccomp{Deny: entries("xyzzyplugh")}, "seccomp deny xyzzyplugh: no such system call (p.toml:1)", ""},
		{spec.Seccomp{Allow: entries("")}, "seccomp allow: no such system call (p.toml:1)", ""},
		{spec.Seccomp{Default: errno(0)}, "compile seccomp.default: error number 0 is not between 1 and 4095", ""},
		{spec.Seccomp{Default: errno(4096)}, "compile seccomp.default: error number 4096 is not between 1 and 4095", ""},
		{spec.Seccomp{Default: spec.Action{Kind: 77}}, "compile seccomp.default: unknown action 77", ""},
		{spec.Seccomp{DenyAction: allow}, `compile seccomp.deny_action: a denied call cannot be let through, and the action is "allow"`, ""},
		{spec.Seccomp{DenyAction: allow, DenyActionOrigin: at}, `compile seccomp.deny_action: a denied call cannot be let through, and the action is "allow" (p.toml:9)`, ""},
		{spec.Seccomp{Default: notify, DefaultOrigin: at}, "compile seccomp.default: " + nobody + " (p.toml:9)", enosys},
		{spec.Seccomp{DenyAction: notify, DenyActionOrigin: at}, "compile seccomp.deny_action: " + nobody + " (p.toml:9)", enosys},
		{spec.Seccomp{Rules: ruleList("dup: return notify")}, "seccomp rule dup: return notify: " + nobody + " (p.toml:1)", enosys},
		{spec.Seccomp{Rules: ruleList("dup: arg0 == 1; return notify")}, "seccomp rule dup: arg0 == 1; return notify: " + nobody + " (p.toml:1)", enosys},
		{
			spec.Seccomp{Default: allow, Rules: ruleList("ioctl: arg1 != TIOCSTI")},
			"seccomp rule ioctl: arg1 != TIOCSTI: the default lets ioctl through where the rule does not hold (p.toml:1)",
			`say what it returns then: "ioctl: arg1 != TIOCSTI; return errno:EPERM"`,
		},
		{
			spec.Seccomp{Rules: ruleList("ioctl: arg1 == 1; return kill", "ioctl: arg1 == 2; return trap")},
			"seccomp rule ioctl: arg1 == 2; return trap: an earlier rule on ioctl returns another action (kill) (p.toml:2)", "",
		},
	} {
		for name, err := range map[string]error{"Check": Check(&tt.policy), "Compile": compileError(&tt.policy)} {
			var e *spec.Error
			if !errors.As(err, &e) || err.Error() != tt.text || e.Hint != tt.hint {
				t.Errorf("%s: got %v\nwant %s", name, err, tt.text)
			}
		}
	}
}

func compileError(p *spec.Seccomp) error {
	_, err := Compile(p, Options{})
	return err
}

// TestForeignConstant: a constant of another architecture makes a rule that
// never holds, also where it is negated.
func TestForeignConstant(t *testing.T) {
	p := spec.Seccomp{Rules: ruleList("mmap: !(arg3 & MAP_32BIT)")}
	if err := Check(&p); err != nil {
		t.Fatal(err)
	}
	if got := verdict(mustCompile(t, &p, Options{Arch: AMD64}), call(t, AMD64, "mmap")); got != "allow" {
		t.Errorf("amd64: %s", got)
	}
	if got := verdict(mustCompile(t, &p, Options{Arch: ARM64}), call(t, ARM64, "mmap")); got != "errno:EPERM" {
		t.Errorf("arm64: %s", got)
	}
}

func TestParseAction(t *testing.T) {
	for text, want := range map[string]spec.Action{
		"allow": {Kind: spec.ActionAllow}, "kill": {Kind: spec.ActionKillProcess}, "log": {Kind: spec.ActionLog}, "trap": {Kind: spec.ActionTrap}, "notify": {Kind: spec.ActionNotify},
		"errno:EPERM": {Kind: spec.ActionErrno, Errno: 1}, "errno:38": {Kind: spec.ActionErrno, Errno: 38},
	} {
		if got, err := ParseAction(text); err != nil || got != want {
			t.Errorf("%s = %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "errno", "errno:", "errno:0", "errno:5000", "errno:-1", "Allow"} {
		if _, err := ParseAction(text); err == nil {
			t.Errorf("%q parses", text)
		}
	}
}

func FuzzRule(f *testing.F) {
	for _, s := range []string{
		"ioctl: arg1 != TIOCSTI && arg1 != TIOCLINUX", "clone, unshare: arg0 & (CLONE_NEWUSER|~0x1) == 0; return kill",
		"prctl: !(arg0 in {1, -2, PR_SET_NAME}) || (arg1 > 0x1ffffffff && arg2 <= 3); return errno:ENOSYS", "mmap: arg2 & 4; return log",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p := spec.Seccomp{Rules: ruleList(text), Compat: true}
		prog, err := Compile(&p, Options{})
		if err == nil {
			wellFormed(t, prog)
			return
		}
		var e *spec.Error
		if !errors.As(err, &e) || e.Reason == "" {
			t.Fatalf("%T %v", err, err)
		}
	})
}
