package seccomp

// Data is what a filter sees of a call: struct seccomp_data.
type Data struct {
	Nr   int32
	Arch uint32
	IP   uint64 // of the instruction after the call
	Args [6]uint64
}

// word returns the 32 bits at an offset, as a little-endian kernel lays them.
func (d *Data) word(off uint32) (uint32, bool) {
	switch {
	case off%4 != 0 || off >= offArgs+48:
		return 0, false
	case off == offNr:
		return uint32(d.Nr), true
	case off == offArch:
		return d.Arch, true
	case off < offArgs:
		return uint32(d.IP >> (8 * (off - offIP))), true
	}
	return uint32(d.Args[(off-offArgs)/8] >> (8 * (off % 8))), true
}

// Run simulates a program. It returns the program's answer and the number of
// instructions it ran. A program that the kernel would not take answers
// RetKillProcess.
func Run(prog []Instruction, data Data) (ret uint32, executed int) {
	var acc uint32
	for pc := 0; pc < len(prog); pc++ {
		in := &prog[pc]
		executed++
		switch in.Op {
		case opLoad:
			w, ok := data.word(in.K)
			if !ok {
				return RetKillProcess, executed
			}
			acc = w
		case opAnd:
			acc &= in.K
		case opReturn:
			return in.K, executed
		case opJump:
			if in.K >= uint32(len(prog)) {
				return RetKillProcess, executed
			}
			pc += int(in.K)
		case opJEq, opJGt, opJGe, opJSet:
			pc += in.offset(acc)
		default:
			return RetKillProcess, executed
		}
	}
	return RetKillProcess, executed
}

// offset returns how far a conditional jump goes.
func (in *Instruction) offset(acc uint32) int {
	var yes bool
	switch in.Op {
	case opJEq:
		yes = acc == in.K
	case opJGt:
		yes = acc > in.K
	case opJGe:
		yes = acc >= in.K
	case opJSet:
		yes = acc&in.K != 0
	}
	if yes {
		return int(in.Jt)
	}
	return int(in.Jf)
}
