package policy

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/lichen-sandbox/lichen/seccomp"
	"github.com/lichen-sandbox/lichen/spec"
)

func names(list []spec.SyscallEntry) string {
	var out []string
	for _, e := range list {
		out = append(out, e.Name)
	}
	return strings.Join(out, " ")
}

var recordTests = []struct {
	name     string
	dialect  Dialect
	text     string
	want     string
	compat   bool
	warnings []string
}{
	{"strace", Strace, `execve("/bin/true", ["true"], 0x7ffc /* 20 vars */) = 0
brk(NULL)                               = 0x55
[pid    12] read(3, "a(b", 3)           = 3
4711  12:30:01.123456 openat(AT_FDCWD, "x", O_RDONLY <unfinished ...>
4711  12:30:01.2 <... futex resumed>)   = 0
1234 0.000012 [00007f12] wait4(-1,  <unfinished ...>
--- SIGCHLD {si_signo=SIGCHLD} ---
strace: Process 12 attached
syscall_0x27()                          = 1
syscall_0x999(0, 0)                     = -1 ENOSYS (Function not implemented)
frobnicate(1)                           = -1 ENOSYS (Function not implemented)
read(3, "", 3)                          = 0
exit_group(0)                           = ?
+++ exited with 0 +++
`, "brk execve exit_group futex getpid openat read wait4", false, []string{
		"p:10:1: no system call 2457 of amd64 is known: it stays refused",
		`p:11:1: no system call "frobnicate" is known: it stays refused`,
	}},
	{"a 32-bit program", Strace, "fcntl64(3, F_GETFL) = 0\nread(0, 0, 0) = 0\n", "fcntl64 read", true, []string{
		"p:1:1: a call of a 386 program: the policy lets these in (compat)"}},
	{"another architecture's call", Strace, "cacheflush(0, 0) = 0\n", "", false, []string{`p:1:1: amd64 has no system call "cacheflush"`}},
	{"audit", Audit, `type=SECCOMP msg=audit(1700000000.1:1): auid=1 uid=1 ses=1 pid=9 comm="x y=z" exe="/bin/x" sig=31 arch=c000003e syscall=41 compat=0 ip=0x7f code=0x80000000` + "\x1d" + `ARCH=x86_64 SYSCALL=socket AUID="u"
type=SYSCALL msg=audit(1.2:4): arch=c000003e syscall=257 success=yes exit=3 a0=ffffff9c items=1
type=CWD msg=audit(1.2:4): cwd="/"
----
time->Tue Nov 14 22:13:20 2023
type=SYSCALL msg=audit(1.2:5): arch=x86_64 syscall=openat2 success=no
type=SYSCALL msg=audit(1.2:5): arch=40000003 syscall=5 success=no
node=host type=SECCOMP msg=audit(1.2:6): arch=c000003e syscall=999 SYSCALL=unknown(999)
[  12.3] audit: type=1326 audit(1.2:7): auid=1 pid=9 comm="x" sig=0 arch=c000003e syscall=39 compat=0
type=SECCOMP msg=audit(1.2:8): arch=c00000b7 syscall=1
type=SECCOMP msg=audit(1.2:9): syscall=22 comm="a syscall=165" arch=c000003e syscall=165
`, "getpid open openat openat2 pipe socket", true, []string{
		"p:7:54: a call of a 386 program: the policy lets these in (compat)",
		"p:8:64: no system call 999 of amd64 is known: it stays refused",
		"p:10:37: a call of another architecture (c00000b7) than amd64 is left out",
	}},
}

func TestRecords(t *testing.T) {
	for _, tt := range recordTests {
		for _, dialect := range []Dialect{tt.dialect, Auto} {
			p, err := Read(fstest.MapFS{"p": {Data: []byte(tt.text)}}, "p", Options{Dialect: dialect})
			if err != nil {
				t.Errorf("%s: %v", tt.name, err)
				continue
			}
			if p.Dialect != tt.dialect || names(p.Seccomp.Allow) != tt.want || p.Seccomp.Compat != tt.compat {
				t.Errorf("%s: %s, compat %t: %s", tt.name, p.Dialect, p.Seccomp.Compat, names(p.Seccomp.Allow))
			}
			var got []string
			for _, w := range p.Warnings {
				got = append(got, w.String())
			}
			if strings.Join(got, "\n") != strings.Join(tt.warnings, "\n") {
				t.Errorf("%s: warnings\n%s", tt.name, strings.Join(got, "\n"))
			}
		}
	}
}

