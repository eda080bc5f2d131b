package child

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const (
	module  = "github.com/lichen-sandbox/lichen/"
	start   = module + "internal/child.inChild"
	ownCode = module + "internal/child."
	loop    = module + "init."
)

// leaves are the calls that code after clone may make besides its own.
var leaves = map[string]bool{
	"syscall.RawSyscall":                 true, // no scheduler, no stack growth
	"syscall.RawSyscall6":                true,
	module + "internal/child.vfork.abi0": true, // not through a wrapper: its frame would be on the shared stack
}

// TestNoRuntimeAfterClone protects the rule that what runs after clone makes
// raw system calls and nothing else. A call to anything in the runtime, such
// as a stack check, an allocation, a write barrier or a bounds-check panic,
// may hang or crash a process that has only one of its threads left.
func TestNoRuntimeAfterClone(t *testing.T) {
	for _, arch := range []string{"amd64", "arm64"} {
		t.Run(arch, func(t *testing.T) {
			calls := disassemble(t, arch)
			if len(calls[start]) == 0 {
				t.Fatalf("no calls found in %s: has it been renamed or inlined?", start)
			}
			seen := map[string]bool{}
			var visit func(fn string)
			visit = func(fn string) {
				if seen[fn] || leaves[fn] {
					return
				}
				seen[fn] = true
				if !strings.HasPrefix(fn, ownCode) && !strings.HasPrefix(fn, loop) {
					t.Errorf("%s is called after clone", fn)
					return
				}
				for _, callee := range calls[fn] {
					visit(callee)
				}
			}
			visit(start)
			for _, fn := range []string{"init.Run", "internal/child.runOps", "internal/child.startPayload"} {
				if !seen[module+fn] {
					t.Errorf("%s was not reached: the walk is broken", fn)
				}
			}
		})
	}
}

// disassemble returns, for each function of the code after clone, the symbols
// that it calls or jumps to.
func disassemble(t *testing.T, arch string) map[string][]string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "lichen")
	build := exec.Command("go", "build", "-o", bin, module+"cmd/lichen")
	build.Env = append(os.Environ(), "GOOS=linux", "GOARCH="+arch, "CGO_ENABLED=0", "GOFLAGS=-buildvcs=false")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	out, err := exec.Command("go", "tool", "objdump", "-s", `^github\.com/lichen-sandbox/lichen/(init|internal/child)\.`, bin).Output()
	if err != nil {
		t.Fatalf("go tool objdump: %v", err)
	}
	calls := map[string][]string{}
	fn := ""
	lines := bufio.NewScanner(bytes.NewReader(out))
	for lines.Scan() {
		line := lines.Text()
		if name, ok := strings.CutPrefix(line, "TEXT "); ok {
			fn, _, _ = strings.Cut(name, "(SB)")
			continue
		}
		if i := strings.Index(line, "(SB)"); i >= 0 {
			f := strings.Fields(line[:i])
			if op := f[len(f)-2]; op == "CALL" || op == "JMP" || op == "BL" {
				calls[fn] = append(calls[fn], f[len(f)-1])
			}
		}
		if strings.Contains(line, "\tCALL ") && !strings.Contains(line, "(SB)") {
			t.Errorf("indirect call after clone: %s: %s", fn, line)
		}
	}
	return calls
}
