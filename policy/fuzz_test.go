package policy

import (
	"errors"
	"testing"
	"testing/fstest"

	"github.com/lichen-sandbox/lichen/seccomp"
	"github.com/lichen-sandbox/lichen/spec"
)

// readAny reads text in a dialect. What is read must compile and print; what is
// not must say where.
func readAny(t *testing.T, d Dialect, text string) {
	files := fstest.MapFS{"p": {Data: []byte(text)}, "more": {Data: []byte("getpid: 1\n")}}
	p, err := Read(files, "p", Options{Dialect: d, Include: true})
	if err != nil {
		var e *spec.Error
		var at *Error
		if !errors.As(err, &e) {
			t.Fatalf("%T %v", err, err)
		}
		if errors.As(err, &at) && (at.Line < 0 || at.Column < 0 || at.Reason == "" || at.File == "") {
			t.Fatalf("%+v", at)
		}
		return
	}
	prog, err := seccomp.Compile(&p.Seccomp, seccomp.Options{Frequency: p.Frequency})
	if err != nil {
		t.Fatalf("what was read does not compile: %v", err)
	}
	plain, err := seccomp.Compile(&p.Seccomp, seccomp.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for nr := range int32(480) {
		for _, v := range []uint64{0, 1, 0xffffffff} {
			d := seccomp.Data{Nr: nr, Arch: seccomp.AMD64.AuditArch(), Args: [6]uint64{v, v, v, v, v, v}}
			a, _ := seccomp.Run(prog, d)
			b, _ := seccomp.Run(plain, d)
			if a != b {
				t.Fatalf("call %d %#x: %#x with frequencies, %#x without", nr, v, a, b)
			}
		}
	}
	if len(TOML(&p.Seccomp)) == 0 {
		t.Fatal("it prints as nothing")
	}
}

func fuzzDialect(f *testing.F, d Dialect) {
	for _, tt := range badPolicies {
		if tt.dialect == d || d == Auto {
			f.Add(tt.text)
		}
	}
	for _, tt := range recordTests {
		if tt.dialect == d || d == Auto {
			f.Add(tt.text)
		}
	}
	f.Add("@include ./more\n@frequency ./more\n{read, write[arch=x86_64]}: { arg0 in ~(1|2); return EPERM, allow }\nioctl: arg1 == TCGETS || arg1 & 3 && arg0 >= 1; return 5\n")
	f.Fuzz(func(t *testing.T, text string) { readAny(t, d, text) })
}

func FuzzMinijailC(f *testing.F)      { fuzzDialect(f, MinijailC) }
func FuzzMinijailPython(f *testing.F) { fuzzDialect(f, MinijailPython) }
func FuzzOCI(f *testing.F)            { fuzzDialect(f, OCI) }
func FuzzStrace(f *testing.F)         { fuzzDialect(f, Strace) }
func FuzzAudit(f *testing.F)          { fuzzDialect(f, Audit) }
func FuzzAuto(f *testing.F)           { fuzzDialect(f, Auto) }
