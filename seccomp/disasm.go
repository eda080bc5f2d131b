package seccomp

import (
	"strconv"
	"strings"
)

// Disassemble returns a program as text, an instruction a line, with the names
// of what it loads and answers.
func Disassemble(prog []Instruction) string {
	var b strings.Builder
	for i := range prog {
		n := strconv.Itoa(i)
		b.WriteString(strings.Repeat(" ", 4-min(len(n), 4)) + n + "  ")
		prog[i].write(&b, i)
		b.WriteByte('\n')
	}
	return b.String()
}

func (in *Instruction) write(b *strings.Builder, at int) {
	target := func(off uint32) string { return strconv.FormatUint(uint64(at)+1+uint64(off), 10) }
	switch in.Op {
	case opLoad:
		b.WriteString("load " + fieldName(in.K))
	case opAnd:
		b.WriteString("and  " + hex(in.K))
	case opReturn:
		b.WriteString("ret  " + returnText(in.K))
	case opJump:
		b.WriteString("jump " + target(in.K))
	case opJEq, opJGt, opJGe, opJSet:
		b.WriteString("if " + in.sign() + " " + hex(in.K) + " jump " + target(uint32(in.Jt)) + " else " + target(uint32(in.Jf)))
	default:
		b.WriteString("op " + hex(uint32(in.Op)) + " " + hex(in.K))
	}
}

// sign returns how a conditional jump compares.
func (in *Instruction) sign() string {
	switch in.Op {
	case opJEq:
		return "=="
	case opJGt:
		return "> "
	case opJGe:
		return ">="
	}
	return "& "
}

// fieldName names a word of struct seccomp_data.
func fieldName(off uint32) string {
	switch {
	case off%4 != 0 || off >= offArgs+48:
		return "[" + strconv.FormatUint(uint64(off), 10) + "]"
	case off == offNr:
		return "nr"
	case off == offArch:
		return "arch"
	}
	half := ".low"
	if off%8 != 0 {
		half = ".high"
	}
	if off < offArgs {
		return "ip" + half
	}
	return "arg" + strconv.FormatUint(uint64(off-offArgs)/8, 10) + half
}

// returnText names an answer as a policy spells it.
func returnText(ret uint32) string {
	switch ret & retActionMask {
	case RetAllow:
		return "allow"
	case RetLog:
		return "log"
	case RetTrap:
		return "trap"
	case RetUserNotif:
		return "notify"
	case RetKillProcess:
		return "kill"
	case RetErrno:
		if uint16(ret) == 0 {
			return "success" // without the call
		}
		if name := errnoName(uint16(ret)); name != "" {
			return "errno:" + name
		}
		return "errno:" + strconv.Itoa(int(uint16(ret)))
	}
	return hex(ret)
}

func hex(v uint32) string { return "0x" + strconv.FormatUint(uint64(v), 16) }
