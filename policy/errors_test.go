package policy

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/lichen-sandbox/lichen/seccomp"
	"github.com/lichen-sandbox/lichen/spec"
)

// badPolicies are policies with one thing wrong each, and what is said of it.
// The file is "p"; others are in extra.
var badPolicies = []struct {
	dialect Dialect
	text    string
	want    string
}{
	// What both of minijail's dialects refuse.
	{MinijailC, "read", `p:1:5: found the end of the line where a colon should be`},
	{MinijailC, "read 1", `p:1:6: found "1" where a colon should be`},
	{MinijailC, ": 1", `p:1:1: found ":" where the name of a system call should be`},
	{MinijailC, "read: 1\n\n 17: 1", `p:3:2: found "17" where the name of a system call should be`},
	{MinijailC, "read:", `p:1:6: found the end of the line where 1, return or an expression that starts with arg0 to arg5 should be`},
	{MinijailC, "read: 2", `p:1:7: found "2" where 1, an expression or an action should be`},
	{MinijailC, "read: 1 1", `p:1:9: found "1" where the end of the line should be`},
	{MinijailC, "read: 1; return EPERM", `p:1:8: found ";" where the end of the line should be`},
	{MinijailC, "read: arg6 == 1", `p:1:7: found "arg6" where arg0 to arg5 should be`},
	{MinijailC, "read: arg00 == 1", `p:1:7: found "arg00" where arg0 to arg5 should be`},
	{MinijailC, "read: arg == 1", `p:1:7: found "arg" where 1, return or an expression that starts with arg0 to arg5 should be`},
	{MinijailC, "read: arg3 == 1", `p:1:7: read has only arg0 to arg2`},
	{MinijailC, "getpid: arg0 == 1", `p:1:9: getpid has no arguments to test`},
	{MinijailC, "read: arg0", `p:1:11: found the end of the line where ==, !=, <, <=, >, >=, & or in should be`},
	{MinijailC, "read: arg0 = 1", `p:1:12: found "=" where ==, !=, <, <=, >, >=, & or in should be`},
	{MinijailC, "read: arg0 === 1", `p:1:14: found "=" where a number or a constant should be`},
	{MinijailC, "read: arg0 ==", `p:1:14: found the end of the line where a number or a constant should be`},
	{MinijailC, "read: arg0 == &&", `p:1:15: found "&&" where a number or a constant should be`},
	{MinijailC, "read: arg0 == arg1", `p:1:15: found "arg1" where a number or a constant should be`},
	{MinijailC, "read: arg0 == 1 &&", `p:1:19: found the end of the line where arg0 to arg5 should be`},
	{MinijailC, "read: arg0 == 1 || 2", `p:1:20: found "2" where arg0 to arg5 should be`},
	{MinijailC, "read: arg0 == 1 | | 2", `p:1:19: found "|" where a number or a constant should be`},
	{MinijailC, "read: arg0 == 1 & 2", `p:1:17: found "&" where the end of the line should be`},
	{MinijailC, "read: arg0 == 1x", `p:1:15: found "1x" where a number should be: decimal, hexadecimal after 0x, octal after 0, and of no more bits than a register`},
	{MinijailC, "read: arg0 == 0x", `p:1:15: found "0x" where a number should be: decimal, hexadecimal after 0x, octal after 0, and of no more bits than a register`},
	{MinijailC, "read: arg0 == 09", `p:1:15: found "09" where a number should be: decimal, hexadecimal after 0x, octal after 0, and of no more bits than a register`},
	{MinijailC, "read: arg0 == 0b1", `p:1:15: found "0b1" where a number should be: decimal, hexadecimal after 0x, octal after 0, and of no more bits than a register`},
	{MinijailC, "read: arg0 == 1_0", `p:1:15: found "1_0" where a number should be: decimal, hexadecimal after 0x, octal after 0, and of no more bits than a register`},
	{MinijailC, "read: arg1 == 18446744073709551616", `p:1:15: found "18446744073709551616" where a number should be: decimal, hexadecimal after 0x, octal after 0, and of no more bits than a register`},
	{MinijailC, "read: arg1 == -9223372036854775809", `p:1:15: found "-9223372036854775809" where a number should be: decimal, hexadecimal after 0x, octal after 0, and of no more bits than a register`},
	{MinijailC, "read: arg0 == 0x100000000", `p:1:15: 0x100000000 does not fit the 32 bits that the kernel reads of this argument`},
	{MinijailC, "read: arg0 < -1", `p:1:14: a negative value cannot be ordered: comparisons are unsigned`},
	{MinijailC, "socket: arg0 == AF_UNIZ", `p:1:17: found "AF_UNIZ" where a number or a known constant should be` + "\nhint: " + `did you mean "AF_UNIX"?`},
	{MinijailC, "read: arg0 == (1", `p:1:17: found the end of the line where "|" or a closing parenthesis should be`},
	{MinijailC, "read: arg0 == 1)", `p:1:16: found ")" where the end of the line should be`},
	{MinijailC, "read: arg0 == ()", `p:1:16: found ")" where a number or a constant should be`},
	{MinijailC, "read: arg0 == ~~1", `p:1:16: found "~" where a number or a constant should be`},
	{MinijailC, "read: arg0 == " + strings.Repeat("(", 40), `p:1:47: parentheses nest deeper than 32`},
	{MinijailC, "read: (arg0 == 1)", `p:1:7: found "(" where 1, return or an expression that starts with arg0 to arg5 should be`},
	{MinijailC, "read: arg0 == 1;", `p:1:17: found the end of the line where 1, return or an expression that starts with arg0 to arg5 should be`},
	{MinijailC, "read: arg0 == 1; 1", `p:1:18: found "1" where return should be`},
	{MinijailC, "read: arg0 == 1; return EPREM", `p:1:25: found "EPREM" where a number or a known constant should be`},
	{MinijailC, "read: return 0", `p:1:14: found the error number 0, which is not between 1 and 4095: the program would take the refused call for done`},
	{MinijailC, "read: return 4096", `p:1:14: found the error number 4096, which is not between 1 and 4095: the program would take the refused call for done`},
	{MinijailC, "read: return -1", `p:1:14: found the error number 18446744073709551615, which is not between 1 and 4095: the program would take the refused call for done`},
	{MinijailC, "read: return EPERM EIO", `p:1:20: found "EIO" where the end of the line should be`},
	{MinijailC, "read: $x", `p:1:7: found "$", which starts nothing that a policy has`},
	{MinijailC, "read: \"1\"", `p:1:7: found "\"", which starts nothing that a policy has`},
	{MinijailC, "read: 1\x00", `p:1:8: found the control character '\x00'`},
	{MinijailC, "read: \xff", `p:1:7: found a byte that is not UTF-8`},
	{MinijailC, "read: 1 \\", `p:1:9: the file ends within a line that \ continues`},
	{MinijailC, "@inclood ./x", `p:1:1: found "@inclood" where @include, @frequency, @default or @denylist should be`},
	{MinijailC, "@include", `p:1:9: found the end of the line where the path of a file should be`},
	{MinijailC, "@include x.policy", `p:1:10: found "x.policy" where a path that starts with ./ or / should be`},
	{MinijailC, "@include ./absent", `p:1:10: cannot read absent: open absent: file does not exist`},
	{MinijailC, "@include ../p", `p:1:10: found "../p" where a path that starts with ./ or / should be`},
	{MinijailC, "@include ./../p", `p:1:10: the included "./../p" does not lie in the policy's directory`},
	{MinijailC, "@include /etc/passwd", `p:1:10: the included "/etc/passwd" does not lie in the policy's directory`},
	{MinijailC, "@include ./dir", `p:1:10: cannot read dir: not a regular file`},
	{MinijailC, "@include ./fifo", `p:1:10: cannot read fifo: not a regular file`},
	{MinijailC, "@include ./huge", `p:1:10: cannot read huge: longer than 1 MiB`},
	{MinijailC, "@include ./one two", `p:1:16: found "two" where the end of the line should be`},
	{MinijailC, "@include ./p", `p:1:10: found an include in an included file: minijail's library has one level of them`},
	{MinijailC, "@include ./bad", `bad:2:7: found "2" where 1, an expression or an action should be`},

	// What only the library refuses.
	{MinijailC, "read: 1 # why", `p:1:9: found a comment behind a statement` + "\nhint: in the dialect of minijail's library a comment is a line of its own"},
	{MinijailC, "read: allow", `p:1:7: found "allow": a named action is of minijail's offline compiler, and the policy is one for its library` + "\nhint: name the dialect minijail-python, if it is for the compiler"},
	{MinijailC, "{read, write}: 1", `p:1:1: found "{": a block is of minijail's offline compiler, and the policy is one for its library` + "\nhint: name the dialect minijail-python, if it is for the compiler"},
	{MinijailC, "read[arch=x86_64]: 1", `p:1:5: found "[": metadata is of minijail's offline compiler, and the policy is one for its library` + "\nhint: name the dialect minijail-python, if it is for the compiler"},
	{MinijailC, "@default trap", `p:1:1: found "@default": @default is of minijail's offline compiler, and the policy is one for its library` + "\nhint: name the dialect minijail-python, if it is for the compiler"},
	{MinijailC, "@denylist", `p:1:1: found "@denylist": @denylist is of minijail's offline compiler, and the policy is one for its library` + "\nhint: name the dialect minijail-python, if it is for the compiler"},

	// What only the offline compiler refuses.
	{MinijailPython, "read: return", `p:1:13: found the end of the line where an error number should be`},
	{MinijailPython, "read: return EPERM|1", `p:1:19: found "|" where the end of the line should be`},
	{MinijailPython, "read: deny", `p:1:7: found "deny" where an action should be: allow, kill, kill-process, kill-thread, trap, trace, log, user-notify, or return and an error`},
	{MinijailPython, "read: arg0 == 1; deny", `p:1:18: found "deny" where an action should be: allow, kill, kill-process, kill-thread, trap, trace, log, user-notify, or return and an error`},
	{MinijailPython, "{read, write: 1", `p:1:13: found ":" where a comma or a closing brace should be`},
	{MinijailPython, "{}: 1", `p:1:2: found "}" where the name of a system call should be`},
	{MinijailPython, "read: {}", `p:1:8: found "}" where an action or an expression that starts with arg0 to arg5 should be`},
	{MinijailPython, "read: { arg0 == 1", `p:1:18: found the end of the line where a comma or a closing brace should be`},
	{MinijailPython, "read: { allow, arg0 == 1 }", `p:1:16: found a filter behind one without a condition: it is never asked`},
	{MinijailPython, "read: allow\nread: arg0 == 1", `p:2:1: read is decided without a condition already (p:1:1), so that this is never asked`},
	{MinijailPython, "read[arch]: 1", `p:1:10: found "]" where "=" should be`},
	{MinijailPython, "read[=x]: 1", `p:1:6: found "=" where a key of metadata, like arch should be`},
	{MinijailPython, "read[arch=]: 1", `p:1:11: found "]" where a value should be`},
	{MinijailPython, "read[arch=arm;arch=arm64]: 1", `p:1:15: found "arch" a second time`},
	{MinijailPython, "read[arch=x86_64: 1", `p:1:17: found ":" where a comma, a semicolon or a closing bracket should be`},
	{MinijailPython, "some@group: 1", `p:1:1: found the group "some@group", which no constants.json defines`},
	{MinijailPython, "@default", `p:1:9: found the end of the line where kill, kill-process, kill-thread, trap or user-notify should be`},
	{MinijailPython, "@default allow", `p:1:10: found "allow" where kill, kill-process, kill-thread, trap or user-notify should be: a default cannot let calls through`},
	{MinijailPython, "@default kill trap", `p:1:15: found "trap" where the end of the line should be`},
	{MinijailPython, "@denylist\nread: allow", `p:2:7: found "allow" where return (a denylist says for each call what it returns) should be`},
	{MinijailPython, "@denylist\n@include ./plain", `plain: no @denylist in a file that a denylist includes: its lines would allow` + "\nhint: every file of a denylist has to say so"},
	{MinijailPython, "@include ./denylist", `denylist:1:1: found @denylist in a file that a policy without it includes`},
	{MinijailPython, "@include ./p", `p:1:10: includes nest deeper than 10`},
	{MinijailPython, "@frequency ./frequency", `frequency:1:7: found "x" where a number should be`},
	{MinijailPython, "@frequency ./negative", `negative:1:7: found "-1" where a number from 0 on should be`},

	// The two disagree, or the policy does with itself.
	{Auto, "socket: arg0 == AF_UNIX; return EPERM", `p:1:9: found "arg0 == AF_UNIX; return EPERM", which minijail's readers understand in opposite ways: its library (minijail-c) lets the call through where the condition holds, and else returns the error; its offline compiler (minijail-python) returns the error where the condition holds, and else kills` + "\nhint: name the dialect: minijail-c or minijail-python"},
	{Auto, "read: return\nwrite: allow", `p:1:7: found a return without a value, which only minijail's library reads, and a named action (p:2:8), which only its offline compiler does`},

	// OCI.
	{Auto, `{"`, `p:1:3: found the end of the file where a closing quote should be`},
	{OCI, `[]`, `p:1:1: found an array where an object should be`},
	{OCI, `{}`, `p:1:1: found no defaultAction`},
	{OCI, `{"defaultAction": 1}`, `p:1:19: found "1" where a string should be`},
	{OCI, `{"defaultAction": "ALLOW"}`, `p:1:19: found "ALLOW" where SCMP_ACT_ALLOW, _ERRNO, _KILL, _KILL_PROCESS, _KILL_THREAD, _LOG, _NOTIFY, _TRACE or _TRAP should be`},
	{OCI, `{"defaultAction": "SCMP_ACT_ALLOW",}`, `p:1:36: found "}" where a name in quotes should be`},
	{OCI, `{"defaultAction": "SCMP_ACT_ALLOW"} x`, `p:1:37: found "x" where the end of the file should be`},
	{OCI, `{"defaultAction": "SCMP_ACT_ALLOW", "defaultAction": "SCMP_ACT_KILL"}`, `p:1:37: found "defaultAction" a second time in one object`},
	{OCI, `{"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 0}`, `p:1:56: found "0" where an error number between 1 and 4095 should be`},
	{OCI, `{"defaultAction": "SCMP_ACT_ERRNO", "defaultErrno": "EPREM"}`, `p:1:53: found "EPREM" where the name of an error should be`},
	{OCI, `{"defaultAction": "SCMP_ACT_KILL", "sycalls": []}`, `p:1:36: found "sycalls" where one of defaultAction, defaultErrnoRet, defaultErrno, architectures, archMap, flags, listenerPath, listenerMetadata, syscalls should be`},
	{OCI, `{"linux": {}}`, `p:1:11: found no seccomp in linux`},
	{OCI, ociRule(`"names": ["read"]`), `p:2:1: found no action`},
	{OCI, ociRule(`"names": [], "action": "SCMP_ACT_ALLOW"`), `p:2:1: found no names`},
	{OCI, ociRule(`"names": [1], "action": "SCMP_ACT_ALLOW"`), `p:2:12: found "1" where a string should be`},
	{OCI, ociRule(`"names": "read", "action": "SCMP_ACT_ALLOW"`), `p:2:11: found "read" where an array should be`},
	{OCI, ociArg(`"value": 1, "op": "SCMP_CMP_EQ"`), `p:2:1: found no index`},
	{OCI, ociArg(`"index": 6, "value": 1, "op": "SCMP_CMP_EQ"`), `p:2:11: found "6" where the number of an argument, 0 to 5, should be`},
	{OCI, ociArg(`"index": 3, "value": 1, "op": "SCMP_CMP_EQ"`), `p:2:11: read has only arg0 to arg2`},
	{OCI, ociArg(`"index": 0, "value": -1, "op": "SCMP_CMP_EQ"`), `p:2:23: found "-1" where a whole number of at most 64 bits should be`},
	{OCI, ociArg(`"index": 0, "value": 1.5, "op": "SCMP_CMP_EQ"`), `p:2:23: found "1.5" where a whole number of at most 64 bits should be`},
	{OCI, ociArg(`"index": 0, "value": 01, "op": "SCMP_CMP_EQ"`), `p:2:23: found "01" where a number should be`},
	{OCI, ociArg(`"index": 0, "value": 4294967296, "op": "SCMP_CMP_EQ"`), `p:2:23: 0x100000000 does not fit the 32 bits that the kernel reads of this argument`},
	{OCI, ociArg(`"index": 0, "value": 1, "op": "=="`), `p:2:32: found "==" where SCMP_CMP_NE, _LT, _LE, _EQ, _GE, _GT or _MASKED_EQ should be`},
	{OCI, ociRule(`"names": ["read"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["SYS_ADMIN"]}`), `p:2:71: found "SYS_ADMIN" where the name of a capability, like CAP_SYS_ADMIN should be`},
	{OCI, ociRule(`"names": ["read"], "action": "SCMP_ACT_ALLOW", "includes": {"minKernel": "new"}`), `p:2:75: found "new" where a kernel version, like 4.8 should be`},
	{OCI, `{"defaultAction": "\q"}`, `p:1:20: found "\\" where an escape like \n or \u0041 should be`},
	{OCI, strings.Repeat(`{"linux":`, 40), `p:1:289: values nest deeper than 32`},

	// Records.
	{Strace, "read(0, \"\") = 0\nhello world\n", `p:2:1: found "hello world" where a call, NAME(…), should be` + "\nhint: strace -o FILE keeps the program's own output apart"},
	{Strace, "<... read", `p:1:1: found "<... read" where <... NAME resumed> should be`},
	{Audit, "type=SYSCALL msg=audit(1.2:3): arch=c000003e\n", `p:1:1: found no syscall= in a record of a call`},
	{Audit, "type=SECCOMP msg=audit(1.2:3): syscall=41\n", `p:1:1: found no arch= in a record, without which a number means nothing`},
	{Audit, "type=SECCOMP arch=zz syscall=41\n", `p:1:19: found "zz" where an architecture should be, like c000003e or x86_64`},
	{Audit, "type=SECCOMP arch=c000003e syscall=4x\n", `p:1:36: found "4x" where the number or the name of a system call should be`},
	{Audit, "type=SYSCALL comm=\"x\n", `p:1:19: found a quote that nothing closes`},
	{Audit, "type=CWD cwd=\"/\"\nread(0) = 0\n", `p:2:1: found "read(0) = 0" where an audit record, type=…, should be`},
}

