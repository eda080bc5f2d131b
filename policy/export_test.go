package policy

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/lichen-sandbox/lichen/seccomp"
	"github.com/lichen-sandbox/lichen/spec"
)

// exportAgain exports a policy and reads it back.
func exportAgain(t *testing.T, p *spec.Seccomp, o seccomp.Options) *spec.Seccomp {
	t.Helper()
	text, err := ExportOCI(p, o)
	if err != nil {
		t.Fatal(err)
	}
	if !json.Valid(text) {
		t.Fatalf("not JSON:\n%s", text)
	}
	again, err := Read(fstest.MapFS{"p": {Data: text}}, "p", Options{Arch: o.Arch})
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if again.Dialect != OCI || len(again.Warnings) > 0 {
		t.Errorf("%s, %v", again.Dialect, again.Warnings)
	}
	return &again.Seccomp
}

// TestExport exports the policies of testdata and lichen's default group, and
// finds no difference to what comes back.
func TestExport(t *testing.T) {
	policies := map[string]*spec.Seccomp{
		"default": {Allow: []spec.SyscallEntry{{Name: "@default"}}},
		"open":    {Default: spec.Action{Kind: spec.ActionAllow}, Deny: []spec.SyscallEntry{{Name: "@mount"}}, DenyAction: spec.Action{Kind: spec.ActionTrap}},
	}
	for _, tt := range testPolicies {
		policies[tt.file] = &readTestPolicy(t, tt.file, tt.opts).Seccomp
	}
	for name, p := range policies {
		t.Run(name, func(t *testing.T) {
			p.Compat = false
			differ, err := seccomp.Diff(p, exportAgain(t, p, seccomp.Options{}), seccomp.Options{})
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range differ {
				t.Errorf("%s%#x: %s, exported %s", d.Call, d.Args, d.A, d.B)
			}
		})
	}
}

func TestExportCompat(t *testing.T) {
	p := &spec.Seccomp{Compat: true, Allow: []spec.SyscallEntry{{Name: "read"}, {Name: "fcntl64"}}, Rules: []spec.SeccompRule{{Text: "dup: arg0 == 1"}}}
	again := exportAgain(t, p, seccomp.Options{})
	if differ, err := seccomp.Diff(p, again, seccomp.Options{}); err != nil || len(differ) > 0 || !again.Compat {
		t.Errorf("%v, %v, compat %t", differ, err, again.Compat)
	}
	p.Rules = append(p.Rules, spec.SeccompRule{Text: "mmap: arg2 == 1"})
	if _, err := ExportOCI(p, seccomp.Options{}); err == nil || !strings.Contains(err.Error(), "export to OCI: mmap: its arguments are decided otherwise on 386") {
		t.Errorf("err = %v", err)
	}
	p.Rules = []spec.SeccompRule{{Text: "dup: return notify"}}
	if out, err := ExportOCI(p, seccomp.Options{Notify: true}); err != nil || !strings.Contains(string(out), `"action": "SCMP_ACT_NOTIFY"`) {
		t.Errorf("%s, %v", out, err)
	}
	if _, err := ExportOCI(p, seccomp.Options{}); err == nil || !strings.Contains(err.Error(), "nobody listens") {
		t.Errorf("err = %v", err)
	}
	if _, err := ExportOCI(&spec.Seccomp{Off: true}, seccomp.Options{}); err == nil {
		t.Error("no filter exports")
	}
}
