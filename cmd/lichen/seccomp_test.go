package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lichen-sandbox/lichen/internal/feature"
	"github.com/lichen-sandbox/lichen/sandbox"
	"github.com/lichen-sandbox/lichen/seccomp"
)

// profileFile writes a profile on top of a shipped one.
func profileFile(t *testing.T, extends, text string) string {
	t.Helper()
	return writeTestFile(t, "test.toml", "version = 1\nextends = [\""+extends+"\"]\n"+text)
}

func writeTestFile(t *testing.T, name, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// succeeded runs a command line that has to.
func succeeded(t *testing.T, args string) string {
	t.Helper()
	code, out, errs := dispatched(args)
	if code != 0 || errs != "" {
		t.Fatalf("lichen %s: %d, %s", args, code, errs)
	}
	return out
}

const rulesProfile = `[seccomp]
allow = ["@debug"]
deny = ["mkdir"]
deny_action = "kill"
rules = [
  "mmap: arg2 & PROT_EXEC == 0; return errno:EACCES",
  "alarm: if arg0 > 10 return errno:E2BIG; return log",
]
`

func TestSeccompExplain(t *testing.T) {
	t.Setenv("HOME", "/home/somebody")
	rules := profileFile(t, "base", rulesProfile)
	nested := profileFile(t, "base", "[namespaces]\nnested = true\n")
	compat := profileFile(t, "base", "[seccomp]\ncompat = true\n")
	tests := []struct{ args, want string }{
		{"base read", "read: allow\n  by: allow \"@default\" (built-in base:"},
		{"base read", "  in: @basic-io @default\n"},
		{"base mount", "mount: errno:EPERM\n  by: default (built-in base:"},
		{"base mount", "  in: @mount\n"},
		{"base ioctl", "ioctl: its arguments decide\n  errno:EPERM  guard, unless "},
		{"base ioctl", "\n  allow        allow \"@default\" (built-in base:"},
		{"base ioctl 0 TIOCSTI", "ioctl(0, TIOCSTI): errno:EPERM\n  by: guard, unless "},
		{"base ioctl 0 0x5412", ": errno:EPERM\n"},
		{"base ioctl 0 21522", ": errno:EPERM\n"},
		{"base ioctl 0 TCGETS", ": allow\n"},
		{"base ioctl 0 0xf00005412", ": errno:EPERM\n"}, // the kernel reads 32 bits
		{"base openat2 1", "by: guard, whatever the arguments\n"},
		{"base openat -1 0 O_CREAT|O_WRONLY 04755", "openat(-1, 0, O_CREAT|O_WRONLY, 04755): errno:EPERM\n"},
		{"base openat AT_FDCWD 0 O_CREAT|O_WRONLY 0755", ": allow\n"},
		{"base 9999", "9999: errno:ENOSYS\n"},
		{"--arch arm64 base 63", "read: allow\n"},
		{"--arch 386 base read", "read: kill\n  by: architecture \"seccomp.compat is not set\""},
		{"--arch 386 base read 1", "read(1): kill\n"},
		{"--arch 386 " + compat + " socketcall 1", "socketcall(1): errno:ENOSYS\n"},
		{nested + " mount", "mount: allow\n  by: nested (" + nested + ":4)\n"},
		{rules + " ptrace", "ptrace: allow\n  by: allow \"@debug\" (" + rules + ":4)\n"},
		{rules + " mkdir", "mkdir: kill\n  by: deny \"mkdir\" (" + rules + ":5)\n"},
		{rules + " mmap 0 0 PROT_READ", "mmap(0, 0, PROT_READ): allow\n  by: rule \"mmap: "},
		{rules + " mmap 0 0 PROT_READ|PROT_EXEC", ": errno:EACCES\n  by: rule \"mmap: arg2 & PROT_EXEC == 0; return errno:EACCES\" (" + rules + ":"},
		{rules + " alarm 11", ": errno:E2BIG\n"},
		{rules + " alarm 10", ": log\n"},
	}
	for _, tt := range tests {
		if seccompArch(t) != seccomp.AMD64 && strings.Contains(tt.args, "386") {
			continue
		}
		if got := succeeded(t, "seccomp explain "+tt.args); !strings.Contains(got, tt.want) {
			t.Errorf("%s:\n%swant %q", tt.args, got, tt.want)
		}
	}
}

func seccompArch(t *testing.T) seccomp.Arch {
	t.Helper()
	a, err := seccomp.Native()
	if err != nil {
		t.Skip(err)
	}
	return a
}

// TestSeccompShow compares what is shown for each call that arguments do not
// decide with the program of a launch.
func TestSeccompShow(t *testing.T) {
	t.Setenv("HOME", "/home/somebody")
	for _, name := range []string{"base", "default", "build", "script", "service", "landlock", profileFile(t, "base", rulesProfile)} {
		var shown struct {
			Profile, Arch string
			Calls         []callJSON
		}
		if err := json.Unmarshal([]byte(succeeded(t, "seccomp show --json "+name)), &shown); err != nil {
			t.Fatal(err)
		}
		p, err := newLoader().Load(name)
		if err != nil {
			t.Fatal(err)
		}
		opts, err := sandbox.FilterOptions(p.Spec, feature.Gather(os.Environ()))
		if err != nil {
			t.Fatal(err)
		}
		program, err := seccomp.Compile(&p.Spec.Seccomp, opts)
		if err != nil {
			t.Fatal(err)
		}
		text := succeeded(t, "seccomp show "+name)
		if shown.Profile != name || shown.Arch != opts.Arch.Name() || len(shown.Calls) < 300 {
			t.Errorf("%s: %s, %s, %d calls", name, shown.Profile, shown.Arch, len(shown.Calls))
		}
		for _, c := range shown.Calls {
			ret, _ := seccomp.Run(program, seccomp.Data{Nr: int32(c.Number), Arch: opts.Arch.AuditArch()})
			last := c.Decisions[len(c.Decisions)-1]
			if len(c.Decisions) == 1 && last.Answer != seccomp.AnswerText(ret) {
				t.Errorf("%s: %s is %s, want %s", name, c.Call, last.Answer, seccomp.AnswerText(ret))
			}
			if last.What != "guard" && last.Origin == "" {
				t.Errorf("%s: %s, by %s, has no origin", name, c.Call, last.What)
			}
			if _, line, _ := strings.Cut("\n"+text, "\n"+c.Call+" "); !strings.HasPrefix(strings.TrimLeft(line, " "), c.Decisions[0].Answer+" ") {
				t.Errorf("%s: the text lacks %s", name, c.Call)
			}
		}
	}
}

func TestSeccompDiff(t *testing.T) {
	t.Setenv("HOME", "/home/somebody")
	rules := profileFile(t, "base", rulesProfile)
	nested := profileFile(t, "base", "[namespaces]\nnested = true\n")
	compat := profileFile(t, "base", "[seccomp]\ncompat = true\n")
	// As script has it: with rules for ports comes a guard.
	ports := profileFile(t, "base", "[landlock]\ntcp_connect = []\n")
	tests := []struct {
		args    string
		want    string // a line, "" for none at all
		without string
	}{
		{"base base", "", ""},
		{"base default", "", ""},
		{"script base", "accept: errno:EPERM -> allow", "read:"},
		{ports + " script", "", ""}, // script is narrower in everything
		{"--all base script", "accept: allow -> errno:EPERM", "read:"},
		{"base " + rules, "ptrace: errno:EPERM -> allow", "mmap"},
		{"--all base " + rules, "mkdir: allow -> kill", "read:"},
		{rules + " base", "mmap(0x0, 0x0, 0xffffffffffffffff): errno:EACCES -> allow", "ptrace"},
		{"base " + compat, "every call of 386 programs: kill -> as its calls", "read:"},
		{"base " + nested, "mount: errno:EPERM -> allow", "read:"},
		{nested + " base", "", ""},
		{"landlock base", "chown: errno:EPERM -> allow", "read:"},
	}
	for _, tt := range tests {
		if seccompArch(t) != seccomp.AMD64 && strings.Contains(tt.want, "386") {
			continue
		}
		got := succeeded(t, "seccomp diff "+tt.args)
		if tt.want == "" && got != "" || !strings.Contains("\n"+got, "\n"+tt.want) || tt.without != "" && strings.Contains(got, tt.without) {
			t.Errorf("%s:\n%swant %q without %q", tt.args, got, tt.want, tt.without)
		}
	}
	var list struct{ Differences []difference }
	if err := json.Unmarshal([]byte(succeeded(t, "seccomp diff --json "+rules+" base")), &list); err != nil || len(list.Differences) == 0 || !list.Differences[0].Wider {
		t.Errorf("%v, %+v", err, list)
	}
}

func TestSeccompGroups(t *testing.T) {
	all := succeeded(t, "seccomp groups")
	for _, want := range []string{"@basic-io\n  # Reading, ", "\n@mount\n", " ioctl?\n", "\nCalls with \"?\"", "only where arg1 != F_SETLEASE; else errno:EPERM", `with isolation "landlock"`} {
		if !strings.Contains(all, want) {
			t.Errorf("%q is missing", want)
		}
	}
	one := succeeded(t, "seccomp groups @basic-io")
	if one != succeeded(t, "seccomp groups basic-io") || strings.Contains(one, "@mount") || strings.Contains(one, "landlock") || !strings.Contains(one, "fcntl fcntl64\n") {
		t.Errorf("%s", one)
	}
	for line := range strings.Lines(all) {
		if len(line) > textWidth+1 && strings.HasPrefix(line, " ") && strings.Contains(strings.TrimSpace(line), " ") {
			t.Errorf("a long line: %q", line)
		}
	}
	for _, g := range seccomp.Guards() {
		if g.Option != "" && guardOption(g.Option) == g.Option {
			t.Errorf("option %s has no description", g.Option)
		}
	}
	var list struct {
		Groups []groupJSON
		Guards []guardJSON
	}
	if err := json.Unmarshal([]byte(succeeded(t, "seccomp groups --json")), &list); err != nil || len(list.Groups) != len(seccomp.Groups()) || len(list.Guards) != len(seccomp.Guards()) {
		t.Errorf("%v, %d groups, %d guards", err, len(list.Groups), len(list.Guards))
	}
}

func TestSeccompDisassemble(t *testing.T) {
	t.Setenv("HOME", "/home/somebody")
	for _, args := range []string{"base", "--arch arm64 base", "--arch 386 base"} {
		if out := succeeded(t, "seccomp disassemble "+args); !strings.HasPrefix(out, "   0  load arch\n") || !strings.Contains(out, "ret  kill\n") {
			t.Errorf("%s: %s", args, out)
		}
	}
}

func TestSeccompErrors(t *testing.T) {
	t.Setenv("HOME", "/home/somebody")
	policy := func(text string) string { return writeTestFile(t, "x.policy", text) }
	off := profileFile(t, "base", "[seccomp]\nmode = \"off\"\n")
	badRule := profileFile(t, "base", "[seccomp]\nrules = [\"read: arg0 = 1\"]\n")
	bad, unsure, absent, python := policy("read: 1\nwrite: arg9 == 1\n"), policy("read: 1\nsocket: arg0 == 1; return EPERM\n"), policy("read: 1\n@include ./absent\n"), policy("{read, write}: allow\n")
	tests := []struct{ args, want string }{
		{"", "no verb is given"},
		{"frob", `there is no verb "frob"`},
		{"show", "show takes PROFILE"},
		{"show base x", `"x" is too much`},
		{"show nowhere", "nowhere"},
		{"show --format oci base", "show has no option --format"},
		{"show --arch mips base", `no architecture "mips": amd64, 386, arm64 or arm`},
		{"show " + off, off + ": it has none (" + off + ":4)"},
		{"diff base " + off, "it has none"},
		{"export " + off, "it has none"},
		{"show " + badRule, "(" + badRule + ":4)"},
		{"explain base", "explain takes PROFILE SYSCALL"},
		{"explain base reed", "explain reed: no such system call\nhint: did you mean \"read\"?"},
		{"explain --arch arm64 base open", "arm64 has no such system call"},
		{"explain base read O_CRAET", `did you mean "O_CREAT"?`},
		{"explain base read 1||2", "no such constant"},
		{"explain base read 0x1ffffffffffffffff", "at most 64 bits"},
		{"explain base read 1 2 3 4 5 6 7", `"7" is too much`},
		{"export --format elf base", `no format "elf"`},
		{"export --output /nowhere/x base", "write /nowhere/x: no such file"},
		{"export --json base", "export has no option --json"},
		{"groups nothing", "show group @nothing: no such group"},
		{"import", "import takes FILE"},
		{"import /nowhere/x", "read policy /nowhere/x: no such file"},
		{"import /tmp", "not a regular file"},
		{"import --dialect pascal " + bad, "pascal: not one of"},
		{"import --constants /etc/passwd " + bad, "read constants /etc/passwd: it is not in the directory of the policy"},
		{"import " + bad, bad + ":2:8: "},
		{"import " + unsure, unsure + ":2:9: "},
		{"import " + unsure, "hint: name the dialect"},
		{"import " + absent, absent + ":2:"},
		{"import --dialect minijail-c " + python, python + ":1:1: "},
		{"import --dialect oci " + bad, bad + ":1:1: "},
		{"import --dialect strace " + bad, bad + ":1:1: "},
	}
	for _, tt := range tests {
		code, out, errs := dispatched("seccomp " + tt.args)
		if code != exitFailed || out != "" || !strings.HasPrefix(errs, "lichen: ") || !strings.Contains(errs, tt.want) {
			t.Errorf("seccomp %s: %d, %q, %q; want %q", tt.args, code, out, errs, tt.want)
		}
	}
	if _, _, errs := dispatched("seccomp"); !strings.Contains(errs, "explain PROFILE SYSCALL [ARGUMENT]...") {
		t.Errorf("no help: %s", errs)
	}
}