func ociRule(text string) string {
	return "{\"defaultAction\": \"SCMP_ACT_KILL\", \"syscalls\": [\n{" + text + "}]}"
}

func ociArg(text string) string {
	return "{\"defaultAction\": \"SCMP_ACT_KILL\", \"syscalls\": [{\"names\": [\"read\"], \"action\": \"SCMP_ACT_ALLOW\", \"args\": [\n{" + text + "}]}]}"
}

// badFiles are the files beside "p".
func badFiles(text string) fs.FS {
	file := func(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }
	return fstest.MapFS{
		"p": file(text), "good": file("read: 1\n"), "bad": file("read: 1\nread: 2\n"), "denylist": file("@denylist\n"), "plain": file("write: return EPERM\n"), "dir/x": file(""),
		"fifo": {Mode: fs.ModeNamedPipe}, "huge": file(strings.Repeat("#\n", 1<<19) + "#"),
		"frequency": file("read: x\n"), "negative": file("read: -1\n"),
	}
}

func TestBadPolicies(t *testing.T) {
	for _, tt := range badPolicies {
		_, err := Read(badFiles(tt.text), "p", Options{Dialect: tt.dialect, Include: true})
		var e *spec.Error
		var at *Error
		if !errors.As(err, &e) || !errors.As(err, &at) {
			t.Errorf("%s %q: err = %v", tt.dialect, tt.text, err)
			continue
		}
		got := strings.TrimPrefix(e.Error(), "policy: ")
		if e.Hint != "" && strings.Contains(tt.want, "\n") {
			got += "\nhint: " + e.Hint
		}
		if got != tt.want {
			t.Errorf("%s %q\n got %s\nwant %s", tt.dialect, tt.text, got, tt.want)
		}
	}
	if n := len(badPolicies); n < 60 {
		t.Errorf("only %d cases", n)
	}
}

