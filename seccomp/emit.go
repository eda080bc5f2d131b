package seccomp

// label is a place to jump to: an instruction, counted from the program's end,
// or an answer, of which any copy will do.
type label struct {
	pos    int
	ret    uint32
	answer bool
}

func answering(ret uint32) label { return label{ret: ret, answer: true} }

// assembler writes a program from its end to its start: all jumps go forward,
// so that every target is known when the jump to it is written.
type assembler struct {
	rev     []Instruction // rev[0] is the last instruction
	answers []label       // the newest copy of each answer
}

// reach is how far a label may be from the end of rev to be a target of the
// next instruction. Offsets of conditional jumps have 8 bits; the slack is for
// what near and the comparison itself put in between.
const reach = 240

func (a *assembler) put(op uint16, k uint32) label {
	a.rev = append(a.rev, Instruction{Op: op, K: k})
	return label{pos: len(a.rev) - 1}
}

// near returns the position of an instruction that does what l does and can be
// reached from the next ones: l itself, a new copy of an answer, or a long jump
// to l. It may write an instruction, so it must not be called between a load and
// what uses it.
func (a *assembler) near(l label) int {
	if !l.answer {
		if len(a.rev)-l.pos < reach {
			return l.pos
		}
		return a.put(opJump, uint32(len(a.rev)-l.pos-1)).pos
	}
	for i := range a.answers {
		known := &a.answers[i]
		if known.ret != l.ret {
			continue
		}
		if len(a.rev)-known.pos >= reach {
			known.pos = a.put(opReturn, l.ret).pos
		}
		return known.pos
	}
	l.pos = a.put(opReturn, l.ret).pos
	a.answers = append(a.answers, l)
	return l.pos
}

// jump writes a conditional jump.
func (a *assembler) jump(op uint16, k uint32, yes, no label) label {
	t := a.near(yes)
	f := a.near(no)
	l := a.put(op, k)
	a.rev[l.pos].Jt = uint8(l.pos - t - 1)
	a.rev[l.pos].Jf = uint8(l.pos - f - 1)
	return l
}

// falls makes l the instruction that the next one runs into.
func (a *assembler) falls(l label) {
	if pos := a.near(l); pos != len(a.rev)-1 {
		a.put(opJump, uint32(len(a.rev)-pos-1))
	}
}

// program returns what was written, in the order it runs.
func (a *assembler) program() []Instruction {
	for i, j := 0, len(a.rev)-1; i < j; i, j = i+1, j-1 {
		a.rev[i], a.rev[j] = a.rev[j], a.rev[i]
	}
	return a.rev
}
