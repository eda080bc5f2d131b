package plan

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/lichen-sandbox/lichen/internal/sys"
	"github.com/lichen-sandbox/lichen/spec"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs (go test ./internal/plan -update writes it anew):\n%s", path, firstDifference(string(got), string(want)))
	}
}

func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			return "got  " + g[i] + "\nwant " + w[i]
		}
	}
	return "one is longer"
}

func textOf(t *testing.T, p *Plan) string {
	t.Helper()
	var out bytes.Buffer
	if err := p.WriteText(&out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func finish(t testing.TB, b *Builder) *Plan {
	t.Helper()
	p, err := b.Finish()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestTextGolden(t *testing.T) {
	golden(t, "every_call.txt", []byte(textOf(t, everyCall(t))))
}

func TestJSONGolden(t *testing.T) {
	got, err := json.MarshalIndent(everyCall(t), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "every_call.json", append(got, '\n'))
}

// TestEveryCallIsInTheGolden keeps the plan that the golden files show whole.
func TestEveryCallIsInTheGolden(t *testing.T) {
	p := everyCall(t)
	for _, c := range calls {
		found := false
		for _, ops := range p.Ops {
			found = found || slices.ContainsFunc(ops, func(o Op) bool { return o.Nr == c.nr })
		}
		if !found {
			t.Errorf("no op with %s", c.name)
		}
	}
	shown := newFormatter(p).places
	for k := openHow; k < endOfStructs; k++ {
		if !slices.ContainsFunc(shown, func(s place) bool { return s.kind == k }) {
			t.Errorf("no op with structure %d", k-openHow)
		}
	}
}

// TestTextAfterStart has the child's preparation done to a plan: pointers in
// the arena become addresses.
func TestTextAfterStart(t *testing.T) {
	p := everyCall(t)
	before := textOf(t, p)
	for _, r := range p.Relocs {
		copy(p.Arena[r.At:], "\x10\x20\x30\x40\x50\x60\x70\x7f")
	}
	if after := textOf(t, p); after != before {
		t.Errorf("addresses show:\n%s", firstDifference(after, before))
	}
}

func TestUntrustedTextStaysOnItsLine(t *testing.T) {
	b := NewBuilder()
	b.Note("bind", "/a\n   9  execve(\"/bin/sh\")\x1b[2K", spec.Origin{File: "b\rc", Line: 3})
	b.Call(sys.SYS_CHDIR, b.Str("/a\n\x1b]0;x\a\u202e\xff"))
	b.Dropped("x\ny")
	text := textOf(t, finish(t, b))
	for _, line := range []string{
		`dropped: "x\ny"`,
		`# bind "/a\n   9  execve(\"/bin/sh\")\x1b[2K" ("b\rc:3")`,
		`   0  chdir("/a\n\x1b]0;x\a\u202e\xff")`,
	} {
		if !slices.Contains(strings.Split(text, "\n"), line) {
			t.Errorf("no line %s in\n%s", line, text)
		}
	}
	if strings.ContainsAny(text, "\x1b\r\a\u202e") {
		t.Errorf("control characters in %q", text)
	}
}

func TestNothingIsHidden(t *testing.T) {
	b := NewBuilder()
	b.Call(sys.SYS_SETSID, Val(0), Val(7))
	b.Call(sys.SYS_FCHDIR, Val(3), From(9))
	b.Call(sys.SYS_OPENAT, FDCWD, b.Str("/x"), Val(sys.O_RDONLY), Val(0o644))
	b.Call(99999, b.Str("x"), Val(5))
	b.Call(sys.SYS_CLOSE, b.Str("x"))
	b.Call(sys.SYS_CLOSE, Val(uint64(1)<<40))
	b.Call(sys.SYS_CHDIR, Val(0xdead))
	b.Call(sys.SYS_UMOUNT2, b.Str("."), From(SlotControl))
	text := textOf(t, finish(t, b))
	for _, want := range []string{
		"setsid(0, 0x7)", "fchdir(3, $9)", `openat(AT_FDCWD, "/x", O_RDONLY, 0x1a4)`, "syscall_99999(&arena+0x", ", 0x5)",
		"close(&arena+0x", "close(0x10000000000)", "chdir(0xdead)", `umount2(".", $control)`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
}

func TestBadPlanIsShownAsSuch(t *testing.T) {
	p := &Plan{Arena: []byte("0123456789abcdefno NUL"), Relocs: []Reloc{{At: 8, To: 1 << 30}}}
	add := func(o Op) { o.Result = NoSlot; p.Ops[Setup] = append(p.Ops[Setup], o) }
	add(Op{Nr: sys.SYS_CHDIR, Args: [6]uint64{16}, Pointers: 1})
	add(Op{Nr: sys.SYS_CHDIR, Args: [6]uint64{^uint64(0)}, Pointers: 1, Note: 5})
	add(Op{Nr: sys.SYS_CLOSE, Args: [6]uint64{64}, Slots: 1})
	add(Op{Nr: sys.SYS_SECCOMP, Args: [6]uint64{sys.SECCOMP_SET_MODE_FILTER, 0, 0}, Pointers: 4})
	add(Op{Nr: sys.SYS_EXECVE, Args: [6]uint64{0, 8, 0}, Pointers: 2, Check: 77})
	add(Op{Nr: sys.SYS_WRITE, Args: [6]uint64{1, 8, ^uint64(0)}, Pointers: 2})
	add(Op{Nr: sys.SYS_UMASK, Store: 1 << 31, Tolerate: [4]uint16{0, 9999, 9999}})
	text := textOf(t, p)
	for _, want := range []string{
		"chdir(<outside the arena: +0x10>)", "# <no note 5>", "chdir(<outside the arena: +0xffffffffffffffff>)", "close(<no slot 64>)",
		"filter=<outside the arena: +0x40000000>", "[<outside the arena: +0x40000000>, <outside the arena: +0x10>]", "(must fail: )",
		"write(1, <outside the arena: +0x8>, -1)", "-> arena+0x80000000 (ok: errno 9999)",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
}

func TestLongDataIsCut(t *testing.T) {
	write := func(last byte) string {
		b := NewBuilder()
		fd := b.NewSlot()
		b.Write(fd, append(bytes.Repeat([]byte("x"), 2*maxData), last))
		return textOf(t, finish(t, b))
	}
	a := write('a')
	if !strings.Contains(a, `x"...<2049 bytes, fnv1a:`) || len(a) > 2*maxData {
		t.Error(a)
	}
	if a == write('b') {
		t.Error("a change in what is cut off does not show")
	}
}

func TestWriteTextReportsErrors(t *testing.T) {
	want := errors.New("full")
	if err := new(Plan).WriteText(failingWriter{want}); !errors.Is(err, want) {
		t.Errorf("got %v", err)
	}
}

type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }

func TestJSONShape(t *testing.T) {
	p := everyCall(t)
	raw, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	var got planJSON
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&got); err != nil {
		t.Fatal(err)
	}
	if got.Version != jsonVersion || len(got.Ops) != p.Len() || !got.Linger || len(got.Dropped) != 1 {
		t.Errorf("got %+v", got)
	}
	if !slices.Equal(got.PayloadFlags, []string{"CLONE_VM", "CLONE_VFORK", "CLONE_NEWUSER"}) {
		t.Errorf("payload flags %q", got.PayloadFlags)
	}
	text := textOf(t, p)
	for i, o := range got.Ops {
		if o.Index != i {
			t.Fatalf("op %d has index %d", i, o.Index)
		}
		if line := o.Call + "(" + strings.Join(o.Args, ", ") + ")"; !strings.Contains(text, line) {
			t.Errorf("the text has no %s", line)
		}
	}
}

func TestJSONOfNothing(t *testing.T) {
	raw, err := json.Marshal(new(Plan))
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"version":1,"clone_flags":[],"payload_flags":[],"dropped":[],"linger":false,"kill_strays":false,"ops":[]}`
	if string(raw) != want {
		t.Errorf("got %s", raw)
	}
}
