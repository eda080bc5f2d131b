package plan

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/lichen-sandbox/lichen/internal/sys"
)

// sectionTitles say who runs a section, and when.
var sectionTitles = [numSections]string{
	"PID 1, until the payload's process is made",
	"the payload's process, until execve",
	"PID 1, once the payload runs",
	"a process that makes PID 1, before all else",
}

// WriteText writes the plan for people, in the manner of strace(1): one op is
// one line, under a comment that says what it is for. Equal plans give equal
// text, and a plan that has been started the same as before. Arguments,
// environment and file contents are in it: it is for the user who started
// lichen, and says so.
func (p *Plan) WriteText(w io.Writer) error {
	var out strings.Builder
	p.writeHead(&out)
	f := newFormatter(p)
	for s := range numSections {
		if len(p.Ops[s]) == 0 {
			continue
		}
		fmt.Fprintf(&out, "\n[%s] %s\n", s, sectionTitles[s])
		note := uint32(0)
		for i := range p.Ops[s] {
			op := &p.Ops[s][i]
			if op.Note != note {
				note = op.Note
				writeComment(&out, p.note(op))
			}
			f.writeOp(&out, op, p.Base(s)+i)
		}
	}
	_, err := io.WriteString(w, out.String())
	return err
}

// writeHead writes what is not an op.
func (p *Plan) writeHead(out *strings.Builder) {
	line := func(key, value string) { fmt.Fprintf(out, "%-9s%s\n", key+":", value) }
	line("PID 1", formatFlags(sys.CloneFlags, p.CloneFlags))
	line("payload", formatFlags(sys.CloneFlags, p.PayloadFlags))
	for _, m := range p.IDMaps {
		line(m.File, plainText(m.Program+" PID "+strings.Join(m.Args, " ")))
	}
	if p.Gate {
		line("gate", "the launcher writes to it when it has done its part")
	}
	if p.Moves > 0 {
		line("moves", strconv.Itoa(p.Moves)+" more processes until PID 1")
	}
	if p.Direct {
		line("direct", "the process that sets up becomes the payload")
	}
	if p.Linger {
		line("linger", "PID 1 stays until the last process inside has ended")
	}
	if p.KillStrays {
		line("strays", "PID 1 kills them one by one, without a pid namespace")
	}
	for _, d := range p.Dropped {
		line("dropped", plainText(d))
	}
	for _, r := range p.Remarks {
		line("remark", plainText(r))
	}
	for _, ops := range p.Ops {
		for i := range ops {
			if ops[i].Nr == sys.SYS_EXECVE {
				line("secrets", "arguments, environment and file contents are shown as they are; look through them before passing this on")
				return
			}
		}
	}
}

// note returns what an op is for.
func (p *Plan) note(op *Op) Note {
	if uint64(op.Note) >= uint64(len(p.Notes)) {
		return Note{Op: "<no note " + strconv.FormatUint(uint64(op.Note), 10) + ">"}
	}
	return p.Notes[op.Note]
}

func writeComment(out *strings.Builder, n Note) {
	if n == (Note{}) {
		return
	}
	out.WriteString("# ")
	out.WriteString(plainText(n.Op))
	if n.Object != "" {
		out.WriteByte(' ')
		out.WriteString(plainText(n.Object))
	}
	if !n.Origin.IsZero() {
		out.WriteString(" (" + plainText(n.Origin.String()) + ")")
	}
	out.WriteByte('\n')
}

// plainText returns s, in quotes when it holds anything that could pass for
// another line or move the cursor.
func plainText(s string) string {
	for _, r := range s {
		if !strconv.IsPrint(r) || r == utf8.RuneError {
			return strconv.Quote(s)
		}
	}
	return s
}

func (f *formatter) writeOp(out *strings.Builder, op *Op, index int) {
	fmt.Fprintf(out, "%4d  %s(%s)", index, CallName(op.Nr), strings.Join(f.args(op, index), ", "))
	if op.Result >= 0 {
		out.WriteString(" = " + slotName(uint64(op.Result)))
	}
	if op.Store != 0 {
		out.WriteString(" -> " + f.storesTo(op, index))
	}
	names := strings.Join(errnoNames(op.Tolerate[:]), ", ")
	switch {
	case op.Check == CheckAny:
		out.WriteString(" (any result)")
	case op.Check == CheckSame:
		out.WriteString(" (must be the same file as &arena+" + hex(op.Expect) + ")")
	case op.Check == CheckAfterNoExec:
		out.WriteString(" (only after ENOEXEC)")
	case op.Check == CheckFork:
		out.WriteString(" (must be " + number.format(op.Expect) + "; the new process waits to be killed)")
	case op.Check == CheckEqual:
		out.WriteString(" (must be " + number.format(op.Expect) + ")")
	case op.Check != CheckOK:
		out.WriteString(" (must fail: " + names + ")")
		names = ""
	}
	if names != "" {
		out.WriteString(" (ok: " + names + ")")
	}
	out.WriteByte('\n')
}
