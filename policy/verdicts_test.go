package policy

import (
	"bufio"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"

	"github.com/lichen-sandbox/lichen/profile"
	"github.com/lichen-sandbox/lichen/seccomp"
	"github.com/lichen-sandbox/lichen/spec"
)

// probe is a call and what a policy makes of it.
type probe struct {
	line string
	data seccomp.Data
	want string
}

// probes reads a file of lines "CALL ARG… => ACTION".
func probes(t *testing.T, file string) []probe {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out []probe
	for s := bufio.NewScanner(f); s.Scan(); {
		line := strings.TrimSpace(s.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		call, want, ok := strings.Cut(line, " => ")
		words := strings.Fields(call)
		nr, known := seccomp.Number(seccomp.AMD64, words[0])
		if !ok || !known {
			t.Fatalf("%s: bad line %q", file, line)
		}
		p := probe{line: line, want: want, data: seccomp.Data{Nr: int32(nr), Arch: seccomp.AMD64.AuditArch()}}
		for i, w := range words[1:] {
			p.data.Args[i] = argument(t, w)
		}
		out = append(out, p)
	}
	return out
}

func argument(t *testing.T, word string) uint64 {
	t.Helper()
	if n, err := strconv.ParseInt(word, 0, 64); err == nil {
		return uint64(n)
	}
	n, err := strconv.ParseUint(word, 0, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// testPolicies are the policies of testdata and how to read them.
var testPolicies = []struct {
	file string
	opts Options
}{
	{"minijail-c/forms.policy", Options{Dialect: MinijailC, Include: true}},
	{"minijail-python/forms.policy", Options{Dialect: MinijailPython, Include: true}},
	{"minijail-python/forms.policy", Options{Include: true}},
	{"minijail-python/denylist.policy", Options{}},
	{"minijail-python/custom.policy", Options{Constants: "constants.json"}},
	{"oci/forms.json", Options{Kernel: Kernel{6, 1}}},
}

func readTestPolicy(t *testing.T, file string, o Options) *Policy {
	t.Helper()
	files, err := OpenDirectory(filepath.Join("testdata", filepath.Dir(file)))
	if err != nil {
		t.Fatal(err)
	}
	defer files.Close()
	p, err := Read(files, filepath.Base(file), o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func compile(t *testing.T, p *spec.Seccomp) []seccomp.Instruction {
	t.Helper()
	prog, err := seccomp.Compile(p, seccomp.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return prog
}

// TestVerdicts reads each policy, and checks its program and that of the profile
// that it is printed as.
func TestVerdicts(t *testing.T) {
	for _, tt := range testPolicies {
		t.Run(tt.file+"/"+tt.opts.Dialect.String(), func(t *testing.T) {
			p := readTestPolicy(t, tt.file, tt.opts)
			prog := compile(t, &p.Seccomp)
			ext := filepath.Ext(tt.file)
			for _, probe := range probes(t, "testdata/"+strings.TrimSuffix(tt.file, ext)+".verdicts") {
				ret, _ := seccomp.Run(prog, probe.data)
				if got := seccomp.AnswerText(ret); got != probe.want {
					t.Errorf("%s: got %s", probe.line, got)
				}
			}
			again := fromTOML(t, TOML(&p.Seccomp))
			if !sameProgram(compile(t, again), prog) {
				t.Errorf("the printed profile is another policy:\n%s", TOML(&p.Seccomp))
			}
		})
	}
}

func sameProgram(a, b []seccomp.Instruction) bool {
	return string(seccomp.Bytes(a)) == string(seccomp.Bytes(b))
}

// fromTOML loads what TOML printed as a profile.
func fromTOML(t *testing.T, text []byte) *spec.Seccomp {
	t.Helper()
	var table map[string]any
	if err := toml.Unmarshal(text, &table); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "x.toml")
	if err := os.WriteFile(file, append([]byte("version = 1\n"), text...), 0o600); err != nil {
		t.Fatal(err)
	}
	l := &profile.Loader{}
	p, err := l.Load(file)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return &p.Spec.Seccomp
}