func TestDialects(t *testing.T) {
	for text, want := range map[string]Dialect{
		"":               MinijailPython,
		"read: 1\n":      MinijailPython,
		"read: return\n": MinijailC,
		"read: return\nsocket: arg0 == 1; return EPERM":          MinijailC,
		"socket: arg0 == 1; return EPERM\n@default kill":         MinijailPython,
		"socket: arg0 == 1; kill\nread: arg0 == 1; return EPERM": MinijailPython,
		"{read, write}: 1": MinijailPython,
		"  {\n \"defaultAction\": \"SCMP_ACT_KILL\" }": OCI,
		"# x\nread(3, 0, 0) = 0":                       Strace,
		"type=CWD cwd=\"/\"":                           Audit,
	} {
		p, err := Read(fstest.MapFS{"p": {Data: []byte(text)}}, "p", Options{})
		if err != nil || p.Dialect != want {
			t.Errorf("%q: %v, %v", text, p, err)
		}
	}
	for d := range Dialect(len(dialectNames)) {
		if got, err := ParseDialect(d.String()); err != nil || got != d {
			t.Errorf("%s: %v, %v", d, got, err)
		}
	}
	if _, err := ParseDialect("bwrap"); err == nil {
		t.Error("an unknown dialect is one")
	}
}

func TestWarnings(t *testing.T) {
	text := "read: 1\nbrandnewcall: 1\nfcntl64: 1\nbrandnewcall: arg9 == 1\n"
	_, err := Read(fstest.MapFS{"p": {Data: []byte(text)}}, "p", Options{})
	if err == nil || !strings.Contains(err.Error(), "p:4:15: found \"arg9\"") {
		t.Errorf("a line for an unknown call is not read: %v", err)
	}
	text = "read: 1\nbrandnewcall: 1\nfcntl64: 1\nbrandnewcall: arg0 == 1\nreaad: 1\n"
	p, err := Read(fstest.MapFS{"sub/p": {Data: []byte(text)}}, "sub/p", Options{Dir: "/etc/x"})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		`/etc/x/sub/p:2:1: no system call "brandnewcall" is known: this line decides nothing, and the call, if the kernel has it, answers ENOSYS`,
		`/etc/x/sub/p:3:1: amd64 has no system call "fcntl64": this line decides nothing`,
		`/etc/x/sub/p:4:1: no system call "brandnewcall" is known: this line decides nothing, and the call, if the kernel has it, answers ENOSYS`,
		`/etc/x/sub/p:5:1: no system call "reaad" is known: this line decides nothing, and the call, if the kernel has it, answers ENOSYS; did you mean "read"?`,
	}
	for i, w := range p.Warnings {
		if i >= len(want) || w.String() != want[i] {
			t.Errorf("%s", w)
		}
	}
	if len(p.Warnings) != len(want) || names(p.Seccomp.Allow) != "read" || p.Seccomp.Allow[0].Origin.String() != "/etc/x/sub/p:1" {
		t.Errorf("%d warnings, %+v", len(p.Warnings), p.Seccomp.Allow)
	}
}

// TestOtherTables reads one policy for each architecture.
func TestOtherTables(t *testing.T) {
	files := fstest.MapFS{"p": {Data: []byte("{read, mmap2, mmap[arch=x86_64,arm64]}: arg2 in ~PROT_EXEC\nlseek: arg1 == 0xffffffff\n")}}
	for _, a := range []seccomp.Arch{seccomp.AMD64, seccomp.I386, seccomp.ARM64, seccomp.ARM} {
		p, err := Read(files, "p", Options{Arch: a})
		if err != nil {
			t.Errorf("%s: %v", a.Name(), err)
			continue
		}
		if _, err := seccomp.Compile(&p.Seccomp, seccomp.Options{Arch: a}); err != nil {
			t.Errorf("%s: %v", a.Name(), err)
		}
	}
}