func TestNoIncludes(t *testing.T) {
	for _, text := range []string{"@include ./good", "@frequency ./good"} {
		_, err := Read(badFiles(text), "p", Options{Dialect: MinijailPython})
		if err == nil || !strings.Contains(err.Error(), "may not include") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// TestManyFiles: the bound on files holds whatever their depth.
func TestManyFiles(t *testing.T) {
	files := badFiles(strings.Repeat("@include ./empty\n", 100)).(fstest.MapFS)
	files["empty"] = &fstest.MapFile{}
	_, err := Read(files, "p", Options{Dialect: MinijailPython, Include: true})
	if err == nil || !strings.Contains(err.Error(), "more than 64 files") {
		t.Errorf("err = %v", err)
	}
}

// TestTooLong has policies that are well-formed, and too long for a rule or for a
// program.
func TestTooLong(t *testing.T) {
	for text, want := range map[string]string{
		"read: 1\nioctl: arg1 == 0" + strings.Repeat(" || arg1 == 7", 2000):               "p:2: longer than 16 KiB",
		strings.Repeat("ioctl: arg1 == 1 || arg1 == 2 || arg1 == 3 || arg1 == 4\n", 1000): "p:1: the policy takes ",
	} {
		_, err := Read(badFiles(text), "p", Options{})
		if err == nil || !strings.HasPrefix(err.Error(), "policy: "+want) || len(err.Error()) > 200 {
			t.Errorf("err = %v", err)
		}
	}
}

// TestOtherArchitecture: a constants.json of another architecture, and constants that the
// architecture does not have.
func TestOtherArchitecture(t *testing.T) {
	files := fstest.MapFS{"p": {Data: []byte("read: 1\n")}, "c": {Data: []byte(`{"arch_name": "arm64"}`)}}
	if _, err := Read(files, "p", Options{Constants: "c"}); err == nil || !strings.Contains(err.Error(), "constants of arm64") {
		t.Errorf("err = %v", err)
	}
	files["p"] = &fstest.MapFile{Data: []byte("mmap: arg3 & MAP_32BIT\n")}
	if _, err := Read(files, "p", Options{Arch: seccomp.ARM64}); err == nil || !strings.Contains(err.Error(), "p:1:14: found \"MAP_32BIT\", a constant that arm64 does not have") {
		t.Errorf("err = %v", err)
	}
}
