package plan

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"

	"github.com/lichen-sandbox/lichen/internal/sys"
)

// TestEveryNumberHasACall reads the constants of internal/sys: a call that a
// plan may use and that has no entry would print as a number.
func TestEveryNumberHasACall(t *testing.T) {
	known := map[string]bool{}
	for _, c := range calls {
		known[c.name] = true
	}
	numbers := 0
	ast.Inspect(parse(t, "../sys/numbers.go"), func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		for _, name := range spec.Names {
			if call, ok := strings.CutPrefix(name.Name, "SYS_"); ok {
				numbers++
				if !known[strings.ToLower(call)] {
					t.Errorf("%s has no entry in calls", name.Name)
				}
			}
		}
		return true
	})
	if numbers < 40 {
		t.Errorf("found %d constants in numbers.go", numbers)
	}
}

// TestCallsAreNamedAfterTheirNumbers reads the table's source: each name has
// to be that of its constant.
func TestCallsAreNamedAfterTheirNumbers(t *testing.T) {
	entries := 0
	ast.Inspect(parse(t, "names.go"), func(n ast.Node) bool {
		entry, ok := n.(*ast.CompositeLit)
		if !ok || len(entry.Elts) != 3 || entry.Type != nil {
			return true
		}
		number, ok1 := entry.Elts[0].(*ast.SelectorExpr)
		name, ok2 := entry.Elts[1].(*ast.BasicLit)
		if !ok1 || !ok2 {
			return true
		}
		entries++
		if want := strconv.Quote(strings.ToLower(strings.TrimPrefix(number.Sel.Name, "SYS_"))); name.Value != want {
			t.Errorf("%s is called %s", number.Sel.Name, name.Value)
		}
		return true
	})
	if entries != len(calls) {
		t.Errorf("found %d entries of %d", entries, len(calls))
	}
}

func parse(t *testing.T, path string) *ast.File {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestCallsAreDistinct(t *testing.T) {
	for i, c := range calls {
		if got := CallName(c.nr); got != c.name {
			t.Errorf("%s is shadowed by %s", c.name, got)
		}
		if c.args[0] == none && c.nr != sys.SYS_SETSID && c.nr != sys.SYS_GETPID {
			t.Errorf("%s has no arguments", c.name)
		}
		for j, k := range c.args {
			if k == none {
				break
			}
			if k >= flags && k < enum && k-flags >= kind(sys.NumFlagSets) || k >= enum && k-enum >= kind(sys.NumEnums) {
				t.Errorf("argument %d of %s has kind %d", j, calls[i].name, k)
			}
		}
	}
	if got := CallName(4095); got != "syscall_4095" {
		t.Errorf("got %s", got)
	}
}

func TestKindsDoNotOverlap(t *testing.T) {
	if endOfStructs > flags || flags+kind(sys.NumFlagSets) > enum || int(enum)+int(sys.NumEnums) > 256 {
		t.Error("the ranges of kinds overlap")
	}
}

// TestLayouts checks what the compiler cannot: fields in order, without
// overlap, of a size that word can read.
func TestLayouts(t *testing.T) {
	for k := openHow; k < endOfStructs; k++ {
		end := uint8(0)
		for _, m := range k.fields() {
			if m.at < end {
				t.Errorf("structure %d: %s overlaps", k-openHow, m.name)
			}
			end = m.at + m.size
			if m.kind == chars || m.kind == capSets {
				continue
			}
			if m.size == 0 || m.size > 8 || m.size&(m.size-1) != 0 {
				t.Errorf("structure %d: %s has %d bytes", k-openHow, m.name, m.size)
			}
		}
		if end == 0 {
			t.Errorf("structure %d has no fields", k-openHow)
		}
	}
	for _, k := range []kind{none, text, buffer, endOfStructs, flags, enum} {
		if k.fields() != nil {
			t.Errorf("kind %d has fields", k)
		}
	}
}
