package plan

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/lichen-sandbox/lichen/spec"
)

// FuzzText formats plans of random bytes. Whatever is in them, the text has
// one line for each op, no control characters, and is the same twice.
func FuzzText(f *testing.F) {
	f.Add([]byte{}, []byte{}, "")
	f.Add(bytes.Repeat([]byte{1, 8, 3, 16, 255}, 60), bytes.Repeat([]byte{0, 1, 2, 3}, 40), "a\nb")
	everything := everyCall(f)
	for i := range calls {
		// Each call with pointers everywhere, over a real arena.
		op := make([]byte, opBytes)
		op[0], op[1] = byte(i), 0xff
		f.Add(op, everything.Arena, "/usr")
	}
	line := regexp.MustCompile(`(?m)^ *[0-9]+  [a-z0-9_]+\(`)
	f.Fuzz(func(t *testing.T, ops, arena []byte, object string) {
		p := randomPlan(ops, arena, object)
		text := textOf(t, p)
		if got := len(line.FindAllString(text, -1)); got != p.Len() {
			t.Errorf("%d lines for %d ops:\n%s", got, p.Len(), text)
		}
		if i := strings.IndexFunc(text, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }); i >= 0 {
			t.Errorf("%q at %d of\n%q", text[i:i+1], i, text)
		}
		if textOf(t, p) != text {
			t.Error("the text is not the same twice")
		}
		raw, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		var got planJSON
		if err := json.Unmarshal(raw, &got); err != nil || len(got.Ops) != p.Len() {
			t.Errorf("%d ops, %v", len(got.Ops), err)
		}
	})
}

// opBytes is how much of the input one op takes.
const opBytes = 42

// randomPlan makes an op of each opBytes of ops. Offsets are small, or the
// complement of a small number, so that many lie near an edge of the arena.
func randomPlan(ops, arena []byte, object string) *Plan {
	p := &Plan{Arena: arena, Notes: []Note{{}, {Op: object, Object: object, Origin: spec.Origin{File: object}}}, Dropped: []string{object}}
	for ; len(ops) >= opBytes; ops = ops[opBytes:] {
		o := Op{
			Nr: uint64(ops[0]), Pointers: ops[1], Slots: ops[2], Check: Check(ops[3]), Result: Slot(ops[4]),
			Store: uint32(binary.LittleEndian.Uint16(ops[5:])), Note: uint32(ops[7] % 4), Expect: uint64(ops[8]),
			Tolerate: [4]uint16{uint16(ops[9]), binary.LittleEndian.Uint16(ops[10:]), uint16(ops[12])},
		}
		if int(ops[0]) < len(calls) {
			o.Nr = calls[ops[0]].nr
		}
		for i := range o.Args {
			o.Args[i] = uint64(int64(int16(binary.LittleEndian.Uint16(ops[13+2*i:]))))
		}
		for i := range 4 {
			b := ops[25+4*i:]
			p.Relocs = append(p.Relocs, Reloc{uint32(binary.LittleEndian.Uint16(b)), uint32(int32(int16(binary.LittleEndian.Uint16(b[2:]))))})
		}
		s := Section(ops[41]) % numSections
		p.Ops[s] = append(p.Ops[s], o)
	}
	return p
}
